/* Supervised processes, as the native side starts and watches them: what it is told, and what it tells. */
import type {
  ChangeReason,
  ConductorStatus,
  ExitReport,
  RestartPolicy,
  WorkerHealth,
  WorkerState,
  WorkerStatus,
  WorkerTask,
} from '../types/conductor'
import type { EventLoop, OutputMode } from './core'

/** How to start a process, and what to do when it ends. Times are in milliseconds; `null` is no limit. */
export interface ConductorSpec {
  /** How many workers, and how many processes besides that are ready to take the place of one. */
  readonly size: number
  readonly standby: number
  readonly child: {
    readonly executable: string
    /** What is imported, and set up by its `setup()`, before a process is ready. */
    readonly target: { readonly module: string; readonly steps: readonly string[] } | null
    readonly paths: readonly string[]
    readonly args: readonly string[]
    /** On top of those of this process. */
    readonly env: Readonly<Record<string, string>>
    readonly cwd: string
    readonly threads: number
    readonly eventLoop: EventLoop
  }
  readonly output: { readonly stdout: OutputMode; readonly stderr: OutputMode }
  readonly restart: {
    readonly policy: RestartPolicy
    readonly intensity: { readonly restarts: number; readonly within: number }
    readonly backoff: { readonly first: number; readonly cap: number; readonly reset: number }
  }
  readonly health: {
    readonly startupTimeout: number
    readonly native: { readonly limit: number }
    readonly gil: { readonly limit: number }
    readonly loop: { readonly limit: number }
  }
  readonly recycle: {
    readonly maxTasks: number | null
    readonly maxRssMb: number | null
    readonly maxAge: number | null
  }
  readonly stop: { readonly drain: number; readonly terminate: number; readonly abort: number }
  readonly limits: {
    readonly addressSpaceMb: number | null
    readonly cpuSeconds: number | null
    readonly openFiles: number | null
    readonly coreMb: number | null
    readonly nice: number
    readonly oomScoreAdjust: number
    readonly memoryMaxMb: number | null
    readonly cgroup: string | null
  }
}

/** Supervised processes. No function waits, and none throws but `connect`. */
export interface NativeConductor {
  /** A new connection to the process of a worker: the descriptor for `attachRemote`. Throws `{ code, message }` if it has none that is ready. */
  connect(worker: number): number
  /** A `NativeConductorStatus` as JSON. */
  status(): string
  /** Where all threads of a process stand, also of one that hangs. `problem` is text. */
  dump(worker: number, done: (problem: string | null, text: string) => void): void
  /** Puts other processes in the place of all. `problem` is text. */
  restart(done: (problem: string | null) => void): void
  /** Kills a process in which something takes too long, if it is still that of the worker: first so that it writes where it stands. */
  kill(worker: number, pid: number): void
  /** Ends the crash loop: restarts are allowed again. */
  reset(): void
  /** Ends all processes by the steps of the specification, the first of which may take so long. Idempotent. */
  stop(drain: number, done: () => void): void
  /** Frees what it keeps of this environment, once it was stopped: nothing is told any more. Idempotent. */
  close(): void
  /** Whether the supervisor keeps the Node process alive; it does not at first. */
  keepAlive(keep: boolean): void
}

/** What `status()` gives: all that JavaScript does not know itself. */
export interface NativeConductorStatus extends Pick<ConductorStatus, 'state' | 'metrics'> {
  readonly workers: readonly Omit<WorkerStatus, 'inFlight'>[]
}

/**
 * What the native side tells. A worker has one process at a time. It is `started` when its first process is ready, and `restarted` when a later one is;
 * JavaScript connects then, unless it is a spare, to which it connects when that is `promoted`. A process that does not take calls any more
 * makes its worker `changed` to `draining` or `stopping`. At its end there is `died` or `stopped`.
 */
export type NativeConductorEvent =
  { readonly type: 'ready' } | { readonly type: 'startFailed'; readonly problem: NativeProblem } | NativeWorkerEvent

export type NativeWorkerEvent = {
  readonly at: number
  readonly worker: number
  readonly pid: number | null
} & (
  | { readonly type: 'started' }
  | { readonly type: 'promoted' | 'replaced' }
  | { readonly type: 'restarted'; readonly attempt: number }
  | { readonly type: 'stopped'; readonly exit: ExitReport }
  /** Without a report there was no process, because it could not be started. */
  | { readonly type: 'died'; readonly exit: ExitReport | null; readonly error: string | null }
  | { readonly type: 'restartFailed'; readonly problem: NativeProblem }
  | { readonly type: 'changed'; readonly from: WorkerState; readonly to: WorkerState; readonly reason: ChangeReason }
  | { readonly type: 'crashLoop'; readonly exits: readonly ExitReport[] }
  | {
      readonly type: 'health'
      readonly from: WorkerHealth
      readonly to: WorkerHealth
      readonly task: WorkerTask | null
    }
  /** A line, without its end. */
  | { readonly type: 'printed'; readonly stream: 1 | 2; readonly text: string; readonly dropped: number }
)

/** Why something did not work. */
export interface NativeProblem {
  readonly code: string
  readonly message: string
  readonly exit: ExitReport | null
}
