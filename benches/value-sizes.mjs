// What values cost by their size: in and back, from 10 elements to a million. The cost of an element must not grow with their number.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'

/** Each makes a value of so many elements. */
const kinds = {
  'dicts of 5 fields': (count) =>
    Array.from({ length: count }, (_, index) => ({
      id: index,
      name: `item ${index}`,
      price: index / 7,
      active: index % 2 === 0,
      note: null,
    })),
  'one dict': (count) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, index])),
  'list of strings': (count) => Array.from({ length: count }, (_, index) => `item ${index}`),
  'list of floats': (count) => Array.from({ length: count }, (_, index) => index + 0.5),
  'nested lists': (count) => {
    let nested = []
    for (let depth = 0; depth < count; depth++) nested = [nested]
    return nested
  },
  'set of integers': (count) => new Set(Array.from({ length: count }, (_, index) => index)),
}

/** @returns for each kind the sizes, and the nanoseconds that an element takes */
export async function curves({ quick, onProgress }) {
  await python.start()
  const { identity } = python.importSync('bench_values')
  const sizes = quick ? [10, 1_000, 100_000] : [10, 100, 1_000, 10_000, 100_000, 1_000_000]
  const result = {}
  let done = 0
  for (const [kind, make] of Object.entries(kinds)) {
    const costs = []
    for (const size of sizes) {
      const value = make(size)
      const sampler = await timedLoop(
        (turns) => {
          for (let turn = 0; turn < turns; turn++) identity(value)
        },
        { milliseconds: quick ? 2 : 10 },
      )
      const side = await interleave({ ours: sampler }, { rounds: quick ? 3 : 7, onRound() {} })
      costs.push(side.ours.median / size)
      onProgress(++done / (sizes.length * Object.keys(kinds).length))
    }
    result[kind] = costs
  }
  return { sizes, nanosecondsPerElement: result }
}
