/* JavaScript's promises in Python: awaited in any event loop, waited for by any thread but JavaScript's own. What is of one process only is
   in javascript-promises-end.test.ts. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import type { Handle } from 'symphony-python-bridge'
import { deferred, turn } from './support/deferred'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let later: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    later = await python.import('javascript_promises')
  })

  describe('a promise', () => {
    test('is an awaitable, and comes back as itself', async () => {
      const { promise, resolve } = deferred()
      expect(await later.facts(promise)).toEqual({
        type: true,
        awaitable: true,
        repr: '<JsPromise Promise>',
        then: true,
      })
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
      expect((await later.identity<unknown[]>([query]))[0]).toBe(query)
      await later.keep(query)
      expect(calls).toBe(0)
      expect(await later.run_in_loops(query, 2)).toEqual(Array.from({ length: 6 }, () => ['row']))
      expect(calls).toBe(1)
      await later.drop()
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
      expect(await later.marks(add)).toEqual([true, expect.any(Boolean), true])
      expect(await later.marks(() => 1)).toEqual([false, false, false])
      expect(
        await later.marks(async function* () {
          yield await turn()
        }),
      ).toEqual([false, false, false])
      if (await python.eval('__import__("sys").version_info >= (3, 12)'))
        expect((await later.marks<boolean[]>(add))[1]).toBe(true)
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

  test('the traceback of a rejection has those who awaited it last, and no others', async () => {
    expect(
      await later.tracebacks(
        turn().then(() => Promise.reject(new RangeError('too far'))),
        5,
      ),
    ).toEqual([2, 2, 2, 2, 2])
  })

  afterAll(() => host.stop())
})
