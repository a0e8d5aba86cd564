/* Iterating over Python objects, synchronously and asynchronously. */
import { join } from 'node:path'
import { isPythonHandle, python, type Handle, type SyncHandle } from 'symphony-python-bridge'

let iteration: Handle
let sync: SyncHandle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  iteration = await python.import('iteration')
  sync = iteration.$sync
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('asynchronously', () => {
  test('goes over a call, a path, a handle and a list', async () => {
    expect(await collect(iteration.numbers(3))).toEqual([0, 1, 2])
    expect(await collect(iteration.Countdown.__mro__)).toHaveLength(2)
    expect(await collect(await iteration.Countdown<Handle>(2))).toEqual([2, 1])
    expect(await collect(python.eval('[1, [2]]'))).toEqual([1, [2]])
    expect(await collect((await iteration.Countdown<Handle>(2)).$iter())).toEqual([2, 1])
  })

  test('goes over an iterable again, and over an iterator once', async () => {
    const countdown = await iteration.Countdown<Handle>(2)
    expect(await collect(countdown)).toEqual([2, 1])
    expect(await collect(countdown)).toEqual([2, 1])
    const generator = await iteration.numbers<Handle>(2)
    expect(await collect(generator)).toEqual([0, 1])
    expect(await collect(generator)).toEqual([])
  })

  test('closes a generator when the loop is left', async () => {
    for await (const number of iteration.forever('break')) if (number === 2) break
    expect(await iteration.closed.__contains__('break')).toBe(true)
    const thrown = (async () => {
      for await (const _ of iteration.forever('throw')) throw new Error('out')
    })()
    await expect(thrown).rejects.toThrow('out')
    expect(await iteration.closed.__contains__('throw')).toBe(true)
  })

  test('asks for one item at a time, if Python is not to run ahead', async () => {
    const asked = await iteration.Asked<Handle>()
    const items = asked.$with({ highWaterMark: 0 }).$iter()
    await items.next()
    await items.next()
    expect(await asked.count).toBe(2)
  })

  test('keeps the order of items that are asked for at once', async () => {
    const items = iteration.numbers(4).$iter()
    const all = await Promise.all([items.next(), items.next(), items.next(), items.next(), items.next(), items.next()])
    expect(all.map(({ value }) => value as unknown)).toEqual([0, 1, 2, 3, undefined, undefined])
    expect(all[4]).toEqual({ done: true, value: undefined })
  })

  test('gives handles for objects', async () => {
    const objects = await collect(iteration.objects(2))
    expect(objects.every(isPythonHandle)).toBe(true)
    expect(objects[0]).not.toBe(objects[1])
  })

  test('rejects where Python raises', async () => {
    const seen: unknown[] = []
    const loop = (async () => {
      for await (const item of iteration.failing()) seen.push(item)
    })()
    await expect(loop).rejects.toThrow('ValueError: in the middle')
    expect(seen).toEqual([1])
    await expect(collect(iteration.closed.append)).rejects.toThrow('TypeError')
  })

  test('is not offered by a handle that is not iterable', async () => {
    const opaque = await iteration.Opaque<Handle>()
    expect(opaque[Symbol.asyncIterator]).toBeUndefined()
  })
})

describe('synchronously', () => {
  test('goes over generators and iterables', () => {
    expect([...sync.numbers<SyncHandle>(3)]).toEqual([0, 1, 2])
    expect([...sync.Countdown<SyncHandle>(2)]).toEqual([2, 1])
    expect(Array.from(sync.Countdown<SyncHandle>(2).$iter<number>(), (item) => item * 2)).toEqual([4, 2])
  })

  test('closes a generator when the loop is left', () => {
    for (const number of sync.forever<SyncHandle>('sync')) if (number === 2) break
    expect(sync.closed).toContain('sync')
  })

  test('throws where Python raises', () => {
    const items = sync.failing<SyncHandle>()[Symbol.iterator]()
    expect(items.next()).toEqual({ done: false, value: 1 })
    expect(() => items.next()).toThrow('ValueError: in the middle')
  })

  test('is not offered by a handle that is not iterable', () => {
    expect(() => [...sync.Opaque<SyncHandle>()]).toThrow('not iterable')
  })
})

test('an exception of `__next__` does not end an iterator that may go on, nor does one in the middle of a step', () => {
  const iterator = sync.Flaky<SyncHandle>()[Symbol.iterator]()
  expect(iterator.next()).toEqual({ done: false, value: 1 })
  expect(() => iterator.next()).toThrow('TimeoutError: not yet')
  expect(iterator.next()).toEqual({ done: false, value: 3 })
  expect(iterator.next()).toEqual({ done: true, value: undefined })
  const seen: unknown[] = []
  const generator = sync.calling<SyncHandle>(() => {
    expect(() => steps.next()).toThrow('already executing')
  }, 3)
  const steps = generator[Symbol.iterator]()
  for (const item of steps) seen.push(item)
  expect(seen).toEqual([0, 1, 2])
})

test('a timeout of a step does not wait for its end', async () => {
  const session = await python.session()
  const module = await session.import('iteration')
  const event = python.evalSync('__import__("threading").Event()') as SyncHandle
  const items = module.waiting.$with({ timeout: 50 })(event)
  await expect(collect(items as AsyncIterable<unknown>)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
  expect(await iteration.closed).not.toContain('waiting')
  event.set()
  await session.close()
})

test('an item that cannot be converted ends the loop, and Python runs what it left to be done', async () => {
  const seen: unknown[] = []
  const loop = async (): Promise<void> => {
    for await (const item of iteration.with_a_cycle('async')) seen.push(item)
  }
  await expect(loop()).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
  expect(await iteration.closed).toContain('async')
  expect(() => {
    for (const item of sync.with_a_cycle<SyncHandle>('sync')) seen.push(item)
  }).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION' }))
  expect(await iteration.closed).toContain('sync')
  expect(seen).toEqual([1, 1])
})
