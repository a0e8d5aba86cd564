/* JavaScript's promises and Python in one process: waits on JavaScript's own thread, what is collected, and the end of environments. */
import { join } from 'node:path'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { deferred, turn } from './support/deferred'

const fixtures = join(__dirname, 'fixtures')

let sync: SyncHandle
let later: Handle

beforeAll(async () => {
  await python.start({ paths: [fixtures] })
  sync = python.importSync('javascript_promises')
  later = sync.$async
})

describe('a promise', () => {
  test('comes back from a synchronous call as itself, a thenable too', () => {
    const { promise, resolve } = deferred()
    const query = { then: () => undefined, kind: 'query' }
    for (const value of [promise, Object.assign(Object.create({}) as object, query)])
      expect(sync.identity(value)).toBe(value)
    resolve(1)
  })

  test('cannot settle while its own thread waits, and says so at once', () => {
    const { promise, resolve } = deferred()
    for (const name of ['result', 'run'])
      expect(() => sync.$get<SyncHandle>(name)(promise)).toThrow(
        expect.objectContaining({ type: 'RuntimeError', message: expect.stringContaining('cannot settle while') }),
      )
    resolve(1)
  })

  test('that has settled gives its value on its own thread, too', async () => {
    const promise = Promise.resolve({ a: 1 })
    await later.keep(promise)
    await turn()
    expect(sync.result(promise)).toEqual({ a: 1 })
    expect(sync.run(promise)).toEqual({ a: 1 })
    sync.drop()
  })
})

test('a rejection that Python drops without a look ends nobody, and one that nobody handles is not ours', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const take = python.evalSync('lambda value: None')
    class Lazy extends Promise { then(...args) { return super.then(...args) } }
    take(Promise.reject(new Error('unheard')))
    take(Lazy.reject(new Error('unheard')))
    take.$async(async () => { throw new Error('never called') })
    setTimeout(() => console.log('alive'), 20)
    setTimeout(() => Promise.reject(new Error('of the program')), 40)`)
  expect(end.stdout).toBe('alive\n')
  expect(end.stderr).toContain('of the program')
  expect(end.stderr).not.toContain('unheard')
  expect(end.code).toBe(1)
})

test('rejected promises are let go after they were awaited', async () => {
  // Their exceptions have tracebacks, which refer to whoever awaited, and so to the promises.
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    async function main() {
      await python.start({ paths: [${JSON.stringify(fixtures)}] })
      const module = await python.import('javascript_promises')
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const reject = () => turn().then(() => Promise.reject(new RangeError('too far')))
      for (const name of ['awaited', 'run', 'run_in_thread', 'result']) await module.$get(name)(reject()).catch(() => {})
      while ((await module.held()) > 0) { globalThis.gc(); await turn() }
      console.log('let go')
    }
    main()`,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ stdout: 'let go\n', stderr: '' })
})

test('promises are collected on both sides, looked at or not', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    const module = python.execSync('import asyncio\\nkept = []\\nasync def wait(p): return await p\\ndef look(p): return asyncio.run(wait(p))\\ndef keep(p): kept.append(p)\\ndef drop(): kept.clear()')
    let collected = 0
    const registry = new FinalizationRegistry(() => { collected += 1 })
    class Value {}
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    async function main() {
      for (let index = 0; index < 100; index++) {
        const value = new Value()
        const promise = index % 3 === 0 ? Promise.resolve(value) : turn().then(() => [value])
        registry.register(value)
        registry.register(promise)
        if (index % 2 === 0) await module.$async.look(promise)
        else module.keep(promise)
      }
      await turn(); globalThis.gc(); await turn()
      module.drop()
      while (collected < 198) { await turn(); globalThis.gc() }
      console.log('collected')
    }
    main()`,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ stdout: 'collected\n', stderr: '' })
})

describe('the end of an environment', () => {
  const inWorker = (body: string): string => `
    const { Worker, parentPort } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    async function main() {
      await python.start({ paths: [${JSON.stringify(fixtures)}] })
      const module = await python.import('javascript_promises')
      ${body}
    }
    main()`

  test('ends every wait for its promises', async () => {
    const end = await runProgram(`
      const { Worker } = require('node:worker_threads')
      const { python } = require('symphony-python-bridge')
      async function main() {
        await python.start({ paths: [fixtures] })
        const outcomes = python.execSync('import threading\\noutcomes = []\\narrived = threading.Event()\\ndef arrive(values): outcomes.extend(values); arrived.set()')
        python.evalSync('__import__("sys").modules.__setitem__("outcomes_of_worker", ns)', { ns: outcomes })
        const worker = new Worker(${JSON.stringify(
          inWorker(`
            let waiting = 0
            const arrive = (await python.import('outcomes_of_worker')).arrive
            const wait = await python.eval('lambda *args: __import__("threading").Thread(target=lambda: arrive(wait(*args)), daemon=True).start()', { arrive: await arrive, wait: await module.wait_for_ever })
            await wait(new Promise(() => {}), () => { if (++waiting === 2) setTimeout(() => parentPort.postMessage('waiting'), 20) })
            setInterval(() => {}, 1000)`),
        )}, { eval: true })
        worker.once('message', async () => {
          await worker.terminate()
          await outcomes.$async.arrived.wait()
          console.log(outcomes.outcomes.join('|'))
        })
      }
      main()`)
    const ended = 'RuntimeError: the JavaScript environment of this object has ended'
    expect(end).toMatchObject({ stderr: '', stdout: `${ended}|${ended}\n` })
  })

  test('`stop` ends them too, and so does the end of the process', async () => {
    for (const ending of ['python.stop().then(() => console.log("stopped"))', 'process.exit(0)']) {
      const end = await runProgram(`
        const { python } = require('symphony-python-bridge')
        async function main() {
          await python.start({ paths: [fixtures] })
          const module = await python.import('javascript_promises')
          let waiting = 0
          module.wait_for_ever(new Promise(() => {}), () => { if (++waiting === 2) setTimeout(() => { ${ending} }, 20) }).catch(() => {})
        }
        main()`)
      expect(end).toMatchObject({ stderr: '', code: 0 })
    }
  })

  test('a forked child waits for nothing', async () => {
    const code = await python.eval(
      `(lambda p: (lambda pid: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else os._exit(attempt(p)))(os.fork()))(promise)`,
      {
        promise: new Promise(() => undefined),
        os: python.importSync('os'),
        attempt: python
          .execSync(
            'def attempt(p):\n  try: p.result()\n  except RuntimeError as e: return 7 if "has ended" in str(e) else 1\n  return 2',
          )
          .$get('attempt'),
      },
    )
    expect(code).toBe(7)
  })
})
