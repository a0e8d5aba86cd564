/* Many items, so many at a time, results in order. */
import { setImmediate as turn } from 'node:timers/promises'
import { mapOrdered } from '../ts/conductor/map'

/** A promise to be settled by the test. */
class Deferred<T> {
  resolve!: (value: T) => void
  reject!: (error: Error) => void
  readonly promise = new Promise<T>((resolve, reject) => Object.assign(this, { resolve, reject }))
}

const base = { concurrency: 2, onProgress: undefined }

test('results have the order of the items, whatever the order in which they come', async () => {
  const calls = [new Deferred<string>(), new Deferred<string>(), new Deferred<string>()]
  const results = mapOrdered({ ...base, concurrency: 3, items: [0, 1, 2], run: (item) => calls[item]!.promise })
  calls[2]!.resolve('c')
  await turn()
  calls[0]!.resolve('a')
  calls[1]!.resolve('b')
  expect(await results).toEqual(['a', 'b', 'c'])
})

test('no more are under way than allowed, and no item is taken before there is room for it', async () => {
  let [running, most, taken] = [0, 0, 0]
  function* items(): Generator<number> {
    for (; taken < 50; taken++) {
      expect(running).toBeLessThan(4)
      yield taken
    }
  }
  const run = async (item: number): Promise<number> => {
    most = Math.max(most, (running += 1))
    await turn()
    running -= 1
    return 2 * item
  }
  const results = await mapOrdered({ ...base, concurrency: 4, items: items(), run })
  expect(results).toEqual(Array.from({ length: 50 }, (_, index) => 2 * index))
  expect(most).toBe(4)
})

test('asynchronous items, and promises of items', async () => {
  async function* items(): AsyncGenerator<number> {
    for (let item = 0; item < 3; item++) {
      await turn()
      yield item
    }
  }
  const run = (item: number): Promise<number> => Promise.resolve(-item)
  expect(await mapOrdered({ ...base, items: items(), run })).toEqual([-0, -1, -2])
  expect(await mapOrdered({ ...base, items: [Promise.resolve(1)] as unknown as number[], run })).toEqual([-1])
})

test('progress is told, of how many if that is known', async () => {
  const told: unknown[] = []
  const onProgress = (...progress: unknown[]): void => void told.push(progress)
  const run = (item: number): Promise<number> => Promise.resolve(item)
  await mapOrdered({ concurrency: 1, items: [1, 2], run, onProgress })
  await mapOrdered({ concurrency: 1, items: new Set([1]), run, onProgress })
  await mapOrdered({ concurrency: 1, items: [1].values(), run, onProgress })
  expect(told).toEqual([
    [1, 2],
    [2, 2],
    [1, 1],
    [1, undefined],
  ])
})

test('the first failure calls off the others, closes the items, and is what comes of it', async () => {
  let [isClosed, started] = [false, 0]
  function* items(): Generator<number> {
    try {
      for (let item = 0; ; item++) yield item
    } finally {
      isClosed = true
    }
  }
  const calledOff: number[] = []
  const run = (item: number, signal: AbortSignal): Promise<never> => {
    started += 1
    return new Promise((_resolve, reject) => {
      if (item === 2) setImmediate(() => reject(new Error('two')))
      signal.addEventListener('abort', () => {
        calledOff.push(item)
        reject(new Error('called off'))
      })
    })
  }
  await expect(mapOrdered({ ...base, concurrency: 3, items: items(), run })).rejects.toThrow('two')
  expect([isClosed, started, calledOff]).toEqual([true, 3, [0, 1, 2]])
})

test('a failure does not wait for the next item', async () => {
  const never = new Deferred<IteratorResult<number>>()
  let index = 0
  const items: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => (index++ === 0 ? Promise.resolve({ done: false, value: 1 }) : never.promise),
    }),
  }
  await expect(mapOrdered({ ...base, items, run: () => Promise.reject(new Error('at once')) })).rejects.toThrow(
    'at once',
  )
})

test('the failure of the items themselves, and of who is told of progress', async () => {
  const signals: AbortSignal[] = []
  function* items(): Generator<number> {
    yield 1
    throw new Error('no more')
  }
  const run = (item: number, signal: AbortSignal): Promise<number> => {
    signals.push(signal)
    return turn(item)
  }
  await expect(mapOrdered({ ...base, items: items(), run })).rejects.toThrow('no more')
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  const onProgress = (): never => {
    throw new Error('not interested')
  }
  await expect(mapOrdered({ ...base, items: [1, 2, 3], run, onProgress })).rejects.toThrow('not interested')
})

test('nothing comes of nothing', async () => {
  const run = (): never => {
    throw new Error('not called')
  }
  expect(await mapOrdered({ ...base, items: [], run })).toEqual([])
})
