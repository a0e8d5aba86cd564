/* Python generators as asynchronous iterators: how far they run ahead, how they are closed, what is thrown into them. */
import { join } from 'node:path'
import { isPythonHandle, python, type Handle } from 'symphony-python-bridge'
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

  async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
    const collected = []
    for await (const item of items) collected.push(item)
    return collected
  }

  const thousand = Array.from({ length: 1000 }, (_, index) => index)

  describe.each(['items', 'async_items'])('%s', (name) => {
    test('come in order, whatever the window is', async () => {
      for (const highWaterMark of [0, 1, 7, 64, 5000]) {
        const source = await asyncio.Source<Handle>()
        expect(await collect(source.$get(name).$with({ highWaterMark })(1000))).toEqual(thousand)
        expect(await source.events).toEqual(['closed'])
      }
    })

    test('are made no further ahead than the window', async () => {
      for (const highWaterMark of [0, 5]) {
        const source = await asyncio.Source<Handle>()
        const items = source.$get(name).$with({ highWaterMark })(1000).$iter()
        for (let taken = 1; taken <= 20; taken++) {
          await items.next()
          expect(await source.made.__len__()).toBeLessThanOrEqual(taken + highWaterMark)
        }
        await items.return!()
      }
    })

    test('end when the loop is left, after `finally` has run', async () => {
      const source = await asyncio.Source<Handle>()
      for await (const item of source.$get(name)(1000)) if (item === 3) break
      expect(await source.events).toEqual(['closed'])
    })

    test('that were asked for at once come in order', async () => {
      const source = await asyncio.Source<Handle>()
      const items = source.$get(name)(3).$iter()
      const results = await Promise.all([items.next(), items.next(), items.next(), items.next(), items.next()])
      expect(results.map(({ value }) => value as unknown)).toEqual([0, 1, 2, undefined, undefined])
    })

    test('go on after what is thrown into them and caught', async () => {
      const source = await asyncio.Source<Handle>()
      const items = source.$get(name).$with({ highWaterMark: 2 })(1000).$iter()
      expect((await items.next()).value).toBe(0)
      const error: unknown = await asyncio.fail('thrown').catch((error: unknown) => error)
      expect((await items.throw!(error)).value).toBe('caught thrown')
      const { value } = await items.next()
      expect((await items.next()).value).toBe((value as number) + 1)
      await items.return!()
      expect(await source.events).toEqual(['closed'])
    })

    test('end by what is thrown into them and not caught: the same error', async () => {
      const source = await asyncio.Source<Handle>()
      const items = source.$get(name)(1000).$iter()
      await items.next()
      const error = new RangeError('out')
      await expect(items.throw!(error)).rejects.toBe(error)
      expect(await source.events).toEqual(['closed'])
      expect(await items.next()).toEqual({ done: true, value: undefined })
    })

    test('that have not begun end by what is thrown', async () => {
      const source = await asyncio.Source<Handle>()
      const error = new Error('early')
      const items = source.$get(name)(10).$iter()
      await expect(items.throw!(error)).rejects.toBe(error)
      expect(await items.next()).toEqual({ done: true, value: undefined })
      expect(await source.made).toEqual([])
    })

    test('end by their signal', async () => {
      const source = await asyncio.Source<Handle>()
      const controller = new AbortController()
      const loop = async (): Promise<void> => {
        for await (const item of source.$get(name).$with({ signal: controller.signal })(1e6)) {
          if (item === 2) controller.abort(new Error('enough'))
        }
      }
      await expect(loop()).rejects.toMatchObject({ name: 'AbortError', cause: new Error('enough') })
      // The end of the generator may come after that of the loop.
      while (!(await source.events.__contains__('closed')));
    })

    test('run in a session', async () => {
      await using session = await python.session()
      const source = await asyncio.Source<Handle>()
      const inSession = await session.eval<Handle>('source', { source })
      expect(await collect(inSession.$get(name)(100))).toEqual(thousand.slice(0, 100))
    })
  })

  test('an asynchronous generator is left at once while it waits for something', async () => {
    const source = await asyncio.Source<Handle>()
    for await (const item of source.endless_wait()) {
      expect(item).toBe('first')
      break
    }
    expect(await source.events).toEqual(['closed'])
  })

  test('the steps of an asynchronous generator are steps of one task, in one context', async () => {
    const source = await asyncio.Source<Handle>()
    expect(await collect(source.in_one_task.$with({ highWaterMark: 0 })())).toEqual(
      Array.from({ length: 5 }, () => [true, 'stream']),
    )
  })

  test('an error comes after the items before it, once', async () => {
    const source = await asyncio.Source<Handle>()
    const items = source.failing().$iter()
    expect(await items.next()).toEqual({ done: false, value: 1 })
    await expect(items.next()).rejects.toMatchObject({
      message: 'ValueError: after one',
      frames: [{ function: 'failing' }],
    })
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  test.each(['unconvertible', 'async_unconvertible'])(
    '%s: an item that cannot cross closes the generator',
    async (name) => {
      const source = await asyncio.Source<Handle>()
      const items = source.$get(name).$with({ returns: 'value' })().$iter()
      expect((await items.next()).value).toBe(1)
      await expect(items.next()).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
      expect(await source.events).toEqual(['closed'])
      const handles = await collect(source.$get(name).$with({ returns: 'ref' })())
      expect(handles.every(isPythonHandle)).toBe(true)
    },
  )

  test('what `finally` raises is the error of leaving', async () => {
    const source = await asyncio.Source<Handle>()
    const items = source.broken_close.$with({ highWaterMark: 0 })().$iter()
    await items.next()
    await expect(items.return!()).rejects.toMatchObject({ message: 'ValueError: in finally' })
  })

  test('an item that does not come in time', async () => {
    const source = await asyncio.Source<Handle>()
    const items = source.endless_wait.$with({ timeout: 5, highWaterMark: 0 })().$iter()
    await expect(
      (async () => {
        for (;;) await items.next()
      })(),
    ).rejects.toMatchObject({ code: 'ERR_TIMEOUT', callState: 'cancelled' })
    expect(await source.events).toEqual(['closed'])
  })

  test('a generator that blocks is interrupted by the signal', async () => {
    const source = await asyncio.Source<Handle>()
    const controller = new AbortController()
    const items = source.blocking.$with({ signal: controller.signal })().$iter()
    expect((await items.next()).value).toBe('first')
    const next = items.next()
    controller.abort()
    await expect(next).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
  })

  test('whatever has `__aiter__` is a stream', async () => {
    expect(await collect(asyncio.OnlyAiter(3))).toEqual([2, 1, 0])
    expect(await collect(asyncio.numbers(3))).toEqual([0, 1, 2])
    await expect(collect(asyncio.BadAiter())).rejects.toMatchObject({ type: 'TypeError' })
    await expect(collect(asyncio.add)).rejects.toThrow('iterable')
  })

  test('many streams at once', async () => {
    const sources = await Promise.all(Array.from({ length: 200 }, () => asyncio.Source<Handle>()))
    const all = await Promise.all(
      sources.map((source, index) => collect(source.$get(index % 2 === 0 ? 'items' : 'async_items')(100))),
    )
    for (const items of all) expect(items).toEqual(thousand.slice(0, 100))
  })

  test('items made on the thread of the loop', async () => {
    const scope = await python.exec(
      'import threading\ndef items(count):\n    for _ in range(count): yield threading.current_thread() is threading.main_thread()',
    )
    expect(await collect(scope.items.$with({ thread: 'loop' })(3))).toEqual([true, true, true])
    const source = await asyncio.Source<Handle>()
    for await (const item of source.items.$with({ thread: 'loop' })(1000)) if (item === 3) break
    expect(await source.events).toEqual(['closed'])
    expect(await collect(source.async_items.$with({ thread: 'loop' })(3))).toEqual([0, 1, 2])
  })

  test.each(['items', 'plain_items'])('leaving %s does not cut off what cleans up', async (name) => {
    for (let round = 0; round < 50; round++) {
      const source = await asyncio.Cleanup<Handle>()
      const controller = new AbortController()
      const byBreak = round % 2 === 0
      try {
        for await (const item of source.$get(name).$with({ signal: controller.signal })()) {
          if (item !== round) continue
          if (byBreak) break
          controller.abort()
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_CANCELLED' })
        expect(byBreak).toBe(false)
      }
      while ((await source.events.__len__()) === 0);
      expect(await source.events).toEqual(['cleaned'])
    }
  })

  test('a stream goes on and on after a throw', async () => {
    for (const name of ['items', 'async_items']) {
      const source = await asyncio.Source<Handle>()
      const items = source.$get(name)(100_000).$iter()
      for (let round = 0; round < 5; round++) {
        await items.next()
        const error: unknown = await asyncio.fail('thrown').catch((error: unknown) => error)
        expect((await items.throw!(error)).value).toBe('caught thrown')
        const { value } = await items.next()
        for (let step = 1; step <= 100; step++) expect((await items.next()).value).toBe((value as number) + step)
      }
      await items.return!()
    }
  })

  test('returning twice ends twice', async () => {
    const source = await asyncio.Source<Handle>()
    const items = source.async_items(1e6).$iter()
    await items.next()
    const end = { done: true, value: undefined }
    expect(await Promise.all([items.return!(), items.return!(), items.next()])).toEqual([end, end, end])
    expect(await source.events).toEqual(['closed'])
  })

  test('a signal that is aborted already, and arguments that cannot cross, fail once', async () => {
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    const source = await asyncio.Source<Handle>()
    const aborted = source.items.$with({ signal: AbortSignal.abort() })
    await expect(collect(aborted(3))).rejects.toMatchObject({ code: 'ERR_CANCELLED', callState: 'not started' })
    await expect(collect(source.items(Symbol('s')))).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test("a loop over an iterator of the program's takes what it asks for, and leaves the rest", async () => {
    const iterator = (await asyncio.iterator()) as Handle
    for await (const item of iterator) if (item === 2) break
    expect(await collect(iterator)).toEqual([3, 4, 5])
    const io = await python.import('io')
    const file = await io.StringIO<Handle>('one\ntwo\nthree\n')
    for await (const line of file) if (line === 'one\n') break
    expect(await file.readline()).toBe('two\n')
  })

  test('throws wait for each other, and items for throws', async () => {
    for (const name of ['items', 'async_items']) {
      for (const highWaterMark of [0, 64]) {
        const source = await asyncio.Source<Handle>()
        const items = source.$get(name).$with({ highWaterMark })(100_000).$iter()
        const error = async (text: string): Promise<unknown> => asyncio.fail(text).catch((error: unknown) => error)
        const [first, second] = await Promise.all([error('a'), error('b')])
        const steps = [items.next(), items.throw!(first), items.next(), items.throw!(second), items.next()]
        const kinds = (await Promise.all(steps)).map(({ value }) => typeof (value as unknown))
        expect(kinds).toEqual(['number', 'string', 'number', 'string', 'number'])
        await items.return!()
      }
    }
  })

  afterAll(() => host.stop())
})

// Rules for handles look at them synchronously, so they are those of this process.
test('an item that a rule refuses is an error, however slow the loop is', async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  const asyncio = await python.import('asynchronous')
  python.register({
    type: 'asynchronous.Box',
    toJs() {
      throw new Error('refused')
    },
  })
  const scope = await python.exec('def items():\n    yield 1\n    yield Box(2)\n    yield 3', { Box: asyncio.Box })
  const items = scope.items().$iter()
  expect((await items.next()).value).toBe(1)
  await new Promise((resolve) => setImmediate(resolve))
  await expect(items.next()).rejects.toThrow('refused')
  expect(await items.next()).toEqual({ done: true, value: undefined })
})
