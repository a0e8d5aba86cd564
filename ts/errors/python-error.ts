/* An exception that Python code raised, as a JavaScript error. */
import { inspect } from 'node:util'
import type { Handle } from '../types/handle'
import { Operation } from '../call/operation'
import { knowExceptionsBy } from '../call/exception-argument'
import { operateSync } from '../call/sync-call'
import { hasState } from '../call/subject'
import { handlerOf } from '../handle/internal'
import type { HandleState } from '../handle/state'
import type { ErrorValue } from '../call/result-decoder'
import { environment } from '../native/environment'
import { rules } from '../rules/registry'
import { withRules } from '../rules/results'
import { nestedErrorFromNative, type StackBoundary } from './from-native'

/** One frame of a Python traceback. */
export interface PythonFrame {
  readonly file: string
  readonly line: number
  readonly function: string
  /** The line of source, if Python found it. */
  readonly source?: string
}

/** @internal What an error value says of an exception; native-interface.md describes the fields. */
export type ExceptionDetails = readonly [
  qualifiedType: string,
  args: readonly unknown[] | null,
  notes: readonly string[] | null,
  frames: readonly (readonly [file: string, line: number, name: string, source: string | null])[] | null,
  traceback: string | null,
  cause: ErrorValue | null,
  context: ErrorValue | null,
  suppressContext: boolean,
  errors: readonly ErrorValue[] | null,
  exception: object | null,
  complete: boolean,
  /** What JavaScript threw; then there is no `PythonError`. */
  thrown?: object | null,
]

/** Registered for the whole process, so that another copy of the package, or of its modules, knows the errors of this one. */
const brand = Symbol.for('symphony-python-bridge.PythonError')

/** Put together when somebody asks: a stack that is printed or logged has the Python traceback, and one that is not costs little. */
const stackProperty: PropertyDescriptor = {
  configurable: true,
  enumerable: false,
  get(this: object) {
    return this instanceof PythonError ? PythonError.stackOf(this) : undefined
  },
  set(this: object, stack: unknown) {
    Object.defineProperty(this, 'stack', { value: stack, writable: true, configurable: true, enumerable: false })
  },
}

/**
 * An exception that Python code raised.
 *
 * `message` begins with the type, as the last line of a Python traceback does; `frames` and `traceback` are Python's; `stack` has the
 * JavaScript frames followed by the Python traceback, so what is printed or logged shows both. `isPythonError(error, 'LookupError')` asks for a type.
 */
export class PythonError extends Error {
  declare readonly name: 'PythonError'
  /** The exception that caused this one: `raise … from`, or the one that was being handled, unless `from None` hid it. */
  declare readonly cause?: PythonError
  #details: ExceptionDetails
  readonly #message: string
  #cause: PythonError | undefined
  #errors: readonly PythonError[] | undefined
  #args: readonly unknown[] | undefined
  #captured: CapturedStack | undefined

  /** @internal */
  constructor(message: string, details: ExceptionDetails, mayHaveCause = hasCause(details)) {
    const type = bareName(details[0])
    super(message === '' ? type : `${type}: ${message}`)
    this.#details = details
    this.#message = message
    // Without a limit V8 gives an error no stack of its own, and the one below shows through; a hardened `Error` keeps its limit.
    if (Object.hasOwn(this, 'stack')) Object.defineProperty(this, 'stack', stackProperty)
    // Only where there is one: the property is printed wherever it exists.
    if (mayHaveCause) Object.defineProperty(this, 'cause', causeProperty)
  }

  /** The name of the exception's class, such as `ValueError`. */
  get type(): string {
    return this.#details[0].slice(this.#details[0].lastIndexOf('.') + 1)
  }

  /** The class with its module, such as `json.decoder.JSONDecodeError` or `builtins.ValueError`. */
  get qualifiedType(): string {
    return this.#details[0]
  }

  /** `str(exception)`: the message without the type. */
  get text(): string {
    return this.#message
  }

  /** `exception.args`, converted like any value. Throws `ERR_CONVERSION` if a rule for what is among them fails. */
  get args(): readonly unknown[] {
    const args = this.#complete()[1] ?? []
    return rules.givesJs ? (this.#args ??= withRules(args, 'auto') as readonly unknown[]) : args
  }

  /** The traceback as Python prints it, causes and groups included. */
  get traceback(): string {
    return this.#complete()[4] ?? ''
  }

  /** The frames of the traceback, the innermost last. */
  get frames(): readonly PythonFrame[] {
    const frames = this.#complete()[3] ?? []
    // The line is a bigint where the result was asked to have those.
    return frames.map(([file, line, name, source]) => {
      const frame = { file, line: Number(line), function: name }
      return source === null ? frame : { ...frame, source }
    })
  }

  /** What `add_note` added. */
  get notes(): readonly string[] {
    return this.#complete()[2] ?? []
  }

  /** The exceptions of an exception group. */
  get errors(): readonly PythonError[] | undefined {
    const errors = this.#complete()[8]
    if (errors === null) return undefined
    return (this.#errors ??= errors.map((value) => nestedErrorFromNative(value) as PythonError))
  }

  /** The exception itself. */
  get object(): Handle {
    const state = exceptionState(this)
    if (state === undefined) throw new TypeError('this exception did not leave a handle')
    return state.asyncView as Handle
  }

  /** Always this code. */
  get code(): 'ERR_PYTHON_EXCEPTION' {
    return 'ERR_PYTHON_EXCEPTION'
  }

  /** @internal */
  static stateOf(error: PythonError): HandleState | undefined {
    const exception = error.#details[9]
    const handler = handlerOf(exception) ?? exception ?? undefined
    return hasState(handler) ? handler.state : undefined
  }

  /** @internal Lets the JavaScript frames begin at the caller of `boundary`. */
  static captureStack(error: PythonError, boundary: StackBoundary): void {
    error.#captured = new CapturedStack(error.message)
    Error.captureStackTrace(error.#captured, boundary)
  }

  /** @internal The JavaScript frames, then Python's own words, which include causes and notes. */
  static stackOf(error: PythonError): string {
    const frames = error.#captured?.stack ?? `${error.name}: ${error.message}`
    const words = pythonWords(error)
    return words === '' ? frames : `${frames}\n  Python:\n${words.replace(/^/gm, '    ')}`
  }

  /** @internal The cause as Python would print it: the explicit one, or the context unless it is suppressed. */
  static causeOf(error: PythonError): PythonError | undefined {
    const [, , , , , cause, context, suppressed] = error.#complete()
    const value = cause ?? (suppressed ? null : context)
    return value === null ? undefined : (error.#cause ??= nestedErrorFromNative(value) as PythonError)
  }

  /** A synchronous call reports little, because most callers only look at the type; the rest is fetched when it is asked for. */
  #complete(): ExceptionDetails {
    if (this.#details[10] || environment.closed) return this.#details
    const state = PythonError.stateOf(this)
    // Another process has said all there is to say.
    if (state === undefined || state.id === 0 || state.connection !== environment) return this.#details
    const described = descriptionOf(state)
    if (described === undefined) return this.#details
    const [qualifiedType, args, notes, frames, traceback, cause, context, suppressed, errors] = described
    this.#details = [
      qualifiedType,
      args,
      notes,
      frames,
      traceback,
      cause,
      context,
      suppressed,
      errors,
      this.#details[9],
      true,
    ]
    return this.#details
  }

  static {
    // A bundler may rename a class; stacks and loggers show the name.
    Object.defineProperty(this, 'name', { value: 'PythonError', configurable: true })
    const hidden = { configurable: true, enumerable: false }
    Object.defineProperties(this.prototype, {
      name: { ...hidden, value: 'PythonError', writable: true },
      [brand]: { ...hidden, value: true },
      [inspect.custom]: { ...hidden, value: inspected },
      stack: stackProperty,
    })
  }
}

/** Where the error was made, in the words of V8 or of a hook such as that of source maps, which see a name and a message. */
class CapturedStack {
  declare readonly stack?: string
  constructor(readonly message: string) {}

  get name(): string {
    return 'PythonError'
  }
}

/** What Python says of an exception. A property of it that raises must not replace it, so then there is none. */
function descriptionOf(state: HandleState): ExceptionDetails | undefined {
  try {
    const [, , details] = operateSync(state, Operation.describeException) as ErrorValue
    return Array.isArray(details) ? (details as unknown as ExceptionDetails) : undefined
  } catch {
    return undefined
  }
}

const causeProperty: PropertyDescriptor = {
  configurable: true,
  enumerable: false,
  get(this: PythonError) {
    return PythonError.causeOf(this)
  },
}

function hasCause([, , , , , cause, context, suppressed, , , complete]: ExceptionDetails): boolean {
  return !complete || cause !== null || (context !== null && !suppressed)
}

/** @internal The state of the exception that an error stands for. */
export function exceptionState(error: unknown): HandleState | undefined {
  return error instanceof PythonError ? PythonError.stateOf(error) : undefined
}

/** Built-in exceptions by their bare name. */
export type BuiltinException =
  | 'BaseException'
  | 'Exception'
  | 'ArithmeticError'
  | 'AssertionError'
  | 'AttributeError'
  | 'BaseExceptionGroup'
  | 'ExceptionGroup'
  | 'FileExistsError'
  | 'FileNotFoundError'
  | 'ImportError'
  | 'IndexError'
  | 'KeyError'
  | 'KeyboardInterrupt'
  | 'LookupError'
  | 'MemoryError'
  | 'ModuleNotFoundError'
  | 'NameError'
  | 'NotImplementedError'
  | 'OSError'
  | 'OverflowError'
  | 'PermissionError'
  | 'RecursionError'
  | 'RuntimeError'
  | 'StopIteration'
  | 'SyntaxError'
  | 'SystemExit'
  | 'TimeoutError'
  | 'TypeError'
  | 'UnicodeError'
  | 'ValueError'
  | 'ZeroDivisionError'

/**
 * Whether `error` is a Python exception, and if `type` is given, one of that class or of a class derived from it. Built-in
 * classes are named barely (`'LookupError'`), others with their module (`'json.decoder.JSONDecodeError'`).
 */
export function isPythonError(error: unknown, type?: BuiltinException | (string & {})): error is PythonError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  if (type === undefined) return true
  const name = bareName(type)
  if (bareName((error as unknown as PythonError).qualifiedType) === name) return true
  const handler = error instanceof PythonError ? PythonError.stateOf(error) : undefined
  return handler !== undefined && handler.type.mro.some((ancestor) => bareName(ancestor) === name)
}

function bareName(qualified: string): string {
  return qualified.startsWith('builtins.') ? qualified.slice('builtins.'.length) : qualified
}

/** The stack says everything; the other properties would repeat it. */
function inspected(this: PythonError): string {
  return this.stack ?? String(this)
}

function pythonWords(error: PythonError): string {
  try {
    return error.traceback.trimEnd()
  } catch {
    // Printing an error must not throw another one.
    return ''
  }
}

knowExceptionsBy((error, connection) => exceptionState(error)?.connection === connection)
