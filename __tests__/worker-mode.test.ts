/* Worker mode: the same program works with Python in a process of its own, its synchronous calls included. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram, type ProgramOptions } from './support/child-process'

const prelude = `
  const { python, isBridgeError } = require('symphony-python-bridge')
  const worker = { mode: 'worker' }
  const codeOf = (body) => { try { return body() } catch (error) { return [error.code, error.message] } }
`

/** What a program prints, which works with a Python in a process of its own. */
async function result(body: string, options?: ProgramOptions): Promise<unknown> {
  const end = await runProgram(`${prelude}\nasync function main() { ${body} }\nmain()`, {
    ...options,
    env: { SYMPHONY_PYTHON_MODE: 'worker', ...options?.env },
  })
  expect([end.stderr, end.signal]).toEqual(['', null])
  return JSON.parse(end.stdout.split('\n').at(-2)!)
}

describe('worker mode', () => {
  test('is asked for by the option, or by a variable', async () => {
    const body = `
      const { mode, libpython, executable } = await python.start(OPTION)
      console.log(JSON.stringify([mode, libpython, executable === python.evalSync('sys.executable', python.execSync('import sys'))]))`
    const expected = ['worker', null, true]
    expect(await result(body.replace('OPTION', ''))).toEqual(expected)
    const asked = { env: { SYMPHONY_PYTHON_MODE: 'embedded' } }
    expect(await result(body.replace('OPTION', 'worker'), asked)).toEqual(expected)
  })

  test('starts at a synchronous use, too, and is one process', async () => {
    const body = `
      const pid = python.importSync('os').getpid()
      console.log(JSON.stringify([pid !== process.pid, pid === await (await python.import('os')).getpid(), python.info().mode]))`
    expect(await result(body)).toEqual([true, true, 'worker'])
  })

  test('cannot be changed later', async () => {
    const body = `
      await python.start()
      const again = await python.start(worker).then((info) => info.mode)
      const other = await python.start({ mode: 'embedded' }).catch((error) => error.code)
      console.log(JSON.stringify([again, other]))`
    expect(await result(body)).toEqual(['worker', 'ERR_PYTHON_ALREADY_CHOSEN'])
  })

  test('refuses a variable that means nothing', async () => {
    const body = `console.log(JSON.stringify(codeOf(() => python.importSync('os'))))`
    const variable = { env: { SYMPHONY_PYTHON_MODE: 'fast' } }
    expect(await result(body, variable)).toEqual([
      'ERR_INVALID_ARGUMENT',
      "`SYMPHONY_PYTHON_MODE` must be 'auto', 'embedded' or 'worker', but got \"fast\"",
    ])
  })

  test('all synchronous calls are on one thread, also those within a callback', async () => {
    const body = `
      const { ident, through } = python.execSync(\`
import threading
ident = threading.get_ident
def through(function):
    return [ident(), function(), ident()]
\`)
      const [before, within, after] = through(() => through(() => ident()))
      console.log(JSON.stringify(new Set([ident(), before, ...within, after]).size))`
    expect(await result(body)).toBe(1)
  })

  test('asynchronous calls go on meanwhile, and their outcomes come when JavaScript has time', async () => {
    const body = `
      const { wait, release } = python.execSync(\`
import threading
event = threading.Event()
def wait():
    return event.wait()
def release():
    event.set()
    return [thread.name for thread in threading.enumerate() if thread.name == 'nobody']
\`)
      const order = []
      const waiting = wait.$async().then((value) => order.push(['asynchronous', value]))
      order.push(['synchronous', release()])
      await waiting
      console.log(JSON.stringify(order))`
    expect(await result(body)).toEqual([
      ['synchronous', []],
      ['asynchronous', true],
    ])
  })

  test('a thread that waits for JavaScript, which waits for that thread, gets an error that says so', async () => {
    const body = `
      await python.start({ callbackTimeout: 200 })
      const { deadlock } = python.execSync(\`
import threading
def deadlock(function):
    errors = []
    def ask():
        try:
            function()
        except TimeoutError as error:
            errors.append(type(error).__name__)
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return errors
\`)
      console.log(JSON.stringify([deadlock(() => 1), python.evalSync('1 + 1')]))`
    expect(await result(body)).toEqual([['TimeoutError'], 2])
  })

  test('handles are shared with worker threads, which use the same process', async () => {
    const body = `
      const { Worker } = require('node:worker_threads')
      const list = python.importSync('collections').deque([1, 2])
      const worker = new Worker(\`
        const { parentPort, workerData } = require('node:worker_threads')
        const { python } = require(\${JSON.stringify(require.resolve('symphony-python-bridge'))})
        const list = python.adoptSync(workerData)
        list.append(3)
        parentPort.postMessage({ pid: python.importSync('os').getpid(), back: list.$share() })
      \`, { eval: true, workerData: list.$share() })
      worker.once('message', ({ pid, back }) => {
        const same = python.adoptSync(back)
        console.log(JSON.stringify([pid === python.importSync('os').getpid(), same === list, [...list]]))
      })`
    expect(await result(body)).toEqual([true, true, [1, 2, 3]])
  })

  test('nothing is kept of a call whose worker thread has ended', async () => {
    const body = `
      const { Worker } = require('node:worker_threads')
      const { died } = python.execSync(\`
import builtins, gc, threading, time, weakref
from symphony_bridge import get_system_info
class Thing: pass
dead = threading.Event()
def call(function):
    thing = Thing()
    weakref.finalize(thing, dead.set)
    try:
        function()
    finally:
        # Its error is raised when the environment that would get it has ended.
        while get_system_info()['environments'] > 1: time.sleep(0.001)
builtins.call = call
def died():
    deadline = time.monotonic() + 20
    while not dead.wait(0.01) and time.monotonic() < deadline: gc.collect()
    return dead.is_set()
\`)
      const worker = new Worker(\`
        const { parentPort } = require('node:worker_threads')
        const { python } = require(\${JSON.stringify(require.resolve('symphony-python-bridge'))})
        python.importSync('builtins').call(() => { parentPort.postMessage('called'); for (;;); })
      \`, { eval: true })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      console.log(JSON.stringify(died()))`
    expect(await result(body)).toBe(true)
  })

  test('what Python writes to memory that it was given is seen', async () => {
    const body = `
      const { fill } = python.execSync('def fill(array): array[0] = 42')
      const made = python.ndarray(2)
      const view = python.memoryview(new Float64Array(2))
      const lent = new Float64Array([1, 2])
      const part = new Uint8Array([1, 2, 3, 4])
      for (const array of [made, view, python.borrow(lent), python.borrow(part.subarray(1, 3))]) fill(array)
      const refused = codeOf(() => python.execSync('def call(array, f): f()').call(python.borrow(lent), () => 1))
      console.log(JSON.stringify([[...made.data], [...view], [...lent], [...part], refused[0]]))`
    expect(await result(body)).toEqual([[42, 0], [42, 0], [42, 2], [1, 42, 3, 4], 'ERR_INVALID_ARGUMENT'])
  })

  test('what is borrowed twice is one memory, and its parts must lie within each other', async () => {
    const body = `
      const { put } = python.execSync('def put(first, second): first[0], second[1] = 1, 2')
      const [same, parts, twice] = [new Uint8Array(3), new Uint8Array(4), new Uint8Array(8)]
      put(python.borrow(same), python.borrow(same))
      put(python.borrow(parts), python.borrow(parts.subarray(1, 3)))
      put(python.borrow(twice.subarray(4)), python.borrow(twice.subarray(0, 4)))
      const refused = codeOf(() => put(python.borrow(parts.subarray(0, 3)), python.borrow(parts.subarray(1, 4))))
      console.log(JSON.stringify([[...same], [...parts], [...twice], refused[0]]))`
    const twice = [0, 2, 0, 0, 1, 0, 0, 0]
    expect(await result(body)).toEqual([[1, 2, 0], [1, 0, 2, 0], twice, 'ERR_CONVERSION'])
  })

  test('Python ends with the program: exit handlers run, and what they print is printed', async () => {
    const end = await runProgram(
      `${prelude}
       python.start({ ...worker, stdout: (line) => console.log('line: ' + line) }).then(() => {
         python.execSync("import atexit; atexit.register(lambda: print('the end'))")
         process.exitCode = 3
       })`,
    )
    expect(end).toEqual({ code: 3, signal: null, stdout: 'line: the end\n', stderr: '' })
  })

  test('what exit handlers print may be more than a socket holds', async () => {
    const end = await runProgram(
      `${prelude}
       let count = 0
       python.start({ ...worker, stdout: () => (count += 1) }).then(() => {
         process.on('exit', () => console.log(count))
         python.execSync("import atexit; atexit.register(lambda: [print('x' * 10) for _ in range(2000)])")
       })`,
    )
    expect(end).toEqual({ code: 0, signal: null, stdout: '2000\n', stderr: '' })
  })
})

describe('a process that dies', () => {
  const dying = `
    await python.start()
    const os = python.importSync('os')
    const module = python.execSync('import os, signal\\ndef die(signum): os.kill(os.getpid(), signum)\\ndef leave(): os._exit(7)')
  `
  const facts = `({ code: error.code, signal: error.exit.signal, exit: error.exit.code, started: error.started })`

  test('in a synchronous call is an error of that call, and of all later ones', async () => {
    const body = `${dying}
      const errors = []
      for (const use of [() => module.die(9), () => os.getpid(), () => python.importSync('math'), () => module.die.$async(9)]) {
        try { await use() } catch (error) { errors.push([error.code, error.exit.signal]) }
      }
      console.log(JSON.stringify(errors))`
    expect(await result(body)).toEqual(Array(4).fill(['ERR_WORKER_LOST', 'SIGKILL']))
  })

  test('fails asynchronous calls with how it ended', async () => {
    const body = `${dying}
      const error = await module.leave.$async().catch((error) => error)
      console.log(JSON.stringify(${facts}))`
    expect(await result(body)).toEqual({ code: 'ERR_WORKER_LOST', signal: null, exit: 7, started: true })
  })

  test('takes nothing with it of what came before: outcomes of other calls, and text', async () => {
    const body = `
      const lines = []
      await python.start({ ...worker, stdout: (line) => lines.push(line) })
      const module = python.execSync(\`
import os, threading
second = threading.Event()
def die():
    second.wait()
    print('last words', flush=True)
    os._exit(7)
\`)
      // The second call of a session begins when the outcome of the first one is known.
      const session = await python.session()
      const first = session.eval('42')
      void session.exec('second.set()', { second: module.second }).catch(() => undefined)
      const [code] = codeOf(() => module.die())
      const later = await python.eval('1').catch((error) => [error.code, error.started])
      console.log(JSON.stringify([code, await first, later, lines]))`
    expect(await result(body)).toEqual(['ERR_WORKER_LOST', 42, ['ERR_WORKER_LOST', false], ['last words']])
  })

  test('is known to environments that come later by how it ended', async () => {
    const body = `${dying}
      codeOf(() => module.leave())
      const { Worker } = require('node:worker_threads')
      new Worker(\`
        const { parentPort } = require('node:worker_threads')
        const { python } = require(\${JSON.stringify(require.resolve('symphony-python-bridge'))})
        try { python.importSync('os') } catch (error) { parentPort.postMessage([error.code, error.exit?.code]) }
      \`, { eval: true }).once('message', (said) => console.log(JSON.stringify(said)))`
    expect(await result(body)).toEqual(['ERR_WORKER_LOST', 7])
  })

  test('because the program stopped it is an error that says so, in every environment', async () => {
    const body = `
      const { Worker } = require('node:worker_threads')
      await python.start(worker)
      const use = \`
        const { parentPort } = require('node:worker_threads')
        const { python } = require(\${JSON.stringify(require.resolve('symphony-python-bridge'))})
        const codes = []
        const attempt = (body) => { try { body() } catch (error) { codes.push(error.code) } }
      \`
      const said = []
      const inCall = new Worker(use + \`
        const { wait } = python.execSync('def wait(started):\\\\n    import threading\\\\n    started()\\\\n    threading.Event().wait()')
        attempt(() => wait(() => parentPort.postMessage('waits')))
        attempt(() => python.importSync('os'))
        parentPort.postMessage(codes)
      \`, { eval: true })
      await new Promise((resolve) => inCall.once('message', resolve))
      inCall.once('message', (codes) => said.push(codes))
      const left = new Promise((resolve) => inCall.once('exit', resolve))
      await python.stop()
      await left
      const late = new Worker(use + \`attempt(() => python.importSync('os')); parentPort.postMessage(codes)\`, { eval: true })
      late.once('message', (codes) => console.log(JSON.stringify([...said, codes])))`
    expect(await result(body)).toEqual([['ERR_CLOSED', 'ERR_CLOSED'], ['ERR_CLOSED']])
  })

  test('crashes alone: the program goes on', async () => {
    const body = `${dying}
      const crash = python.importSync('ctypes').string_at
      const error = codeOf(() => crash(0))
      console.log(JSON.stringify([error[0], error[1].includes('SIGSEGV')]))`
    expect(await result(body)).toEqual(['ERR_WORKER_LOST', true])
  })
})

describe('an interpreter that cannot be embedded', () => {
  // Debian's is linked with its library, which is there or not; this one says that it is not.
  const debian = '/usr/bin/python3'
  let folder: string
  let environment: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'symphony-worker-'))
    environment = join(folder, 'venv')
    try {
      execFileSync(debian, ['-m', 'venv', '--without-pip', environment])
    } catch (cause) {
      throw new Error(`these tests need an interpreter without a shared library: apt-get install python3-venv`, {
        cause,
      })
    }
    const lib = join(environment, 'lib')
    const packages = join(lib, readdirSync(lib)[0]!, 'site-packages')
    const variables =
      "build_time_vars = {'Py_ENABLE_SHARED': 0, 'LIBDIR': '/nowhere', 'LIBPL': '/nowhere', 'LDLIBRARY': 'libpython.a'}"
    writeFileSync(join(packages, '_sysconfigdata_static.py'), `${variables}\n`)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const variables = {
    get VIRTUAL_ENV() {
      return environment
    },
    _PYTHON_SYSCONFIGDATA_NAME: '_sysconfigdata_static',
    SYMPHONY_PYTHON_MODE: 'auto',
  }

  const run = (body: string) =>
    runProgram(`${prelude}\nasync function main() { ${body} }\nmain()`, {
      env: { ...variables },
    })

  test('runs in a process of its own, and one warning says why', async () => {
    const end = await run(`
      const { mode } = await python.start()
      console.log(mode, python.importSync('math').sqrt(16), python.evalSync('sys.prefix', python.execSync('import sys')))
      python.importSync('os')`)
    expect(end).toMatchObject({ code: 0, stdout: `worker 4 ${environment}\n` })
    expect(end.stderr.match(/SYMPHONY_WORKER_MODE/g)).toHaveLength(1)
    expect(end.stderr).toContain('without a shared library')
    expect(end.stderr).toContain('To embed it, run: ')
  })

  test('works, as `symphony-python doctor` says', () => {
    const command = join(__dirname, '..', 'dist', 'cli', 'symphony-python.js')
    const said = execFileSync(process.execPath, [command, 'doctor'], {
      encoding: 'utf8',
      env: { ...process.env, ...variables },
    })
    expect(said).toMatch(/mode +worker: a process of its own/)
    expect(said).toContain('Python works, in a process of its own. It is CPython')
  })

  test('is refused if it is to be embedded', async () => {
    const end = await run(`await python.start({ mode: 'embedded' }).catch((error) => console.log(error.code))`)
    expect(end).toMatchObject({ code: 0, stdout: 'ERR_LIBPYTHON_NOT_FOUND\n', stderr: '' })
  })
})
