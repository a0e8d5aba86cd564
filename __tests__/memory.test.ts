/* Nothing is leaked: handles, requests and memory are flat over many calls. In processes of their own, with nothing else in them. */
import { runProgram } from './support/child-process'

/** Runs `body` in rounds, a macrotask between them, and reports handle counts and resident memory of the last two thirds. */
function rounds(body: string, calls: number): string {
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
thing = Thing()
`)})
    const { noop, echo, make, fail, thing } = kinds
    async function main() {
      const memory = []
      for (let round = 0; round < 30; round++) {
        for (let call = 0; call < ${calls} / 30; call++) { ${body} }
        await new Promise((resolve) => setImmediate(resolve))
        if (round >= 10) memory.push(process.memoryUsage().rss)
      }
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 50))
      const growth = (Math.min(...memory.slice(-5)) - Math.min(...memory.slice(0, 5))) / 2 ** 20
      console.log(JSON.stringify({ growth, handles: handleCount() }))
    }
    main()`
}

const bodies: [name: string, body: string, calls: number][] = [
  ['calls with numbers', 'noop(call, 2)', 1e6],
  ['methods', 'thing.method(call)', 1e6],
  ['attributes', 'thing.value', 1e6],
  ['strings', "echo('text ' + call)", 1e6],
  ['new objects', 'make()', 1e6],
  ['structured data', 'echo([call, { a: 1 }])', 3e5],
  ['exceptions', 'try { fail() } catch {}', 3e5],
  ['asynchronous calls', 'await kinds.$async.echo(call)', 1e5],
  ['asynchronous new objects', 'await kinds.$async.make()', 1e5],
  ['asynchronous exceptions', 'await kinds.$async.fail().catch(() => {})', 3e4],
  ['asynchronous chains', 'await kinds.$async.make().method(call)', 1e5],
  ['disposed handles', 'make().$dispose()', 1e6],
]

test.each(bodies)(
  '%s leave handle counts and memory flat',
  async (_name, body, calls) => {
    const end = await runProgram(rounds(body, calls), { node: ['--expose-gc', '--max-old-space-size=200'] })
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
