/* Options of one call. */
import type { TemporalNamespace } from '../values/temporal'
import type { Session } from './python'
import type { StandardSchema } from './standard-schema'

/**
 * What a call gives back.
 *
 * - `'auto'`: plain data is copied, everything else is a handle.
 * - `'value'`: plain data only; a result that holds anything else rejects with `ERR_CONVERSION` and its path.
 * - `'ref'`: always a handle, even for a number or a list.
 * - a [Standard Schema](https://standardschema.dev) (zod, valibot, arktype, ...): plain data as with `'value'`, validated and typed by the
 *   schema; data that does not match rejects with `ERR_CONVERSION`, whose `cause` is the schema's list of issues.
 */
export type Returns = 'auto' | 'value' | 'ref' | StandardSchema

/**
 * Which types values get where JavaScript or Python has a choice. Given to `python.start` for everything, to `$with` for what is
 * done through one handle, or to one call; the narrower wins, option by option.
 */
export interface ConvertOptions {
  /**
   * What a Python `int` is in JavaScript. `'auto'`: a number, or a bigint beyond 2^53 - 1; `'number'`: a number, and larger ones
   * are refused with `ERR_CONVERSION` and their path; `'bigint'`: always a bigint.
   * @default 'auto'
   */
  readonly int?: 'auto' | 'number' | 'bigint' | undefined
  /**
   * What a JavaScript number is in Python. `'auto'`: an `int` if it is integral, not `-0` and within 2^53 - 1, else a `float`;
   * `'float'`: always a `float`. A bigint is an `int` in any case.
   * @default 'auto'
   */
  readonly number?: 'auto' | 'float' | undefined
  /**
   * What a Python `dict` is in JavaScript. `'auto'`: an object if all keys are strings, else a `Map`; `'object'`: an object, and
   * other keys are refused with `ERR_CONVERSION` and their path; `'map'`: always a `Map`.
   * @default 'auto'
   */
  readonly dict?: 'auto' | 'object' | 'map' | undefined
  /**
   * What the types of Python's module `datetime` are in JavaScript. `'auto'`: `PyDateTime`, `PyDate`, `PyTime` and `PyTimeDelta`; a
   * `Temporal`, that of the runtime or of a polyfill: its `PlainDateTime` or `ZonedDateTime`, `PlainDate`, `PlainTime` and `Duration`, and
   * what these cannot hold is refused with `ERR_CONVERSION` and its path. Arguments may be of either kind in any case.
   * @default 'auto'
   */
  readonly datetime?: 'auto' | TemporalNamespace | undefined
}

/** Options of what runs in Python asynchronously, whatever it gives back. */
export interface RunOptions {
  /**
   * Cancels the call. A call that has not started never starts. What awaits a coroutine is cancelled as an asyncio task, and the
   * promise settles as that does. Other Python code gets the exception `symphony_bridge.CallCancelled` at its next instruction, which
   * C code delays. The promise rejects with `ERR_CANCELLED`, name `'AbortError'`, the reason of the signal as `cause`, and
   * `callState`, which says whether the call is `'not started'`, `'cancelled'`, `'still running'` or, in
   * a process of its own, `'killed'`.
   * @default no signal
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds from the moment of the call, waiting time included, after which it is cancelled as by `signal`; the error is
   * `ERR_TIMEOUT`.
   * @default no limit
   */
  readonly timeout?: number | undefined
  /**
   * Which Python thread runs it. `'any'`: one of the pool; `'loop'`: that of Python's event loop, which also is Python's main
   * thread; a session: the one of that session, in its context. Handles in the result belong to the same thread: what is called
   * through them runs there too. A session that was closed rejects with `ERR_CLOSED`; what is no thread throws
   * `ERR_INVALID_ARGUMENT`.
   * @default where the handle belongs: the session it came from, or else `'any'`
   */
  readonly thread?: 'any' | 'loop' | Session | undefined
  /**
   * Gets what Python prints to `sys.stdout` during this call, line by line, in the place of where it would go. It sees the lines of
   * this call only, and all of them: also those of asyncio tasks, threads and work for thread pools that the call starts. They come
   * before the promise settles, those of threads that go on come when they are printed. An exception that it throws is an uncaught one.
   * What does not go through Python's `sys.stdout` object is not seen, such as the output of child processes.
   * @default where `python.start` lets it go
   */
  readonly stdout?: ((line: string) => void) | undefined
  /** The same for `sys.stderr`. @default where `python.start` lets it go */
  readonly stderr?: ((line: string) => void) | undefined
}

/** Options of one asynchronous call. */
export interface CallOptions extends RunOptions, ConvertOptions {
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
  /**
   * How many items a Python generator may make ahead while JavaScript iterates over it with `for await`. With 0 it runs only when
   * the next item is asked for. `timeout` is about each item there, and `signal` about the whole loop.
   * @default 64, or 256 while the items are small (64 bytes); 0 for an iterator that is no generator, with which others may go on after the loop
   */
  readonly highWaterMark?: number | undefined
}

/** Options of a synchronous view: a synchronous call cannot be cancelled. */
export interface SyncCallOptions extends ConvertOptions {
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
}

/** Options of `$readable`. */
export interface ReadableOptions {
  /** How many bytes (characters, for text) are read at a time. @default 65536 */
  readonly chunkSize?: number | undefined
  /** Whether the Python object is closed when the stream ends or is destroyed. @default true */
  readonly autoClose?: boolean | undefined
}

/** Options of `$value`. */
export interface ValueOptions extends ConvertOptions {
  /**
   * How many objects inside each other are opened to their fields; one that lies deeper is a handle in the copy. Lists, dicts, enum
   * members and subclasses of plain types are copied at any depth and do not count. With `0` no object is opened. Given a depth,
   * also `Infinity`, an object that declares no fields is opened to its attributes, if it is nothing more than those; left out,
   * such an object is refused with `ERR_CONVERSION` and its path.
   * @default no limit
   */
  readonly depth?: number | undefined
}
