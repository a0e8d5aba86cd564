/* Python's own types through the bridge, in both directions, on every path and in every process. More of them, with synchronous calls, is in
   value-classes-python.test.ts. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
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
} from 'symphony-python-bridge'
import { hosts } from './support/hosts'

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

describe.each(hosts)('in $name', (host) => {
  let handle: Handle
  let views: readonly Handle[]

  beforeAll(async () => {
    handle = await (await host.start({ paths: [join(__dirname, 'fixtures')] })).import('value_classes')
    views = host.views(handle)
  })

  describe.each(cases)('%s', (code, value) => {
    test('comes to JavaScript as a value', async () => {
      for (const view of views) expect(isDeepStrictEqual(await view.make(code), value)).toBe(true)
      expect(isDeepStrictEqual(await handle.make.$with({ returns: 'value' })(code), value)).toBe(true)
      expect(isPythonHandle(await handle.make.$with({ returns: 'ref' })(code))).toBe(true)
    })

    test('goes to Python as the same type and repr, in any position', async () => {
      // A handle, so that Python spells its own object.
      const [expected] = await handle.spelled<string[]>(await handle.make.$with({ returns: 'ref' })(code))
      for (const view of views) {
        expect(await view.spelled(value)).toEqual([expected])
        expect(await view.spelled(1, value)).toEqual(['int 1', expected])
        expect(await view.spelled(kw({ a: value }))).toEqual([expected])
        expect(await view.spelled(value, kw({ a: value }))).toEqual([expected, expected])
        expect(await view.spelled.__call__(value)).toEqual([expected])
      }
    })

    test('survives the way there and back, nested in anything', async () => {
      const nested = [{ a: [value, python.tuple(value)] }, new Map<unknown, unknown>([[1, value]])]
      for (const view of views) {
        expect(isDeepStrictEqual(await view.identity(value), value)).toBe(true)
        expect(isDeepStrictEqual(await view.identity(nested), nested)).toBe(true)
      }
    })

    test('is among the arguments of an exception', async () => {
      for (const view of views) {
        const error: unknown = await (async () => view.fails(value) as unknown)().catch((error: unknown) => error)
        expect(isPythonError(error, 'ValueError') && isDeepStrictEqual([...error.args], [value, [value]])).toBe(true)
      }
    })
  })

  test('as keys of a dict and items of a set they make a Map and a Set', async () => {
    const code =
      "{decimal.Decimal('1.0'): 1, ...: 2, fractions.Fraction(1, 3): 3, range(3): 4, pathlib.Path('a'): 5, 2j: 6}"
    const uuid = '12345678123456781234567812345678'
    for (const view of views) {
      const map = await view.make<Map<unknown, number>>(code)
      expect(isDeepStrictEqual([...map.values()], [1, 2, 3, 4, 5, 6])).toBe(true)
      expect(map.get(python.ellipsis)).toBe(2)
      expect(isDeepStrictEqual([...map.keys()][0], python.decimal('1.0'))).toBe(true)
      expect(await view.same(map, code)).toBe(true)
      expect(await view.same(new Set([python.uuid(uuid)]), `{uuid.UUID("${uuid}")}`)).toBe(true)
    }
    await expect(handle.identity(new Set([python.decimal('1'), python.decimal('1.0')]))).rejects.toMatchObject({
      code: 'ERR_CONVERSION',
      path: 'args[0]<item 1>',
    })
  })

  afterAll(() => host.stop())
})
