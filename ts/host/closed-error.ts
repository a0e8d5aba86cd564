/* The error of what comes too late. */
import { BridgeError } from '../errors/bridge-error'

/** That the program stopped Python. */
export function closedError(): BridgeError {
  return new BridgeError('ERR_CLOSED', 'Python was stopped; it cannot be started again in this process')
}
