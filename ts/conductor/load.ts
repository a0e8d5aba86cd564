/* Which worker gets the next call, and how many it may have. Pure. */

/** What is to be known of a worker. */
export interface Load {
  /** Calls that it has not answered. */
  readonly inFlight: number
  /** Sessions that are open in it: calls to come. */
  readonly sessions: number
  /** How many calls run in it at the same time. */
  readonly concurrency: number
}

/** Calls that take no longer than this are sent ahead; milliseconds. */
const short = 10
/** How much the last call counts for the mean. */
const share = 0.1

/**
 * How long calls take, as a mean that forgets. A worker may have as many calls again as run in it, so that it need not wait for the
 * next one; but only while they are short: a call that waits in a worker cannot go to another one which is free.
 */
export class CallLengths {
  #mean = 0

  /** A call took so many milliseconds. */
  add(milliseconds: number): void {
    this.#mean += share * (milliseconds - this.#mean)
  }

  /** How many calls a worker may have. */
  windowOf({ concurrency }: Load): number {
    return this.#mean <= short ? 2 * concurrency : concurrency
  }
}

/** The worker with the least to do; none if all have as much as they may. Of equal ones the first. */
export function leastLoaded<W extends Load>(workers: Iterable<W>, windowOf: (worker: W) => number): W | undefined {
  let least: W | undefined
  for (const worker of workers) {
    if (worker.inFlight >= windowOf(worker)) continue
    if (least === undefined || loadOf(worker) < loadOf(least)) least = worker
  }
  return least
}

/** How much there is to do in a worker, by how much it can do at a time. */
function loadOf({ inFlight, sessions, concurrency }: Load): number {
  return (inFlight + sessions) / concurrency
}
