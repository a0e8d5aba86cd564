/* The calls under way, by request id. */
import type { Call } from './call'

/** A window that is longer than this and mostly empty is cleared of its stragglers. */
const longWindow = 4096

/**
 * Ids are given in order and requests end nearly in order, so an array with a moving start holds them: several times faster than a
 * `Map`, which makes new tables all the time under such use. Calls that outlast thousands of others are kept aside.
 */
export class PendingCalls {
  #window: (Call | undefined)[] = []
  /** The id of the first entry of the window. */
  #first = 1
  #count = 0
  readonly #stragglers = new Map<number, Call>()

  get(id: number): Call | undefined {
    return this.#window[id - this.#first] ?? this.#stragglers.get(id)
  }

  /** `id` must be free, and larger than all before unless the numbers began anew. */
  set(id: number, call: Call): void {
    if (this.#count === 0) this.#restart(id)
    else if (id < this.#first || id - this.#first > this.#window.length + longWindow) this.#moveOn(id)
    this.#window[id - this.#first] = call
    this.#count += 1
  }

  delete(id: number): void {
    const index = id - this.#first
    if (this.#window[index] !== undefined) {
      this.#window[index] = undefined
      this.#count -= 1
      if (this.#window.length > longWindow && this.#count < this.#window.length / 4)
        this.#moveOn(this.#first + this.#window.length)
    } else {
      this.#stragglers.delete(id)
    }
  }

  /** Takes all of them out. */
  takeAll(): Call[] {
    const calls = [...this.#stragglers.values(), ...this.#window.filter((call) => call !== undefined)]
    this.#stragglers.clear()
    this.#restart(1)
    return calls
  }

  /** Begins a new window; what is left of the old one goes aside. */
  #moveOn(first: number): void {
    for (const [index, call] of this.#window.entries()) {
      if (call !== undefined) this.#stragglers.set(this.#first + index, call)
    }
    this.#restart(first)
  }

  #restart(first: number): void {
    this.#window.length = 0
    this.#first = first
    this.#count = 0
  }
}
