/* Supervised processes, as the native side starts and watches them: what it is told, and what it tells. */
import type { ConductorStatus, ExitReport, RestartPolicy, WorkerState, WorkerStatus } from '../types/conductor'
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
    readonly native: Heartbeat
    readonly gil: Heartbeat
    readonly loop: Heartbeat
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
    readonly memoryMb: number | null
  }
  readonly killAfter: number | null
}

interface Heartbeat {
  readonly every: number
  readonly limit: number
}

/** Supervised processes. No function waits, and none throws but `connect`. */
export interface NativeConductor {
  /**
   * A new connection to the process of a worker: the descriptor for `attachRemote`. Throws `{ code, message }` if there is no process that
   * is ready.
   */
  connect(worker: number): number
  /** A `NativeConductorStatus` as JSON. */
  status(): string
  /** Where all threads of a process stand, also of one that hangs. */
  dump(worker: number, done: (problem: string | null, text: string) => void): void
  /** Replaces the process of a worker: a new one is ready before the old one ends. `problem` is `{ code, message }` as JSON. */
  restart(worker: number, done: (problem: string | null) => void): void
  /** Ends the crash loop: restarts are allowed again. */
  reset(): void
  /** Ends all processes by the steps of the specification, the first of which may take so long. Idempotent. */
  stop(drain: number, done: () => void): void
  /** Whether the supervisor keeps the Node process alive; it does not at first. */
  keepAlive(keep: boolean): void
}

/** What `status()` gives: all that JavaScript does not know itself. */
export interface NativeConductorStatus extends Pick<ConductorStatus, 'state'> {
  readonly workers: readonly Omit<WorkerStatus, 'inFlight'>[]
}

/**
 * What the native side tells, in this order for each process of a worker: `started` or `restarted` when it is ready, upon which JavaScript
 * connects; then `died` or `stopped`. A process in whose place another one was put gets no calls any more from its `replaced` on, may finish those that it has, and
 * is told of by its process id.
 */
export type NativeConductorEvent = { readonly at: number } & (
  | { readonly type: 'started'; readonly worker: number; readonly pid: number }
  | { readonly type: 'restarted'; readonly worker: number; readonly pid: number; readonly attempt: number }
  | { readonly type: 'replaced'; readonly worker: number; readonly pid: number }
  | { readonly type: 'died' | 'stopped'; readonly worker: number; readonly pid: number; readonly exit: ExitReport }
  | { readonly type: 'startFailed' | 'restartFailed'; readonly worker: number; readonly problem: NativeProblem }
  | {
      readonly type: 'changed'
      readonly worker: number
      readonly from: WorkerState
      readonly to: WorkerState
      readonly reason: string
    }
  | { readonly type: 'crashLoop'; readonly exits: readonly ExitReport[] }
  | { readonly type: 'printed'; readonly worker: number; readonly stream: 1 | 2; readonly text: string }
)

/** Why something did not work. */
export interface NativeProblem {
  readonly code: string
  readonly message: string
  readonly exit: ExitReport | null
}
