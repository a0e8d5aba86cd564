/* Which waiting call is next: the most urgent one, and of equally urgent ones the oldest. Pure: time is for the caller to say. */

/** The most urgent calls, and the least urgent ones. */
export const highestPriority = 2
export const lowestPriority = -2

/** One that waits. */
export interface Waiting<T> {
  readonly task: T
  /** From `lowestPriority` to `highestPriority`. */
  readonly priority: number
  /** The order in which they came. */
  readonly sequence: number
  /** When, in milliseconds. */
  readonly since: number
}

/**
 * Calls in five bands of urgency. Who waits becomes one step more urgent after each `ageing` milliseconds, so that none waits for ever:
 * after four steps the oldest one is the next, whatever it is.
 */
export class TaskQueue<T> {
  /** By band, the least urgent first; each in the order of their sequence. */
  readonly #bands: Waiting<T>[][] = Array.from({ length: highestPriority - lowestPriority + 1 }, () => [])
  #size = 0
  #lastSequence = 0

  /**
   * @param limit how many may wait
   * @param ageing milliseconds
   */
  constructor(
    readonly limit: number,
    readonly ageing: number,
  ) {}

  get size(): number {
    return this.#size
  }

  /** Whether one more would be one too many. */
  get isFull(): boolean {
    return this.#size >= this.limit
  }

  /** A place in the order, also for one that need not wait now and perhaps has to later. */
  place(task: T, priority: number, now: number): Waiting<T> {
    return { task, priority, sequence: (this.#lastSequence += 1), since: now }
  }

  /** Lets one wait at its place. The limit is for the caller to heed: one that was in the queue before comes back in any case. */
  enter(waiting: Waiting<T>): void {
    const band = this.#bandOf(waiting)
    let index = band.length
    while (index > 0 && band[index - 1]!.sequence > waiting.sequence) index -= 1
    band.splice(index, 0, waiting)
    this.#size += 1
  }

  /** Takes one out that is not to wait any more; whether it was there. */
  remove(waiting: Waiting<T>): boolean {
    const band = this.#bandOf(waiting)
    const index = band.indexOf(waiting)
    if (index === -1) return false
    band.splice(index, 1)
    this.#size -= 1
    return true
  }

  /** Takes out the next one. */
  take(now: number): Waiting<T> | undefined {
    let next: Waiting<T> | undefined
    let urgency = -Infinity
    for (const [first] of this.#bands) {
      // The first of a band has waited longest, so no other one of it is more urgent.
      if (first === undefined) continue
      const itsUrgency = this.#urgencyOf(first, now)
      if (itsUrgency < urgency || (itsUrgency === urgency && first.sequence > next!.sequence)) continue
      next = first
      urgency = itsUrgency
    }
    if (next !== undefined) this.remove(next)
    return next
  }

  /** Takes out all of them, in the order in which they came. */
  takeAll(): T[] {
    const all = this.#bands.flatMap((band) => band.splice(0))
    this.#size = 0
    return all.sort((one, other) => one.sequence - other.sequence).map(({ task }) => task)
  }

  /** How long the one that came first has waited, in milliseconds. */
  oldest(now: number): number {
    return Math.max(0, ...this.#bands.map(([first]) => (first === undefined ? 0 : now - first.since)))
  }

  #urgencyOf({ priority, since }: Waiting<T>, now: number): number {
    return Math.min(highestPriority, priority + Math.floor((now - since) / this.ageing))
  }

  #bandOf({ priority }: Waiting<T>): Waiting<T>[] {
    return this.#bands[priority - lowestPriority]!
  }
}
