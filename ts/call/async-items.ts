/* The asynchronous iterator that a program gets over a Python iterable. */
import type { AsyncProxy } from '../handle/async-proxy'
import { Stream } from './stream'

/** An iterator that the program has forgotten in the middle of its items: Python's is closed. */
const forgotten = new FinalizationRegistry<Stream>((stream) => stream.abandon())

/**
 * An asynchronous iterator over a Python iterable. Python makes a few items more than were asked for (the option `highWaterMark`),
 * and waits then, so a slow reader slows a generator down. Leaving the loop early closes the generator.
 */
export class AsyncItems implements AsyncIterableIterator<unknown, void, undefined> {
  readonly #stream: Stream

  constructor(source: AsyncProxy) {
    this.#stream = new Stream(source)
    forgotten.register(this, this.#stream)
  }

  next(): Promise<IteratorResult<unknown, void>> {
    return this.#stream.take(this)
  }

  return(): Promise<IteratorResult<unknown, void>> {
    return this.#stream.close()
  }

  /**
   * Throws into the Python generator, at the `yield` where it stands, which may be some items ahead; these are dropped. Gives what the
   * generator yields next.
   */
  throw(error?: unknown): Promise<IteratorResult<unknown, void>> {
    return this.#stream.throw(error, this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
