/* The host object `python` and what it takes and gives. */
import type { ArrowData, FromArrowOptions } from './arrow'
import type { Call, Handle } from './handle'
import type { CallOptions, ConvertOptions, RunOptions } from './options'
import type { LoggingOptions, LogRecord } from './logging'
import type { ClassConversionRule, ConversionRule } from './rules'
import type { SharedHandle } from './shared-handle'
import type { SyncHandle, SyncMembers } from './sync-handle'
import type { AsyncModule, AsyncObject, SyncModule } from './typed-modules'
import type { Untyped } from './untyped'
import type { ValueMakers } from './values'

/** Where Python's output goes: to the process's own stream, nowhere, or to a function that gets whole lines without their end. */
export type Output = 'inherit' | 'ignore' | ((line: string) => void)

/** Options of `python.start`. An option that is left out asks for nothing, so that a later `start()` agrees with any earlier one. */
export interface StartOptions {
  /**
   * How Python runs: `'embedded'` in this process, where a call takes a tenth of a microsecond and arrays are shared; or as a `'worker'`, a process of
   * its own that the same program works with, its synchronous calls included. `'auto'` embeds it if that is possible; otherwise it is a worker, and a
   * warning says why.
   * @default the environment variable `SYMPHONY_PYTHON_MODE`; without it 'auto'
   */
  readonly mode?: 'auto' | 'embedded' | 'worker' | undefined
  /**
   * An interpreter, or the folder of a virtual environment.
   * @default `VIRTUAL_ENV`, `.venv` upward from the working directory, conda, `python3` on PATH; the first that exists
   */
  readonly python?: string | undefined
  /** Folders that are put in front of `sys.path`. @default none */
  readonly paths?: readonly string[] | undefined
  /** `sys.argv` after its first element. @default none */
  readonly args?: readonly string[] | undefined
  /** Environment variables for Python, on top of those of the process. @default none */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Threads for asynchronous calls. @default 4 */
  readonly threads?: number | undefined
  /**
   * How many milliseconds this thread may be in one synchronous call while a Python thread waits for it, to call a function of
   * JavaScript's for example. Then that thread gets a `TimeoutError` which shows where both stand: most likely each waits for the other.
   *
   * @default 60_000
   */
  readonly callbackTimeout?: number | undefined
  /** Where `sys.stdout` goes. @default 'inherit' */
  readonly stdout?: Output | undefined
  /** Where `sys.stderr` goes. @default 'inherit' */
  readonly stderr?: Output | undefined
  /**
   * Records of Python's `logging`: a function that gets those of the root logger, or options with one. The handler is installed
   * when the program imports `logging`; a configuration of the program's that replaces the handlers of the root logger replaces it.
   * @default none: `logging` is the program's own
   */
  readonly logging?: ((record: LogRecord) => void) | LoggingOptions | undefined
  /** Which types values get, unless a handle or a call says otherwise; for the environment (thread) that asks. */
  readonly convert?: ConvertOptions | undefined
  /**
   * Which asyncio loop runs the coroutines that JavaScript awaits. `'uvloop'` is used if it is installed in Python's environment;
   * otherwise Python warns, and its own loop runs.
   * @default 'asyncio'
   */
  readonly eventLoop?: 'asyncio' | 'uvloop' | undefined
}

/** What runs. */
export interface Info {
  /** How Python runs. */
  readonly mode: 'embedded' | 'worker'
  /** The version of Python, such as `3.12.1`. */
  readonly version: string
  /** `sys.executable`. */
  readonly executable: string
  /** `sys.prefix`. */
  readonly prefix: string
  /** The path of the Python library that is loaded; `null` in a process of its own. */
  readonly libpython: string | null
  /** The platform whose native files are in use, such as `linux-x64-gnu`. */
  readonly platform: string
  /** The version of this package. */
  readonly bridge: string
}

/** What can be done in a host or in a session of it, asynchronously. */
export interface Host {
  /**
   * Imports a module by its dotted name, or the `.py` file that a `file:` URL names. Rejects with a `PythonError` of type
   * `ModuleNotFoundError` if there is none.
   *
   * ```ts
   * const numpy = await python.import('numpy')
   * const tools = await python.import(new URL('./tools.py', import.meta.url))
   * ```
   */
  import<const M extends string>(module: M, options?: RunOptions): Promise<AsyncModule<M>>
  import(module: URL, options?: RunOptions): Promise<Handle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  /** The value of a Python expression. The properties of `scope` are its variables; a handle of a dict is used as it is. */
  eval<T = Untyped>(code: string, scope?: object | Handle, options?: CallOptions): Call<T>
  /** Runs Python statements and gives their namespace. An object as `scope` is copied in; a handle of a dict is used as it is. */
  exec(code: string, scope?: object | Handle, options?: CallOptions): Promise<Handle>
  /**
   * A Python table of one of `apache-arrow`: a `pyarrow.Table`, `pyarrow.RecordBatch` or, of a vector, `pyarrow.ChunkedArray`, or what
   * the option `to` says. Its memory is copied before this returns, column by column and without going through rows. Like any call it
   * can be passed on before it has settled. Rejects with `ERR_CONVERSION` and the path of the column whose data is not valid, and with a
   * `PythonError` of type `ModuleNotFoundError` if Python lacks pyarrow; throws `ERR_INVALID_ARGUMENT` for what is no table, and
   * `ERR_ARROW_NOT_FOUND`.
   *
   * ```ts
   * await frame.merge(python.fromArrow(table, { to: 'pandas' }))
   * ```
   */
  fromArrow(data: ArrowData, options?: FromArrowOptions): Call<Handle>
}

/**
 * One Python thread and one context of its own, for libraries that insist on one. What runs in it runs in the order of the calls, one
 * after the other; context variables and thread-local data stay from call to call. It belongs to the environment (thread) that opened
 * it.
 */
export interface Session extends Host, AsyncDisposable {
  /**
   * As `python.with`, but on the thread and in the context of this session, wherever the context manager comes from. Another block
   * that is entered meanwhile is inside of this one for Python, so leave it first.
   */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: Session) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /**
   * Ends the session: what is used afterwards rejects with `ERR_CLOSED`, and what was started before finishes, `with` blocks included.
   * Resolves when that is done and never rejects, so a call that never returns keeps it waiting; not to await it is harmless. An
   * iterator that rests between two items is not waited for.
   * Idempotent. A session that nothing refers to any more ends by itself.
   */
  close(): Promise<void>
}

/** Python in this process. It starts by itself on first use. */
export interface Python extends Host, ValueMakers {
  /**
   * Finds and starts Python. Optional, and once a process: a second start that asks for something else rejects with
   * `ERR_PYTHON_ALREADY_CHOSEN`, one that asks for the same resolves to the same information.
   *
   * Rejects with `ERR_PYTHON_NOT_FOUND`, `ERR_PYTHON_UNSUPPORTED`, `ERR_LIBPYTHON_NOT_FOUND`, `ERR_LIBPYTHON_LOAD` or
   * `ERR_PYTHON_START`; the message says what was tried and what to do.
   */
  start(options?: StartOptions): Promise<Info>
  /** What runs. Throws `ERR_PYTHON_NOT_STARTED` before the first use. */
  info(): Info
  /**
   * Stops Python softly: at most 2 seconds for `atexit` handlers and buffered output. Idempotent. A stopped Python cannot be
   * started again in the same process; use afterwards fails with `ERR_CLOSED`. Without it the same happens at the end of the process.
   */
  stop(): Promise<void>
  /** `import` on the JavaScript thread, giving a synchronous view. */
  importSync<const M extends string>(module: M): SyncModule<M>
  importSync(module: URL): SyncHandle
  importSync<T extends object>(module: string | URL): T & SyncMembers
  /** `eval` on the JavaScript thread. */
  evalSync<T = Untyped>(code: string, scope?: object | SyncHandle): T
  /** `exec` on the JavaScript thread. */
  execSync(code: string, scope?: object | SyncHandle): SyncHandle
  /** `fromArrow` on the JavaScript thread. */
  fromArrowSync(data: ArrowData, options?: FromArrowOptions): SyncHandle
  /**
   * Enters a Python context manager, runs `body` with the entered value, and exits, all on one Python thread and in one context: those
   * of the session that the context manager belongs to, or else of a session for this one block, which `body` gets as `session`.
   * Calls through `value` run there as well, and others with `$with({ thread: session })`. An error of `body` is shown to `__exit__`;
   * if that swallows it the promise resolves to `undefined`.
   */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: Session) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /** `with` on the JavaScript thread; `body` must not return a promise. */
  withSync<T, V = Untyped>(context: unknown, body: (value: V) => T): T | undefined
  /** Opens a session: one Python thread and one context, for thread-affine objects such as those of `sqlite3`. */
  session(): Promise<Session>
  /**
   * A handle of what another thread shared by `$share()`. Each share can be adopted once, by any thread of the process, the one that made
   * it included. Rejects with `ERR_HANDLE_DISPOSED` if there is nothing left to adopt: adopted before, or its thread was terminated, or
   * ended more than 10 seconds ago; with `ERR_INVALID_ARGUMENT` for anything else, such as a share of another process.
   *
   * ```ts
   * worker.postMessage(handle.$share())
   * // and in the worker
   * parentPort.on('message', async (shared) => { const handle = await python.adopt(shared) })
   * ```
   */
  adopt(shared: SharedHandle): Promise<Handle>
  /** `adopt`, giving a synchronous view. */
  adoptSync(shared: SharedHandle): SyncHandle
  /**
   * From now on calls under way do not keep the process (in a worker: the worker) alive, as `unref()` of a timer does. Concerns this
   * environment (thread) and all its calls, those under way included. Those that the end of the process overtakes never settle.
   */
  unref(): void
  /** Undoes `unref()`: calls under way keep the process alive, as they do by default. */
  ref(): void
  /**
   * Adds a rule for the objects of one Python class and those derived from it: what they are in JavaScript instead of handles, and
   * which JavaScript values become such objects. A rule for the same `type` replaces the former one. Rules belong to the environment
   * (thread) that registers them, and may be registered before Python starts. Throws `ERR_INVALID_ARGUMENT`.
   *
   * ```ts
   * python.register({
   *   type: 'ipaddress.IPv4Address',
   *   class: Address,
   *   toJs: (address) => new Address(address.$str()),
   *   toPython: (address) => python.importSync('ipaddress').IPv4Address(address.text),
   * })
   * ```
   *
   * A `toJs` that throws makes the result `ERR_CONVERSION`, and so does a `toPython` with the arguments; the error is the `cause`.
   */
  register<T>(rule: ClassConversionRule<T>): void
  register(rule: ConversionRule): void
  /** Whether a value is a handle, of either view. Paths and calls are not. */
  isHandle(value: unknown): value is Handle | SyncHandle
}
