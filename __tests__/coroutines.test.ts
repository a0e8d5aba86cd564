/* What Python awaits: coroutines become promises, other awaitables are awaited by `await` on a path or call. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { isPythonError, isPythonHandle, python, type Handle } from 'symphony-python-bridge'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython

  let asyncio: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    asyncio = await python.import('asynchronous')
  })

  afterAll(async () => {
    expect(await asyncio.tasks()).toBe(0)
  })

  describe('a coroutine', () => {
    test('is a promise of its result, the first time and later', async () => {
      for (let round = 0; round < 3; round++) {
        expect(await asyncio.add(1, 2)).toBe(3)
        expect(await asyncio.later('text')).toBe('text')
      }
      expect(await python.eval('later(5)', { later: asyncio.later })).toBe(5)
    })

    test('runs in a task of the loop, on the main thread', async () => {
      for (let round = 0; round < 2; round++) {
        expect(await asyncio.surroundings()).toEqual({ loop: true, task: true, main: true })
      }
    })

    test('fails as it raises, with its frames', async () => {
      for (let round = 0; round < 2; round++) {
        const error: unknown = await asyncio.fail('out').catch((error: unknown) => error)
        expect(isPythonError(error, 'ValueError')).toBe(true)
        expect(error).toMatchObject({ message: 'ValueError: out', frames: [{ function: 'fail' }] })
      }
    })

    test('that exits ends itself, and not the loop', async () => {
      await expect(asyncio.exit_with(3)).rejects.toMatchObject({ type: 'SystemExit', args: [3] })
      expect(await asyncio.later(1)).toBe(1)
    })

    test('that was never called with the right arguments fails', async () => {
      await asyncio.add(1, 2)
      await expect(asyncio.add(1)).rejects.toMatchObject({ type: 'TypeError' })
    })

    test('can be used before it has a result', async () => {
      expect(await asyncio.later([1, 2, 3]).__len__()).toBe(3)
      expect(await asyncio.add(asyncio.later(1), asyncio.add(2, 3))).toBe(6)
      expect(await asyncio.add(asyncio.fail('inner'), 1).catch((error: unknown) => (error as Error).message)).toBe(
        'ValueError: inner',
      )
    })

    test('gives a handle of its result where one is asked for', async () => {
      const result = await asyncio.later.$with({ returns: 'ref' })([1])
      expect(isPythonHandle(result)).toBe(true)
      expect(await (result as Handle).$value()).toEqual([1])
    })

    test('is a promise inside of other values, and on all views', async () => {
      for (const view of host.views(asyncio)) {
        expect(await view.add(1, 2)).toBe(3)
        await expect(view.fail('out') as Promise<never>).rejects.toMatchObject({ message: 'ValueError: out' })
        expect(await view.$with({ int: 'bigint' }).add(1, 2)).toBe(3n)
      }
      const [first, second] = await python.eval<Promise<number>[]>('[add(1, 2), add(3, 4)]', { add: asyncio.add })
      expect(await Promise.all([first, second])).toEqual([3, 7])
    })

    test('runs on the thread of the loop as well when a session calls it', async () => {
      await using session = await python.session()
      const same = await session.import('asynchronous')
      expect(await same.surroundings()).toEqual({ loop: true, task: true, main: true })
      expect(await same.add(1, 2)).toBe(3)
    })
  })

  describe('other awaitables', () => {
    test('are awaited by `await` on a call or path', async () => {
      expect(await asyncio.Box(5)).toBe(5)
      const scope = await python.exec('box = Box(7)', { Box: asyncio.Box })
      expect(await scope.box).toBe(7)
      const boxes = await python.eval<Handle>('[Box(8)]', { Box: asyncio.Box }, { returns: 'ref' })
      expect(await boxes.$getItem(0)).toBe(8)
    })

    test('are objects of their own where another call uses them', async () => {
      const box = asyncio.Box(5)
      expect(await asyncio.box_of(box)).toBe(5)
      expect(await asyncio.Box(6).inside()).toBe(6)
    })

    test('stay handles where one is asked for, and are awaited by $value', async () => {
      const box = (await asyncio.Box.$with({ returns: 'ref' })(5)) as Handle
      expect(box.$type).toBe('asynchronous.Box')
      expect(await box.inside()).toBe(5)
      expect(await box.$value()).toBe(5)
      const [task] = await asyncio.make_task<Handle[]>('done')
      expect(await task!.$value()).toBe('done')
      expect(await task!.done()).toBe(true)
    })
  })

  test('a context variable set in a call is seen by what it awaits, and by no other call', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await Promise.all([1, 2, 3].map((number) => asyncio.remember(number)))).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ])
      expect(await asyncio.read()).toBe('none')
    }
  })

  test('AsyncLocalStorage goes on behind an await', async () => {
    const storage = new AsyncLocalStorage<number>()
    const seen = await Promise.all(
      [1, 2, 3].map((number) =>
        storage.run(number, async () => {
          await asyncio.later(number)
          return storage.getStore()
        }),
      ),
    )
    expect(seen).toEqual([1, 2, 3])
  })

  test('the thread option `loop` is the default of coroutine functions only', async () => {
    const scope = await python.exec('import threading\ndef here(): return threading.current_thread().name')
    expect(await scope.here()).not.toBe('MainThread')
  })

  test('a function that replaces a coroutine function is called where it may block', async () => {
    const scope = await python.exec('async def f(): return "coroutine"')
    const keep = await python.exec(
      'import threading\ndef blocking(): return threading.current_thread() is threading.main_thread()',
    )
    for (let round = 0; round < 3; round++) expect(await scope.f()).toBe('coroutine')
    await scope.$set('f', keep.blocking)
    for (let round = 0; round < 3; round++) expect(await scope.f()).toBe(false)
  })

  test('many at once', async () => {
    const results = await Promise.all(Array.from({ length: 5000 }, (_, index) => asyncio.later(index)))
    expect(results).toEqual(Array.from({ length: 5000 }, (_, index) => index))
  })

  test('a generator that is decorated as a coroutine', async () => {
    expect(await asyncio.generator_coroutine()).toBe('from a generator')
  })

  test('timers have their turn while calls come and come', async () => {
    let over = false
    const { sleep } = await python.import('asyncio')
    const timer = sleep!(0.01).then(() => (over = true))
    const lane = async (): Promise<void> => {
      while (!over) await asyncio.slow_step()
    }
    await Promise.all([timer, ...Array.from({ length: 100 }, lane)])
  })

  afterAll(() => host.stop())
})

test('a synchronous view gives promises; a process of its own has none', async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  const asyncio = await python.import('asynchronous')
  const promise = asyncio.$sync.add(1, 2) as Promise<number>
  expect(promise).toBeInstanceOf(Promise)
  expect(await promise).toBe(3)
  const [first, second] = python.evalSync<Promise<number>[]>('[add(1, 2), add(3, 4)]', { add: asyncio.$sync.add })
  expect(await Promise.all([first, second])).toEqual([3, 7])
  await expect(asyncio.$sync.fail('sync') as Promise<never>).rejects.toMatchObject({ message: 'ValueError: sync' })
})
