/* Handles that go from one thread to another: `$share()` and `python.adopt()`, with real Workers. */
import { MessageChannel } from 'node:worker_threads'
import { isBridgeError, python, type Handle, type SharedHandle, type SyncHandle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { eventually } from './support/eventually'

let ns: SyncHandle
let make: () => SyncHandle

beforeAll(async () => {
  await python.start()
  ns = python.execSync(`
import weakref
from symphony_bridge import get_system_info
class Thing:
    def method(self): return 'method'
make = Thing
def watch(thing):
    reference = weakref.ref(thing)
    return lambda: reference() is not None
`)
  make = () => ns.make<SyncHandle>()
})

test('a share is plain data, and adopting it in the thread that made it gives the same handle', async () => {
  const thing = make()
  const shared = structuredClone(thing.$share())
  expect(shared).toEqual({ symphony: 'handle', type: '__symphony__.Thing', key: expect.any(String) as string })
  expect(await python.adopt(shared)).toBe(thing.$async)
  expect(python.adoptSync(thing.$async.$share())).toBe(thing)
})

test('a share keeps the object alive until it is adopted, and then its adopter does', async () => {
  const [thing, other] = [make(), make()]
  const [lives, otherLives] = [thing, other].map((object) => ns.watch<() => boolean>(object))
  const shared = thing.$share()
  thing.$dispose()
  // Everything that was given back before has been dropped by the time that this one has.
  other.$dispose()
  await eventually(otherLives!, false)
  expect(lives!()).toBe(true)
  const adopted = python.adoptSync(shared)
  expect(adopted.method()).toBe('method')
  adopted.$dispose()
  await eventually(lives!, false)
})

test('sharing twice gives two shares, each with a crossing of its own', async () => {
  const thing = make()
  const lives = ns.watch<() => boolean>(thing)
  const before = ns.get_system_info<{ shares: number }>().shares
  const shares = [thing.$share(), thing.$share()]
  thing.$dispose()
  expect(ns.get_system_info<{ shares: number }>().shares).toBe(before + 2)
  const [first, second] = shares.map((shared) => python.adoptSync(shared))
  expect(first).toBe(second)
  first!.$dispose()
  expect(second!.method()).toBe('method')
  second!.$dispose()
  await eventually(lives, false)
})

test('methods, and handles of a session, can be shared too', async () => {
  const thing = make()
  const method = thing.method as unknown as SyncHandle
  expect(python.adoptSync(method.$share())()).toBe('method')
  const session = await python.session()
  const inSession = await session.eval<Handle>('object()')
  expect((await python.adopt(inSession.$share())).$type).toBe('builtins.object')
  await session.close()
})

test('a share is adopted once', async () => {
  const shared = make().$share()
  await python.adopt(shared)
  const refusal = await python.adopt(shared).catch((error: unknown) => error)
  expect(isBridgeError(refusal, 'ERR_HANDLE_DISPOSED')).toBe(true)
  expect(String(refusal)).toContain('no handle left to adopt')
})

test('a disposed handle cannot be shared', () => {
  const thing = make()
  thing.$dispose()
  expect(() => thing.$share()).toThrow('was disposed')
})

test.each([
  ['nothing', undefined, 'got undefined'],
  ['a handle', () => make(), 'got a handle, path or call of this one'],
  ['a path', () => make().$async.method, 'got a handle, path or call of this one'],
  ['other data', { symphony: 'handle', key: 5 }, 'but got'],
  ['a share of another process', { symphony: 'handle', type: 'x', key: 'abc-1' }, 'in another process'],
  ['a key that is none', { symphony: 'handle', type: 'x', key: '' }, 'in another process'],
])('%s cannot be adopted', async (_what, value, words) => {
  const bad = (typeof value === 'function' ? value() : value) as SharedHandle
  const refusal = await python.adopt(bad).catch((error: unknown) => error)
  expect(isBridgeError(refusal, 'ERR_INVALID_ARGUMENT')).toBe(true)
  expect(String(refusal)).toContain(words)
  expect(() => python.adoptSync(bad)).toThrow(words)
})

test('posting a handle itself fails, and V8 quotes what would work', () => {
  const { port1, port2 } = new MessageChannel()
  const thing = make()
  for (const value of [thing, thing.$async, thing.method, thing.$async.method]) {
    for (const message of [value, { deep: [value] }]) {
      expect(() => port1.postMessage(message)).toThrow('post handle.$share() and python.adopt() that')
    }
  }
  port1.close()
  port2.close()
})

/** The start of every program below, and of its workers. */
const prelude = `
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { on, once } = require('node:events')
const { python } = require('symphony-python-bridge')
`
const worker = (body: string): string => JSON.stringify(`${prelude}\nvoid (async () => { ${body} })()`)
const things = JSON.stringify(`
import weakref
from symphony_bridge import get_system_info
class Thing:
    def __init__(self, number): self.number = number
alive = weakref.WeakSet()
def make(number):
    thing = Thing(number)
    alive.add(thing)
    return thing
def count(): return len(alive)
`)

test('an object goes to a worker and back, and is the same object all the time', async () => {
  const end = await runProgram(`${prelude}
    async function main() {
      const ns = await python.exec(${things})
      const thing = await ns.make(7)
      const worker = new Worker(${worker(`
        const [later, now] = workerData.shares
        const thing = await python.adopt(later)
        const sync = python.adoptSync(now)
        sync.number = (await thing.number) + 1
        parentPort.postMessage({ same: sync.$async === thing, shared: sync.$share() })
      `)}, { eval: true, workerData: { shares: [thing.$share(), thing.$sync.$share()] } })
      const [{ same, shared }] = await once(worker, 'message')
      await once(worker, 'exit')
      // The worker has ended in order, so what it shared can be adopted for a while.
      const back = await python.adopt(shared)
      console.log(same, back === thing, await back.number)
    }
    main()`)
  expect(end).toMatchObject({ stderr: '', stdout: 'true true 8\n', code: 0 })
})

test('handles go round between the main thread and four workers at once, and none is left in the end', async () => {
  const end = await runProgram(
    `${prelude}
    async function main() {
      const ns = await python.exec(${things})
      const numbers = []
      await Promise.all([0, 1, 2, 3].map(async (index) => {
        const worker = new Worker(${worker(`
          for await (const [shared] of on(parentPort, 'message')) {
            if (shared === null) break
            const thing = await python.adopt(shared)
            await thing.$set('number', (await thing.number) + 1)
            parentPort.postMessage(thing.$share())
            thing.$dispose()
          }
          parentPort.close()
        `)}, { eval: true })
        const messages = on(worker, 'message')
        for (let round = 0; round < 25; round++) {
          const things = await Promise.all([1, 2, 3].map((number) => ns.make(number)))
          for (const thing of things) worker.postMessage(thing.$share())
          for (const thing of things) {
            const { value: [shared] } = await messages.next()
            const back = await python.adopt(shared)
            numbers.push(await back.number)
            back.$dispose()
            thing.$dispose()
          }
        }
        worker.postMessage(null)
        await once(worker, 'exit')
      }))
      while ((await ns.count()) > 0) await new Promise(setImmediate)
      const { shares, environments } = await ns.get_system_info()
      console.log(numbers.reduce((sum, number) => sum + number), shares, environments)
    }
    main()`,
  )
  expect(end).toMatchObject({ stderr: '', stdout: `${4 * 25 * (2 + 3 + 4)} 0 1\n`, code: 0 })
})

test('what a terminated worker shared cannot be adopted any more, and is released', async () => {
  const end = await runProgram(`${prelude}
    async function main() {
      const ns = await python.exec(${things})
      const worker = new Worker(${worker(`
        const ns = await python.adopt(workerData)
        parentPort.postMessage((await ns.make(1)).$share())
        setInterval(() => {}, 1000)
      `)}, { eval: true, workerData: ns.$share() })
      const [shared] = await once(worker, 'message')
      await worker.terminate()
      await python.adopt(shared).catch((error) => console.log(error.code))
      while ((await ns.count()) > 0) await new Promise(setImmediate)
    }
    main()`)
  expect(end).toMatchObject({ stderr: '', stdout: 'ERR_HANDLE_DISPOSED\n', code: 0 })
})

test('what nobody adopts of a worker that has ended is released after a while', async () => {
  const end = await runProgram(`${prelude}
    async function main() {
      const ns = await python.exec(${things})
      const worker = new Worker(${worker(`
        const ns = await python.adopt(workerData)
        ;(await ns.make(1)).$share()
      `)}, { eval: true, workerData: ns.$share() })
      await once(worker, 'exit')
      console.log(await ns.count())
      while ((await ns.count()) > 0) await new Promise((resolve) => setTimeout(resolve, 100))
      const { shares } = await ns.get_system_info()
      console.log(shares)
    }
    main()`)
  expect(end).toMatchObject({ stderr: '', stdout: '1\n0\n', code: 0 })
})
