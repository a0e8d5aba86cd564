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

  const run = (body: string) =>
    runProgram(`${prelude}\nasync function main() { ${body} }\nmain()`, {
      env: {
        VIRTUAL_ENV: environment,
        _PYTHON_SYSCONFIGDATA_NAME: '_sysconfigdata_static',
        SYMPHONY_PYTHON_MODE: 'auto',
      },
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

  test('is refused if it is to be embedded', async () => {
    const end = await run(`await python.start({ mode: 'embedded' }).catch((error) => console.log(error.code))`)
    expect(end).toMatchObject({ code: 0, stdout: 'ERR_LIBPYTHON_NOT_FOUND\n', stderr: '' })
  })
})
