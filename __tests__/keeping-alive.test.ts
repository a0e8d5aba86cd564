/* What keeps the process alive: calls under way, unless `unref` was called. Nothing else of Python's does. */
import { runProgram } from './support/child-process'

const prelude = `
const { Worker } = require('node:worker_threads')
const { python } = require('symphony-python-bridge')
process.on('exit', () => console.log('end'))
`

const code = JSON.stringify(`
import threading, time
kept = []
blocked = threading.Event()
def keep(*values): kept.extend(values)
def in_thread():
    threading.Thread(target=blocked.wait, daemon=True).start()
def sleep(seconds):
    time.sleep(seconds)
    return 'slept'
def asks_forever(function):
    def run():
        try:
            while True: function()
        except RuntimeError: pass
    threading.Thread(target=run, daemon=True).start()
`)

test.each([
  ['after an import', ''],
  ['with handles', 'globalThis.kept = await ns.sleep.$ref()'],
  ['with a callback that Python holds', 'await ns.keep(() => 1)'],
  ['with threads of Python that are running', 'await ns.in_thread()'],
  ['with threads of Python that call JavaScript', 'await ns.asks_forever(() => 1)'],
  ['with sessions that are open', "const session = await python.session(); await session.eval('1')"],
  [
    'with an iteration that was begun',
    "for await (const one of await python.eval('iter(int, 1)')) { globalThis.one = one; await new Promise(() => {}) }",
  ],
  ['with shares', 'ns.$share()'],
  ['after a call that was cancelled while it ran', 'await ns.sleep.$with({ timeout: 1 })(0.2).catch(() => {})'],
  ['after ref() without a call', 'python.unref(); python.ref()'],
  [
    'with a worker that is idle',
    `new Worker("const { python } = require('symphony-python-bridge'); python.start()", { eval: true })`,
  ],
])(
  'an idle Python does not keep the process alive: %s',
  async (_name, source) => {
    const end = await runProgram(`${prelude}
    python.exec(${code}).then(async (ns) => { ${source} })`)
    expect(end).toEqual({ code: 0, signal: null, stdout: 'end\n', stderr: '' })
  },
  10_000,
)

test('a synchronous start alone does not keep the process alive', async () => {
  const end = await runProgram(`${prelude} python.importSync('sys')`)
  expect(end).toMatchObject({ code: 0, stdout: 'end\n' })
})

test.each([
  ['by default', ''],
  ['after ref()', 'python.unref(); python.ref()'],
  ['after ref() while it is under way', 'python.unref(); setImmediate(() => python.ref())'],
])('a call under way keeps the process alive %s', async (_name, source) => {
  const end = await runProgram(`${prelude}
    python.exec(${code}).then(async (ns) => {
      ${source}
      console.log(await ns.sleep(0.1))
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'slept\nend\n' })
})

test.each([
  ['before the call', 'python.unref(); void ns.blocked.wait()'],
  ['while the call is under way', 'void ns.blocked.wait(); setImmediate(() => python.unref())'],
  ['before Python starts', 'void ns.blocked.wait()', 'python.unref(); setTimeout(() => {}, 300)'],
  [
    'in a session',
    'python.unref(); const session = await python.session(); void (await session.eval("__import__(\\"threading\\").Event()")).wait()',
  ],
  ['twice', 'python.unref(); python.unref(); void ns.blocked.wait()'],
])(
  'after unref() a call does not keep the process alive: %s',
  async (_name, source, first = '') => {
    const end = await runProgram(`${prelude}
    ${first}
    python.exec(${code}).then(async (ns) => { ${source} })`)
    expect(end).toMatchObject({ code: 0, stdout: 'end\n' })
  },
  10_000,
)

test('calls go on as usual after unref(), as long as something else keeps the process alive', async () => {
  const end = await runProgram(`${prelude}
    python.exec(${code}).then(async (ns) => {
      python.unref()
      const timer = setInterval(() => {}, 1000)
      console.log(await ns.sleep(0.05))
      clearInterval(timer)
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'slept\nend\n' })
})

test('unref() concerns its own thread', async () => {
  const inWorker = `
    const { python } = require('symphony-python-bridge')
    python.eval('__import__("time").sleep(0.2)').then(() => console.log('worker slept'))`
  const end = await runProgram(`${prelude}
    python.start().then(() => {
      python.unref()
      new Worker(${JSON.stringify(inWorker)}, { eval: true })
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'worker slept\nend\n' })
})
