/* Error values from the core become JavaScript errors, here and nowhere else. */
import type { ErrorValue } from '../call/result-decoder'
import { isErrorCode, type BridgeErrorCode } from '../generated/error-codes'
import { BridgeError } from './bridge-error'
import { PythonError, type ExceptionDetails } from './python-error'

/** The error that an error value describes. */
export function errorFromNative([code, message, details]: ErrorValue): PythonError | BridgeError {
  if (code === 'ERR_PYTHON_EXCEPTION') return new PythonError(message, details as ExceptionDetails)
  if (!isErrorCode(code)) return new BridgeError('ERR_PROTOCOL', `the core reported the unknown code \`${code}\`: ${message}`)
  const path = (details as { path?: unknown } | null)?.path
  return new BridgeError(code as BridgeErrorCode, message, typeof path === 'string' ? { path } : undefined)
}

/** The error of a native function that threw `{ code, message }` or reported that as JSON. */
export function errorFromProblem(problem: unknown): BridgeError {
  const { code, message } = problem as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' ? message : String(problem)
  return typeof code === 'string' && isErrorCode(code)
    ? new BridgeError(code as BridgeErrorCode, text)
    : new BridgeError('ERR_PROTOCOL', text, { cause: problem })
}
