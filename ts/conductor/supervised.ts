/* What a `Conductor` and a `WorkerPool` have in common. */
import { EventEmitter } from 'node:events'
import { checkNames } from '../call/options'
import { openSession } from '../host/session-scopes'
import { PythonSession } from '../session'
import type {
  ConductorEvent,
  ConductorEvents,
  ConductorStatus,
  RemoteCallOptions,
  RemoteSession,
} from '../types/conductor'
import type { AnyKw, Arguments } from '../types/keywords'
import type { ResultOf } from '../types/handle'
import type { StandardSchema } from '../types/standard-schema'
import type { Untyped } from '../types/untyped'
import { taskRequest } from './call-arguments'
import { integer, milliseconds } from './checks'
import { noProcess, stopped } from './errors'
import { EventStream } from './event-stream'
import type { CheckedConductorOptions } from './options'
import { Workers } from './workers'
import type { NativeSide } from './native-side'

const stopNames: ReadonlySet<string> = new Set(['drain'])
const eventNames: ReadonlySet<string> = new Set(['signal'])
const dumpNames: ReadonlySet<string> = new Set(['worker'])
const isWorker = integer(0, 0xffff_ffff, undefined)

/**
 * Supervised Python processes. What happens to them is told by events, which are named in `ConductorEvent`; there is no event `error`, so
 * nobody has to listen.
 */
export abstract class Supervised extends EventEmitter<ConductorEvents> implements AsyncDisposable {
  /** @internal */
  protected readonly workers: Workers
  /** @internal */
  protected readonly options: CheckedConductorOptions
  readonly #streams = new Set<EventStream<ConductorEvent>>()

  /** @internal */
  protected constructor(native: NativeSide, options: CheckedConductorOptions, name: string) {
    super()
    this.options = options
    this.workers = new Workers(native, options, name, (event) => this.#tell(event))
  }

  /**
   * Calls a Python function by its name, `'module:function'`, or an attribute of the `target`. It waits until a process has room for
   * it, and runs at most once unless the options say otherwise. Rejects with what Python raised; with `ERR_WORKER_LOST`, where `started`
   * says whether it had begun, when its process ended; with `ERR_QUEUE_FULL`, `ERR_CONDUCTOR_DOWN`, `ERR_CLOSED`.
   *
   * ```ts
   * await conductor.call('decide', [context], kw({ top: 3 }), { timeout: 5_000 })
   * ```
   */
  call<const R extends 'ref' | StandardSchema>(
    name: string,
    args: Arguments | undefined,
    options: RemoteCallOptions & { readonly returns: R },
  ): Promise<ResultOf<R>>
  call<const R extends 'ref' | StandardSchema>(
    name: string,
    args: Arguments | undefined,
    named: AnyKw | undefined,
    options: RemoteCallOptions & { readonly returns: R },
  ): Promise<ResultOf<R>>
  call<T = Untyped>(name: string, args?: Arguments, options?: RemoteCallOptions): Promise<T>
  call<T = Untyped>(
    name: string,
    args: Arguments | undefined,
    named: AnyKw | undefined,
    options?: RemoteCallOptions,
  ): Promise<T>
  async call(name: string, args?: Arguments, ...rest: readonly unknown[]): Promise<unknown> {
    this.checkOpen()
    const { target, convert } = this.options
    return await this.workers.dispatcher.run(taskRequest(name, args, rest, target, convert))
  }

  /** A thread of its own in the process with the least to do: what is made in it stays usable there. */
  async session(): Promise<RemoteSession> {
    this.checkOpen()
    const worker = await this.workers.ready()
    // It counts as something to do, so that others go elsewhere.
    worker.sessions += 1
    try {
      const scope = await openSession(worker.connection, () => (worker.sessions -= 1))
      return PythonSession.over(scope) as unknown as RemoteSession
    } catch (error) {
      worker.sessions -= 1
      throw error
    }
  }

  /** How the processes are, and what is under way. */
  status(): ConductorStatus {
    return this.workers.status()
  }

  /**
   * Where all threads of a process stand, in the words of Python's `faulthandler`; also of one that hangs in C code.
   *
   * @param options `worker`: the number of one, as `status()` has it. @default the first that has a process
   */
  async dump(options: { readonly worker?: number | undefined } = {}): Promise<string> {
    this.checkOpen()
    checkNames(options, dumpNames)
    const given = isWorker(options.worker, 'worker')
    const worker = given ?? this.status().workers.find(({ pid }) => pid !== null)?.worker
    if (worker === undefined) throw (this.workers.obstacle ?? (() => noProcess(this.workers.name)))()
    return await this.workers.dump(worker)
  }

  /** The events from now on. Ends when the processes are stopped; rejects with `ERR_CANCELLED` when `signal` says so. */
  events(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterableIterator<ConductorEvent, undefined> {
    checkNames(options, eventNames)
    const stream = new EventStream<ConductorEvent>(options.signal, (ended) => this.#streams.delete(ended))
    if (this.workers.isStopped) stream.end()
    else this.#streams.add(stream)
    return stream
  }

  /** Puts other processes in the place of all; resolves when they are ready. Handles and sessions end with the processes that they are of. */
  async restart(): Promise<void> {
    this.checkOpen()
    await this.workers.restart()
  }

  /** Ends a crash loop: processes are started again, and counted anew. */
  reset(): void {
    this.checkOpen()
    this.workers.reset()
  }

  /**
   * Ends the processes; they and what they have started are gone when the promise resolves. Calls that were made before have `drain`
   * milliseconds to finish; what is not done then, and what comes afterwards, rejects with `ERR_CLOSED`. Idempotent.
   */
  async stop(options: { readonly drain?: number | undefined } = {}): Promise<void> {
    checkNames(options, stopNames)
    const drain = milliseconds(this.options.stop.drain)(options.drain, 'drain')
    await this.workers.stop(drain)
    for (const stream of this.#streams) stream.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.workers.isStopped) throw stopped(this.workers.name)
  }

  #tell(event: ConductorEvent): void {
    for (const stream of this.#streams) stream.push(event)
    try {
      ;(this.emit as (name: string, event: ConductorEvent) => boolean).call(this, event.type, event)
    } catch (error) {
      // An uncaught exception, as it would be in any event handler; the supervision goes on.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
