/* A call under way: the proxy handler that is a promise of its result, and the target of further requests before that. */
import type { InspectOptionsStylized } from 'node:util'
import { asTheyAre, type Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { StackBoundary } from '../errors/from-native'
import { inMicrotaskOfAwaiter, type MakeError } from '../errors/rejection'
import { AsyncProxy } from '../handle/async-proxy'
import { dataUse, unawaitedAsData } from '../handle/data-misuse'
import { handlerOf } from '../handle/internal'
import { callTarget } from '../handle/proxy-target'
import type { HandleState } from '../handle/state'
import type { Arrival } from '../rules/results'
import type { StandardSchema } from '../types/standard-schema'
import type { CallWatch, MakeWatchError } from './call-watch'
import { arrivalOf, givesValue, isValidated, Operation, type OperationNumber } from './operation'
import { Path, type Step } from './path'
import type { Named } from './request-writer'
import type { CallContext } from './scope'
import { hasState } from './subject'

/**
 * The life of a call:
 *
 * - `queued`: its request is in the batch of this tick
 * - `submitted`: the core has it
 * - `kept`: it is done, and the core keeps the Python object for those that ask
 * - `value`, `error`: it is settled
 *
 * `queued` -> `submitted` -> `value` | `error` | `kept`; `kept` -> `value` | `error` when somebody awaits it after all;
 * `queued` -> `error` when it cannot be encoded, is cancelled, or Python does not start.
 */
export type CallStatus = 'queued' | 'submitted' | 'kept' | 'value' | 'error'

const noSteps: readonly Step[] = []

/** What a call needs of the queue that sent it. */
export interface CallQueue {
  /** Sets or clears the flag that asks for the conversion of the outcome, while the request is still in the batch. */
  setConversion(call: Call, convert: boolean): void
  /** Hands the batch over now. */
  flush(): void
  /** A call is not wanted any more. */
  giveUp(call: Call, makeError: MakeWatchError, isOverdue: boolean): void
}

/** Who gets the items of a call that is a stream. */
export interface CallStream {
  item(value: unknown, bytes: number): void
  itemFailed(makeError: MakeError): void
  thrown(): void
  exact(): void
  finished(): void
  submitted(): void
  failed(makeError: MakeError): void
}

/** The handler of a call. */
export class Call extends AsyncProxy {
  status: CallStatus = 'queued'
  /** Where the request begins in its batch. */
  offset = 0
  /** What it does: that decides which options its outcome is for. */
  operation: OperationNumber = Operation.value
  /** What must live until the core is done with the request: the states and calls it names. */
  named: Named
  /** Ends the wait for a signal or a timeout. */
  watch: CallWatch | undefined
  /** Gets its items, if it is a stream. */
  stream: CallStream | undefined
  /** Whoever wanted it has called it off while it ran, and this makes the error of that. */
  unwanted: MakeWatchError | undefined
  /** How long it may go on after that. */
  grace: NodeJS.Timeout | undefined
  /** Its promise was rejected early: nobody wants the outcome any more. */
  abandoned = false
  /** Requests under way that name this one: until they are done, the core must remember it. */
  #users = 0
  #finished = false
  #proxy: object | undefined
  #outcome: unknown
  #makeError: MakeError | undefined
  #promise: Promise<unknown> | undefined
  #resolve: ((value: unknown) => void) | undefined
  #awaited = false
  #continued = false

  constructor(
    readonly id: number,
    override readonly context: CallContext,
    private readonly queue: CallQueue,
  ) {
    super()
  }

  /** The promise-like that the program gets. */
  get proxy(): object {
    return (this.#proxy ??= new Proxy(callTarget, this))
  }

  /** The promise of the result. Asking for it means that the result is wanted. */
  get promise(): Promise<unknown> {
    this.#want()
    return (this.#promise ??= this.#newPromise())
  }

  /** Validates its outcome. */
  get schema(): StandardSchema | undefined {
    return isValidated(this.operation) ? this.context.options.schema : undefined
  }

  /** Which types its outcome gets. */
  get convert(): Conversion {
    return givesValue(this.operation) ? (this.context.options.convert ?? this.context.connection.conversion) : asTheyAre
  }

  /** What becomes of the handles in its outcome. */
  get arrival(): Arrival {
    return arrivalOf(this.operation, this.context.options.returns)
  }

  /** Its items go to `stream`, which also gets its failure. */
  follow(stream: CallStream): void {
    this.stream = stream
    if (this.status !== 'error') return
    // It failed before it was followed: whoever asks for items is told.
    this.#promise?.catch(ignore)
    stream.failed(this.#makeError!)
  }

  /** It is not wanted any more. */
  giveUp(makeError: MakeWatchError, isOverdue: boolean): void {
    this.queue.giveUp(this, makeError, isOverdue)
  }

  /** Leaves its batch now, if Python runs. */
  send(): void {
    if (this.status === 'queued') this.queue.flush()
  }

  /** Its outcome is there. */
  fulfil(value: unknown): void {
    this.#settle('value', value)
    this.stream?.finished()
    this.#resolve?.(value)
  }

  /** A request that names this one is under way. */
  hold(): void {
    this.#users += 1
  }

  /** A request that named this one is done. */
  letGo(): void {
    this.#users -= 1
    if (this.#users === 0 && this.#finished) this.context.connection.port.releaseRequest(this.id)
  }

  /** Its outcome was handed over. The core forgets it after that, unless it is told that other requests name it. */
  delivered(): void {
    this.#finished = true
    if (this.#users > 0) this.context.connection.port.keepRequest(this.id)
  }

  /** It never ran. The core need not remember it, except for the requests that name it. */
  release(): void {
    this.#finished = true
    if (this.#users === 0) this.context.connection.port.releaseRequest(this.id)
  }

  /** The core is done and kept the object. */
  keep(): void {
    this.status = 'kept'
    // Whoever asks for the conversion after all has a watch of its own.
    this.#endWatch()
    if (this.#resolve !== undefined) this.#resolve(this.#convert())
  }

  /**
   * It failed. The error is made in a microtask that belongs to whoever awaits: so its stack shows their frames, and a call that
   * succeeds pays nothing for that. An error that nobody awaits, and no further request took over, is an unhandled rejection.
   */
  fail(makeError: MakeError): void {
    this.#makeError = makeError
    if (this.stream !== undefined) {
      this.#settle('error', undefined)
      this.stream.failed(makeError)
      return
    }
    // `then` may have been looked up but not called yet.
    if (this.#awaited) this.#promise ??= this.#newPromise()
    this.#settle('error', undefined)
    if (this.#resolve !== undefined) {
      this.#resolve(inMicrotaskOfAwaiter((boundary) => this.error(boundary)))
      return
    }
    this.#promise = Promise.reject(this.error(nobody))
    if (this.#continued) this.#promise.catch(ignore)
  }

  /** Why it failed; only in the status `error`. */
  error(boundary: StackBoundary): Error {
    return (this.#outcome ??= this.#makeError?.(boundary)) as Error
  }

  #settle(status: 'value' | 'error', outcome: unknown): void {
    this.status = status
    this.#outcome = outcome
    this.#endWatch()
  }

  #endWatch(): void {
    if (this.watch === undefined) return
    this.watch.end()
    this.watch = undefined
  }

  /** For another request that names this one among its arguments: what to name. */
  reference(path: () => string): HandleState | Call {
    this.continue()
    if (this.status === 'error') throw this.error(nobody)
    if (this.status !== 'value') return this
    const handler = handlerOf(this.#outcome)
    if (hasState(handler)) return handler.state
    throw settledReference(path())
  }

  /** For another request: the value, if this is settled with one, else `otherwise`. */
  settledValueOr(otherwise: unknown): unknown {
    return this.status === 'value' ? this.#outcome : otherwise
  }

  /** For another request whose target this is: what to name. Throws if this failed, or if there is no Python object any more. */
  resolvedTarget(): HandleState | Call {
    this.continue()
    if (this.status === 'error') throw this.error(nobody)
    if (this.status !== 'value') return this
    const handler = handlerOf(this.#outcome)
    if (hasState(handler)) return handler.state
    throw settledTarget(this.#outcome)
  }

  override get target(): this {
    return this
  }

  override get steps(): readonly Step[] {
    return noSteps
  }

  override get label(): string {
    return '[Python call]'
  }

  override extended(step: Step): object {
    return Path.from(this.#chained, this, undefined, step)
  }

  /** What is asked of the outcome shares the signal and the timeout, but `returns` was about this result. */
  override start(operation: OperationNumber, args?: readonly unknown[], named?: object, context = this.#chained): Call {
    return super.start(operation, args, named, context)
  }

  get #chained(): CallContext {
    const { options } = this.context
    if (options.returns === 'auto') return this.context
    return this.context.with({ ...options, returns: 'auto', schema: undefined })
  }

  /** A call has started already: only what is asked of its outcome has the new options. */
  override withContext(context: CallContext): object {
    return Path.from(context, this, undefined, undefined)
  }

  protected override own(key: string | symbol): unknown {
    switch (key) {
      case 'then':
        // Whoever looks for `then` is about to await, and the batch may leave before `then` is called.
        this.#want()
        return promiseMembers.then
      case 'catch':
        return promiseMembers.catch
      case 'finally':
        return promiseMembers.finally
      case 'constructor':
        return Promise
      case Symbol.toStringTag:
        return 'Promise'
      default:
        return undefined
    }
  }

  override refuse(use: string): Error {
    return unawaitedAsData(this.label, use)
  }

  override text(): string {
    throw this.refuse(dataUse.text)
  }

  override inspected(_depth: number, options: InspectOptionsStylized): string {
    return `${options.stylize(this.label, 'special')} (${this.status === 'value' || this.status === 'error' ? 'settled' : 'pending'})`
  }

  /** Another request uses the outcome: unless somebody awaits it too, it need not be converted. */
  continue(): void {
    if (this.#continued) return
    this.#continued = true
    if (this.status === 'queued' && !this.#awaited) this.queue.setConversion(this, false)
    else if (this.status === 'error') this.#promise?.catch(ignore)
  }

  #want(): void {
    if (this.#awaited) return
    this.#awaited = true
    if (this.status === 'queued' && this.#continued) this.queue.setConversion(this, true)
  }

  #newPromise(): Promise<unknown> {
    switch (this.status) {
      case 'value':
        return Promise.resolve(this.#outcome)
      case 'error':
        return Promise.reject(this.error(nobody))
      case 'kept':
        return this.#convert()
      default: {
        const promise = new Promise(capture)
        this.#resolve = captured
        // The function would keep the promise, and so the result, until the next call.
        captured = ignore
        return promise
      }
    }
  }

  /** Converts an outcome that the core kept. */
  async #convert(): Promise<unknown> {
    const value = await this.context.start(Operation.value, this).promise
    this.#settle('value', value)
    return value
  }
}

/** One function for all promises: a closure for each would cost as much as the promise. */
let captured: (value: unknown) => void = ignore
function capture(resolve: (value: unknown) => void): void {
  captured = resolve
}

const promiseMembers = {
  then(
    this: object,
    fulfilled?: (value: unknown) => unknown,
    rejected?: (reason: unknown) => unknown,
  ): Promise<unknown> {
    return callBehind(this).promise.then(fulfilled, rejected)
  },
  catch(this: object, rejected?: (reason: unknown) => unknown): Promise<unknown> {
    return callBehind(this).promise.catch(rejected)
  },
  finally(this: object, settled?: () => void): Promise<unknown> {
    return callBehind(this).promise.finally(settled)
  },
}

function callBehind(proxy: object): Call {
  return handlerOf(proxy) as Call
}

function ignore(): void {}

/** The boundary of a stack without frames, for errors that concern no caller. */
function nobody(): void {}

function settledReference(path: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: the call has settled with a plain value, and its Python object is gone; pass what \`await\` gave`,
    { path },
  )
}

function settledTarget(outcome: unknown): BridgeError {
  return new BridgeError(
    'ERR_HANDLE_DISPOSED',
    `the call has settled with a plain value (${outcome === null ? 'null' : typeof outcome}), and its Python object is gone; ` +
      "use the value, or keep the object with `$with({ returns: 'ref' })`",
  )
}
