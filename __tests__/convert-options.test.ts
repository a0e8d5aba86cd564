/* The options `int`, `number` and `dict`: at the start, of a handle, of a call. */
import { join } from 'node:path'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

let handles: Handle
let sync: SyncHandle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
  sync = handles.$sync
})

const big = 2n ** 60n
const nested = { list: [1, [2, { three: 3 }]], half: 0.5, flag: true, none: null, big }

/** The same call on both views. */
async function both(use: (view: Handle | SyncHandle) => unknown): Promise<unknown[]> {
  return [await use(handles), use(sync)]
}

test("int: 'bigint' makes every integer a bigint, and nothing else", async () => {
  for (const value of await both((view) => view.identity.$with({ int: 'bigint' })(nested))) {
    expect(value).toStrictEqual({ list: [1n, [2n, { three: 3n }]], half: 0.5, flag: true, none: null, big })
  }
  for (const value of await both((view) => view.$with({ int: 'bigint' }).add(1, 2))) expect(value).toBe(3n)
  for (const value of await both((view) => view.$with({ int: 'bigint' }).add(1, 0.5))) expect(value).toBe(1.5)
  const many = Array.from({ length: 100 }, (_, index) => index)
  expect(await handles.identity.$call([many], undefined, { int: 'bigint' })).toStrictEqual(many.map(BigInt))
  expect(sync.identity.$call([many], undefined, { int: 'bigint' })).toStrictEqual(many.map(BigInt))
})

test("int: 'number' refuses what a number does not hold, with its path", async () => {
  const small = { list: [1, 2 ** 53 - 1] }
  for (const value of await both((view) => view.identity.$with({ int: 'number' })(small))) {
    expect(value).toStrictEqual(small)
  }
  const refusal = {
    code: 'ERR_CONVERSION',
    path: '.rows[1].price[0]',
    message: expect.stringMatching(
      /^\.rows\[1\]\.price\[0\]: expected an integer that a number holds .* 1152921504606846976/,
    ),
  }
  const rows = [{ price: [1] }, { price: [big] }]
  await expect(handles.identity.$with({ int: 'number' })({ rows })).rejects.toMatchObject(refusal)
  expect(() => sync.identity.$with({ int: 'number' })({ rows })).toThrow(expect.objectContaining(refusal))
  expect(() => sync.identity.$with({ int: 'number' })(big)).toThrow('expected an integer')
})

test("int: 'bigint' tells the integers of a list from its floats, however it was packed", async () => {
  const lists: [string, unknown[]][] = [
    ['[1, 0.5, -2, 3, 4, 5, 6, 2**53 - 1]', [1n, 0.5, -2n, 3n, 4n, 5n, 6n, 2n ** 53n - 1n]],
    ['[1, 0.5, 2.0, 3, 4, 5, 6, 7.0]', [1n, 0.5, 2, 3n, 4n, 5n, 6n, 7]],
    ['[0, -0.0, 0.5, 1e300, 2.0**53, float("nan"), 6, 7]', [0n, -0, 0.5, 1e300, 2 ** 53, NaN, 6n, 7n]],
    ['[0.5, 1, 2, 3, 4, 5, 6, 2**53]', [0.5, 1n, 2n, 3n, 4n, 5n, 6n, 2n ** 53n]],
    ['[2**40] * 8', Array.from({ length: 8 }, () => 2n ** 40n)],
    ['[2.0] * 8', Array.from({ length: 8 }, () => 2)],
  ]
  for (const [code, expected] of lists) {
    const list = await python.eval<Handle>(code, {}, { returns: 'ref' })
    for (const value of await both((view) => view.identity.$with({ int: 'bigint' })(list))) {
      expect(value).toStrictEqual(expected)
    }
    const numbers = expected.map((item) => (typeof item === 'bigint' && item < 2n ** 53n ? Number(item) : item))
    for (const value of await both((view) => view.identity.$with({ dict: 'map' })(list))) {
      expect(value).toStrictEqual(numbers)
    }
  }
})

test("number: 'float' sends every number as a float, and bigints as integers", async () => {
  for (const value of await both((view) => view.representation.$with({ number: 'float' })(1, [2, 3n], { a: -4 }))) {
    expect(value).toBe("1.0, [2.0, 3], {'a': -4.0}")
  }
  for (const value of await both((view) =>
    view.representation.$with({ number: 'float' })([1, 2, 3, 4, 5, 6, 7, 8, 9]),
  )) {
    expect(value).toBe('[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]')
  }
})

test("number: 'float' leaves keys, indices and the parts of slices alone", async () => {
  const list = (await handles.identity.$with({ returns: 'ref' })([1, 2, 3])) as Handle
  const view = list.$with({ number: 'float' })
  expect(await view.$getItem(0)).toBe(1)
  expect(await (view as unknown as Record<number, Promise<unknown>>)[1]).toBe(2)
  expect(await view.$getItem(python.slice(0, 2))).toEqual([1, 2])
  await view.$setItem(0, 5)
  expect(await list.$sync.$repr()).toBe('[5.0, 2, 3]')
  expect(list.$sync.$with({ number: 'float' }).$getItem(2)).toBe(3)
  await view.$delItem(0)
  expect(await list.$len()).toBe(2)
})

test('names that a frozen Object.prototype has can be keys', async () => {
  const end = await runProgram(`
    'use strict'
    const { python } = require('symphony-python-bridge')
    python.importSync('math')
    Object.freeze(Object.prototype)
    const rows = python.evalSync('[{"toString": i, "constructor": 2, "__proto__": 3} for i in range(40)]')
    console.log(JSON.stringify([rows[0], rows[39], python.evalSync('{"valueOf": 1}')]))`)
  expect(end.stderr).toBe('')
  expect(end.stdout).toBe(
    '[{"toString":0,"constructor":2,"__proto__":3},{"toString":39,"constructor":2,"__proto__":3},{"valueOf":1}]\n',
  )
})

test('a result that is refused gives all its handles back', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    require('node:v8').setFlagsFromString('--expose-gc')
    const collect = require('node:vm').runInNewContext('gc')
    async function main() {
      const ns = python.execSync(\`
live = 0
class Thing:
    def __init__(self):
        global live
        live += 1
    def __del__(self):
        global live
        live -= 1
def refused():
    return [Thing(), 2 ** 60, Thing(), 'text' * 100, b'bytes', (1.5, None), {'a': [Thing()]}, {1: Thing()}]
def count():
    return live
\`)
      for (let turn = 0; turn < 100; turn++) {
        const use = turn % 2 === 0 ? ns.refused : ns.$async.refused
        try { await use.$with({ int: 'number' })() } catch (error) { if (error.path !== '[1]') throw error }
      }
      while (ns.count() > 0) {
        collect()
        await new Promise(setImmediate)
      }
      console.log('all are gone')
    }
    main()`)
  expect([end.stdout, end.stderr]).toEqual(['all are gone\n', ''])
})

test("dict: 'map' makes every dict a Map", async () => {
  const rows = Array.from({ length: 20 }, (_, id) => ({ id, in: { id } }))
  for (const value of await both((view) => view.identity.$with({ dict: 'map' })({ rows, empty: {} }))) {
    expect(value).toStrictEqual(
      new Map<string, unknown>([
        [
          'rows',
          rows.map(
            ({ id }) =>
              new Map<string, unknown>([
                ['id', id],
                ['in', new Map([['id', id]])],
              ]),
          ),
        ],
        ['empty', new Map()],
      ]),
    )
  }
})

test("dict: 'object' refuses keys that are no strings, with the path", async () => {
  for (const value of await both((view) => view.identity.$with({ dict: 'object' })({ a: {} }))) {
    expect(value).toStrictEqual({ a: {} })
  }
  const refusal = { code: 'ERR_CONVERSION', path: '.a[0]' }
  const value = { a: [new Map([[1, 2]])] }
  await expect(handles.identity.$with({ dict: 'object' })(value)).rejects.toMatchObject(refusal)
  expect(() => sync.identity.$with({ dict: 'object' })(value)).toThrow(expect.objectContaining(refusal))
})

test('deep values are converted too', async () => {
  let deep: unknown = { n: 1 }
  for (let depth = 0; depth < 1000; depth++) deep = depth % 2 === 0 ? [deep] : { deep }
  const copy = await handles.identity.$with({ int: 'bigint', dict: 'map' })(deep)
  let inner: unknown = copy
  for (let depth = 999; depth >= 0; depth--) {
    inner = depth % 2 === 0 ? (inner as unknown[])[0] : (inner as Map<string, unknown>).get('deep')
  }
  expect(inner).toStrictEqual(new Map([['n', 1n]]))
})

test('$value takes them, and iteration has those of its view', async () => {
  const list = handles.identity.$with({ returns: 'ref' })
  const view = (await list([1, 2])) as Handle
  expect(await view.$value({ int: 'bigint' })).toStrictEqual([1n, 2n])
  expect(view.$sync.$value({ int: 'bigint' })).toStrictEqual([1n, 2n])
  expect([...(view.$sync.$with({ int: 'bigint' }) as unknown as Iterable<unknown>)]).toStrictEqual([1n, 2n])
  const items: unknown[] = []
  for await (const item of view.$with({ int: 'bigint' })) items.push(item)
  expect(items).toStrictEqual([1n, 2n])
})

test('what the bridge itself asks keeps its types', async () => {
  const view = (await handles.identity.$with({ returns: 'ref' })([1, 2])) as Handle
  expect(await view.$with({ int: 'bigint' }).$len()).toBe(2)
  expect(view.$sync.$with({ int: 'bigint' }).$len()).toBe(2)
})

test('the narrower option wins, option by option', async () => {
  const exact = handles.$with({ int: 'bigint', dict: 'map' })
  expect(await exact.identity({ a: 1 })).toStrictEqual(new Map([['a', 1n]]))
  expect(await exact.identity.$with({ dict: 'auto' })({ a: 1 })).toStrictEqual({ a: 1n })
  expect(await exact.identity.$with({ int: 'auto', dict: 'auto' })({ a: 1 })).toStrictEqual({ a: 1 })
  expect(sync.$with({ int: 'bigint' }).identity.$call([{ a: 1 }], undefined, { int: 'auto' })).toStrictEqual({ a: 1 })
})

test.each([{ int: 'big' }, { number: 'int' }, { dict: 'Map' }])('an unknown choice is refused: %j', (options) => {
  const expected = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('must be one of') }
  expect(() => handles.$with(options as object)).toThrow(expect.objectContaining(expected))
  expect(() => sync.$with(options as object)).toThrow(expect.objectContaining(expected))
})

test('python.start takes them for everything', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    async function main() {
      await python.start({ convert: { int: 'bigint', number: 'float' } })
      const ns = python.execSync('class Thing:\\n  n = 1\\n  def m(self, a): return [repr(a), 5]\\ndef f(*a): return [repr(a), 3]')
      const thing = ns.Thing()
      const text = (value) => JSON.stringify(value, (_, one) => typeof one === 'bigint' ? one + 'n' : one)
      console.log(text([ns.f(1, 2), ns.f(), ns.f('a', 1), thing.n, thing.m(1), thing.$len === undefined, python.evalSync('[1]')]))
      console.log(text([await ns.$async.f(1), await thing.$async.n, await thing.$async.m.$with({ int: 'auto', number: 'auto' })(1)]))
      console.log(text([ns.f.$with({ int: 'auto' })(1)]))
      await python.start({ convert: { number: 'float', int: 'bigint' } })
      await python.start({ convert: { int: 'number' } }).catch((error) => console.log(error.code))
    }
    main()`)
  expect(end.stderr).toBe('')
  expect(end.stdout.split('\n')).toEqual([
    '[["(1.0, 2.0)","3n"],["()","3n"],["(\'a\', 1.0)","3n"],"1n",["1.0","5n"],false,["1n"]]',
    '[["(1.0,)","3n"],"1n",["1",5]]',
    '[["(1.0,)",3]]',
    'ERR_PYTHON_ALREADY_CHOSEN',
    '',
  ])
})

test('the path of a refusal that lies very deep says that it is not the whole one', () => {
  const build = python.evalSync(
    'lambda depth: (lambda build: build(build, depth))(lambda b, n: [b(b, n - 1)] if n else 2**60)',
  )
  const refuse = (depth: number): unknown => {
    try {
      return (build as SyncHandle).$with({ int: 'number' })(depth)
    } catch (error) {
      return (error as { path?: unknown }).path
    }
  }
  expect(refuse(3)).toBe('[0][0][0]')
  expect(refuse(200)).toBe(`${'[0]'.repeat(64)}…`)
})
