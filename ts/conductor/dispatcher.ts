/* Calls by name, which any worker may make: they wait for one, are made again when it dies, and are called off. */
import { CallWatch, cancelled, type MakeWatchError } from '../call/call-watch'
import type { Call } from '../call/call'
import type { CheckedOptions } from '../call/options'
import type { ConductorStatus, Metric } from '../types/conductor'
import { afterLoss } from './delivery'
import { quarantined, queueFull } from './errors'
import { CallLengths, leastLoaded } from './load'
import { callMetrics, Histogram } from './metrics'
import { TaskQueue, type Waiting } from './task-queue'
import type { RemoteCall, Worker } from './worker'

/** A call by name, checked. */
export interface TaskRequest extends Omit<RemoteCall, 'options'> {
  /** How it is called in messages. */
  readonly name: string
  readonly options: CheckedOptions
  readonly idempotent: boolean
  readonly retries: number
  readonly priority: number
}

/** Where the dispatcher finds workers. */
export interface Staff {
  readonly workers: Iterable<Worker>
  /** Why no call can be made any more, if that is so. */
  readonly obstacle: (() => Error) | undefined
  /** The queue is full. */
  pressure(queued: number): void
  /** Whether calls wait for a worker, so that the process must not end. */
  waits(waits: boolean): void
}

/** One call from its beginning to its end, however many workers it takes. */
class Task {
  worker: Worker | undefined
  call: Call | undefined
  /** Its place in the queue, once it has one. */
  place: Waiting<Task> | undefined
  isWaiting = false
  /** Lets it go on: it has a worker, or must fail. */
  proceed: ((failure?: () => Error) => void) | undefined
  /** Whoever wanted it has called it off, and this makes the error of that. */
  unwanted: MakeWatchError | undefined
  /** How many processes died after it had begun there. */
  deaths = 0
  readonly remote: RemoteCall

  constructor(readonly request: TaskRequest) {
    const { target, args, named, options } = request
    // It is the whole that is watched, waiting time included.
    this.remote = { target, args, named, options: { ...options, signal: undefined, timeout: undefined } }
  }
}

/** Gives calls to workers. */
export class Dispatcher {
  readonly #queue: TaskQueue<Task>
  readonly #staff: Staff
  readonly #lengths = new CallLengths()
  readonly #durations = new Histogram()
  readonly #windowOf = (worker: Worker): number => (worker.isUsable ? this.#lengths.windowOf(worker) : 0)
  #running = 0
  /** That the queue is full was told, and it is still more than half full. */
  #isPressed = false
  #whenIdle: (() => void)[] = []
  readonly #counts = { completed: 0, failed: 0, repeated: 0, lost: 0, quarantined: 0 }

  constructor(limit: number, ageing: number, staff: Staff) {
    this.#queue = new TaskQueue(limit, ageing)
    this.#staff = staff
  }

  /** Makes a call. */
  async run(request: TaskRequest): Promise<unknown> {
    const { options } = request
    if (options.signal?.aborted) throw cancelled(options.signal, 'not started')
    const task = new Task(request)
    const watch = CallWatch.start(options, (makeError, isOverdue) => this.#giveUp(task, makeError, isOverdue))
    this.#running += 1
    try {
      const value = await this.#outcome(task)
      this.#counts.completed += 1
      return value
    } catch (error) {
      this.#counts.failed += 1
      throw error
    } finally {
      watch?.end()
      this.#running -= 1
      if (this.#running === 0) for (const resume of this.#whenIdle.splice(0)) resume()
    }
  }

  /** A worker may have room: gives it what waits. */
  dispatch(): void {
    const obstacle = this.#staff.obstacle
    if (obstacle !== undefined && !this.#hasWorker()) this.failWaiting(obstacle)
    while (this.#queue.size > 0) {
      const worker = leastLoaded(this.#staff.workers, this.#windowOf)
      if (worker === undefined) return
      const { task } = this.#queue.take(performance.now())!
      task.isWaiting = false
      if (this.#queue.size <= this.#queue.limit / 2) this.#isPressed = false
      this.#start(task, worker)
      task.proceed!()
    }
    this.#staff.waits(false)
  }

  /** Rejects what waits for a worker. */
  failWaiting(makeError: () => Error): void {
    for (const task of this.#queue.takeAll()) {
      task.isWaiting = false
      task.proceed!(makeError)
    }
    this.#staff.waits(false)
  }

  /** Resolves when no call is under way, or waiting. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** What waits. */
  get queue(): ConductorStatus['queue'] {
    const { size, limit } = this.#queue
    return { length: size, limit, oldest: this.#queue.oldest(performance.now()) }
  }

  /** What became of calls. */
  get calls(): ConductorStatus['calls'] {
    return { ...this.#counts }
  }

  get metrics(): Metric[] {
    return callMetrics(this, this.#running - this.#queue.size, this.#durations)
  }

  async #outcome(task: Task): Promise<unknown> {
    for (;;) {
      if (!this.#startNow(task)) await this.#wait(task)
      const { call, worker } = task
      const begin = performance.now()
      try {
        const value = await call!.promise
        const took = performance.now() - begin
        this.#durations.add(took)
        this.#lengths.add(took / Math.max(1, worker!.inFlight))
        return value
      } catch (error) {
        this.#judge(task, call!, worker!, error)
      }
    }
  }

  /** Throws unless the call is to be made again. */
  #judge(task: Task, call: Call, worker: Worker, error: unknown): void {
    const started = worker.lossOf(call)
    // Its own failure; or whoever wanted it does not any more, and its process may have been killed for that.
    if (started === undefined) throw error
    if (task.unwanted !== undefined) throw task.unwanted(started ? 'killed' : 'not started', worker.exit)
    if (started) task.deaths += 1
    const { idempotent, retries, name } = task.request
    switch (afterLoss(started, { idempotent, retries, deaths: task.deaths })) {
      case 'repeat':
        // Nobody fills the place of a worker that a Conductor or pool lost by being stopped.
        if (this.#staff.obstacle !== undefined && !this.#hasWorker()) throw error
        this.#counts.repeated += 1
        return
      case 'lost':
        this.#counts.lost += 1
        throw error
      case 'quarantined': {
        this.#counts.quarantined += 1
        throw quarantined(name, task.deaths, worker.exit, error)
      }
    }
  }

  /** Starts a call if nobody waits before it and a worker has room. */
  #startNow(task: Task): boolean {
    const worker = this.#queue.size === 0 ? leastLoaded(this.#staff.workers, this.#windowOf) : undefined
    if (worker === undefined) return false
    this.#start(task, worker)
    return true
  }

  #start(task: Task, worker: Worker): void {
    // If it has to come back, it comes before those that came after it.
    task.place ??= this.#queue.place(task, task.request.priority, performance.now())
    task.worker = worker
    task.call = worker.start(task.remote)
  }

  /** Waits for a worker. What was in the queue before goes back to its place there. */
  #wait(task: Task): Promise<void> {
    const { obstacle } = this.#staff
    if (obstacle !== undefined && !this.#hasWorker()) throw obstacle()
    if (task.call === undefined && this.#queue.isFull) {
      // Once, until there is room again: those that are refused are told by their errors.
      if (!this.#isPressed) this.#staff.pressure(this.#queue.size)
      this.#isPressed = true
      throw queueFull(this.#queue.limit)
    }
    task.call = undefined
    task.isWaiting = true
    this.#queue.enter((task.place ??= this.#queue.place(task, task.request.priority, performance.now())))
    this.#staff.waits(true)
    return new Promise((resolve, reject) => {
      task.proceed = (failure) => {
        if (failure === undefined) resolve()
        else reject(failure())
      }
    })
  }

  #giveUp(task: Task, makeError: MakeWatchError, isOverdue: boolean): void {
    task.unwanted = makeError
    if (!task.isWaiting) {
      task.call?.giveUp(makeError, isOverdue)
      return
    }
    this.#queue.remove(task.place!)
    task.isWaiting = false
    task.proceed!(() => makeError('not started'))
    if (this.#queue.size === 0) this.#staff.waits(false)
  }

  #hasWorker(): boolean {
    for (const worker of this.#staff.workers) if (worker.isUsable) return true
    return false
  }
}
