/* Why a call cannot be made, or was lost: the errors of supervised processes, in words. */
import { BridgeError } from '../errors/bridge-error'
import { isErrorCode, type BridgeErrorCode } from '../generated/error-codes'
import type { NativeProblem } from '../native/conductor'
import type { ExitReport, RestartPolicy } from '../types/conductor'

/** How a process ended, in words. */
export function endOf({ code, signal, reason, pid }: ExitReport): string {
  const how = signal === null ? `exit code ${code}` : signal
  return `process ${pid}, ${how} (${reason})`
}

/** @param started whether the call had begun, if it is about one */
export function workerLost(name: string, exit: ExitReport, started: boolean | undefined): BridgeError {
  return new BridgeError('ERR_WORKER_LOST', `${name} has ended: ${endOf(exit)}${begun(started)}`, { started, exit })
}

/** @param cause how the last of these processes was lost */
export function quarantined(call: string, deaths: number, exit: ExitReport | undefined, cause: unknown): BridgeError {
  const end = exit === undefined ? '' : `; the last one: ${endOf(exit)}`
  const message = `\`${call}\` is not called again: ${deaths} processes died while it was under way${end}`
  return new BridgeError('ERR_TASK_QUARANTINED', message, { cause, attempts: deaths, exit, started: true })
}

export function queueFull(limit: number): BridgeError {
  return new BridgeError(
    'ERR_QUEUE_FULL',
    `${limit} calls wait for a worker already, which is as many as allowed; call again when some have settled, or allow more by \`queue: { limit }\``,
  )
}

export function startFailed(name: string, { code, message, exit }: NativeProblem): BridgeError {
  // That Python did not start is, of a process of its own, that the process did not.
  const known = isErrorCode(code) && code !== 'ERR_PYTHON_START' ? (code as BridgeErrorCode) : 'ERR_WORKER_START'
  return new BridgeError(known, `${name} did not start: ${message}`, exit === null ? {} : { exit })
}

export function inCrashLoop(
  name: string,
  exits: readonly ExitReport[],
  { restarts, within }: { readonly restarts: number; readonly within: number },
): BridgeError {
  const exit = exits.at(-1)
  const end = exit === undefined ? '' : `; the last one: ${endOf(exit)}`
  const message = `the processes of ${name} died more than ${restarts} times within ${within} ms, and are not started again${end}`
  return new BridgeError('ERR_CONDUCTOR_DOWN', message, { exit })
}

export function allStopped(name: string, policy: RestartPolicy): BridgeError {
  return new BridgeError(
    'ERR_CONDUCTOR_DOWN',
    `the processes of ${name} have ended, and are not started again by the restart policy '${policy}'`,
  )
}

/** @param started whether the call had begun, if it is about one */
export function disconnected(name: string, started: boolean | undefined): BridgeError {
  const message = `the connection to ${name} broke, although its process goes on${begun(started)}`
  return new BridgeError('ERR_WORKER_LOST', message, { started })
}

function begun(started: boolean | undefined): string {
  return started === undefined ? '' : `; the call had ${started ? '' : 'not '}begun`
}

export function noProcess(name: string): BridgeError {
  return new BridgeError('ERR_WORKER_LOST', `${name} has no process at the moment`)
}

/** @param what could not be done */
export function notDone(name: string, what: string, problem: string): BridgeError {
  return new BridgeError('ERR_WORKER_START', `${name}: ${what}: ${problem}`)
}

export function stopped(name: string): BridgeError {
  return new BridgeError('ERR_CLOSED', `${name} was stopped; start another one`)
}
