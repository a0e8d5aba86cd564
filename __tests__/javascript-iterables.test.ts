/* JavaScript's iterables and iterators in Python. Streams are in javascript-streams.test.ts, what is of one process in
   javascript-iterables-end.test.ts. */
import { join } from 'node:path'
import type { Handle } from 'symphony-python-bridge'
import { turn } from './support/deferred'
import { eventually } from './support/eventually'
import { hosts, type HostedPython } from './support/hosts'

/** Counts to three, and keeps a diary. */
function* counting(diary: unknown[] = []): Generator<number, string, unknown> {
  try {
    for (const number of [1, 2, 3]) {
      diary.push(number)
      diary.push(yield number)
    }
    return 'end'
  } catch (error) {
    diary.push(error)
    yield 99
    throw error
  } finally {
    diary.push('closed')
  }
}

async function* countingLater(diary: unknown[] = []): AsyncGenerator<number, string, unknown> {
  try {
    for (const number of [1, 2, 3]) {
      await turn()
      diary.push(number)
      diary.push(yield number)
    }
    return 'end'
  } catch (error) {
    diary.push(error)
    yield 99
    throw error
  } finally {
    diary.push('closed')
  }
}

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let later: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    later = await python.import('javascript_iterables')
  })

  /** Does the same in each way that there is: on JavaScript's thread, on the executor's, on one of Python's own. */
  async function everywhere(name: string, make: () => readonly unknown[]): Promise<unknown> {
    const results: unknown[] = []
    for (const view of host.views(later)) results.push(await view.$get(name)(...make()))
    results.push(await later.in_thread(later.$get(name), ...make()))
    for (const result of results) expect(result).toEqual(results[0])
    return results[0]
  }

  describe('an iterator', () => {
    test('is one in Python, and comes back as itself', async () => {
      const generator = counting()
      expect(await later.facts(generator)).toEqual(['JsIterator', 'Iterable', 'Iterator'])
      expect(await later.identity(generator)).toBe(generator)
      expect(((await later.identity({ a: [generator] })) as { a: unknown[] }).a[0]).toBe(generator)
      expect(await everywhere('items', () => [counting()])).toEqual([1, 2, 3])
      expect(await everywhere('items', () => [['a', 'b'].values()])).toEqual(['a', 'b'])
      expect(await everywhere('items', () => [new Map([[1, 2]]).entries()])).toEqual([[1, 2]])
      expect(await everywhere('zipped', () => [counting(), 'abc'])).toEqual(
        [1, 2, 3].map((number, index) => python.tuple(number, 'abc'[index])),
      )
    })

    test('is asked for an item when Python wants one, and for no more', async () => {
      const diary: unknown[] = []
      expect(await later.first_and_kept(counting(diary), 2)).toEqual([1, 2])
      expect(diary).toEqual([1, null, 2].map((entry) => entry ?? undefined))
      await later.drop()
      await eventually(() => diary.at(-1), 'closed')
    })

    test('that Python leaves early is closed', async () => {
      for (const { first } of host.views(later)) {
        const diary: unknown[] = []
        expect(await first!(counting(diary), 2)).toEqual([1, 2])
        await eventually(() => diary.at(-1), 'closed')
      }
    })

    test('that Python has not begun, or has brought to its end, is left alone', async () => {
      const generator = counting()
      await later.identity(later.facts(generator))
      await turn()
      expect([...generator]).toEqual([1, 2, 3])
      let returns = 0
      const items = {
        next: () => ({ done: true, value: 1 }),
        return: () => (returns += 1),
        [Symbol.iterator]: () => items,
      }
      expect(await later.items(items)).toEqual([])
      await turn()
      expect(returns).toBe(0)
    })

    test('takes values and exceptions', async () => {
      const diary: unknown[] = []
      expect(await later.send(counting(diary), null, 'a', { b: 1 })).toEqual([1, 2, 3])
      expect(diary.slice(0, 5)).toEqual([1, 'a', 2, { b: 1 }, 3])
      const thrown: unknown[] = []
      expect(await later.throw_into(counting(thrown), 'ValueError', 'no')).toBe(99)
      expect(thrown[1]).toMatchObject({ type: 'ValueError' })
      await expect(later.throw([1, 2].values(), await python.eval('KeyError("k")'))).rejects.toMatchObject({
        type: 'KeyError',
      })
    })

    test('is closed, once', async () => {
      for (const begin of [false, true]) {
        const diary: unknown[] = []
        expect(await later.close(counting(diary), begin)).toEqual([])
        expect(diary.filter((entry) => entry === 'closed')).toHaveLength(begin ? 1 : 0)
      }
    })

    test('gives what it returns to `yield from`', async () => {
      expect(await everywhere('returned', () => [counting()])).toEqual(python.tuple([1, 2, 3], ['end']))
    })

    test('that throws raises, and the error comes back as itself', async () => {
      const error = new RangeError('broken')
      const broken = function* (): Generator<number> {
        yield 1
        throw error
      }
      const items = await later.items
      expect(await everywhere('caught', () => [items, broken()])).toBe(error)
      const caught: unknown = await later.items(broken()).then(undefined, (thrown: unknown) => thrown)
      expect(caught).toBe(error)
    })

    test('that breaks the rules of iterators: an error says so', async () => {
      const bad = (next: () => unknown): object => ({ next, [Symbol.iterator]: () => 5 })
      await expect(later.items(bad(() => 5))).rejects.toThrow('the result of an iterator is not an object, but 5')
      await expect(later.items(bad(() => Promise.resolve()))).rejects.toThrow('is a promise')
      await expect(
        later.items(
          new (class {
            [Symbol.iterator](): number {
              return 5
            }
          })(),
        ),
      ).rejects.toThrow('the iterator is not an object, but 5')
    })
  })

  describe('an iterable', () => {
    class Countdown {
      constructor(readonly from: number) {}
      *[Symbol.iterator](): Generator<number> {
        for (let number = this.from; number > 0; number--) yield number
      }
    }

    test('of a class is iterated anew each time, and has its other members', async () => {
      expect(await everywhere('twice', () => [new Countdown(2)])).toEqual(python.tuple([2, 1], [2, 1]))
      expect(await later.facts(new Countdown(2))).toEqual(['JsIterable', 'Iterable'])
      expect(
        await python.eval('[c.from_ if hasattr(c, "from_") else getattr(c, "from"), repr(c)]', { c: new Countdown(2) }),
      ).toEqual([2, '<JsIterable Countdown>'])
      const params = new URLSearchParams('a=1&b=2')
      expect(await python.eval('[dict(p), p.get("b"), p.has("c")]', { p: params })).toEqual([
        { a: '1', b: '2' },
        '2',
        false,
      ])
      expect(await later.identity(params)).toBe(params)
    })

    test('that is an object literal', async () => {
      const literal = {
        *[Symbol.iterator]() {
          yield 1
        },
      }
      expect(await everywhere('items', () => [literal])).toEqual([1])
      expect(await later.identity(literal)).toBe(literal)
      expect(
        await later.run({
          async *[Symbol.asyncIterator]() {
            yield await Promise.resolve(2)
          },
        }),
      ).toEqual([2])
    })

    test('that Python leaves early: its iterator is closed', async () => {
      const diary: unknown[] = []
      const iterable = { [Symbol.iterator]: () => counting(diary) }
      expect(await later.first(iterable, 1)).toEqual([1])
      await eventually(() => diary.at(-1), 'closed')
    })

    test('what has a form of its own in Python keeps it', async () => {
      expect(
        await python.eval('[type(x).__name__ for x in v]', {
          v: [[1], new Set([1]), new Map([[1, 2]]), Buffer.from('a')],
        }),
      ).toEqual(['list', 'set', 'dict', 'bytes'])
    })
  })

  describe('an asynchronous iterator', () => {
    test('is one in Python, and comes back as itself', async () => {
      const generator = countingLater()
      expect(await later.facts(generator)).toEqual(['JsAsyncIterator', 'AsyncIterable', 'AsyncIterator'])
      expect(await later.identity(generator)).toBe(generator)
      expect(await later.run(countingLater())).toEqual([1, 2, 3])
      expect(await later.in_thread(later.run, countingLater())).toEqual([1, 2, 3])
      expect(await later.run({ [Symbol.asyncIterator]: () => countingLater() })).toEqual([1, 2, 3])
    })

    test('is asked for an item when Python wants one, and closed when Python leaves early', async () => {
      for (const make of [
        (diary: unknown[]) => countingLater(diary),
        (diary: unknown[]) => ({ [Symbol.asyncIterator]: () => countingLater(diary) }),
      ]) {
        const diary: unknown[] = []
        expect(await later.run_first(make(diary), 2)).toEqual([1, 2])
        await eventually(() => diary.at(-1), 'closed')
        expect(diary.slice(0, 3)).toEqual([1, undefined, 2])
        expect(diary).not.toContain(3)
      }
    })

    test('takes values and exceptions, and is closed once', async () => {
      const diary: unknown[] = []
      expect(await later.run_send(countingLater(diary), null, 'a')).toEqual([1, 2])
      expect(diary.slice(0, 3)).toEqual([1, 'a', 2])
      const thrown: unknown[] = []
      expect(await later.run_throw(countingLater(thrown), await python.eval('ValueError("no")'))).toBe(99)
      expect(thrown[1]).toMatchObject({ type: 'ValueError' })
      for (const begin of [false, true]) {
        const closed: unknown[] = []
        expect(await later.run_close({ [Symbol.asyncIterator]: () => countingLater(closed) }, begin)).toEqual([])
        expect(closed.filter((entry) => entry === 'closed')).toHaveLength(begin ? 1 : 0)
      }
    })

    test('an item that a cancelled task had asked for is not lost', async () => {
      let release!: () => void
      const gate = new Promise<void>((resolve) => (release = resolve))
      const gated = async function* (): AsyncGenerator<number> {
        yield 1
        await gate
        yield 2
        yield 3
      }
      expect(await later.run_cancelled(gated(), release)).toEqual([1, 'cancelled', 2, 3])
    })

    test('that throws raises, and the error comes back as itself', async () => {
      const error = new RangeError('broken')
      const broken = async function* (): AsyncGenerator<number> {
        yield 1
        await turn()
        throw error
      }
      const caught: unknown = await later.run(broken()).then(undefined, (thrown: unknown) => thrown)
      expect(caught).toBe(error)
      const refusing = {
        [Symbol.asyncIterator]: (): never => {
          throw error
        },
      }
      expect(await later.run(refusing).then(undefined, (thrown: unknown) => thrown)).toBe(error)
      await expect(later.run({ [Symbol.asyncIterator]: () => ({ next: () => 5 }) })).rejects.toThrow('is not an object')
    })
  })

  afterAll(() => host.stop())
})
