// A seeded source of random numbers: the same seed gives the same plan.

/** Mulberry32: small, fast, and good enough to choose what to do next. */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** From 0 up to but not including 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From 0 up to but not including `limit`. */
  integer(limit) {
    return Math.floor(this.fraction() * limit)
  }

  /** True that often. */
  chance(probability) {
    return this.fraction() < probability
  }

  /** A source of its own for something that runs beside, so that neither depends on how far the other is. */
  fork() {
    return new Random(this.integer(2 ** 32))
  }

  /** One of the names, by their weights. */
  choose(weights) {
    const entries = Object.entries(weights)
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    return entries.find(([, weight]) => (left -= weight) < 0)?.[0] ?? entries[0][0]
  }
}
