/* Python's own types through the bridge, in both directions and on every path. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'
import type * as bridge from 'symphony-python-bridge'
import {
  isBridgeError,
  isPythonError,
  isPythonHandle,
  kw,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyEllipsis,
  PyFraction,
  PyPath,
  PyRange,
  PySlice,
  python,
  PyTime,
  PyTimeDelta,
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

/** Each value in both languages. */
const cases: readonly (readonly [string, object])[] = [
  ['complex(1.5, -2.0)', new PyComplex(1.5, -2)],
  ['complex(-0.0, -0.0)', new PyComplex(-0, -0)],
  ["complex('inf+nanj')", new PyComplex(Infinity, NaN)],
  ["decimal.Decimal('0.10')", new PyDecimal('0.10')],
  ["decimal.Decimal('-0.00')", new PyDecimal('-0.00')],
  ["decimal.Decimal('1E+5')", new PyDecimal('1e5')],
  ["decimal.Decimal('1.25E-300')", new PyDecimal('1.25E-300')],
  ["decimal.Decimal('1E+999999999999999999')", new PyDecimal('1E+999999999999999999')],
  ["decimal.Decimal('NaN')", new PyDecimal('nan')],
  ["decimal.Decimal('-sNaN12')", new PyDecimal('-SNAN0012')],
  ["decimal.Decimal('-Infinity')", new PyDecimal('-inf')],
  ["decimal.Decimal('3.' + '1' * 5000)", new PyDecimal(`3.${'1'.repeat(5000)}`)],
  ['fractions.Fraction(-1, 3)', new PyFraction(1, -3)],
  ['fractions.Fraction(2**200, 3**100)', new PyFraction(2n ** 200n, 3n ** 100n)],
  ["uuid.UUID('12345678-1234-5678-1234-567812345678')", new PyUUID('{12345678123456781234567812345678}')],
  ["pathlib.Path('/tmp/é/😀')", new PyPath('/tmp//é/./😀/')],
  ["pathlib.Path('a\\udcff\\ud800')", new PyPath('a\udcff\ud800')],
  ["pathlib.Path('')", new PyPath('')],
  ["pathlib.Path('//server/x/..')", new PyPath('//server/x/..')],
  ['range(10)', new PyRange(10)],
  ['range(10, 0, -3)', new PyRange(10, 0, -3)],
  ['range(-2**70, 2**70, 2**53)', new PyRange(-(2n ** 70n), 2n ** 70n, 2n ** 53n)],
  ['slice(5)', new PySlice(5)],
  ["slice(None, ['a', (1,)], slice(1, 2))", new PySlice(null, ['a', python.tuple(1)], new PySlice(1, 2))],
  ['...', new PyEllipsis()],
  ['datetime.datetime(2025, 3, 14, 15, 9, 26, 535897)', new PyDateTime(2025, 3, 14, 15, 9, 26, 535897)],
  ['datetime.datetime.min', new PyDateTime(1, 1, 1)],
  ['datetime.datetime.max', new PyDateTime(9999, 12, 31, 23, 59, 59, 999999)],
  ['datetime.datetime(2025, 10, 26, 2, 30, fold=1)', new PyDateTime('2025-10-26T02:30', { fold: 1 })],
  ['datetime.datetime(1969, 7, 20, 20, 17, tzinfo=datetime.timezone.utc)', new PyDateTime('1969-07-20T20:17Z')],
  [
    "datetime.datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))",
    new PyDateTime('2025-10-26T02:30+01:00[Europe/Berlin]'),
  ],
  [
    "datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=23), 'É'))",
    new PyDateTime('0001-01-01T00:00+23:00', { offsetName: 'É' }),
  ],
  [
    'datetime.datetime.max.replace(tzinfo=datetime.timezone(-datetime.timedelta(microseconds=1)))',
    new PyDateTime('9999-12-31T23:59:59.999999-00:00:00.000001'),
  ],
  ['datetime.date(2024, 2, 29)', new PyDate(2024, 2, 29)],
  ['datetime.time(15, 9, 26, 535897, fold=1)', new PyTime('15:09:26.535897', { fold: 1 })],
  [
    'datetime.time(8, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))',
    new PyTime({ hour: 8, offset: -12600 }),
  ],
  ["datetime.time(8, tzinfo=zoneinfo.ZoneInfo('Asia/Kolkata'))", new PyTime({ hour: 8, zone: 'Asia/Kolkata' })],
  ['datetime.timedelta(days=-1, microseconds=1)', new PyTimeDelta({ days: -1, microseconds: 1 })],
  ['datetime.timedelta.max', new PyTimeDelta(999999999, 86399, 999999)],
]

describe.each(cases)('%s', (code, value) => {
  test('comes to JavaScript as a value, synchronously and asynchronously', async () => {
    expect(isDeepStrictEqual(sync.make(code), value)).toBe(true)
    expect(isDeepStrictEqual(await handle.make(code), value)).toBe(true)
    expect(isDeepStrictEqual(await handle.make.$with({ returns: 'value' })(code), value)).toBe(true)
    expect(isPythonHandle(await handle.make.$with({ returns: 'ref' })(code))).toBe(true)
  })

  test('goes to Python as the same type and repr, in any position', async () => {
    // A handle, so that Python spells its own object.
    const [expected] = await handle.spelled<string[]>(await handle.make.$with({ returns: 'ref' })(code))
    expect(sync.spelled(value)).toEqual([expected])
    expect(sync.spelled(1, value)).toEqual(['int 1', expected])
    expect(sync.spelled(kw({ a: value }))).toEqual([expected])
    expect(await handle.spelled(value, kw({ a: value }))).toEqual([expected, expected])
    expect(sync.spelled.__call__(value)).toEqual([expected])
  })

  test('survives the way there and back, nested in anything', async () => {
    const nested = [{ a: [value, python.tuple(value)] }, new Map<unknown, unknown>([[1, value]])]
    expect(isDeepStrictEqual(sync.identity(value), value)).toBe(true)
    expect(isDeepStrictEqual(await handle.identity(nested), nested)).toBe(true)
    expect(isDeepStrictEqual(sync.identity(nested), nested)).toBe(true)
  })

  test('is among the arguments of an exception', async () => {
    const error: unknown = await (handle.fails(value) as Promise<unknown>).catch((error: unknown) => error)
    expect(isPythonError(error, 'ValueError') && isDeepStrictEqual([...error.args], [value, [value]])).toBe(true)
    try {
      sync.fails(value)
    } catch (error) {
      expect(isPythonError(error) && isDeepStrictEqual([...error.args], [value, [value]])).toBe(true)
    }
  })
})

test('as keys of a dict and items of a set they make a Map and a Set', async () => {
  const code =
    "{decimal.Decimal('1.0'): 1, ...: 2, fractions.Fraction(1, 3): 3, range(3): 4, pathlib.Path('a'): 5, 2j: 6}"
  const map = await handle.make<Map<unknown, number>>(code)
  expect(isDeepStrictEqual([...map.values()], [1, 2, 3, 4, 5, 6])).toBe(true)
  expect(map.get(python.ellipsis)).toBe(2)
  expect(isDeepStrictEqual([...map.keys()][0], python.decimal('1.0'))).toBe(true)
  expect(sync.same(map, code)).toBe(true)
  expect(
    sync.same(
      new Set([python.uuid('12345678123456781234567812345678')]),
      '{uuid.UUID("12345678123456781234567812345678")}',
    ),
  ).toBe(true)
  await expect(handle.identity(new Set([python.decimal('1'), python.decimal('1.0')]))).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    path: 'args[0]<item 1>',
  })
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
