// Measures several sides in turn (A B, B A, A B, ...), so that what disturbs the machine disturbs all of them alike.

/**
 * @param samplers one function a side; it measures once and returns a figure, or a promise of one
 * @param onRound called after every round with the share that is done
 * @returns for each side the median, the minimum and the number of its figures
 */
export async function interleave(samplers, { rounds, onRound }) {
  const names = Object.keys(samplers)
  const figures = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) figures[name].push(await samplers[name]())
    onRound((round + 1) / rounds)
  }
  return Object.fromEntries(names.map((name) => [name, summarize(figures[name])]))
}

/**
 * A sampler for a loop: nanoseconds a turn. The number of turns is chosen so that one sample takes long enough for the clock;
 * choosing it warms the loop up as well.
 *
 * @param loop runs that many turns; may return a promise
 * @param multiple the number of turns is a multiple of this
 */
export async function timedLoop(loop, { milliseconds, multiple = 1 }) {
  let turns = multiple
  for (;;) {
    const nanoseconds = await time(loop, turns)
    if (nanoseconds >= milliseconds * 1e6) break
    turns = multiple * Math.ceil((turns * Math.min(10, (1.2 * milliseconds * 1e6) / nanoseconds)) / multiple)
  }
  return async () => (await time(loop, turns)) / turns
}

async function time(loop, turns) {
  const start = process.hrtime.bigint()
  const pending = loop(turns)
  if (pending !== undefined) await pending
  return Number(process.hrtime.bigint() - start)
}

/** The median, the minimum and the number of figures. */
export function summarize(figures) {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, minimum: sorted[0], samples: sorted.length }
}

/** The side with the smallest median: the floor is the fastest of the ways that were tried. */
export function fastest(sides) {
  return sides.reduce((best, side) => (side.median < best.median ? side : best))
}
