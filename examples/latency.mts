// What calls cost on this machine: the best of several rounds, as a table. `npm run bench` measures with more care.
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'
import { duration, printTable, progress, rate } from './output.mts'

const rounds = 7
const math = python.importSync('math')
const operator = python.importSync('operator')
const add = await python.eval<Handle>('lambda a, b: a + b', {}, { returns: 'ref' })
const addSync = add.$sync
const counter = python.importSync('collections').Counter<SyncHandle>('abracadabra')
const echo = await python.eval<Handle>('lambda value: value', {}, { returns: 'ref' })
const records = Array.from({ length: 1000 }, (_, index) => ({ id: index, name: `row ${index}`, price: index / 8 }))

type Measure = readonly [what: string, count: number, run: (count: number) => unknown]
const measures: readonly Measure[] = [
  ['math.sqrt(2)', 100_000, repeat(() => math.sqrt(2))],
  ['operator.add(1, 2)', 100_000, repeat(() => operator.add(1, 2))],
  ['a Python lambda with two numbers', 100_000, repeat(() => addSync(1, 2))],
  ['a method of a handle', 50_000, repeat(() => counter.get('a'))],
  ['1000 records there and back (sync)', 10, repeat(() => echo.$sync(records))],
  [
    'await one after the other',
    2_000,
    async (count) => {
      for (let index = 0; index < count; index++) await add(index, 1)
    },
  ],
  ['await 1000 at once', 1_000, (count) => Promise.all(Array.from({ length: count }, (_, index) => add(index, 1)))],
]

const rows: string[][] = []
for (const [what, count, run] of measures) {
  const best = await progress(what, async () => {
    await run(count)
    let least = Infinity
    for (let round = 0; round < rounds; round++) {
      const start = performance.now()
      await run(count)
      least = Math.min(least, performance.now() - start)
    }
    return least
  })
  rows.push([what, duration(best / count), rate(count, best)])
}
printTable(['call', 'latency', 'throughput'], rows)

/** The event loop turns while Python works: timers that fired during a busy asynchronous call. */
const spin = await python.exec('def spin(n):\n    return sum(i * i for i in range(n))\n')
let ticks = 0
const timer = setInterval(() => ticks++, 1)
const start = performance.now()
await spin.spin(5_000_000)
const busy = performance.now() - start
clearInterval(timer)
console.log(`  During a Python loop of ${duration(busy)} on another thread, a 1 ms timer fired ${ticks} times.\n`)

function repeat(call: () => unknown): (count: number) => void {
  return (count) => {
    for (let index = 0; index < count; index++) call()
  }
}
