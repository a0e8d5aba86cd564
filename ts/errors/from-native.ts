/* Error values from the core become JavaScript errors, here and nowhere else. */
import { makeExceptionsWith, type ErrorValue } from '../call/result-decoder'
import { isErrorCode, type BridgeErrorCode } from '../generated/error-codes'
import { holdsState, type HasState } from '../call/subject'
import type { HandleState } from '../handle/state'
import { BridgeError, isBridgeError } from './bridge-error'
import { PythonError, type ExceptionDetails } from './python-error'

/** A function of this package whose callers are the first frames that a stack shows. */
export type StackBoundary = (...args: never[]) => unknown

/** The error that an error value describes; it has no stack until `withStackFrom` gives it one. */
export function errorFromNative(value: ErrorValue): Error {
  return withoutStack(() => newError(value))
}

/** The error of an exception of which only type and message are known so far; without a stack, too. */
export function exceptionFromNative(message: string, state: HandleState, mayHaveCause: boolean): PythonError {
  const details = detailsOf(state.type.name, new Holder(state), false)
  return withoutStack(() => new PythonError(message, details, mayHaveCause))
}

/** Holds the state of an exception that nobody has asked for yet, so that it needs no view. */
class Holder implements HasState {
  readonly [holdsState] = true
  constructor(readonly state: HandleState) {}
}

/** Lets the stack of an error begin at the caller of `boundary`. */
export function withStackFrom<E extends Error>(error: E, boundary: StackBoundary): E {
  if (ofTheProgram.has(error)) return error
  if (error instanceof PythonError) PythonError.captureStack(error, boundary)
  else Error.captureStackTrace(error, boundary)
  return error
}

/**
 * What was thrown while a request was written or its result was read: the bridge's own refusal of a value with a stack that begins
 * at the caller of `boundary`, because the frames of the codec fill a stack; anything else as it is.
 */
export function relocated(error: unknown, boundary: StackBoundary): unknown {
  const refused = isBridgeError(error, 'ERR_CONVERSION') || isBridgeError(error, 'ERR_INVALID_ARGUMENT')
  return refused ? withStackFrom(error, boundary) : error
}

/** The error that an error value describes, for one that was never thrown in JavaScript. */
export function nestedErrorFromNative(value: ErrorValue): Error {
  return withoutStack(() => newError(value), 0)
}

function newError([code, message, details]: ErrorValue): Error {
  if (code === 'ERR_PYTHON_EXCEPTION') {
    if (!Array.isArray(details)) return new PythonError(message, undescribed)
    const thrown = (details as unknown[])[thrownDetail]
    if ((typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function') {
      ofTheProgram.add(thrown)
      return thrown as Error
    }
    return new PythonError(message, details as unknown as ExceptionDetails)
  }
  if (!isErrorCode(code))
    return new BridgeError('ERR_PROTOCOL', `the core reported the unknown code \`${code}\`: ${message}`)
  const { path, cause } = (details ?? {}) as { path?: unknown; cause?: ErrorValue }
  return new BridgeError(code as BridgeErrorCode, message, {
    ...(typeof path === 'string' ? { path } : undefined),
    ...(cause === undefined ? undefined : { cause: nestedErrorFromNative(cause) }),
  })
}

/** Where the details have what JavaScript threw, if that is what the exception is about. */
const thrownDetail = 11

/** What the program threw in a callback and now comes back through Python: the very same, with the stack that it has. */
const ofTheProgram = new WeakSet<object>()

/** For an exception that could not be described: that it was raised is still true. */
const undescribed = detailsOf('builtins.BaseException', null, true)

/** Of an exception of which only the type is known. */
function detailsOf(qualifiedType: string, exception: object | null, complete: boolean): ExceptionDetails {
  return [qualifiedType, null, null, null, null, null, null, false, null, exception, complete]
}

/**
 * Capturing a stack is most of what an error costs, so it is done once. With the limit 0 an error has a stack without frames;
 * with none it has no stack until one is captured, which is cheaper.
 */
function withoutStack<T>(make: () => T, frames?: 0): T {
  const limit = Error.stackTraceLimit
  limitStacks(frames)
  try {
    return make()
  } finally {
    limitStacks(limit)
  }
}

function limitStacks(frames: number | undefined): void {
  try {
    ;(Error as { stackTraceLimit?: number | undefined }).stackTraceLimit = frames
  } catch {
    // A hardened `Error` is frozen; it captures a stack each time.
  }
}

/** The error of a native function that threw `{ code, message }` or reported that as JSON. */
export function errorFromProblem(problem: unknown): BridgeError {
  const { code, message } = problem as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' ? message : String(problem)
  return typeof code === 'string' && isErrorCode(code)
    ? new BridgeError(code as BridgeErrorCode, text)
    : new BridgeError('ERR_PROTOCOL', text, { cause: problem })
}

// An exception that is a value rather than thrown.
makeExceptionsWith(nestedErrorFromNative)
