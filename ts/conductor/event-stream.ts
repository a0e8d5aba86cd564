/* Events as an asynchronous iterator: those from its beginning on, none of them lost. */
import { cancelled } from '../call/call-watch'

type Result<T> = IteratorResult<T, undefined>

/** What waits to be read, or who waits for it. */
export class EventStream<T> implements AsyncIterableIterator<T, undefined, undefined> {
  #events: T[] = []
  readonly #waiters: { resolve(result: Result<T>): void; reject(error: Error): void }[] = []
  #hasEnded = false
  #failure: Error | undefined
  readonly #signal: AbortSignal | undefined
  readonly #aborted = (): void => this.#fail(cancelled(this.#signal, undefined))
  readonly #forget: (stream: EventStream<T>) => void

  /** @param forget told once when no more events are wanted */
  constructor(signal: AbortSignal | undefined, forget: (stream: EventStream<T>) => void) {
    this.#signal = signal
    this.#forget = forget
    if (signal?.aborted) this.#aborted()
    else signal?.addEventListener('abort', this.#aborted, { once: true })
  }

  push(event: T): void {
    if (this.#hasEnded) return
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#events.push(event)
    else waiter.resolve({ done: false, value: event })
  }

  /** No more will come; those that are here can still be read. */
  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#signal?.removeEventListener('abort', this.#aborted)
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined })
    this.#forget(this)
  }

  next(): Promise<Result<T>> {
    if (this.#events.length > 0) return Promise.resolve({ done: false, value: this.#events.shift() as T })
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) return Promise.reject(failure)
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  return(): Promise<Result<T>> {
    this.#events = []
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Whoever waits is told; else whoever asks next, after the events that came before. */
  #fail(error: Error): void {
    if (this.#hasEnded) return
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#failure = error
    else waiter.reject(error)
    this.end()
  }
}
