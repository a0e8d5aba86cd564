/* What Python is shown of something that JavaScript throws into it. */

let isException: (error: unknown) => boolean = () => false
/** How to know an exception of Python's that is still there; set by the module of errors, which depends on this one. */
export function knowExceptionsBy(test: typeof isException): void {
  isException = test
}

/** The exception itself if it came from Python, else the words of the JavaScript error, and the error. */
export function exceptionArgument(error: unknown): unknown {
  if (isException(error)) return error
  if (error instanceof Error) return [error.name, error.message, error.stack ?? '', error]
  return ['Error', String(error), '', null]
}
