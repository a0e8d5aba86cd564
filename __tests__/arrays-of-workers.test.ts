/* Arrays of Workers that end: what Python keeps of their memory stays readable, and nothing else is left. */
import { runProgram } from './support/child-process'

const prelude = `
const { Worker, parentPort, workerData } = require('node:worker_threads')
const { once } = require('node:events')
const { python } = require('symphony-python-bridge')
`

const code = `
import array, gc, threading
import numpy as np
from symphony_bridge import get_system_info
kept = {}
table = np.arange(12.0).reshape(3, 4)
numbers = array.array('i', range(1000))
large = bytes(50_000)
running, release = threading.Event(), threading.Event()
def keep(name, value): kept[name] = memoryview(value)
def sums(): return {name: float(np.asarray(view).sum()) for name, view in kept.items()}
def put(item):
    for view in kept.values(): np.asarray(view)[...] = item
def clear():
    kept.clear()
    gc.collect()
def echo(value): return value
def both(value): return [value, table, {'numbers': numbers, 'row': table[1], 'copy': table[:, ::2]}]
def total(value): return float(np.asarray(value).sum())
def keep_and_block(name, value):
    keep(name, value)
    running.set()
    release.wait()
def block(value):
    running.set()
    release.wait()
    return both(value)
def ask(function, value):
    try:
        return function(value)
    except BaseException as error:
        return str(error)
def grows():
    try:
        numbers.append(0)
        numbers.pop()
        return True
    except BufferError:
        return False
def figures():
    info = get_system_info()
    names = ('handles', 'requests', 'sessions', 'shares', 'js_objects', 'array_bytes', 'environments')
    return {name: info[name] for name in names}
def faults(): return get_system_info()['handle_faults']
`

interface Scene {
  /** What the worker does; \`ns\` is the namespace of the code above. It says \`ready()\` and is terminated, unless it ends before. */
  readonly worker: string
  /** What the main thread does before it terminates the worker. Without it, the worker ends by itself. */
  readonly before?: string
  /** What it does when the worker has ended; \`print\` is what the test sees. */
  readonly after?: string
}

/** Plays a scene three times, so that what one leaves behind is seen in the next, and wants the figures to be what they were. */
async function play({ worker, before, after = '' }: Scene): Promise<unknown> {
  const inWorker = `${prelude}
    void (async () => {
      const ns = await python.adopt(workerData)
      const ready = (message) => parentPort.postMessage(message)
      ${worker}
    })()`
  const end = await runProgram(
    `${prelude}
    const printed = []
    const print = (value) => printed.push(value)
    const collected = async () => {
      globalThis.gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
    async function main() {
      const ns = await python.exec(${JSON.stringify(code)})
      const figures = async () => JSON.stringify([await ns.figures(), await ns.grows()])
      await figures()
      await collected()
      const baseline = await figures()
      for (let round = 0; round < 3; round++) {
        await Promise.all([ns.running.clear(), ns.release.clear()])
        const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true, workerData: ns.$share() })
        const ended = once(worker, 'exit')
        ${before === undefined ? '' : `const [message] = await once(worker, 'message'); ${before}; void worker.terminate()`}
        await ended
        // Memory that was freed would be used again.
        for (let size = 64; size < 2 ** 20; size *= 2) new Float64Array(size).fill(1e300)
        await collected()
        ${after}
        await ns.clear()
        while (await figures() !== baseline) await collected()
        if (await ns.faults() !== 0) throw new Error('handles were counted wrongly')
      }
      console.log(JSON.stringify(printed))
    }
    main().catch((error) => { console.error(error); process.exit(1) })`,
    { node: ['--expose-gc'] },
  )
  expect([end.stderr, end.code, end.signal]).toEqual(['', 0, null])
  return JSON.parse(end.stdout)
}

const makesMemory = `
  const lent = new Float64Array(new SharedArrayBuffer(80_000)).fill(1)
  const made = python.ndarray([100, 100])
  made.data.fill(2)
  const view = python.memoryview(new Float64Array(1000).fill(3))
  await Promise.all([ns.keep('lent', lent), ns.keep('part', lent.subarray(5, 10)), ns.keep('made', made), ns.keep('view', view)])
  await ns.keep('copy', new Float64Array(10_000).fill(4))`

/** Reads what Python has, and writes to it. */
const usesMemory = `
  print(await ns.sums())
  await ns.put(0.5)
  await collected()
  print(await ns.sums())`

const memory = [
  { lent: 10_000, part: 5, made: 20_000, view: 3000, copy: 40_000 },
  { lent: 5000, part: 2.5, made: 5000, view: 500, copy: 5000 },
]

const thrice = (...values: unknown[]): unknown[] => [values, values, values].flat()

describe('memory that Python keeps when a worker is gone', () => {
  test.each([
    ['it was terminated', `${makesMemory}; ready(); for (;;);`, ''],
    ['it has exited', `${makesMemory}; process.exit()`, undefined],
    ['it has ended', makesMemory, undefined],
    [
      'it was terminated in a synchronous call',
      `${makesMemory}; ready(); ns.$sync.block(made)`,
      `await ns.running.wait(); void worker.terminate(); await ns.release.set()`,
    ],
  ])('%s', async (_, worker, before) => {
    expect(await play({ worker, ...(before !== undefined && { before }), after: usesMemory })).toEqual(
      thrice(...memory),
    )
  })

  test('it was terminated in a call that has borrowed it', async () => {
    const printed = await play({
      worker: `ready(); ns.$sync.keep_and_block('borrowed', python.borrow(new Float64Array(1_000_000).fill(5)))`,
      before: `await ns.running.wait(); void worker.terminate(); await ns.release.set()`,
      after: `print(await ns.sums())`,
    })
    expect(printed).toEqual(thrice({ borrowed: 5_000_000 }))
  })

  test('it shares a SharedArrayBuffer with another thread', async () => {
    const printed = await play({
      worker: `
        const shared = new Float64Array(new SharedArrayBuffer(800)).fill(1)
        await ns.keep('shared', shared)
        parentPort.postMessage(shared)
        for (;;);`,
      before: `const mine = message`,
      after: `
        mine.fill(2)
        print(await ns.sums())
        await ns.keep('mine', mine)
        await ns.put(3)
        print([mine[0], mine[99]])`,
    })
    expect(printed).toEqual(thrice({ shared: 200 }, [3, 3]))
  })
})

describe('a worker that has arrays and is terminated', () => {
  test('gives them back, so that Python may resize them', async () => {
    const printed = await play({
      worker: `
        const arrays = [ns.$sync.numbers, ns.$sync.table, await ns.both(python.ndarray(10)), ns.$sync.echo(Float64Array.of(1))]
        ready(ns.$sync.grows())
        for (;;) arrays.toString()`,
      before: `print(message)`,
    })
    expect(printed).toEqual(thrice(false))
  })

  test('has taken over what it copied', async () => {
    const printed = await play({
      worker: `
        const large = ns.$sync.large
        ready([ns.$sync.large.length, ns.$sync.echo(Buffer.alloc(100_000)).length, (await ns.large).length, large.length])
        for (;;);`,
      before: `print(message)`,
    })
    expect(printed).toEqual(thrice([50_000, 100_000, 50_000, 50_000]))
  })

  test.each([
    ['asynchronous results', `forever(() => ns.both(Float64Array.of(1, 2)))`],
    ['synchronous results', `forever(async () => ns.$sync.both(Float64Array.of(1, 2)))`],
    ['arrays that it makes', `forever(() => ns.both(python.ndarray([10, 10])))`],
    ['memory that it lends', `forever(() => ns.both(new Float64Array(new SharedArrayBuffer(80))))`],
    ['large copies', `forever(() => ns.both(Buffer.alloc(100_000)))`],
    ['large bytes', `forever(() => ns.large), forever(async () => ns.$sync.echo(Buffer.alloc(100_000)))`],
    ['memory that it borrows', `forever(async () => ns.$sync.total(python.borrow(new Float64Array(10))))`],
    [
      'parts and views',
      `forever(async () => { const [a] = ns.$sync.both(ns.$sync.numbers); await ns.both(a.subarray(2)); a.$sync?.x })`,
    ],
    ['callbacks', `forever(() => ns.ask((array) => [array, Float64Array.of(1), python.ndarray(3)], ns.table))`],
    [
      'callbacks of synchronous calls',
      `forever(async () => ns.$sync.ask((array) => [array, Float64Array.of(1)], ns.$sync.table))`,
    ],
    [
      'handles of arrays',
      `forever(async () => { const { table } = ns.$sync; table.$sync.T; (await table.$async.ravel()).$sync.$dispose() })`,
    ],
  ])('in the middle of %s', async (_, work) => {
    await play({
      worker: `
        const forever = async (call) => { for (;;) await call() }
        ready()
        await Promise.all([${work}, ${work}])`,
      before: `await new Promise((resolve) => setTimeout(resolve, 20 + 7 * round))`,
    })
  })
})
