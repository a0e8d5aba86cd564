/* Python's own types through the bridge; their ways there and back, in every process, are in value-classes-hosts.test.ts. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'
import type * as bridge from 'symphony-python-bridge'
import {
  isBridgeError,
  isPythonHandle,
  PyComplex,
  PyDecimal,
  PyFraction,
  PyPath,
  PyRange,
  PySlice,
  python,
  PyUUID,
  type Handle,
  type SyncHandle,
} from 'symphony-python-bridge'

let sync: SyncHandle
let handle: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('value_classes')
  handle = sync.$async
})

test('subclasses stay handles and come back as the very same objects', async () => {
  const objects = sync.$get<SyncHandle[]>('SUBCLASSED')
  expect(objects).toHaveLength(5)
  for (const object of objects) {
    expect(isPythonHandle(object)).toBe(true)
    expect(sync.identity<SyncHandle>(object).$is(object)).toBe(true)
  }
  const [money] = await (handle.SUBCLASSED as PromiseLike<Handle[]>)
  expect(money!.$type).toBe('value_classes.Money')
})

test('a slice holds handles and un-awaited calls, and selects items', async () => {
  const letters = python.evalSync<SyncHandle>('__import__("collections").UserString("abcdef")')
  expect(String(letters.$getItem<SyncHandle>(new PySlice(1, 3)).$str())).toBe('bc')
  const list = await handle.make.$with({ returns: 'ref' })('list(range(10))')
  expect(await list.$getItem(python.slice(2, 8, 3))).toEqual([2, 5])
  const object = await handle.make<Handle>('object()')
  const slice = await handle.identity<PySlice>(new PySlice(object, handle.make('1 + 1'), null))
  expect(slice.start).toBe(object)
  expect(slice.stop).toBe(2)
})

test('a slice with something that cannot cross is refused with its path', async () => {
  const error: unknown = await (handle.identity([new PySlice(1, Symbol('stop'))]) as Promise<unknown>).catch(
    (e: unknown) => e,
  )
  expect(isBridgeError(error, 'ERR_CONVERSION') && error.path).toBe('args[0][0].stop')
})

test('what is too large for a decimal of Python is refused', async () => {
  await expect(handle.identity(python.decimal('1e99999999999999999999'))).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: expect.stringContaining('expected a decimal that Python can hold exactly'),
  })
})

test('numbers are forced to be floats or ints', async () => {
  expect(sync.spelled(python.float(1), python.float(-0), python.float(NaN))).toEqual([
    'float 1.0',
    'float -0.0',
    'float nan',
  ])
  expect(sync.spelled(python.float(1))).toEqual(['float 1.0'])
  expect(await handle.spelled(python.float(2), [python.float(3)])).toEqual(['float 2.0', 'list [3.0]'])
  expect(sync.spelled(python.int(1n), python.int(2 ** 53), python.int(-0))).toEqual([
    'int 1',
    'int 9007199254740992',
    'int 0',
  ])
  expect(await handle.spelled(python.int(1e21))).toEqual(['int 1000000000000000000000'])
  expect(sync.identity(python.float(1))).toBe(1)
})

test('containers and bytes are made of what is given', () => {
  const memory = Uint8Array.of(1, 2, 3)
  const bytes = python.bytes(memory)
  memory[0] = 9
  expect(sync.spelled(bytes, python.bytes(memory.buffer), python.bytes(new SharedArrayBuffer(1)))).toEqual([
    "bytes b'\\x01\\x02\\x03'",
    "bytes b'\\t\\x02\\x03'",
    "bytes b'\\x00'",
  ])
  expect(sync.spelled(python.tuple(1, 'a'), python.set([1]), python.set())).toEqual([
    "tuple (1, 'a')",
    'set {1}',
    'set set()',
  ])
  const { decimal, range } = python
  expect(sync.spelled(decimal(7), range(1, 2))).toEqual(["Decimal Decimal('7')", 'range range(1, 2)'])
})

test('values are understood when they are of another copy of the package', () => {
  jest.isolateModules(() => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- another copy is what this test is about
    const other = require('symphony-python-bridge') as typeof bridge
    expect(other.PyDecimal).not.toBe(PyDecimal)
    expect(sync.spelled(new other.PyDecimal('0.10'), other.python.ellipsis)).toEqual([
      "Decimal Decimal('0.10')",
      'ellipsis Ellipsis',
    ])
    expect(new other.PyDecimal('0.1').equals(new PyDecimal('0.10'))).toBe(true)
  })
})

test('bytes of another realm are taken', () => {
  expect(python.bytes(runInNewContext('new Uint8Array([1]).buffer'))).toStrictEqual(Buffer.from([1]))
})

test('an object that only looks like one of them is refused', () => {
  const forged = (prototype: object, state: object): object => Object.assign(Object.create(prototype) as object, state)
  for (const value of [
    forged(PyDecimal.prototype, { text: 'x' }),
    forged(PyDecimal.prototype, {}),
    forged(PyUUID.prototype, { text: '1' }),
    forged(PyFraction.prototype, { numerator: 1n, denominator: 0n }),
    forged(PyRange.prototype, { start: 0, stop: 1, step: 0 }),
    forged(PyRange.prototype, { start: 0.5, stop: 1, step: 1 }),
    forged(PyComplex.prototype, { re: 1 }),
    forged(PyPath.prototype, { text: 1 }),
  ])
    expect(() => sync.identity(value)).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION', path: 'args[0]' }))
})

test('a subclass of one of them is an object of its own', () => {
  class Price extends PyDecimal {}
  const price = new Price('1')
  expect(sync.identity(price)).toBe(price)
})

describe('for all values', () => {
  const decimalText = fc.stringMatching(/^[+-]?(\d{1,25}(\.\d{0,25})?|\.\d{1,25})([eE][+-]?\d{1,4})?$/)
  const integer = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }))
  const nonZero = integer.filter((value) => BigInt(value) !== 0n)

  test('decimals are spelled as Python spells them', () => {
    const spell = python.evalSync<(text: string) => string>('lambda text: str(__import__("decimal").Decimal(text))')
    fc.assert(fc.property(decimalText, (text) => expect(new PyDecimal(text).text).toBe(spell(text))))
  })

  test('decimals are equal where they are in Python', () => {
    const equal = python.evalSync<(a: unknown, b: unknown) => boolean>('lambda a, b: a == b')
    const close = fc.stringMatching(/^-?0?\d{1,2}(\.0?\d?0?)?(e-?\d)?$/)
    fc.assert(
      fc.property(close, close, (a, b) => {
        const [left, right] = [new PyDecimal(a), new PyDecimal(b)]
        expect(left.equals(right)).toBe(equal(left, right))
      }),
    )
  })

  test('fractions come back, and their numbers are those of Python', () => {
    fc.assert(
      fc.property(integer, nonZero, (numerator, denominator) => {
        const fraction = new PyFraction(numerator, denominator)
        expect(sync.identity(fraction)).toStrictEqual(fraction)
        expect(fraction.toNumber()).toBe(sync.number_of(fraction))
      }),
    )
  })

  test('the numbers of fractions near the ends of the range are those of Python', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 60n }), fc.integer({ min: 900, max: 1140 }), (value, power) => {
        const small = new PyFraction(value, 2n ** BigInt(power) + 1n)
        expect(small.toNumber()).toBe(sync.number_of(small))
        const large = new PyFraction(value * 2n ** BigInt(power - 200), 3)
        if (power - 200 + 60 < 1024) expect(large.toNumber()).toBe(sync.number_of(large))
      }),
    )
  })

  test('ranges come back, and have the length and the items of Python', () => {
    const items = python.evalSync<(range: PyRange) => unknown[]>('lambda r: [len(r[:9]), list(r[:9]), list(r[-1:])]')
    fc.assert(
      fc.property(integer, integer, nonZero, (start, stop, step) => {
        const range = new PyRange(start, stop, step)
        expect(isDeepStrictEqual(sync.identity(range), range)).toBe(true)
        const first: unknown[] = []
        for (const item of range) if (first.push(item) === 9) break
        const last = range.at(-1)
        expect([first.length, first, last === undefined ? [] : [last]]).toEqual(items(range))
      }),
    )
  })

  test('paths are spelled as Python spells them', () => {
    const spell = python.evalSync<(text: string) => string>('lambda text: str(__import__("pathlib").Path(text))')
    const text = fc.stringMatching(/^[/.a-cé]{0,12}$/)
    fc.assert(fc.property(text, (text) => expect(new PyPath(text).text).toBe(spell(text))))
  })

  test('complex numbers come back', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (re, im) => {
        expect(sync.identity(new PyComplex(re, im))).toStrictEqual(new PyComplex(re, im))
      }),
    )
  })
})
