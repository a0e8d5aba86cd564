/* JavaScript's promises in Python: awaited in any event loop, waited for by any thread but JavaScript's own. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'

import { runProgram } from './support/child-process'

const fixtures = join(__dirname, 'fixtures')

let sync: SyncHandle
let later: Handle

beforeAll(async () => {
  await python.start({ paths: [fixtures] })
  sync = python.importSync('javascript_promises')
  later = sync.$async
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A promise and what settles it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

describe('a promise', () => {
  test('is an awaitable, and comes back as itself', async () => {
    const { promise, resolve } = deferred()
    expect(sync.facts(promise)).toEqual({ type: true, awaitable: true, repr: '<JsPromise Promise>', then: true })
    expect(sync.identity(promise)).toBe(promise)
    expect(((await later.identity([promise])) as unknown[])[0]).toBe(promise)
    expect(await python.eval('a is b["c"]', { a: promise, b: { c: promise } })).toBe(true)
    resolve(1)
  })

  test.each(['run', 'run_in_thread', 'result'])('gives its value: %s', async (name) => {
    for (const value of [1, null, 'text', [1, { a: 2 }], new Map([[1, 2]])])
      expect(await later.$get(name)<unknown>(turn().then(() => value))).toEqual(value)
    const settled = Promise.resolve('before')
    expect(await later.$get(name)(settled)).toBe('before')
    expect(await later.$get(name)(settled)).toBe('before')
  })

  test('gives objects, functions and handles as themselves', async () => {
    const made = new URL('file:///a')
    expect(await later.run(Promise.resolve(made))).toBe(made)
    const handle = await python.eval<Handle>('object()')
    expect(await later.run(Promise.resolve(handle))).toBe(handle)
    const inner = turn().then(() => 5)
    const [same] = (await later.run(Promise.resolve([inner]))) as unknown[]
    expect(same).toBe(inner)
  })

  test('is awaited many times, in many loops at once', async () => {
    const { promise, resolve } = deferred<number[]>()
    const results = later.run_in_loops<unknown[]>(promise, 4)
    await turn()
    resolve([7])
    expect(await results).toEqual(Array.from({ length: 12 }, () => [7]))
  })

  test('gives every thread the same object', async () => {
    const { promise, resolve } = deferred<number[]>()
    const results = later.results(promise, 4)
    await turn()
    resolve([7])
    expect(await results).toEqual(python.tuple(true, [7]))
  })

  test('that is rejected raises, and the error comes back as itself', async () => {
    const error = new RangeError('too far')
    expect(await later.caught(turn().then(() => Promise.reject(error)))).toEqual(
      python.tuple('RangeError: too far', error),
    )
    for (const name of ['run', 'run_in_thread', 'result']) {
      const caught: unknown = await later
        .$get(name)(Promise.reject(error))
        .then(undefined, (thrown: unknown) => thrown)
      expect(caught).toBe(error)
    }
    const exception: unknown = await python.eval('1 / 0').then(undefined, (thrown: unknown) => thrown)
    await expect(later.run(Promise.reject(exception as Error))).rejects.toMatchObject({ type: 'ZeroDivisionError' })
  })

  test('whose value cannot cross raises an error that says so', async () => {
    await expect(later.run(Promise.resolve([1, Symbol('s')]))).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
  })

  test('knows whether it has settled', async () => {
    const { promise, resolve } = deferred()
    expect(await later.done_after(promise, () => resolve(null))).toEqual(python.tuple(false, true))
  })

  test('that nobody settles: the wait has a limit', async () => {
    const { promise, resolve } = deferred()
    await expect(later.result(promise, 0.01)).rejects.toMatchObject({
      type: 'TimeoutError',
      message: 'TimeoutError: the promise has not settled in 0.01 seconds',
    })
    expect(await later.timed_out(promise)).toBe('timed out')
    await expect(later.result(promise, NaN)).rejects.toMatchObject({ type: 'ValueError' })
    resolve(1)
    expect(await later.result(promise, 60)).toBe(1)
  })

  test('goes on when the task that awaits it is cancelled', async () => {
    const { promise, resolve } = deferred()
    expect(await later.cancelled(promise, () => resolve('on'))).toBe('on')
  })

  test('keeps context variables', async () => {
    expect(await later.context_after(turn())).toBe('set')
  })

  test('that outlives its loop', async () => {
    const { promise, resolve } = deferred()
    expect(await later.closed_loop(promise, () => resolve('late'))).toBe('late')
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

  test('is settled again for a Python that had dropped it', async () => {
    const promise = Promise.resolve({ a: 1 })
    for (let round = 0; round < 3; round++) {
      expect(await later.run(promise)).toEqual({ a: 1 })
      await turn()
    }
  })
})

describe('a thenable', () => {
  test('is an awaitable whose `then` is called when it is awaited, once', async () => {
    let calls = 0
    class Query {
      then(resolve: (value: unknown) => void): void {
        calls += 1
        resolve(['row'])
      }
    }
    const query = new Query()
    expect(sync.identity(query)).toBe(query)
    await later.keep(query)
    expect(calls).toBe(0)
    expect(await later.run_in_loops(query, 2)).toEqual(Array.from({ length: 6 }, () => ['row']))
    expect(calls).toBe(1)
    sync.drop()
  })

  test('of a class derived from Promise', async () => {
    let started = false
    class Lazy extends Promise<string> {
      override then<A, B>(
        resolve?: ((value: string) => A | PromiseLike<A>) | null,
        reject?: ((error: unknown) => B | PromiseLike<B>) | null,
      ): Promise<A | B> {
        started = true
        return Promise.resolve('lazy').then(resolve, reject)
      }
    }
    const lazy = new Lazy(() => undefined)
    expect(started).toBe(false)
    expect(await later.run(lazy)).toBe('lazy')
  })

  test('that a function gives, also where it looks like data', async () => {
    const given = { then: (resolve: (value: number) => void) => resolve(3) }
    expect(await later.run_call(() => given)).toBe(3)
  })
})

describe('a function', () => {
  test('that is asynchronous is awaited, with its arguments', async () => {
    const add = async (a: number, b: number): Promise<number> => {
      await turn()
      return a + b
    }
    expect(await later.run_call(add, 1, 2)).toBe(3)
    expect(sync.marks(add)).toEqual([true, expect.any(Boolean), true])
    expect(sync.marks(() => 1)).toEqual([false, false, false])
    expect(
      sync.marks(async function* () {
        yield await turn()
      }),
    ).toEqual([false, false, false])
    const [, minor] = python.info().version.split('.').map(Number)
    if (minor! >= 12) expect((sync.marks(add) as boolean[])[1]).toBe(true)
  })

  test('that throws asynchronously: the error itself comes back', async () => {
    const error = new RangeError('later')
    const fail = async (): Promise<never> => {
      await turn()
      throw error
    }
    const caught: unknown = await later.run_call(fail).then(undefined, (thrown: unknown) => thrown)
    expect(caught).toBe(error)
  })

  test('called a thousand times at once', async () => {
    expect(
      await later.many(async (index: number) => {
        await turn()
        return index
      }, 1000),
    ).toBe(499_500)
  })

  test('that gives a call of Python which has not been awaited', async () => {
    const operator = await python.import('operator')
    expect(await later.run_call((value: number) => operator.add(value, 1), 4)).toBe(5)
  })

  test('runs in the asynchronous context of the call that passed it, to its end', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen = await storage.run('here', () =>
      later.run_call<string[]>(async () => {
        const before = storage.getStore()
        await turn()
        return [before, storage.getStore()]
      }),
    )
    expect(seen).toEqual(['here', 'here'])
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

test('the traceback of a rejection has those who awaited it last, and no others', async () => {
  expect(
    await later.tracebacks(
      turn().then(() => Promise.reject(new RangeError('too far'))),
      5,
    ),
  ).toEqual([2, 2, 2, 2, 2])
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
