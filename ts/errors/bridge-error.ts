/* The error of the bridge itself: everything that goes wrong without Python code having raised an exception. */
import type { BridgeErrorCode } from '../generated/error-codes'
import type { ExitReport } from '../types/conductor'

/** What a `BridgeError` may carry besides its message. */
export interface BridgeErrorOptions {
  /** The error or reason behind this one. */
  readonly cause?: unknown
  /** Where in the arguments or the result the failure is, such as `args[0].rows[3].price`. */
  readonly path?: string
  /** What became of the call. */
  readonly callState?: CallState | undefined
  /** Whether the call had begun in the process that was lost. */
  readonly started?: boolean | undefined
  /** In how many processes the call was under way that died. */
  readonly attempts?: number | undefined
  /** How the process ended. */
  readonly exit?: ExitReport | undefined
}

/**
 * What is true of a call that was cancelled, or whose `timeout` was over.
 *
 * - `'not started'`: nothing of it has run, and nothing will
 * - `'cancelled'`: it had started, and was ended before its end
 * - `'still running'`: it could not be interrupted, and goes on in Python; its outcome will be thrown away
 * - `'killed'`: it could not be interrupted in time, and its process was killed; `exit` says where it stood
 */
export type CallState = 'not started' | 'cancelled' | 'still running' | 'killed'

/** Registered for the whole process, so that another copy of the package, or of its modules, knows the errors of this one. */
const brand = Symbol.for('symphony-python-bridge.BridgeError')

/**
 * A failure of the bridge rather than an exception that Python code raised (that is a `PythonError`).
 *
 * `code` says what happened. `name` is `'BridgeError'`, or `'AbortError'` when the call was cancelled by its `AbortSignal`,
 * so that code written for `fetch` recognises it.
 */
export class BridgeError extends Error {
  /** What happened. */
  declare readonly code: BridgeErrorCode
  /** Where in the arguments or the result a value could not cross, such as `args[0].rows[3].price`. */
  declare readonly path?: string
  /** With `ERR_CANCELLED` and `ERR_TIMEOUT`: what is true of the call. */
  declare readonly callState?: CallState
  /** With `ERR_WORKER_LOST` of a call: whether it had begun. If not, nothing of it has run. */
  declare readonly started?: boolean
  /** With `ERR_WORKER_LOST` and `ERR_TASK_QUARANTINED`: in how many processes the call was under way that died. */
  declare readonly attempts?: number
  /** With the errors of supervised processes: how the last one ended, if one did. */
  declare readonly exit?: ExitReport

  constructor(code: BridgeErrorCode, message: string, options?: BridgeErrorOptions) {
    super(message, options !== undefined && 'cause' in options ? { cause: options.cause } : undefined)
    // `code` is enumerable, as in Node's own errors, so that it is printed; an enumerable `name` would be noise.
    this.code = code
    if (options?.path !== undefined) this.path = options.path
    if (options?.callState !== undefined) this.callState = options.callState
    if (options?.started !== undefined) this.started = options.started
    if (options?.attempts !== undefined) this.attempts = options.attempts
    // Not printed with the error: its message says what matters, and the last lines of stderr may be many.
    if (options?.exit !== undefined) hidden(this, 'exit', options.exit)
    if (code === 'ERR_CANCELLED') hidden(this, 'name', 'AbortError')
  }

  static {
    // A bundler may rename a class; stacks and loggers show the name.
    hidden(this, 'name', 'BridgeError')
    hidden(this.prototype, 'name', 'BridgeError')
    hidden(this.prototype, brand, true)
  }
}

/** Whether `error` is a `BridgeError`, and if `code` is given, one with that code. */
export function isBridgeError<const Code extends BridgeErrorCode = BridgeErrorCode>(
  error: unknown,
  code?: Code,
): error is BridgeError & { readonly code: Code } {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || (error as unknown as BridgeError).code === code
}

function hidden(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false })
}

/** Whether an error is an exception of Python's. By its code, for modules on which that class depends. */
export function wasRaised(error: unknown): boolean {
  return (error as { code?: unknown } | null | undefined)?.code === 'ERR_PYTHON_EXCEPTION'
}
