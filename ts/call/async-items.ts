/* Iterates over a Python object with one request an item. */
import type { AsyncProxy } from '../handle/async-proxy'
import { handlerOf } from '../handle/internal'
import type { HandleState } from '../handle/state'
import { validated } from './schema'
import { Operation } from './operation'
import { isBridgeError, wasRaised } from '../errors/bridge-error'
import { checkedOptions, noOptions } from './options'
import { hasState } from './subject'

const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * An asynchronous iterator over a Python iterable. The next item is asked for when the program asks for it, so a slow reader
 * slows a generator down. Leaving the loop early closes the generator. Requests for items wait for each other, whatever the
 * program does.
 */
export class AsyncItems implements AsyncIterableIterator<unknown, void, undefined> {
  #source: AsyncProxy | undefined
  #iterator: HandleState | undefined
  #busy = false
  readonly #waiting: (() => void)[] = []

  constructor(source: AsyncProxy) {
    this.#source = source
  }

  next(): Promise<IteratorResult<unknown, void>> {
    return this.#inTurn(() => this.#next())
  }

  return(): Promise<IteratorResult<unknown, void>> {
    return this.#inTurn(() => this.#close())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async #next(): Promise<IteratorResult<unknown, void>> {
    const source = this.#source
    if (source === undefined) return done
    try {
      const iterator = (this.#iterator ??= await openIterator(source))
      const item = (await source.context.start(Operation.next, iterator).promise) as unknown[]
      const { schema } = source.context.options
      if (item.length > 0)
        return { done: false, value: schema === undefined ? item[0] : await validated(schema, item[0]) }
    } catch (error) {
      await this.#endAfter(error)
      throw error
    }
    this.#finish()
    return done
  }

  async #close(): Promise<IteratorResult<unknown, void>> {
    const source = this.#source
    const iterator = this.#iterator
    if (source !== undefined && iterator !== undefined) {
      try {
        await source.context.start(Operation.close, iterator).promise
      } finally {
        this.#finish()
      }
    }
    this.#source = undefined
    return done
  }

  /**
   * An item that cannot be converted ends the loop as leaving it early would: Python's `finally` runs. What Python raised has done
   * that. After a timeout or a cancellation the last step is still running, and is not waited for.
   */
  async #endAfter(error: unknown): Promise<void> {
    const source = this.#source
    const iterator = this.#iterator
    if (source !== undefined && iterator !== undefined && !wasRaised(error)) {
      const closed = source.context.with(noOptions).start(Operation.close, iterator).promise.catch(ignore)
      if (!isBridgeError(error, 'ERR_TIMEOUT') && !isBridgeError(error, 'ERR_CANCELLED')) await closed
    }
    this.#finish()
  }

  #finish(): void {
    this.#source = undefined
    this.#iterator?.dispose()
    this.#iterator = undefined
  }

  /** Runs a step when those before it are done. Its promise has no subscriber but the program, whose frames errors then show. */
  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    if (this.#busy) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#busy = true
    try {
      return await step()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy = false
      else next()
    }
  }
}

/** What matters is why it had to be closed. */
function ignore(): void {}

async function openIterator(source: AsyncProxy): Promise<HandleState> {
  const context = source.context.with(checkedOptions({ returns: 'ref' }, source.context.options))
  const handler = handlerOf(await source.start(Operation.iterator, [], undefined, context).promise)
  if (!hasState(handler)) throw new TypeError('an iterator is always a handle')
  return handler.state
}
