/* A stream of Python items: asks for a few ahead, hands them out one by one, closes the iterator when nobody wants more. */
import { BridgeError } from '../errors/bridge-error'
import { inMicrotaskOfAwaiter, type MakeError } from '../errors/rejection'
import type { AsyncProxy } from '../handle/async-proxy'
import type { Connection } from '../native/connection'
import type { StandardSchema } from '../types/standard-schema'
import type { Call, CallStream } from './call'
import { exceptionArgument } from './exception-argument'
import { Operation } from './operation'
import { validated } from './schema'

type Item = IteratorResult<unknown, void>

const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** As many items as Python may be ahead unless the program says otherwise. */
const defaultAhead = 64
/** The same of small items: as many as hide the way between the threads, which takes longer than making and reading them. */
const smallAhead = 256
/** What a small item takes in a message, in bytes. */
const smallItem = 64

/** Whoever waits for an item. */
interface Waiter {
  /** The iterator, which must not be taken for forgotten while its item is waited for. */
  readonly owner: object
  readonly resolve: (item: Item | Promise<Item>) => void
  readonly timer: NodeJS.Timeout | undefined
}

/**
 * One run through a Python iterable.
 *
 * Python may make as many items as were asked for, and `highWaterMark` more. What has been granted and not been asked for yet is
 * on its way, or lies here. A stream that nobody waits for does not keep the process alive.
 */
export class Stream implements CallStream {
  readonly #source: AsyncProxy
  readonly #connection: Connection
  #ahead: number
  readonly #aheadByDefault: boolean
  readonly #timeout: number | undefined
  readonly #schema: StandardSchema | undefined
  #call: Call | undefined
  #items: unknown[] = []
  /** Where the first item lies that nobody has taken. */
  #next = 0
  readonly #waiters: Waiter[] = []
  #asked = 0
  #granted = 0
  #holding = false
  /** How many exceptions are on their way into the generator: items before them are out of date. */
  #throws = 0
  #closing = false
  #ended = false
  /** Why it ended, until somebody has been told. */
  #failure: MakeError | undefined
  /** Told when nobody waits for an item any more. */
  readonly #afterWaiters: (() => void)[] = []
  /** Until what was thrown, and whatever came after it, has been answered. */
  #turn: Promise<void> | undefined
  /** What was thrown into the generator last. */
  #thrown: unknown
  /** Told when the iterator is closed. */
  #closed: (() => void) | undefined
  /** The end of closing it, which happens once. */
  #ending: Promise<void> | undefined

  constructor(source: AsyncProxy) {
    const { highWaterMark, timeout, schema } = source.context.options
    this.#source = source
    this.#connection = source.context.connection
    this.#ahead = highWaterMark ?? defaultAhead
    this.#aheadByDefault = highWaterMark === undefined
    this.#timeout = timeout
    this.#schema = schema
  }

  /** The next item, for the iterator `owner`. */
  take(owner: object): Promise<Item> {
    return this.#turn === undefined ? this.#take(owner) : this.#inTurn(this.#turn, () => this.#take(owner))
  }

  #take(owner: object): Promise<Item> {
    if (this.#next < this.#items.length) {
      const item = this.#items[this.#next]
      this.#items[this.#next] = undefined
      this.#next += 1
      if (this.#next === this.#items.length) {
        this.#items.length = 0
        this.#next = 0
      }
      this.#asked += 1
      this.#grant()
      return Promise.resolve(this.#schema === undefined ? { done: false, value: item } : this.#validated(item))
    }
    if (this.#ended) return this.#end()
    this.#asked += 1
    const promise = this.#wait(owner)
    if (this.#call === undefined) this.#open()
    else this.#grant()
    return promise
  }

  /** No more items are wanted: the iterator is closed, and that is waited for. */
  async close(): Promise<Item> {
    if (this.#call === undefined) this.#ended = true
    this.#discard()
    if (this.#ended) {
      this.#failure = undefined
      return done
    }
    await this.#endInPython()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure(nobody)
    return done
  }

  /** The same, of which nobody is told: whoever had the iterator has forgotten it. */
  abandon(): void {
    if (this.#call === undefined || this.#ended) return
    this.#discard()
    this.#closing = true
    this.#sendClose()
  }

  /** Throws into the generator; gives what it yields next. Waits until those before it have been answered, and those after it wait for it. */
  throw(error: unknown, owner: object): Promise<Item> {
    const before = this.#turn ?? (this.#waiters.length > 0 ? this.#untilAnswered() : resolved)
    return this.#inTurn(before, () => this.#throwNow(error, owner))
  }

  #inTurn(before: Promise<void>, action: () => Promise<Item>): Promise<Item> {
    const item = before.then(action)
    const over = item.then(ignore, ignore).then(() => {
      if (this.#turn === over) this.#turn = undefined
    })
    this.#turn = over
    return item
  }

  async #throwNow(error: unknown, owner: object): Promise<Item> {
    while (this.#waiters.length > 0) await this.#untilAnswered()
    if (this.#call === undefined) this.#ended = true
    if (this.#ended) throw error
    this.#discard()
    this.#throws += 1
    this.#thrown = error
    this.#asked += 1
    // The core does, for what the generator yields then.
    this.#granted += 1
    const item = this.#wait(owner)
    const { context } = this.#source
    const thrown = context.start(
      Operation.throw,
      undefined,
      [],
      [this.#call!.id, exceptionArgument(error, this.#connection)],
    )
    try {
      await thrown.promise
    } catch (problem) {
      this.#throws -= 1
      this.#closing = true
      this.#sendClose()
      this.failed(() => problem as Error)
    }
    return item
  }

  #untilAnswered(): Promise<void> {
    return new Promise((resolve) => this.#afterWaiters.push(resolve))
  }

  /** An item came, which took so many bytes. */
  item(value: unknown, bytes: number): void {
    if (this.#aheadByDefault && this.#ahead > 0) this.#ahead = bytes <= smallItem ? smallAhead : defaultAhead
    if (this.#closing) return
    if (this.#throws > 0) {
      this.#asked += 1
      return
    }
    const waiter = this.#waiters.shift()
    if (waiter === undefined) {
      this.#items.push(value)
      return
    }
    waiter.resolve(this.#schema === undefined ? { done: false, value } : this.#validated(value))
    this.#waited(waiter)
    // What was asked for before the core knew the stream.
    if (this.#granted < this.#asked) this.#grant()
  }

  /** An item came that JavaScript cannot hold. */
  itemFailed(makeError: MakeError): void {
    if (this.#throws > 0) this.#asked += 1
    if (this.#closing || this.#throws > 0) return
    this.#closing = true
    this.#sendClose()
    this.failed(makeError)
  }

  /** What comes from now on comes after the exception. */
  thrown(): void {
    this.#throws -= 1
  }

  /** Nothing is made ahead, because others may go on with the iterator. */
  exact(): void {
    this.#granted -= this.#ahead
    this.#ahead = 0
    this.#grant()
  }

  /** The iterator has no more items. */
  finished(): void {
    if (this.#ended) return
    // It had come to its end before the exception came: that is as if nobody had handled it.
    const thrown = this.#thrown
    this.#finish(this.#throws > 0 ? () => thrown as Error : undefined)
  }

  /** The core has the request. */
  submitted(): void {
    if (this.#waiters.length > 0 || this.#closing) this.#hold()
    if (this.#closing) this.#sendClose()
    else this.#grant()
  }

  /** The iterator failed. */
  failed(makeError: MakeError): void {
    if (!this.#ended) this.#finish(makeError)
  }

  #open(): void {
    const { context } = this.#source
    // The timeout is that of each wait, and the schema that of each item.
    const options = { ...context.options, timeout: undefined, schema: undefined }
    const wanted = [this.#asked, this.#ahead, this.#aheadByDefault]
    this.#granted = this.#asked + this.#ahead
    const call = this.#source.start(Operation.stream, wanted, undefined, context.with(options))
    this.#call = call
    call.follow(this)
  }

  /** As many items as may be made. Not each time: a native call for one in so many is enough. */
  #grant(): void {
    const lead = this.#asked + this.#ahead - this.#granted
    if (lead <= 0 || (this.#granted >= this.#asked && 2 * lead < this.#ahead)) return
    const call = this.#call
    if (call === undefined || call.status !== 'submitted') return
    this.#granted += lead
    this.#connection.port.grant(call.id, lead)
  }

  #wait(owner: object): Promise<Item> {
    this.#hold()
    return new Promise((resolve) => {
      const timeout = this.#timeout
      const timer = timeout === undefined ? undefined : setTimeout(() => this.#timedOut(timeout), timeout)
      this.#waiters.push({ owner, resolve, timer })
    })
  }

  #waited({ timer }: Waiter): void {
    clearTimeout(timer)
    if (this.#waiters.length === 0) this.#allAnswered()
  }

  #allAnswered(): void {
    this.#rest()
    for (const resume of this.#afterWaiters.splice(0)) resume()
  }

  #timedOut(timeout: number): void {
    if (this.#call === undefined) return
    const message = `the next item of the stream did not come within ${timeout} ms`
    this.#call.giveUp((callState, exit) => new BridgeError('ERR_TIMEOUT', message, { callState, exit }), true)
  }

  #finish(failure: MakeError | undefined): void {
    this.#ended = true
    this.#failure = failure
    for (const waiter of this.#waiters.splice(0)) {
      waiter.resolve(this.#end())
      clearTimeout(waiter.timer)
    }
    this.#allAnswered()
    this.#closed?.()
  }

  /** The end, for one who asks: an error is told once. */
  #end(): Promise<Item> {
    const failure = this.#failure
    if (failure === undefined) return Promise.resolve(done)
    this.#failure = undefined
    return inMicrotaskOfAwaiter(failure)
  }

  /** What is dropped counts as asked for: others may be made in its place. */
  #discard(): void {
    this.#asked += this.#items.length - this.#next
    this.#items.length = 0
    this.#next = 0
  }

  /** Closes the iterator; resolves when Python has done that. */
  #endInPython(): Promise<void> {
    return (this.#ending ??= new Promise<void>((resolve) => {
      this.#closed = resolve
      this.#closing = true
      this.#hold()
      this.#sendClose()
    }))
  }

  #sendClose(): void {
    const call = this.#call
    if (call === undefined || this.#ended) return
    call.send()
    if (call.status === 'submitted') this.#connection.port.closeStream(call.id)
  }

  async #validated(item: unknown): Promise<Item> {
    try {
      return { done: false, value: await validated(this.#schema!, item) }
    } catch (error) {
      // It ends the loop as leaving it early would.
      this.#discard()
      if (!this.#ended) await this.#endInPython()
      this.#failure = undefined
      throw error
    }
  }

  /** Somebody waits: that keeps the process alive, as a call under way does. */
  #hold(): void {
    if (this.#holding || !this.#connection.attached) return
    this.#holding = true
    this.#connection.port.hold(1)
  }

  #rest(): void {
    if (!this.#holding) return
    this.#holding = false
    if (this.#connection.attached) this.#connection.port.hold(0)
  }
}

const resolved = Promise.resolve()

function ignore(): void {}

/** The boundary of a stack without frames. */
function nobody(): void {}
