/* What a `Conductor` and a `WorkerPool` take and tell: Python processes that are watched, restarted and replaced. */
import type { ArrowData, FromArrowOptions } from './arrow'
import type { Call } from './handle'
import type { CallOptions, ConvertOptions, RunOptions } from './options'
import type { Output } from './python'
import type { RemoteHandle } from './remote-handle'
import type { AsyncModule, AsyncObject } from './typed-modules'
import type { PythonModules, Untyped } from './untyped'

/** Which processes are started again: `'permanent'`: all; `'transient'`: those that did not end in order; `'temporary'`: none. */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary'

/** When a process that has ended is started again. */
export interface RestartOptions {
  /** @default 'transient' */
  readonly policy?: RestartPolicy | undefined
  /** More restarts than that within so many milliseconds, and no more follow: the state is `'crashLoop'` until `reset()`. */
  readonly intensity?:
    | {
        /** @default 5 */
        readonly restarts?: number | undefined
        /** Milliseconds. @default 60_000 */
        readonly within?: number | undefined
      }
    | undefined
  /** How long to wait before a restart. The first one follows at once, the next after a random time up to `first`, then up to twice that, and so on. */
  readonly backoff?:
    | {
        /** Milliseconds. @default 100 */
        readonly first?: number | undefined
        /** No wait is longer; milliseconds. @default 30_000 */
        readonly cap?: number | undefined
        /** A process that lived so long counts as healthy, and the waits begin anew; milliseconds. @default 60_000 */
        readonly reset?: number | undefined
      }
    | undefined
}

/** For how long a process may fail to show something, in milliseconds. */
export interface HeartbeatOptions {
  readonly limit?: number | undefined
}

/** How a process is known to be well. */
export interface HealthOptions {
  /** Milliseconds from the start until it is ready, imports and `setup()` included. @default 30_000 */
  readonly startupTimeout?: number | undefined
  /** A thread that needs no Python: whether the process is scheduled at all. One that is not is ended. @default { limit: 1_000 } */
  readonly native?: HeartbeatOptions | undefined
  /** Whether Python code gets to run, rather than C code that holds the GIL; told by the event `health`. @default { limit: 10_000 } */
  readonly gil?: HeartbeatOptions | undefined
  /** Whether the event loop turns; told by the event `health`. @default { limit: 10_000 } */
  readonly loop?: HeartbeatOptions | undefined
}

/** When a process is replaced although it is well. The new one is ready before the old one finishes what it has and ends. */
export interface RecycleOptions {
  /** After so many calls, give or take a tenth. @default never */
  readonly maxTasks?: number | undefined
  /** When it has needed more memory than that three times in a row, looked at after a garbage collection; MiB. @default never */
  readonly maxRssMb?: number | undefined
  /** After so many milliseconds. @default never */
  readonly maxAge?: number | undefined
}

/** How a process is ended: each step is tried for so long before the next one. */
export interface StopSteps {
  /** What is under way may finish; milliseconds. @default 10_000 */
  readonly drain?: number | undefined
  /** After SIGTERM; milliseconds. @default 5_000 */
  readonly terminate?: number | undefined
  /** After SIGABRT, which makes Python write where it stands; milliseconds. Then comes SIGKILL, for the whole process group. @default 1_000 */
  readonly abort?: number | undefined
}

/** What the operating system lets a process have. */
export interface LimitOptions {
  /** Address space, in MiB. @default no limit */
  readonly addressSpaceMb?: number | undefined
  /** CPU time, in seconds. @default no limit */
  readonly cpuSeconds?: number | undefined
  /** Open files. @default that of this process */
  readonly openFiles?: number | undefined
  /** The size of a core dump, in MiB. @default that of this process */
  readonly coreMb?: number | undefined
  /** How much less urgent than this process it is, 0 to 19. @default 0 */
  readonly nice?: number | undefined
  /** How much rather than others it is ended when memory is short, -1000 to 1000. @default 300 */
  readonly oomScoreAdjust?: number | undefined
  /**
   * Memory of a process with all that it starts, in MiB, as `memory.max` of a control group (version 2) of its own; beyond it the kernel
   * ends the process. Where no such group can be made, `start` rejects with `ERR_WORKER_START`, and the message says why.
   * @default no limit
   */
  readonly memoryMaxMb?: number | undefined
  /**
   * The folder of a control group (version 2): the processes join it; with `memoryMaxMb`, their own ones are made in it, and it must
   * not have processes itself. @default that of this process
   */
  readonly cgroup?: string | undefined
}

/** Which calls may wait for a worker. */
export interface QueueOptions {
  /** How many; one more rejects with `ERR_QUEUE_FULL`. @default 1024 */
  readonly limit?: number | undefined
  /** After so many milliseconds of waiting a call counts as one step more urgent, so that none waits for ever. @default 1_000 */
  readonly ageing?: number | undefined
}

/** Options of `Conductor.start`; those of `WorkerPool.start` are these and `size`. */
export interface ConductorOptions {
  /**
   * The module whose functions `call('name')` means, or an object in it: `'agents.planner'`, `'agents.planner:planner'`. It is imported
   * before a process counts as ready, and a function `setup()` of it is called.
   * @default none: calls name their module, `'agents.planner:decide'`
   */
  readonly target?: string | undefined
  /**
   * An interpreter, or the folder of a virtual environment; any CPython from 3.10 on, with or without a shared libpython.
   * @default as `python.start` finds it
   */
  readonly python?: string | undefined
  /** Folders that are put in front of `sys.path`. @default none */
  readonly paths?: readonly string[] | undefined
  /** `sys.argv` after its first element. @default none */
  readonly args?: readonly string[] | undefined
  /** Environment variables, on top of those of this process. @default none */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** The working directory. @default that of this process */
  readonly cwd?: string | undefined
  /** Threads for blocking functions, in each process. @default 4 for a Conductor, 1 for a worker of a pool */
  readonly threads?: number | undefined
  /** How many calls run in a process at the same time; others wait. @default 64 for a Conductor, `threads` for a worker of a pool */
  readonly concurrency?: number | undefined
  /**
   * How long a call may go on that was interrupted, because its `timeout` is over or its `signal` aborted; then its process is killed and
   * replaced. Milliseconds, or `Infinity` for never: then the call rejects a moment after it was interrupted, and goes on.
   * @default 5_000
   */
  readonly killAfter?: number | undefined
  /** Processes that are ready to take the place of one that dies. @default 0 */
  readonly standby?: number | undefined
  /** Where what the processes print goes, apart from what the options of a call want. @default 'inherit' */
  readonly stdout?: Output | undefined
  /** The same for what they print to `stderr`. @default 'inherit' */
  readonly stderr?: Output | undefined
  /** Which types values get, unless a handle or a call says otherwise. */
  readonly convert?: ConvertOptions | undefined
  /** Which asyncio loop runs. @default 'asyncio' */
  readonly eventLoop?: 'asyncio' | 'uvloop' | undefined
  readonly restart?: RestartOptions | undefined
  readonly health?: HealthOptions | undefined
  readonly recycle?: RecycleOptions | undefined
  readonly stop?: StopSteps | undefined
  readonly limits?: LimitOptions | undefined
  readonly queue?: QueueOptions | undefined
}

/** Options of `WorkerPool.start`. */
export interface WorkerPoolOptions extends ConductorOptions {
  /** How many processes. @default as many as the machine has processors for this one */
  readonly size?: number | undefined
}

/** Options of a call by name, which may run in any worker. */
export interface RemoteCallOptions extends Omit<CallOptions, 'thread' | 'highWaterMark'> {
  /** `'loop'`: on the thread of Python's event loop. @default 'any' */
  readonly thread?: 'any' | 'loop' | undefined
  /**
   * Whether the call may be made again after a process died that had begun with it. Without it such a call rejects with
   * `ERR_WORKER_LOST`, `started: true`: it runs at most once. With it, it runs at least once, and perhaps more often. The arguments are
   * written anew each time, as they are then.
   * @default false
   */
  readonly idempotent?: boolean | undefined
  /** How often; only with `idempotent`. After 3 processes that died with it a call is not made again, whatever this says. @default 2 */
  readonly retries?: number | undefined
  /**
   * How long the call may go on after it was interrupted, before its process is killed, with all that it has begun; milliseconds, or
   * `Infinity`. @default that of the Conductor or pool
   */
  readonly killAfter?: number | undefined
  /** Which calls go first when several wait: -2 (least urgent) to 2. @default 0 */
  readonly priority?: number | undefined
}

/** Options of `map`. */
export interface MapOptions extends RemoteCallOptions {
  /** How many items are under way at the same time. @default enough to keep all workers busy */
  readonly concurrency?: number | undefined
  /** Told after each item how many are done, and of how many if that is known. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined
}

/** What `import` in another process gives for a literal module name. */
export type RemoteModule<M extends string> = M extends keyof PythonModules ? AsyncModule<M> : RemoteHandle

/**
 * One thread and one context in one process, for objects that belong together: what is made in it can be used in it for as long as the process
 * lives. Calls run in their order, one after the other. When the process ends, whatever is asked of the session fails with
 * `ERR_WORKER_LOST`; another one may be opened then.
 */
export interface RemoteSession extends AsyncDisposable {
  /** As `python.import`, in the process of the session. */
  import<const M extends string>(module: M, options?: RunOptions): Promise<RemoteModule<M>>
  import(module: URL, options?: RunOptions): Promise<RemoteHandle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  /** As `python.eval`. */
  eval<T = Untyped>(code: string, scope?: object, options?: CallOptions): Call<T>
  /** As `python.exec`. */
  exec(code: string, scope?: object, options?: CallOptions): Promise<RemoteHandle>
  /** As `python.fromArrow`. */
  fromArrow(data: ArrowData, options?: FromArrowOptions): Call<RemoteHandle>
  /** As `python.with`. */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: RemoteSession) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /** Ends the session; what was started in it finishes. Idempotent. */
  close(): Promise<void>
}

/** Why a process ended. */
export type ExitReason =
  | 'clean'
  | 'crash'
  /** Python code raised `ConductorFatal`. */
  | 'fatal'
  | 'oom-suspected'
  | 'killed'
  /** It was killed because something took too long: the start, a call, or a sign of life. */
  | 'timeout'
  | 'boot-error'
  | 'lifeline-lost'

/** How a process ended. */
export interface ExitReport {
  readonly pid: number
  /** Its exit code, or `null` if a signal ended it. */
  readonly code: number | null
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | null
  readonly reason: ExitReason
  readonly coreDumped: boolean
  /** How long it lived, in milliseconds. */
  readonly uptime: number
  /** The most memory that it had, in MiB. */
  readonly maxRssMb: number | null
  /** The CPU time that it used, in milliseconds. */
  readonly userTime: number
  readonly systemTime: number
  /** What it was doing, and what it did last: what ran at its end comes first, then the newest. */
  readonly lastTasks: readonly LastTask[]
  /** The last lines of its `stderr`, at most 64 KiB; empty if it had that of this process. */
  readonly stderrTail: string
  readonly stdoutTail: string
  /** Where its Python threads stood, if Python could still say so; or why it did not start. */
  readonly traceback: string | null
  /** All of it in a sentence. */
  readonly summary: string
}

/** The state of a Conductor or pool as a whole, or of one worker. */
export type WorkerState =
  'stopped' | 'starting' | 'ready' | 'running' | 'draining' | 'stopping' | 'backoff' | 'crashLoop' | 'standby'

/** How well a process is. `'loop-stuck'` and `'gil-held'` may be much work; `'unresponsive'` is one that is stopped, or starved. */
export type WorkerHealth = 'healthy' | 'loop-stuck' | 'gil-held' | 'unresponsive'

/** Something that a process had done when it ended, or was doing. */
export interface LastTask {
  /** As in `WorkerTask`. */
  readonly name: string
  /** How long it took, or had been running; milliseconds. */
  readonly duration: number
  /** Whether it was running. */
  readonly running: boolean
}

/** What a process has been doing for the longest time. */
export interface WorkerTask {
  /** Such as `agents.planner:decide`; of names that are longer the first 88 bytes. */
  readonly name: string
  /** For how long, in milliseconds. */
  readonly since: number
}

/** One worker, as it is now. */
export interface WorkerStatus {
  /** Its number, which no other one ever has. */
  readonly worker: number
  readonly state: WorkerState
  /** Whether it waits to take the place of one that dies. */
  readonly spare: boolean
  readonly pid: number | null
  /** How long the process has lived, in milliseconds. */
  readonly uptime: number
  /** How often it got another process. */
  readonly restarts: number
  /** Calls that it has and has not answered. */
  readonly inFlight: number
  readonly health: WorkerHealth
  /** In MiB. */
  readonly rssMb: number | null
  /** What it is busy with; `null` if nothing runs. */
  readonly task: WorkerTask | null
  /** What it has done: calls, and everything else that it was asked for. */
  readonly done: number
  readonly lastExit: ExitReport | null
}

/**
 * One measured quantity. The names are those of OpenTelemetry's semantic conventions where there are any (`process.*`), and
 * `symphony.conductor.*` for the rest; `attributes` say which process, reason or outcome it is about. Times are in seconds.
 */
export type Metric = {
  readonly name: string
  /** As UCUM writes it: `s`, `By`, `{process}`. */
  readonly unit: string
  readonly attributes: Readonly<Record<string, string>>
} & (
  | {
      /** Something that only grows, or something that is read. */
      readonly kind: 'counter' | 'gauge'
      readonly value: number
    }
  | {
      readonly kind: 'histogram'
      readonly count: number
      readonly sum: number
      /** The upper bounds of the buckets; one more bucket is for what is above all of them. */
      readonly bounds: readonly number[]
      /** How many lie in each bucket. */
      readonly counts: readonly number[]
    }
)

/** Why a worker has another state. */
export type ChangeReason =
  /** The Conductor or pool is started. */
  | 'start'
  /** Its process is ready. */
  | 'ready'
  /** The first connection to it was made. */
  | 'use'
  /** It takes the place of another one. */
  | 'promotion'
  /** Its last process has ended, and another one is started. */
  | 'restart'
  /** It is to replace another one. */
  | 'replacement'
  /** It is replaced: because of what it has done, the memory that it needs, its age, or because of `restart()`. */
  | 'tasks'
  | 'memory'
  | 'age'
  | 'asked'
  /** It is not needed any more; something takes too long; somebody wanted it dead. */
  | 'stop'
  | 'timeout'
  | 'kill'
  /** It was to finish what it had, and has not in time. */
  | 'overdue'
  /** One that was started before it has died. */
  | 'sibling'
  /** Another one did not start. */
  | 'start-failed'
  /** `reset()`. */
  | 'reset'
  /** Its process has ended, for that reason. */
  | ExitReason

/** What `status()` gives. */
export interface ConductorStatus {
  /** `'running'` as long as one worker is ready. */
  readonly state: WorkerState
  readonly workers: readonly WorkerStatus[]
  readonly queue: {
    /** Calls that wait for a worker. */
    readonly length: number
    readonly limit: number
    /** How long the first of them has waited, in milliseconds. */
    readonly oldest: number
  }
  /** Counted since the start. */
  readonly calls: {
    readonly completed: number
    readonly failed: number
    /** Made again because a process died. */
    readonly repeated: number
    /** Rejected with `ERR_WORKER_LOST`. */
    readonly lost: number
    readonly quarantined: number
  }
  /** The same and more as numbers for a monitor. */
  readonly metrics: readonly Metric[]
}

interface AnyEvent {
  /** When, as `Date.now()` gives it. */
  readonly at: number
}

interface WorkerEvent extends AnyEvent {
  readonly worker: number
}

/**
 * What happens to the processes.
 *
 * - `started`: one is ready for the first time
 * - `died`: one ended that should not have; without a report it could not even be started
 * - `restarted`: another one is ready in its place; `attempt` is 0 for one that replaces another, which ends then
 * - `restartFailed`: another one did not become ready
 * - `stopped`: one ended as it should
 * - `changed`: a worker has another state
 * - `crashLoop`: a worker died too often, and gets no other process any more
 * - `health`: one is better or worse than before
 * - `pressure`: the queue is full, and calls are refused; told again only after it was half empty
 */
export type ConductorEvent =
  | (WorkerEvent & { readonly type: 'started'; readonly pid: number })
  | (WorkerEvent & { readonly type: 'stopped'; readonly exit: ExitReport })
  | (WorkerEvent & { readonly type: 'died'; readonly exit: ExitReport | null })
  | (WorkerEvent & { readonly type: 'restarted'; readonly pid: number; readonly attempt: number })
  | (WorkerEvent & { readonly type: 'restartFailed'; readonly error: Error })
  | (WorkerEvent & {
      readonly type: 'changed'
      readonly from: WorkerState
      readonly to: WorkerState
      readonly reason: ChangeReason
    })
  | (WorkerEvent & { readonly type: 'crashLoop'; readonly exits: readonly ExitReport[] })
  | (WorkerEvent & {
      readonly type: 'health'
      readonly from: WorkerHealth
      readonly to: WorkerHealth
      readonly task: WorkerTask | null
    })
  | (AnyEvent & { readonly type: 'pressure'; readonly queued: number })

/** The events by their names, for `on`. */
export type ConductorEvents = { [E in ConductorEvent as E['type']]: [event: E] }
