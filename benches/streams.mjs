// Streams: what an item of a Python generator costs in `for await`.
import { python } from 'symphony-python-bridge'
import { interleave } from './harness/interleave.mjs'
import { valueRow } from './harness/row.mjs'

export const title = 'Streams'

export async function measure({ quick, onProgress }) {
  const count = quick ? 100_000 : 1_000_000
  await python.start()
  const module = await python.import('bench_target')
  const generators = { asynchronous: await module.async_numbers, plain: await module.numbers }
  const samplers = {
    asynchronous: () => timePerItem(generators.asynchronous(count), count),
    plain: () => timePerItem(generators.plain(count), count),
    oneByOne: () => timePerItem(generators.asynchronous.$with({ highWaterMark: 0 })(count / 100), count / 100),
    plainOneByOne: () => timePerItem(generators.plain.$with({ highWaterMark: 0 })(count / 100), count / 100),
  }
  for (const sample of Object.values(samplers)) await sample()
  const side = await interleave(samplers, { rounds: quick ? 3 : 9, onRound: onProgress })
  const row = (name, ours, target) => valueRow({ name, unit: 'ns', ours, target })
  return [
    // 1.5 million a second.
    row('asynchronous generator of ints, an item', side.asynchronous, 1e9 / 1.5e6),
    row('generator of ints, an item', side.plain, null),
    row('asynchronous generator, highWaterMark 0, an item', side.oneByOne, null),
    row('generator, highWaterMark 0, an item', side.plainOneByOne, null),
  ]
}

async function timePerItem(items, count) {
  const start = process.hrtime.bigint()
  let sum = 0
  for await (const item of items) sum += item
  const nanoseconds = Number(process.hrtime.bigint() - start)
  if (sum !== (count * (count - 1)) / 2) throw new Error(`the items add up to ${sum}`)
  return nanoseconds / count
}
