/* The end of the process in the middle of something: at once, with the right code, and nothing is printed about it. */
import { runProgram } from './support/child-process'

const code = JSON.stringify(`
import atexit, threading, time
running = threading.Event()
def block(*_):
    running.set()
    threading.Event().wait()
def sleep(seconds):
    running.set()
    time.sleep(seconds)
def spin(*_):
    running.set()
    while True: pass
def apply(function, *args): return function(*args)
def in_thread(function):
    threading.Thread(target=function, daemon=True).start()
def answers(function):
    def run():
        running.set()
        try:
            while True: function()
        except RuntimeError: pass
    threading.Thread(target=run, daemon=True).start()
class Manager:
    def __enter__(self): return 1
    def __exit__(self, *_): pass
atexit.register(print, 'atexit ran')
`)

const prelude = `
const { Worker, parentPort, workerData, isMainThread } = require('node:worker_threads')
const { once } = require('node:events')
const { python } = require('symphony-python-bridge')
`

const inWorker = (body: string): string => `
  const worker = new Worker(${JSON.stringify(`${prelude}\nvoid (async () => { const ns = await python.adopt(workerData); ${body} })()`)}, { eval: true, workerData: ns.$share() })
`

/** What is under way when \`end()\` is called, which ends the process. */
const scenes: [name: string, source: string][] = [
  ['a synchronous callback', `ns.$sync.apply(() => end())`],
  ['a synchronous callback inside another one', `ns.$sync.apply(() => ns.$sync.apply(() => end()))`],
  ['a callback of a Python thread', `await ns.in_thread(() => end()); await new Promise(() => {})`],
  ['a callback of an asynchronous call', `await ns.apply(() => end())`],
  [
    'asynchronous calls, running and queued',
    `for (let i = 0; i < 100; i++) void ns.block(); await once_running(); end()`,
  ],
  ['asynchronous calls that compute', `for (let i = 0; i < 10; i++) void ns.spin(); await once_running(); end()`],
  [
    'Python threads that call JavaScript all the time',
    `for (let i = 0; i < 4; i++) await ns.answers(() => 1); await once_running(); end()`,
  ],
  [
    'sessions, idle and busy',
    `
    const sessions = await Promise.all([1, 2, 3].map(() => python.session()))
    const apply = await sessions[0].eval('lambda function: function()')
    void apply(ns.block)
    await once_running()
    end()`,
  ],
  ['an open `python.with`', `await python.with(ns.Manager(), () => end())`],
  ['an open `python.withSync`', `python.withSync(ns.$sync.Manager(), () => end())`],
  ['an iteration', `for await (const number of await python.eval('iter(int, 1)')) end()`],
  [
    'a worker that is idle',
    `${inWorker(`setInterval(() => {}, 1000); await ns.$repr(); parentPort.postMessage(0)`)}; await once(worker, 'message'); end()`,
  ],
  [
    'asynchronous calls of a worker',
    `${inWorker(`for (let i = 0; i < 10; i++) void ns.block(); setInterval(() => {}, 1000)`)}; await once_running(); end()`,
  ],
  [
    'sessions of a worker',
    `${inWorker(`const session = await python.session(); await session.eval('1'); parentPort.postMessage(0); setInterval(() => {}, 1000)`)}; await once(worker, 'message'); end()`,
  ],
  [
    'a callback to a worker that does not come',
    `${inWorker(`await ns.answers(() => { for (;;); })`)}; await once_running(); end()`,
  ],
  [
    'a synchronous call of a worker that waits for a lock',
    `${inWorker(`ns.$sync.block()`)}; await once_running(); end()`,
  ],
  ['a synchronous call of a worker that sleeps', `${inWorker(`ns.$sync.sleep(100)`)}; await once_running(); end()`],
  ['a synchronous call of a worker that computes', `${inWorker(`ns.$sync.spin()`)}; await once_running(); end()`],
  [
    'a synchronous callback of a worker',
    `${inWorker(`ns.$sync.apply(() => { ns.$sync.running.set(); for (;;); })`)}; await once_running(); end()`,
  ],
  ['shares', `ns.$share(); (await ns.Manager()).$share(); end()`],
  ['an unreferenced call', `python.unref(); void ns.block(); await once_running(); end()`],
]

const program = (source: string, end: string): string => `${prelude}
  async function main() {
    const ns = await python.exec(${code})
    const once_running = async () => { while (!ns.$sync.running.is_set()) await new Promise(setImmediate) }
    const started = () => globalThis.since ??= performance.now()
    const end = () => { started(); ${end} }
    ${source}
  }
  process.on('exit', () => { globalThis.since ??= performance.now() })
  main()`

test.each(scenes)(
  'process.exit() in the middle of %s',
  async (_name, source) => {
    const end = await runProgram(program(source, 'process.exit(7)'))
    expect(end).toEqual({ code: 7, signal: null, stdout: 'atexit ran\n', stderr: '' })
  },
  15_000,
)

test.each(scenes)(
  'an uncaught exception in the middle of %s',
  async (_name, source) => {
    const end = await runProgram(
      program(
        source,
        "process.on('uncaughtException', () => process.exit(6)); setImmediate(() => { throw 1 }); throw 1",
      ),
    )
    expect(end).toMatchObject({ code: 6, signal: null, stdout: 'atexit ran\n' })
  },
  15_000,
)
