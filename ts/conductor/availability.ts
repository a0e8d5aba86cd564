/* Whether calls can be made at all: not if no worker has a process, and none ever gets one again. */
import type { ExitReport, WorkerState } from '../types/conductor'
import { allStopped, inCrashLoop } from './errors'
import type { CheckedConductorOptions } from './options'

/** How soon the states are looked at again that did not fit each other; milliseconds. */
const statePause = 5

/** What this is asked about, and who is told. */
export interface AvailabilityHost {
  /** How the program knows the processes, in messages. */
  readonly name: string
  readonly isStopped: boolean
  /** What the supervisor says of all. */
  stateOfAll(): WorkerState
  /** From now on no call can be made. */
  down(): void
}

/** The states of the workers, and what follows from them for calls. */
export class Availability {
  readonly #restart: CheckedConductorOptions['restart']
  readonly #host: AvailabilityHost
  /** Of the workers that have a process, or had one and do not rest. */
  readonly #states = new Map<number, WorkerState>()
  #lastExits: readonly ExitReport[] = []
  #obstacle: (() => Error) | undefined

  constructor({ restart }: Pick<CheckedConductorOptions, 'restart'>, host: AvailabilityHost) {
    this.#restart = restart
    this.#host = host
  }

  /** Why no call can be made any more, if that is so. */
  get obstacle(): (() => Error) | undefined {
    return this.#obstacle
  }

  /** A worker has another state. */
  changed(worker: number, state: WorkerState): void {
    // It may have been replaced by one with another number.
    if (state === 'stopped') this.#states.delete(worker)
    else this.#states.set(worker, state)
    this.#check()
  }

  /** A worker died too often; these are the last ends. */
  gaveUp(exits: readonly ExitReport[]): void {
    this.#lastExits = exits
  }

  /** What was given up is tried again. */
  reset(): void {
    this.#obstacle = undefined
  }

  /** No call can be made any more, for this reason. */
  end(makeError: () => Error): void {
    this.#obstacle = makeError
    this.#host.down()
  }

  #check(): void {
    const { name, isStopped } = this.#host
    if (isStopped) return
    const states = [...this.#states.values()]
    if (!states.every(isFinal)) {
      this.#obstacle = undefined
      return
    }
    // On its way from one state to the next a worker may be in one of these for a moment; what the supervisor says of all is later than its events, or soon will be.
    if (!isFinal(this.#host.stateOfAll())) setTimeout(() => this.#check(), statePause)
    else if (states.includes('crashLoop')) this.end(() => inCrashLoop(name, this.#lastExits, this.#restart.intensity))
    else this.end(() => allStopped(name, this.#restart.policy))
  }
}

/** Whether a worker in that state gets no other process by itself. */
function isFinal(state: WorkerState): boolean {
  return state === 'stopped' || state === 'crashLoop'
}
