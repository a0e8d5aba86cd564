/* JavaScript's iterables, iterators and streams in Python. */
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'

import { eventually } from './support/eventually'
import { runProgram } from './support/child-process'

const fixtures = join(__dirname, 'fixtures')

let sync: SyncHandle
let later: Handle

beforeAll(async () => {
  await python.start({ paths: [fixtures] })
  sync = python.importSync('javascript_iterables')
  later = sync.$async
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Does the same in each way that there is: on this thread, on the executor's, on one of Python's own. */
async function everywhere(name: string, make: () => readonly unknown[]): Promise<unknown> {
  const results: unknown[] = [
    sync.$get<SyncHandle>(name)(...make()),
    await later.$get(name)(...make()),
    await later.in_thread(sync.$get(name), ...make()),
  ]
  for (const result of results) expect(result).toEqual(results[0])
  return results[0]
}

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

describe('an iterator', () => {
  test('is one in Python, and comes back as itself', async () => {
    const generator = counting()
    expect(sync.facts(generator)).toEqual(['JsIterator', 'Iterable', 'Iterator'])
    expect(sync.identity(generator)).toBe(generator)
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
    expect(sync.first_and_kept(counting(diary), 2)).toEqual([1, 2])
    expect(diary).toEqual([1, null, 2].map((entry) => entry ?? undefined))
    sync.drop()
    await eventually(() => diary.at(-1), 'closed')
  })

  test('that Python leaves early is closed', async () => {
    for (const first of [sync.first, later.first] as ((...args: unknown[]) => unknown)[]) {
      const diary: unknown[] = []
      expect(await first(counting(diary), 2)).toEqual([1, 2])
      await eventually(() => diary.at(-1), 'closed')
    }
  })

  test('that Python has not begun, or has brought to its end, is left alone', async () => {
    const generator = counting()
    sync.identity(sync.facts(generator))
    await turn()
    expect([...generator]).toEqual([1, 2, 3])
    let returns = 0
    const items = {
      next: () => ({ done: true, value: 1 }),
      return: () => (returns += 1),
      [Symbol.iterator]: () => items,
    }
    expect(sync.items(items)).toEqual([])
    await turn()
    expect(returns).toBe(0)
  })

  test('takes values and exceptions', async () => {
    const diary: unknown[] = []
    expect(await later.send(counting(diary), null, 'a', { b: 1 })).toEqual([1, 2, 3])
    expect(diary.slice(0, 5)).toEqual([1, 'a', 2, { b: 1 }, 3])
    const thrown: unknown[] = []
    expect(sync.throw_into(counting(thrown), 'ValueError', 'no')).toBe(99)
    expect(thrown[1]).toMatchObject({ type: 'ValueError' })
    expect(() => sync.throw([1, 2].values(), python.evalSync('KeyError("k")'))).toThrow(
      expect.objectContaining({ type: 'KeyError' }),
    )
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
    expect(await everywhere('caught', () => [sync.$get('items'), broken()])).toBe(error)
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
    expect(sync.facts(new Countdown(2))).toEqual(['JsIterable', 'Iterable'])
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
    expect(sync.identity(literal)).toBe(literal)
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
    expect(sync.facts(generator)).toEqual(['JsAsyncIterator', 'AsyncIterable', 'AsyncIterator'])
    expect(await later.identity(generator)).toBe(generator)
    expect(await later.run(countingLater())).toEqual([1, 2, 3])
    expect(await later.in_thread(sync.run, countingLater())).toEqual([1, 2, 3])
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
    expect(await later.run_throw(countingLater(thrown), python.evalSync('ValueError("no")'))).toBe(99)
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

  test('cannot be waited for on the thread that would give the items', () => {
    expect(() => sync.run(countingLater())).toThrow(expect.objectContaining({ type: 'RuntimeError' }))
  })
})

describe('a stream', () => {
  const chunks = (...texts: string[]): Readable => {
    const stream = new PassThrough()
    void (async () => {
      for (const text of texts) {
        await turn()
        stream.write(text)
      }
      stream.end()
    })()
    return stream
  }

  test('of objects gives them', async () => {
    expect(await later.run(Readable.from([{ a: 1 }, 'b', 3]))).toEqual([{ a: 1 }, 'b', 3])
    expect(sync.facts(Readable.from([1]))).toEqual(['JsAsyncIterable', 'AsyncIterable'])
    const decoded = chunks('ä', 'b')
    decoded.setEncoding('utf8')
    expect(((await later.run(decoded)) as string[]).join('')).toBe('äb')
  })

  test('of bytes gives its chunks', async () => {
    expect(Buffer.concat((await later.run(chunks('ab', 'cd'))) as Buffer[]).toString()).toBe('abcd')
    expect(Buffer.concat((await later.run(new Response('text').body)) as Buffer[]).toString()).toBe('text')
    const stream = chunks('a')
    expect(await later.identity(stream)).toBe(stream)
  })

  test('of bytes is a binary file for threads that may wait', async () => {
    expect(await later.read(chunks('abc', 'de', 'f\n'), 2, 3, 0)).toEqual(
      ['ab', 'cde', '', 'f\n'].map((text) => Buffer.from(text)),
    )
    expect(await later.in_thread(sync.read, chunks('abc'), 1)).toEqual([Buffer.from('a'), Buffer.from('bc')])
    expect(await later.read_into(chunks('abcdef'), 4)).toEqual(Buffer.from('abcd'))
    expect(await later.lines(chunks('a\nb', 'c\n', 'd'))).toEqual(['a\n', 'bc\n', 'd'].map((text) => Buffer.from(text)))
    expect(await later.text_lines(chunks('ä\n', 'b'))).toEqual(['ä\n', 'b'])
    expect(await later.load(new Blob(['{"a": ', '[1, 2]}']).stream())).toEqual({ a: [1, 2] })
    expect(await later.rows(chunks('a,b\r\n', '1,"x\n', 'y"\r\n'))).toEqual([
      ['a', 'b'],
      ['1', 'x\ny'],
    ])
    expect(await later.file_facts(chunks('a\nb'))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      Buffer.from('a\n'),
      true,
    ])
    await expect(later.read_closed(chunks('a'))).rejects.toMatchObject({ type: 'ValueError' })
    expect(() => sync.read(chunks('a'))).toThrow(expect.objectContaining({ type: 'RuntimeError' }))
  })

  test('of what pandas reads', async () => {
    if (
      !(await python.eval('util.find_spec("pandas") is not None', {
        util: await python.import('importlib.util'),
      }))
    )
      return
    expect(await later.table(chunks('a,b\n1,x\n', '2,y\n'))).toEqual({ a: [1, 2], b: ['x', 'y'] })
  })

  test('of a large file, whole and with every byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'symphony-'))
    try {
      const path = join(folder, 'large')
      await writeFile(path, Buffer.alloc(3_000_000, 'abcdefg'))
      const [all] = (await later.read(createReadStream(path))) as [Buffer]
      expect(all.equals(await readFile(path))).toBe(true)
      expect(await later.copy(createReadStream(path))).toBe(3_000_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('that does not give bytes after all: an error says so', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue('text')
        controller.close()
      },
    })
    await expect(later.read(stream)).rejects.toMatchObject({
      type: 'TypeError',
      message: expect.stringContaining('got a chunk of the type str'),
    })
  })

  test('that fails raises, and the error comes back as itself', async () => {
    const error = new Error('disk on fire')
    const stream = new PassThrough()
    setImmediate(() => stream.destroy(error))
    expect(await later.read(stream).then(undefined, (thrown: unknown) => thrown)).toBe(error)
  })

  test('that Python closes, or leaves early, is destroyed', async () => {
    for (const use of [
      (stream: Readable) => later.file_facts(stream),
      (stream: Readable) => later.read_closed(stream).then(undefined, () => undefined),
      (stream: Readable) => later.run_first(stream, 1),
      (stream: Readable) => later.run_close(stream, false),
      (stream: Readable) => later.run_close(stream, true),
    ]) {
      const stream = new PassThrough()
      stream.write('a\nb')
      await use(stream)
      await eventually(() => stream.destroyed, true)
    }
    let cancelled = false
    const web = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.from('a')),
      cancel: () => void (cancelled = true),
    })
    await later.run_first(web, 2)
    await eventually(() => cancelled, true)
  })
})

test('iterators that Python drops are collected on both sides', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    const module = python.importSync(new URL('file://' + fixtures + '/javascript_iterables.py'))
    let collected = 0
    const registry = new FinalizationRegistry(() => { collected += 1 })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    async function main() {
      for (let index = 0; index < 100; index++) {
        const generator = (function* () { yield 1; yield 2; yield 3 })()
        const later = (async function* () { yield 1; yield 2; yield 3 })()
        registry.register(generator)
        registry.register(later)
        if (index % 2 === 0) module.first(generator, index % 4)
        else await module.$async.items(generator)
        await module.$async.run_first(later, 1 + index % 4)
      }
      while (collected < 198) { await turn(); globalThis.gc() }
      console.log('collected')
    }
    main()`,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ stdout: 'collected\n', stderr: '' })
})

test('what fails in closing a dropped iterator is a warning', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const module = python.importSync(new URL('file://' + fixtures + '/javascript_iterables.py'))
    function* stubborn() { try { yield 1; yield 2 } finally { throw new Error('stuck') } }
    module.first(stubborn(), 1)
    setImmediate(() => console.log('alive'))`)
  expect(end.stdout).toBe('alive\n')
  expect(end.stderr).toContain('PythonCallbackWarning: closing an iterator that Python dropped failed: Error: stuck')
})
