/* The processes of a Conductor or pool: starts them, connects to those that are ready, and tells what happens to them. */
import { OutputLines } from '../call/output-lines'
import { BridgeError } from '../errors/bridge-error'
import { errorFromProblem } from '../errors/from-native'
import type { NativeConductor, NativeConductorEvent, NativeConductorStatus } from '../native/conductor'
import type { NativeCore } from '../native/core'
import type { ConductorEvent, ConductorStatus, WorkerState } from '../types/conductor'
import { allStopped, inCrashLoop, startFailed, stopped } from './errors'
import { Dispatcher, type Staff } from './dispatcher'
import { leastLoaded } from './load'
import { specOf, type CheckedConductorOptions } from './options'
import { Worker } from './worker'

type Lines = readonly [stdout: OutputLines | undefined, stderr: OutputLines | undefined]

/** How long after a connection that failed another process is tried; milliseconds. */
const reconnectPause = 1_000

/** Whoever waits for a worker that is ready. */
interface Waiter {
  resolve(worker: Worker): void
  reject(error: Error): void
}

/** All of them, and the calls that they are given. */
export class Workers implements Staff {
  readonly dispatcher: Dispatcher
  readonly #core: NativeCore
  readonly #options: CheckedConductorOptions
  /** How the program knows them, in messages. */
  readonly name: string
  readonly #emit: (event: ConductorEvent) => void
  /** By process. */
  readonly #byPid = new Map<number, Worker>()
  /** Processes to which there is no connection. */
  readonly #unconnected = new Set<number>()
  readonly #states = new Map<number, WorkerState>()
  readonly #output = new Map<number, Lines>()
  readonly #waiters: Waiter[] = []
  readonly #ready = new Set<number>()
  #native!: NativeConductor
  #whenStarted: { resolve(): void; reject(error: Error): void } | undefined
  #obstacle: (() => Error) | undefined
  #reasonsToLive = 0
  #waits = false
  #stopping: Promise<void> | undefined

  /**
   * @param name how the program knows it, in messages, such as `the Conductor of agents.planner`
   * @param emit gets what happens
   */
  constructor(core: NativeCore, options: CheckedConductorOptions, name: string, emit: (event: ConductorEvent) => void) {
    this.#core = core
    this.#options = options
    this.name = name
    this.#emit = emit
    this.dispatcher = new Dispatcher(options.queue.limit, options.queue.ageing, this)
  }

  /** Resolves when all are ready for the first time. */
  async start(executable: string): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.#whenStarted = { resolve, reject }))
    const spec = JSON.stringify(specOf(this.#options, executable))
    try {
      this.#native = this.#core.startConductor(spec, (text) => this.#happened(JSON.parse(text) as NativeConductorEvent))
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
    return this.#obstacle
  }

  get isStopped(): boolean {
    return this.#stopping !== undefined
  }

  /** One that is ready, the one with the least to do. */
  ready(): Promise<Worker> {
    const worker = leastLoaded(this.#usable(), () => Infinity)
    if (worker !== undefined) return Promise.resolve(worker)
    if (this.#obstacle !== undefined) return Promise.reject(this.#obstacle())
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
    const { state, workers } = JSON.parse(this.#native.status()) as NativeConductorStatus
    const inFlight = new Map([...this.#byPid.values()].map((worker) => [worker.identity.pid, worker.inFlight]))
    return {
      state,
      workers: workers.map((worker) => ({ ...worker, inFlight: inFlight.get(worker.pid ?? -1) ?? 0 })),
      ...this.dispatcher.status,
    }
  }

  /** Where all threads of a process stand. */
  dump(worker: number): Promise<string> {
    return this.#alive(
      () =>
        new Promise((resolve, reject) => {
          this.#native.dump(worker, (problem, text) => {
            if (problem === null) resolve(text)
            else reject(errorFromProblem(JSON.parse(problem)))
          })
        }),
    )
  }

  /** Replaces all processes, one after the other. */
  async restart(): Promise<void> {
    for (const worker of this.#ready) {
      await this.#alive(
        () =>
          new Promise<void>((resolve, reject) => {
            this.#native.restart(worker, (problem) => {
              if (problem === null) resolve()
              else reject(errorFromProblem(JSON.parse(problem)))
            })
          }),
      )
    }
  }

  /** Ends a crash loop. */
  reset(): void {
    if (this.isStopped) return
    this.#obstacle = undefined
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
    this.#down(() => stopped(this.name))
    this.dispatcher.failWaiting(() => stopped(this.name))
    await new Promise<void>((resolve) => this.#native.stop(Math.max(0, Math.round(end - performance.now())), resolve))
    for (const worker of [...this.#byPid.values()]) worker.close(() => stopped(this.name))
    for (const lines of this.#output.values()) for (const stream of lines) stream?.end()
  }

  #happened(event: NativeConductorEvent): void {
    switch (event.type) {
      case 'started':
        this.#connect(event.worker, event.pid)
        this.#emit(event)
        this.#ready.add(event.worker)
        if (this.#ready.size >= this.#options.size) this.#whenStarted?.resolve()
        break
      case 'restarted':
        this.#connect(event.worker, event.pid)
        this.#emit(event)
        break
      case 'replaced': {
        const worker = this.#byPid.get(event.pid)
        if (worker !== undefined) worker.isUsable = false
        break
      }
      case 'died':
      case 'stopped': {
        const { type, at, worker, exit } = event
        this.#unconnected.delete(event.pid)
        this.#byPid.get(event.pid)?.exited(exit)
        this.#emit({ type, at, worker, exit })
        break
      }
      case 'startFailed':
        this.#whenStarted?.reject(startFailed(this.name, event.problem))
        break
      case 'restartFailed': {
        const { type, at, worker, problem } = event
        this.#emit({ type, at, worker, error: startFailed(this.name, problem) })
        break
      }
      case 'changed':
        this.#states.set(event.worker, event.to)
        this.#emit(event)
        this.#checkStates()
        break
      case 'crashLoop': {
        const makeError = (): Error => inCrashLoop(this.name, event.exits, this.#options.restart.intensity)
        this.#whenStarted?.reject(makeError())
        this.#emit(event)
        this.#down(makeError)
        break
      }
      case 'printed':
        this.#linesOf(event.worker)[event.stream - 1]?.push(event.text)
        break
    }
  }

  #connect(number: number, pid: number): void {
    const { size, concurrency, convert } = this.#options
    const name = size === 1 ? this.name : `worker ${number} of ${this.name}`
    let worker: Worker
    try {
      const descriptor = this.#native.connect(number)
      const listener = {
        done: () => this.dispatcher.dispatch(),
        lost: (lost: Worker) => this.#lost(lost),
        // What it still does is done for nobody.
        disconnected: () => this.#native.restart(number, ignore),
      }
      worker = new Worker({ number, pid, name, concurrency }, this.#core, descriptor, listener)
    } catch (problem) {
      this.#notConnected(number, pid, problem instanceof BridgeError ? problem : errorFromProblem(problem))
      return
    }
    worker.connection.conversion = convert
    this.#byPid.set(pid, worker)
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(worker)
    this.dispatcher.dispatch()
  }

  /** It may have ended since, and then that is what is told next; else it is of no use. */
  #notConnected(number: number, pid: number, error: BridgeError): void {
    this.#unconnected.add(pid)
    this.#whenStarted?.reject(error)
    this.#emit({ type: 'restartFailed', at: Date.now(), worker: number, error })
    setTimeout(() => {
      if (this.#unconnected.delete(pid) && !this.isStopped) this.#native.restart(number, ignore)
    }, reconnectPause).unref()
  }

  #lost(worker: Worker): void {
    this.#byPid.delete(worker.identity.pid)
    this.dispatcher.dispatch()
  }

  #usable(): Worker[] {
    return [...this.#byPid.values()].filter(({ isUsable }) => isUsable)
  }

  /** Where all workers have stopped and none is started again, no call can be made. */
  #checkStates(): void {
    if (this.isStopped || this.#states.size < this.#options.size) return
    if ([...this.#states.values()].every((state) => state === 'stopped'))
      this.#down(() => allStopped(this.name, this.#options.restart.policy))
  }

  #down(makeError: () => Error): void {
    this.#obstacle = makeError
    for (const waiter of this.#waiters.splice(0)) waiter.reject(makeError())
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

  #linesOf(worker: number): Lines {
    let lines = this.#output.get(worker)
    if (lines === undefined) {
      const { stdout, stderr } = this.#options
      lines = [
        typeof stdout === 'function' ? new OutputLines(stdout) : undefined,
        typeof stderr === 'function' ? new OutputLines(stderr) : undefined,
      ]
      this.#output.set(worker, lines)
    }
    return lines
  }
}

function ignore(): void {}
