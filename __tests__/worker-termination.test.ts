/* Workers that are terminated in the middle of something: what waits for them fails, nothing is left of them, and the others go on. */
import { runProgram } from './support/child-process'

/** The start of every program, and of its workers. */
const prelude = `
const { Worker, parentPort, workerData } = require('node:worker_threads')
const { once } = require('node:events')
const { python } = require('symphony-python-bridge')
`

const code = `
import contextlib, gc, threading, time
from symphony_bridge import get_system_info
kept = {}
def keep(name, value): kept[name] = value
def drop(name): kept.pop(name, None)
running, release, entered, left = threading.Event(), threading.Event(), threading.Event(), []
class Thing: pass
def things(count): return [Thing() for _ in range(count)]
def block():
    running.set()
    release.wait()
    return things(10)
def spin(seconds):
    running.set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline: pass
    return things(10)
def fail_late():
    running.set()
    release.wait()
    raise ValueError(Thing())
def ask(name, *args):
    try:
        return kept[name](*args)
    except BaseException as error:
        return str(error)
def collect(): gc.collect()
def outcome(name):
    try:
        return kept[name].result(timeout=60)
    except BaseException as error:
        return str(error)
asked = []
def ask_from_threads(name, count):
    def run():
        asked.append(ask(name, Thing()))
    global threads
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads: thread.start()
def answers():
    for thread in threads: thread.join()
    return sorted(set(asked)), len(asked)
lock = threading.Lock()
class Manager:
    def __init__(self, name): self.name = name
    def __enter__(self):
        lock.acquire()
        entered.set()
        return self
    def __exit__(self, kind, error, traceback):
        left.append([self.name, kind and kind.__name__, str(error)])
        lock.release()
def acquired(): return lock.acquire(timeout=30)
def figures():
    info = get_system_info()
    return {name: info[name] for name in ('handles', 'requests', 'sessions', 'shares', 'js_objects', 'tasks', 'environments')}
def environments(): return get_system_info()['environments']
def faults(): return get_system_info()['handle_faults']
`

interface Scene {
  /** What the worker does; \`ns\` is the namespace of the code above, and \`ready()\` has itself terminated. */
  readonly worker: string
  /** What the main thread does before it terminates the worker. */
  readonly before?: string
  /** What it does after that, without waiting for the worker's end. */
  readonly meanwhile?: string
  /** What it does when the worker has ended; \`print\` is what the test sees. */
  readonly after?: string
}

/** Plays a scene three times, so that what is left behind by one is seen in the next, and compares the figures. */
async function play({ worker, before = '', meanwhile = '', after = '' }: Scene): Promise<unknown> {
  const inWorker = `${prelude}
    void (async () => {
      const ns = await python.adopt(workerData)
      const ready = () => parentPort.postMessage('ready')
      ${worker}
    })()`
  const end = await runProgram(
    `${prelude}
    const printed = []
    const print = (...values) => printed.push(...values)
    const collected = async () => {
      globalThis.gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
    async function main() {
      const ns = await python.exec(${JSON.stringify(code)})
      const figures = ns.figures
      await figures()
      await collected()
      const baseline = JSON.stringify(await figures())
      for (let round = 0; round < 3; round++) {
        await Promise.all([ns.running.clear(), ns.release.clear(), ns.entered.clear(), ns.left.clear(), ns.asked.clear()])
        const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true, workerData: ns.$share() })
        await once(worker, 'message')
        ${before}
        const ended = worker.terminate()
        ${meanwhile}
        await ended
        ${after}
        print(await python.eval('1 + 1'))
        // What the executor was still doing for the worker ends by itself, and handles are given back in turns of the event loop.
        while (JSON.stringify(await figures()) !== baseline) await collected()
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

const ended = 'the JavaScript environment of this object has ended'
const thrice = (...values: unknown[]): unknown[] => [values, values, values].flat()

test('in a synchronous call: the worker ends when that returns, and its result is released', async () => {
  const printed = await play({
    worker: `ready(); ns.$sync.block()`,
    before: `await ns.running.wait()`,
    meanwhile: `await ns.release.set()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('in a synchronous call that raises', async () => {
  const printed = await play({
    worker: `ready(); ns.$sync.fail_late()`,
    before: `await ns.running.wait()`,
    meanwhile: `await ns.release.set()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('in a synchronous call that computes', async () => {
  expect(await play({ worker: `ready(); ns.$sync.spin(0.2)`, before: `await ns.running.wait()` })).toEqual(thrice(2))
})

test('with asynchronous calls queued and running: those that have not started never do', async () => {
  const printed = await play({
    worker: `
      const calls = Array.from({ length: 100 }, () => ns.block())
      await ns.$sync.running.wait()
      ready()
      await Promise.all(calls)`,
    // Not asynchronously: the calls of the worker have all threads of the pool.
    after: `ns.$sync.release.set()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('while results and errors with handles arrive', async () => {
  const printed = await play({
    worker: `
      ready()
      const forever = async (call) => { for (;;) await call().catch(() => {}) }
      await Promise.all([
        forever(() => ns.things(20)),
        forever(() => Promise.resolve(ns.$sync.things(20))),
        forever(() => ns.fail_late()),
        forever(() => ns.Thing()),
      ])`,
    before: `await ns.release.set(); await new Promise((resolve) => setTimeout(resolve, 20 + 7 * round))`,
  })
  expect(printed).toEqual(thrice(2))
})

test('with chains and outcomes that are kept', async () => {
  const printed = await play({
    worker: `
      const kept = [1, 2, 3].map(() => ns.Thing.$with({ returns: 'ref' })())
      const chains = kept.map((thing) => ns.block().append(thing))
      await ns.$sync.running.wait()
      ready()
      await Promise.all(chains)`,
    after: `await ns.release.set()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('with Python threads that wait for a callback: each gets an error that says why', async () => {
  const printed = await play({
    worker: `
      await ns.keep('callback', () => 1)
      ready()
      for (;;);`,
    before: `await ns.ask_from_threads('callback', 5)`,
    after: `print(await ns.answers()); await ns.drop('callback')`,
  })
  expect(printed).toEqual(thrice([[ended], 5], 2))
})

test('in a callback of a Python thread', async () => {
  const printed = await play({
    // A thread that is about to ask keeps no worker alive.
    worker: `await ns.keep('callback', (thing) => { ready(); for (;;); })
             await ns.ask_from_threads('callback', 1)
             setInterval(() => {}, 1000)`,
    after: `print(await ns.answers()); await ns.drop('callback')`,
  })
  expect(printed).toEqual(thrice([[ended], 1], 2))
})

test('in a callback of its own synchronous call', async () => {
  const printed = await play({
    worker: `
      await ns.keep('callback', (things) => { ready(); for (;;); })
      ns.$sync.ask('callback', ns.$sync.things(5))`,
    after: `await ns.drop('callback')`,
  })
  expect(printed).toEqual(thrice(2))
})

test('callbacks that Python keeps fail from then on', async () => {
  const printed = await play({
    worker: `await ns.keep('callback', () => 1); ready()`,
    after: `print(await ns.ask('callback')); await ns.drop('callback')`,
  })
  expect(printed).toEqual(thrice(ended, 2))
})

test('promises that settled keep their plain values; a Python object is as gone as the handle that was its name', async () => {
  const printed = await play({
    worker: `
      const thing = await ns.Thing()
      await ns.keep('plain', Promise.resolve({ value: 7 }))
      await ns.keep('object', Promise.resolve([thing]))
      // They settle in microtasks.
      await new Promise(setImmediate)
      ready()
      setInterval(() => thing, 1000)`,
    after: `
      while (await ns.environments() > 1) await collected()
      const things = await ns.things(20)
      print(await ns.outcome('plain'), await ns.outcome('object'))
      for (const thing of things) thing.$dispose()
      for (const name of ['plain', 'object']) await ns.drop(name)
      // What was raised refers to the frames that asked, and they to the promise.
      await ns.collect()`,
  })
  expect(printed).toEqual(thrice({ value: 7 }, ended, 2))
})

test('with sessions open, idle and busy', async () => {
  const printed = await play({
    worker: `
      const sessions = await Promise.all([1, 2, 3].map(() => python.session()))
      const thing = await sessions[0].eval('object()')
      const ns2 = await sessions[1].exec('def f(block): return block()')
      const calls = [ns2.f(ns.block), ns2.f(ns.block)]
      await ns.$sync.running.wait()
      ready()
      await calls`,
    after: `await ns.release.set()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('with an open `python.with`: it is left, with an error', async () => {
  const printed = await play({
    worker: `
      await python.with(ns.Manager('later'), async () => {
        ready()
        await new Promise(() => setInterval(() => {}, 1000))
      })`,
    after: `print(await ns.acquired(), await ns.left.copy()); await ns.lock.release()`,
  })
  const message = 'Error: the JavaScript environment of this `with` has ended'
  expect(printed).toEqual(thrice(true, [['later', 'JsError', message]], 2))
})

test('with an open `python.withSync`: it is left, with an error', async () => {
  const printed = await play({
    worker: `python.withSync(ns.$sync.Manager('sync'), () => { ready(); for (;;); })`,
    after: `print(await ns.acquired(), await ns.left.copy()); await ns.lock.release()`,
  })
  const message = 'Error: the JavaScript environment of this `with` has ended'
  expect(printed).toEqual(thrice(true, [['sync', 'JsError', message]], 2))
})

test('with handles alive and shares that nobody adopted', async () => {
  const printed = await play({
    worker: `
      globalThis.things = await ns.things(100)
      globalThis.shares = things.map((thing) => thing.$share())
      globalThis.sync = ns.$sync.things(100)
      ready()
      setInterval(() => {}, 1000)`,
  })
  expect(printed).toEqual(thrice(2))
})

test('with coroutines and streams under way: their tasks are cancelled', async () => {
  const printed = await play({
    worker: `
      const loop = await python.exec(\`
import asyncio
async def forever(thing): await asyncio.sleep(3600)
async def stream():
    while True:
        await asyncio.sleep(0)
        yield object()
\`)
      for (let i = 0; i < 20; i++) void loop.forever(ns.Thing())
      let count = 0
      for await (const item of loop.stream()) if (++count === 10) ready()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('in the middle of iterating', async () => {
  const printed = await play({
    worker: `
      const generator = await python.eval('(object() for _ in iter(int, 1))')
      let count = 0
      for await (const item of generator) if (++count === 10) ready()`,
  })
  expect(printed).toEqual(thrice(2))
})

test('with a stream that rests: its end takes nothing from others', async () => {
  const printed = await play({
    worker: `
      const numbers = (await python.eval('iter(range(1000))')).$iter()
      await numbers.next()
      ready()
      setInterval(() => {}, 1000)`,
    // The thread that made these is the one on which the stream ends.
    before: `const things = await ns.things(20)`,
    after: `
      while (await ns.environments() > 1) await collected()
      print(await Promise.all(things.map((thing) => thing.$isInstance(ns.Thing))))
      for (const thing of things) thing.$dispose()`,
  })
  expect(printed).toEqual(
    thrice(
      Array.from({ length: 20 }, () => true),
      2,
    ),
  )
})

test('during the start of Python in a worker, and before anything was started', async () => {
  const end = await runProgram(`${prelude}
    async function main() {
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(${JSON.stringify(`${prelude}\npython.start(); parentPort.postMessage(0)`)}, { eval: true })
        if (round > 0) await once(worker, 'message')
        await worker.terminate()
      }
      console.log(await python.eval('1 + 1'))
    }
    main()`)
  expect(end).toMatchObject({ stderr: '', stdout: '2\n', code: 0 })
})
