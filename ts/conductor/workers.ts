/* The processes of a Conductor or pool: starts them, connects to those that are ready, and tells what happens to them. */
import { BridgeError } from '../errors/bridge-error'
import { errorFromProblem } from '../errors/from-native'
import type {
  NativeConductor,
  NativeConductorEvent,
  NativeConductorStatus,
  NativeWorkerEvent,
} from '../native/conductor'
import type { ConductorEvent, ConductorStatus, ExitReport, WorkerState } from '../types/conductor'
import { Availability, type AvailabilityHost } from './availability'
import { disconnected, notDone, startFailed, stopped } from './errors'
import { Dispatcher, type Staff } from './dispatcher'
import { leastLoaded } from './load'
import type { NativeSide } from './native-side'
import { specOf, type CheckedConductorOptions } from './options'
import { Worker } from './worker'

/** How long after a connection that failed another one is tried; milliseconds. */
const reconnectPause = 1_000

/** Whoever waits for a worker that is ready. */
interface Waiter {
  resolve(worker: Worker): void
  reject(error: Error): void
}

/** All of them, and the calls that they are given. */
export class Workers implements Staff, AvailabilityHost {
  readonly dispatcher: Dispatcher
  readonly #side: NativeSide
  readonly #options: CheckedConductorOptions
  /** How the program knows them, in messages. */
  readonly name: string
  readonly #emit: (event: ConductorEvent) => void
  /** By process. */
  readonly #byPid = new Map<number, Worker>()
  /** Processes to which there is no connection. */
  readonly #unconnected = new Set<number>()
  readonly #availability: Availability
  readonly #waiters: Waiter[] = []
  #native!: NativeConductor
  #whenStarted: { resolve(): void; reject(error: Error): void } | undefined
  #reasonsToLive = 0
  #waits = false
  #stopping: Promise<void> | undefined

  /**
   * @param name how the program knows it, in messages, such as `the Conductor of agents.planner`
   * @param emit gets what happens
   */
  constructor(side: NativeSide, options: CheckedConductorOptions, name: string, emit: (event: ConductorEvent) => void) {
    this.#side = side
    this.#options = options
    this.name = name
    this.#emit = emit
    this.dispatcher = new Dispatcher(options.queue.limit, options.queue.ageing, this)
    this.#availability = new Availability(options, this)
  }

  /** Resolves when all are ready for the first time. */
  async start(executable: string): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.#whenStarted = { resolve, reject }))
    const spec = JSON.stringify(specOf(this.#options, executable))
    try {
      this.#native = this.#side.core.startConductor(spec, (text) =>
        this.#happened(JSON.parse(text) as NativeConductorEvent),
      )
    } catch (problem) {
      throw errorFromProblem(problem)
    }
    try {
      await this.#alive(() => started)
    } catch (error) {
      await this.stop(0)
      throw error
    }
  }

  get workers(): Iterable<Worker> {
    return this.#byPid.values()
  }

  get obstacle(): (() => Error) | undefined {
    return this.#availability.obstacle
  }

  get isStopped(): boolean {
    return this.#stopping !== undefined
  }

  /** One that is ready, the one with the least to do. */
  ready(): Promise<Worker> {
    const worker = leastLoaded(this.#usable(), () => Infinity)
    if (worker !== undefined) return Promise.resolve(worker)
    const { obstacle } = this
    if (obstacle !== undefined) return Promise.reject(obstacle())
    return this.#alive(() => new Promise((resolve, reject) => this.#waiters.push({ resolve, reject })))
  }

  pressure(queued: number): void {
    this.#emit({ type: 'pressure', at: Date.now(), queued })
  }

  waits(waits: boolean): void {
    if (waits === this.#waits) return
    this.#waits = waits
    this.#keepAlive(waits ? 1 : -1)
  }

  status(): ConductorStatus {
    const { state, workers, metrics } = this.#nativeStatus()
    const { queue, calls } = this.dispatcher
    const inFlight = new Map([...this.#byPid.values()].map((worker) => [worker.identity.pid, worker.inFlight]))
    return {
      state,
      workers: workers.map((worker) => ({ ...worker, inFlight: inFlight.get(worker.pid ?? -1) ?? 0 })),
      queue,
      calls,
      metrics: [...metrics, ...this.dispatcher.metrics],
    }
  }

  /** Where all threads of a process stand. */
  dump(worker: number): Promise<string> {
    return this.#alive(
      () =>
        new Promise((resolve, reject) => {
          this.#native.dump(worker, (problem, text) => {
            if (problem === null) resolve(text)
            else reject(notDone(this.name, 'no stacks were written', problem))
          })
        }),
    )
  }

  /** Replaces all processes. */
  async restart(): Promise<void> {
    await this.#alive(
      () =>
        new Promise<void>((resolve, reject) => {
          this.#native.restart((problem) => {
            if (problem === null) resolve()
            else reject(notDone(this.name, 'not all processes could be replaced', problem))
          })
        }),
    )
  }

  /** Ends a crash loop. */
  reset(): void {
    if (this.isStopped) return
    this.#availability.reset()
    this.#native.reset()
  }

  /** Ends all processes, after calls by name have had so many milliseconds to finish. Idempotent. */
  stop(drain = this.#options.stop.drain): Promise<void> {
    return (this.#stopping ??= this.#alive(() => this.#stop(drain)))
  }

  async #stop(drain: number): Promise<void> {
    const end = performance.now() + drain
    // What waits is still done, if there are workers for it.
    await Promise.race([this.dispatcher.idle(), new Promise((resolve) => setTimeout(resolve, drain).unref())])
    this.#availability.end(() => stopped(this.name))
    this.dispatcher.failWaiting(() => stopped(this.name))
    await new Promise<void>((resolve) => this.#native.stop(Math.max(0, Math.round(end - performance.now())), resolve))
    for (const worker of [...this.#byPid.values()]) worker.close(() => stopped(this.name))
    this.#native.close()
  }

  #happened(event: NativeConductorEvent): void {
    switch (event.type) {
      case 'ready':
        this.#whenStarted?.resolve()
        break
      case 'startFailed':
        this.#whenStarted?.reject(startFailed(this.name, event.problem))
        break
      default:
        this.#happenedTo(event.worker, event.pid, event)
    }
  }

  #happenedTo(worker: number, pid: number | null, event: NativeWorkerEvent): void {
    const { at } = event
    switch (event.type) {
      case 'started':
      case 'restarted':
        if (!this.#isSpare(worker)) this.#connect(worker, pid!)
        if (event.type === 'started') this.#emit({ type: 'started', at, worker, pid: pid! })
        else this.#emit({ type: 'restarted', at, worker, pid: pid!, attempt: event.attempt })
        break
      case 'promoted':
        this.#connect(worker, pid!)
        break
      case 'died':
        if (event.exit !== null) this.#exited(pid, event.exit)
        this.#emit({ type: 'died', at, worker, exit: event.exit })
        break
      case 'stopped':
        this.#exited(pid, event.exit)
        this.#emit({ type: 'stopped', at, worker, exit: event.exit })
        break
      case 'restartFailed':
        this.#emit({ type: 'restartFailed', at, worker, error: startFailed(this.name, event.problem) })
        break
      case 'changed':
        this.#changed(worker, pid, event.to)
        this.#emit({ type: 'changed', at, worker, from: event.from, to: event.to, reason: event.reason })
        break
      case 'crashLoop':
        this.#availability.gaveUp(event.exits)
        this.#emit({ type: 'crashLoop', at, worker, exits: event.exits })
        break
      case 'health':
        this.#emit({ type: 'health', at, worker, from: event.from, to: event.to, task: event.task })
        break
      case 'printed':
        this.#print(event.stream, event.text)
        break
      case 'replaced':
        // It goes on until another one is ready, and then drains.
        break
    }
  }

  #exited(pid: number | null, exit: ExitReport): void {
    if (pid === null) return
    this.#unconnected.delete(pid)
    this.#byPid.get(pid)?.exited(exit)
  }

  #changed(number: number, pid: number | null, state: WorkerState): void {
    const worker = pid === null ? undefined : this.#byPid.get(pid)
    if (worker !== undefined && (state === 'draining' || state === 'stopping')) worker.isUsable = false
    this.#availability.changed(number, state)
  }

  stateOfAll(): WorkerState {
    return this.#nativeStatus().state
  }

  /** Whether a worker waits to take the place of one that dies. */
  #isSpare(number: number): boolean {
    if (this.#options.standby === 0) return false
    return this.#nativeStatus().workers.some(({ worker, spare }) => worker === number && spare)
  }

  #nativeStatus(): NativeConductorStatus {
    return JSON.parse(this.#native.status()) as NativeConductorStatus
  }

  #print(stream: 1 | 2, line: string): void {
    const output = stream === 1 ? this.#options.stdout : this.#options.stderr
    if (typeof output !== 'function') return
    try {
      output(line)
    } catch (error) {
      // An uncaught exception, as it would be in any event handler; the lines that follow are not lost.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #connect(number: number, pid: number): void {
    const { size, concurrency, convert, killAfter } = this.#options
    const name = size === 1 ? this.name : `worker ${number} of ${this.name}`
    let worker: Worker
    try {
      const descriptor = this.#native.connect(number)
      const listener = {
        done: () => this.dispatcher.dispatch(),
        lost: (lost: Worker) => this.#lost(lost),
        disconnected: (broken: Worker) => {
          // The process goes on, but what it has done cannot be heard any more.
          broken.close((started) => disconnected(name, started))
          this.#connect(number, pid)
        },
        overdue: () => this.#native.kill(number, pid),
      }
      worker = new Worker({ number, pid, name, concurrency, killAfter }, this.#side, descriptor, listener)
    } catch (problem) {
      this.#notConnected(number, pid, problem instanceof BridgeError ? problem : errorFromProblem(problem))
      return
    }
    worker.connection.conversion = convert
    this.#byPid.set(pid, worker)
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(worker)
    this.dispatcher.dispatch()
  }

  /** It may have ended since, and then that is what is told next; else it is tried again. */
  #notConnected(number: number, pid: number, error: BridgeError): void {
    this.#unconnected.add(pid)
    this.#whenStarted?.reject(error)
    this.#emit({ type: 'restartFailed', at: Date.now(), worker: number, error })
    setTimeout(() => {
      if (this.#unconnected.delete(pid) && !this.isStopped) this.#connect(number, pid)
    }, reconnectPause).unref()
  }

  #lost(worker: Worker): void {
    const { pid } = worker.identity
    if (this.#byPid.get(pid) === worker) this.#byPid.delete(pid)
    this.dispatcher.dispatch()
  }

  #usable(): Worker[] {
    return [...this.#byPid.values()].filter(({ isUsable }) => isUsable)
  }

  down(): void {
    const { obstacle } = this
    if (obstacle !== undefined) for (const waiter of this.#waiters.splice(0)) waiter.reject(obstacle())
    this.dispatcher.dispatch()
  }

  /** The process must not end while something is waited for that only another process brings about. */
  async #alive<T>(wait: () => Promise<T>): Promise<T> {
    this.#keepAlive(1)
    try {
      return await wait()
    } finally {
      this.#keepAlive(-1)
    }
  }

  #keepAlive(change: 1 | -1): void {
    this.#reasonsToLive += change
    if (this.#reasonsToLive === 0 || (this.#reasonsToLive === 1 && change === 1))
      this.#native.keepAlive(this.#reasonsToLive > 0)
  }
}
