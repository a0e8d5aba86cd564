/* What Python is shown of something that JavaScript throws into it. */
import { ByReference } from '../callback/held-object'
import { wasRaised } from '../errors/bridge-error'
import type { Connection } from '../native/connection'

let isException: (error: unknown, connection: Connection) => boolean = () => false
/** How to know an exception of one Python's that is still there; set by the module of errors, which depends on this one. */
export function knowExceptionsBy(test: typeof isException): void {
  isException = test
}

/** The exception itself if it came from this Python, else the words of the JavaScript error, and the error. */
export function exceptionArgument(error: unknown, connection: Connection): unknown {
  if (isException(error, connection)) return error
  // An exception of another Python cannot be one here, but is an object of JavaScript's like any other.
  const object = wasRaised(error) ? new ByReference(error as Error) : error
  if (error instanceof Error) return [error.name, error.message, error.stack ?? '', object]
  return ['Error', String(error), '', null]
}
