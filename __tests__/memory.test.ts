/* Nothing is leaked: handles, requests and memory are flat over many calls. In processes of their own, with nothing else in them. */
import { runProgram } from './support/child-process'

const million = 1e6
const perRound = 1e4

/** Runs `body` a million times, with a macrotask after every ten thousand calls, and reports what has been left behind. */
function program(body: string): string {
  return `
    const { python } = require('symphony-python-bridge')
    const bridge = python.importSync('symphony_bridge')
    const handleCount = () => bridge.get_system_info().handles
    const kinds = python.execSync(${JSON.stringify(`
class Thing:
    value = 1
    def method(self, *args): return self.value
def noop(*args, **kwargs): return None
def echo(value): return value
def make(): return Thing()
def fail(): raise ValueError('no')
def apply(function, *args): return function(*args)
def read(item): return item.value, item.method(), dict(item)
def halve(value: float): return value / 2
def wait(promise): return promise.result()
def await_call(function, *args): return function(*args).result()
def first(items):
    for item in items: return item
thing = Thing()
`)})
    class Item { constructor(value) { this.value = value } method() { return this.value } }
    const { noop, echo, make, fail, apply, read, halve, first, thing } = kinds
    const later = kinds.$async
    /** A hundred asynchronous calls at a time. */
    const hundred = async (call) => { await Promise.all(Array.from({ length: 100 }, (_, index) => call(index))) }
    async function main() {
      const memory = []
      for (let round = 0; round < ${million / perRound}; round++) {
        for (let call = 0; call < ${perRound}; call++) { ${body} }
        await new Promise((resolve) => setImmediate(resolve))
        if (round >= 30) memory.push(process.memoryUsage().rss)
      }
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 50))
      const growth = (Math.min(...memory.slice(-10)) - Math.min(...memory.slice(0, 10))) / 2 ** 20
      console.log(JSON.stringify({ growth, handles: handleCount() }))
    }
    main()`
}

/** `body` for asynchronous calls, which run a hundred at a time. */
function hundreds(call: string): string {
  return `await hundred((index) => ${call}); call += 99`
}

const bodies: [name: string, body: string][] = [
  ['calls with numbers', 'noop(call, 2)'],
  ['methods', 'thing.method(call)'],
  ['attributes', 'thing.value'],
  ['strings', "echo('text ' + call)"],
  ['bigints', 'echo(2n ** 70n + BigInt(call))'],
  ['None and booleans', 'echo(null); echo(call % 2 === 0)'],
  ['new objects', 'make()'],
  ['handles as arguments', 'echo(thing)'],
  ['structured data', 'echo([call, { a: 1 }])'],
  ['exceptions', 'try { fail() } catch {}'],
  ['callbacks', 'apply((value) => value, call)'],
  ['callbacks with structured data and handles', 'apply((value, data) => [value, data], thing, [call, { a: 1 }])'],
  ['properties of JavaScript objects', 'read(new Item(call))'],
  ['what callbacks throw', "try { apply(() => { throw new Error('no') }) } catch {}"],
  ['parameters annotated float', 'halve(call)'],
  ['disposed handles', 'make().$dispose()'],
  ['asynchronous calls', hundreds('later.echo(index)')],
  ['asynchronous new objects', hundreds('later.make()')],
  ['asynchronous exceptions', hundreds('later.fail().catch(() => {})')],
  ['asynchronous callbacks', hundreds('later.apply((value) => value, index)')],
  ['promises', hundreds('later.wait(Promise.resolve([index]))')],
  [
    'promises that Python drops',
    hundreds('later.echo((async () => { await null; return { index } })()).catch(() => {})'),
  ],
  ['asynchronous functions', hundreds('later.await_call(async (value) => [value], index)')],
  ['iterators, left early', 'first([call, 2].values())'],
  ['asynchronous chains', hundreds('later.make().method(index)')],
]

test.each(bodies)(
  '%s leave handle counts and memory flat',
  async (_name, body) => {
    const end = await runProgram(program(body), { node: ['--expose-gc', '--max-old-space-size=200'] })
    expect(end.stderr).toBe('')
    const result = JSON.parse(end.stdout) as { growth: number; handles: number }
    expect(result.handles).toBeLessThan(100)
    expect(result.growth).toBeLessThan(24)
  },
  300_000,
)

test('a million handles in one synchronous job are freed during the job', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const bridge = python.importSync('symphony_bridge')
    const handleCount = () => bridge.get_system_info().handles
    const { make } = python.execSync('class Thing: pass\\ndef make(): return Thing()')
    let most = 0
    for (let call = 0; call < 1e6; call++) {
      make()
      if (call % 1e5 === 0) most = Math.max(most, handleCount())
    }
    console.log(most)`)
  expect(end.stderr).toBe('')
  expect(Number(end.stdout)).toBeLessThan(300_000)
}, 120_000)

test('the result of the last asynchronous call does not live on', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    const bridge = python.importSync('symphony_bridge')
    const handleCount = () => bridge.get_system_info().handles
    const { make } = python.execSync('class Thing: pass\\ndef make(): return [Thing() for _ in range(1000)]').$async
    async function main() {
      const before = handleCount()
      if ((await make()).length !== 1000) throw new Error('no result')
      // Collected handles are given back in turns of the event loop.
      for (let turn = 0; turn < 1000 && handleCount() > before + 10; turn++) {
        globalThis.gc()
        await new Promise((resolve) => setImmediate(resolve))
      }
      console.log(handleCount() - before)
    }
    main()`,
    { node: ['--expose-gc'] },
  )
  expect(end.stderr).toBe('')
  expect(Number(end.stdout)).toBeLessThanOrEqual(10)
})
