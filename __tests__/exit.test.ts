/* The end of the process: what Python has to say is said, and nothing hangs, crashes or changes the exit code. */
import { runProgram } from './support/child-process'
import { embeddedTest } from './support/mode'

const start = `
  const { python } = require('symphony-python-bridge')
  python.execSync(${JSON.stringify(`
import atexit, sys
atexit.register(lambda: print('atexit ran'))
sys.stdout.write('no newline at the end|')
`)})
`

/** Ways to end a process, and the exit code of each. */
const endings: [name: string, source: string, code: number][] = [
  ['the event loop is empty', '', 0],
  ['process.exit()', 'process.exit(3)', 3],
  ['an uncaught exception', "setImmediate(() => { throw new Error('uncaught') })", 1],
  ['an unhandled rejection', "Promise.reject(new Error('unhandled'))", 1],
  ['process.exitCode', 'process.exitCode = 4', 4],
  ['an uncaught PythonError', "python.evalSync('1 / 0')", 1],
]

test.each(endings)('atexit handlers run and buffered text arrives: %s', async (_name, source, code) => {
  const end = await runProgram(start + source)
  expect(end.stdout).toBe('no newline at the end|atexit ran\n')
  expect([end.code, end.signal]).toEqual([code, null])
})

test('300 KB printed into a pipe arrive whole, with text that JavaScript writes too', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    process.stdout.write('first\\n')
    python.execSync("print('x' * 300_000)")
    process.exit(0)`)
  expect(end.stdout.length).toBe('first\n'.length + 300_001)
  expect([end.code, end.stderr]).toEqual([0, ''])
})

test('an asynchronous call that runs for ever does not keep process.exit() from ending', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start().then(async () => {
      const ns = await python.exec(${JSON.stringify(`
import threading
running = threading.Event()
def spin():
    running.set()
    while True: pass
`)})
      void ns.spin().catch(() => {})
      await ns.running.wait()
      process.exit(5)
    })`)
  expect([end.code, end.signal, end.stderr]).toEqual([5, null, ''])
})

test('non-daemon threads that never end are left behind, and those that end soon are waited for', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.execSync(${JSON.stringify(`
import threading, time
stop = threading.Event()
def soon():
    stop.wait()
    print('thread ended')
threading.Thread(target=soon).start()
threading.Thread(target=threading.Event().wait).start()
import atexit
threading._register_atexit(stop.set)
atexit.register(lambda: print('atexit ran'))
`)})`)
  expect(end.stdout).toBe('thread ended\natexit ran\n')
  expect([end.code, end.signal]).toEqual([0, null])
})

test('an idle thread pool ends, as it does at the end of Python', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const started = Date.now()
    python.execSync(${JSON.stringify(`
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
print(pool.submit(lambda: 'pool works').result())
`)})`)
  expect([end.stdout, end.stderr, end.code]).toEqual(['pool works\n', '', 0])
})

/** Python code whose effects at the end of the process could get lost, and what must be printed all the same. */
const awkward: [name: string, code: string, printed: string][] = [
  [
    'sys.stdout replaced by an object of the program',
    `
import sys
class Tee:
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text)
    def flush(self): raise RuntimeError('cannot flush')
sys.stdout = Tee(sys.stdout)
print('through the tee')
`,
    'through the tee\n',
  ],
  [
    'an atexit handler that takes longer than there is time',
    `
import atexit, threading
atexit.register(threading.Event().wait)
print('printed before')
`,
    'printed before\n',
  ],
  [
    'an interrupt that nobody has taken yet',
    `
import _thread, atexit
atexit.register(lambda: print('atexit ran'))
_thread.interrupt_main()
`,
    'atexit ran\n',
  ],
  [
    'a destructor that blocks',
    `
import atexit, threading
atexit.register(lambda: print('atexit ran'))
class Blocks:
    def __del__(self): threading.Event().wait()
blocks = Blocks()
`,
    'atexit ran\n',
  ],
]

test.each(awkward)('the end is complete in spite of %s', async (_name, code, printed) => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const ns = python.execSync(${JSON.stringify(code)})
    // The destructor runs once nothing refers to the object, on a thread that nothing else needs.
    if (ns.$has('blocks')) { ns.blocks.$dispose(); ns.$del('blocks') }
    setTimeout(() => process.exit(0), 50)`)
  expect([end.stdout, end.code, end.signal]).toEqual([printed, 0, null])
})

embeddedTest('os._exit takes the process with it', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    process.on('exit', () => console.log('not reached'))
    python.importSync('os')._exit(7)`)
  expect([end.stdout, end.code]).toEqual(['', 7])
})

test('SystemExit and sys.exit() are errors and not exits', async () => {
  const end = await runProgram(`
    const { python, isPythonError } = require('symphony-python-bridge')
    python.start().then(async () => {
      const sys = await python.import('sys')
      await sys.exit(3).catch((error) => console.log(isPythonError(error, 'SystemExit'), error.type))
      try { sys.$sync.exit(3) } catch (error) { console.log(isPythonError(error, 'SystemExit'), error.args[0]) }
      await python.exec('raise KeyboardInterrupt').catch((error) => console.log(error.type))
      console.log(await python.eval('1 + 1'))
    })`)
  expect(end.stdout).toBe('true SystemExit\ntrue 3\nKeyboardInterrupt\n2\n')
  expect([end.code, end.stderr]).toEqual([0, ''])
})

test('a handler of the exit event that was there first can still call Python', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    process.on('exit', () => console.log(python.evalSync('6 * 7')))
    python.importSync('sys')`)
  expect([end.stdout, end.code]).toEqual(['42\n', 0])
})

test('100 exits in a row under load: no hang, no crash, the right codes', async () => {
  const source = (code: number): string => `
    const { python } = require('symphony-python-bridge')
    python.start().then(async () => {
      const ns = await python.exec('def work(n):\\n    return sum(range(n))')
      const calls = Array.from({ length: 50 }, (_, i) => ns.work(20_000 + i).catch(() => {}))
      await calls[0]
      ${code % 2 === 0 ? `process.exit(${code})` : `throw Object.assign(new Error('on purpose'), {})`}
    })`
  const codes = Array.from({ length: 100 }, (_, index) => index)
  const failures: unknown[] = []
  const next = async (): Promise<void> => {
    for (let code = codes.shift(); code !== undefined; code = codes.shift()) {
      const end = await runProgram(source(code))
      const expected = code % 2 === 0 ? code : 1
      if (end.code !== expected || end.signal !== null) failures.push({ code, end })
    }
  }
  await Promise.all([next(), next(), next()])
  expect(failures).toEqual([])
}, 300_000)
