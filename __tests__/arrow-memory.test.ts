/* Tables lie over Python's memory, keep it, and give it back; and they are of the copy of apache-arrow that the program uses. */
import { runProgram } from './support/child-process'

const prelude = `
  const { python } = require('symphony-python-bridge')
  const bridge = python.importSync('symphony_bridge')
  const made = python.execSync(\`
import gc
import numpy as np
import pyarrow as pa

numbers = np.arange(1_000_000)
shared = pa.table({"n": pa.array(numbers)})

def fresh():
    return pa.table({"n": pa.array(np.full(1_000_000, 7)), "t": pa.array(["text"] * 1000 + [None] * 999_000)})

def write(index, value):
    numbers[index] = value

def address(table):
    return table.column("n").chunk(0).buffers()[1].address

def allocated():
    gc.collect()
    return pa.total_allocated_bytes()
\`)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
`

async function result(body: string): Promise<unknown> {
  const end = await runProgram(`${prelude}\nasync function main() { ${body} }\nmain()`, { node: ['--expose-gc'] })
  expect(end.stderr).toBe('')
  return JSON.parse(end.stdout)
}

test('what Python writes is seen, and the table goes back over the same memory', async () => {
  const seen = await result(`
    const table = made.shared.$toArrow()
    const before = Number(table.getChild('n').get(5))
    made.write(5, -1)
    const back = python.fromArrowSync(table.slice(0, 10))
    made.write(6, -2)
    console.log(JSON.stringify([
      before,
      Number(table.getChild('n').get(5)),
      back.to_pydict().n.slice(4, 8),
      made.address(back) === made.address(made.shared),
    ]))`)
  expect(seen).toEqual([5, -1, [4, -1, -2, 7], true])
})

test('the memory outlives the Python table, and the collector gives it back', async () => {
  const [kept, left, sum] = (await result(`
    const start = made.allocated()
    const handle = made.fresh()
    let table = handle.$toArrow()
    handle.$dispose()
    for (let index = 0; index < 5; index += 1) { globalThis.gc(); await turn() }
    const kept = made.allocated() - start
    const sum = table.getChild('n').toArray().reduce((total, value) => total + value, 0n)
    table = undefined
    for (let index = 0; index < 1000 && made.allocated() > start; index += 1) { globalThis.gc(); await turn() }
    console.log(JSON.stringify([kept, made.allocated() - start, Number(sum)]))`)) as number[]
  expect(kept).toBeGreaterThan(100_000)
  expect(left).toBe(0)
  expect(sum).toBe(7_000_000)
})

test('a thousand tables there and back leave memory and handles flat', async () => {
  const { growth, handles } = (await result(`
    const memory = []
    for (let round = 0; round < 100; round += 1) {
      for (let call = 0; call < 10; call += 1) {
        const fresh = await made.$async.fresh()
        const back = await python.fromArrow(await fresh.$toArrow())
        fresh.$dispose()
        back.$dispose()
      }
      globalThis.gc()
      await turn()
      if (round >= 20) memory.push(process.memoryUsage().rss)
    }
    for (let index = 0; index < 1000 && bridge.get_system_info().handles > 30; index += 1) { globalThis.gc(); await turn() }
    const growth = (Math.min(...memory.slice(-20)) - Math.min(...memory.slice(0, 20))) / 2 ** 20
    console.log(JSON.stringify({ growth, handles: bridge.get_system_info().handles }))`)) as Record<string, number>
  expect(handles).toBeLessThanOrEqual(30)
  expect(growth).toBeLessThan(48)
}, 180_000)

test('a program that imports gets tables of the copy that it imports', async () => {
  const end = await runProgram(
    `
    import * as arrow from 'apache-arrow'
    import { python } from 'symphony-python-bridge'
    const pa = await python.import('pyarrow')
    const table = await pa.table({ n: [1, 2, 3] }).$toArrow()
    const stream = arrow.tableToIPC(table, 'stream')
    const { createRequire } = await import('node:module')
    const required = createRequire(process.cwd() + '/')('apache-arrow')
    const other = await pa.table({ n: [1, 2] }).$toArrow({ arrow: required })
    console.log(JSON.stringify([
      arrow.tableFromIPC(stream).numRows,
      required.tableFromIPC(required.tableToIPC(other, 'stream')).numRows,
      await python.fromArrow(other, { arrow: required }).num_rows,
    ]))`,
    { module: true },
  )
  expect(end.stderr).toBe('')
  expect(JSON.parse(end.stdout)).toEqual([3, 2, 2])
})

test('arrays over memory that is in JavaScript already are counted before anything of them goes back', async () => {
  const [faults, length] = (await result(`
    const bridge = python.importSync('symphony_bridge')
    const { slice_of } = python.execSync('import pyarrow as pa\\narray = pa.array(list(range(8)))\\ndef slice_of(length): return array.slice(0, length)')
    const whole = slice_of(8).$toArrow()
    const lengths = [1, 2, 3, 4, 5, 6, 7]
    for (let round = 0; round < 100; round++)
      await Promise.all(lengths.map(async (length) => await (await slice_of.$async(length)).$toArrow()))
    console.log(JSON.stringify([bridge.get_system_info().handle_faults, whole.length]))`)) as number[]
  expect(faults).toBe(0)
  expect(length).toBe(8)
})
