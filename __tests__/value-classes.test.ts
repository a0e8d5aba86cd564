/* Python's own types as values of JavaScript: how they are made, shown, compared and written as JSON. */
import { inspect, isDeepStrictEqual } from 'node:util'

import { PyComplex } from '../ts/values/complex'
import { PyDecimal } from '../ts/values/decimal'
import { PyEllipsis } from '../ts/values/ellipsis'
import { PyFloat } from '../ts/values/float'
import { PyFraction } from '../ts/values/fraction'
import { PyInt } from '../ts/values/int'
import { PyPath } from '../ts/values/path'
import { PyRange } from '../ts/values/range'
import { PySlice } from '../ts/values/slice'
import { PyUUID } from '../ts/values/uuid'

const uuid = '12345678-1234-5678-1234-567812345678'

/** How each value is shown, its text, its JSON, and an equal one made in another way. */
const cases: readonly (readonly [string, { equals(other: unknown): boolean }, string, string, object])[] = [
  ['PyComplex(1, -2.5)', new PyComplex(1, -2.5), '(1-2.5j)', '{"re":1,"im":-2.5}', new PyComplex(1, -2.5)],
  ['PyComplex(0, 2)', new PyComplex(0, 2), '2j', '{"re":0,"im":2}', new PyComplex(0, 2)],
  ['PyComplex(3, 0)', new PyComplex(3), '(3+0j)', '{"re":3,"im":0}', new PyComplex(3, 0)],
  ["PyDecimal('0.10')", new PyDecimal('0.10'), '0.10', '"0.10"', new PyDecimal('+00.10')],
  ["PyDecimal('1E+5')", new PyDecimal('1e5'), '1E+5', '"1E+5"', new PyDecimal('01.E5')],
  ["PyDecimal('-7')", new PyDecimal(-7n), '-7', '"-7"', new PyDecimal(-7)],
  ['PyFraction(-1, 3)', new PyFraction(2, -6), '-1/3', '"-1/3"', new PyFraction(-1n, 3n)],
  ['PyFraction(5, 1)', new PyFraction(5), '5', '"5"', new PyFraction(10, 2)],
  [`PyUUID('${uuid}')`, new PyUUID(uuid.toUpperCase()), uuid, `"${uuid}"`, new PyUUID(`urn:uuid:${uuid}`)],
  ["PyPath('/a/b')", new PyPath('/a/./b/'), '/a/b', '"/a/b"', new PyPath('/a//b')],
  ['PyRange(0, 3)', new PyRange(3), 'range(0, 3)', '{"start":0,"stop":3,"step":1}', new PyRange(0n, 3, 1n)],
  [
    `PyRange(${2n ** 70n}, 0, -1)`,
    new PyRange(2n ** 70n, -0, -1),
    `range(${2n ** 70n}, 0, -1)`,
    `{"start":"${2n ** 70n}","stop":0,"step":-1}`,
    new PyRange(2n ** 70n, 0, -1),
  ],
  [
    "PySlice(null, 'a', true)",
    new PySlice(undefined, 'a', true),
    'slice(None, "a", True)',
    '{"start":null,"stop":"a","step":true}',
    new PySlice(null, 'a', true),
  ],
  ['PyEllipsis()', new PyEllipsis(), 'Ellipsis', '"Ellipsis"', new PyEllipsis()],
  ['PyFloat(1)', new PyFloat(1), '1', '1', new PyFloat(1)],
  ['PyInt(1)', new PyInt(1n), '1', '1', new PyInt(1)],
  [`PyInt(${2n ** 70n})`, new PyInt(2n ** 70n), String(2n ** 70n), `"${2n ** 70n}"`, new PyInt(2 ** 70)],
]

describe.each(cases)('%s', (shown, value, text, json, equal) => {
  test('is shown, spelled and written as JSON', () => {
    expect(inspect(value)).toBe(shown)
    expect(inspect([{ value }])).toContain(shown)
    expect(String(value as unknown as string)).toBe(text)
    expect(`${value as unknown as string}`).toBe(text)
    expect(JSON.stringify(value)).toBe(json)
  })

  test('is equal to its equal and to nothing else', () => {
    expect(isDeepStrictEqual(value, equal)).toBe(true)
    expect(value.equals(equal)).toBe(true)
    for (const other of [null, undefined, 1, text, {}, { ...value }, ...cases.map(([, other]) => other)]) {
      if (other === value) continue
      expect(value.equals(other)).toBe(false)
      expect(isDeepStrictEqual(value, other)).toBe(false)
    }
  })

  test('cannot be changed', () => {
    expect(Object.isFrozen(value)).toBe(true)
    for (const name of Object.keys(value)) {
      expect(() => ((value as unknown as Record<string, unknown>)[name] = 0)).toThrow(TypeError)
    }
  })

  test('is cloned as the plain object of its state', () => {
    expect(structuredClone(value)).toEqual({ ...value })
    expect(Object.getPrototypeOf(structuredClone(value))).not.toBe(Object.getPrototypeOf(value))
  })
})

test('there is one ellipsis', () => {
  expect(new PyEllipsis()).toBe(new PyEllipsis())
})

test.each([new PyDecimal('0.10'), new PyFraction(1, 3), new PyComplex(1, 2)])(
  '%s is never a number in silence',
  (value) => {
    const number = value as unknown as number
    const uses = [() => +number, () => number + 1, () => number * 2, () => number < 1, () => Math.max(number)]
    for (const use of uses) expect(use).toThrow(TypeError)
    expect(() => number + 1).toThrow(value instanceof PyComplex ? /use its `re` and `im`/ : /use `toNumber\(\)`/)
  },
)

test('decimals and fractions give the nearest number when asked', () => {
  expect(new PyDecimal('0.10').toNumber()).toBe(0.1)
  expect(new PyDecimal('-0').toNumber()).toBe(-0)
  expect(new PyDecimal('-Infinity').toNumber()).toBe(-Infinity)
  expect(new PyDecimal('sNaN12').toNumber()).toBeNaN()
  expect(new PyFraction(1, 3).toNumber()).toBe(1 / 3)
  expect(new PyFraction(0).toNumber()).toBe(0)
  expect(new PyFraction(10n ** 400n).toNumber()).toBe(Infinity)
  expect(new PyFraction(1, 10n ** 400n).toNumber()).toBe(0)
  expect(new PyFraction(-(10n ** 400n), 3n * 10n ** 400n).toNumber()).toBe(-1 / 3)
})

test('equality is that of Python', () => {
  expect(new PyDecimal('0.10').equals(new PyDecimal('0.1'))).toBe(true)
  expect(new PyDecimal('-0').equals(new PyDecimal('0E+5'))).toBe(true)
  expect(new PyDecimal('100').equals(new PyDecimal('1E+2'))).toBe(true)
  expect(new PyDecimal('NaN').equals(new PyDecimal('NaN'))).toBe(false)
  expect(new PyDecimal('Infinity').equals(new PyDecimal('inf'))).toBe(true)
  expect(new PyDecimal('Infinity').equals(new PyDecimal('-inf'))).toBe(false)
  expect(new PyComplex(0, -0).equals(new PyComplex(-0, 0))).toBe(true)
  expect(new PyComplex(NaN).equals(new PyComplex(NaN))).toBe(false)
  expect(new PyRange(0).equals(new PyRange(5, 5, 2))).toBe(true)
  expect(new PyRange(0, 3, 2).equals(new PyRange(0, 4, 2))).toBe(true)
  expect(new PyRange(1, 2, 5).equals(new PyRange(1, 3, 9))).toBe(true)
  expect(new PyRange(0, 3).equals(new PyRange(0, 4))).toBe(false)
  expect(new PySlice([1], { a: 2 }).equals(new PySlice([1], { a: 2 }))).toBe(true)
})

describe('PyRange', () => {
  test('counts out its integers', () => {
    expect([...new PyRange(3)]).toEqual([0, 1, 2])
    expect([...new PyRange(5, 0, -2)]).toEqual([5, 3, 1])
    expect([...new PyRange(5, 0)]).toEqual([])
    expect([...new PyRange(2 ** 53 - 2, 2n ** 53n + 1n)]).toEqual([2 ** 53 - 2, 2 ** 53 - 1, 2n ** 53n])
    expect([...new PyRange(-(2 ** 53 - 1), 2 ** 53 - 1, 2 ** 53 - 1)]).toEqual([-(2 ** 53 - 1), 0])
  })

  test('knows its length and its items without counting', () => {
    const large = new PyRange(-(2n ** 80n), 2n ** 80n)
    expect(large.length).toBe(2n ** 81n)
    expect([large.at(0), large.at(-1), large.at(2n ** 80n), large.at(2n ** 81n)]).toEqual([
      -(2n ** 80n),
      2n ** 80n - 1n,
      0,
      undefined,
    ])
    expect([new PyRange(3).length, new PyRange(3).at(-4), new PyRange(3).at(-0)]).toEqual([3, undefined, 0])
    expect(new PyRange(0, 2 ** 53 - 1, 7).length).toBe(Math.ceil((2 ** 53 - 1) / 7))
  })
})

test.each<[string, () => unknown, string]>([
  ['complex', () => new PyComplex('1' as never), 'expected a number as the real part, got "1"'],
  ['complex', () => new PyComplex(1, 1n as never), 'expected a number as the imaginary part, got a bigint'],
  [
    'decimal',
    () => new PyDecimal(0.1),
    "expected the text of a decimal, such as `'0.10'`, or an integer, got the number `0.1`",
  ],
  ['fraction', () => new PyFraction(0.5), 'expected a safe integer or a bigint as the numerator, got the number `0.5`'],
  ['fraction', () => new PyFraction(1, 0n), 'expected a denominator other than zero, got a bigint'],
  ['uuid', () => new PyUUID('{1234'), 'expected the text of a UUID, got "{1234"'],
  ['uuid', () => new PyUUID(`{${uuid}`), `expected the text of a UUID, got "{${uuid}"`],
  ['uuid', () => new PyUUID(null as never), 'expected the text of a UUID, got null'],
  ['path', () => new PyPath(1 as never), 'expected the text of a path, got the number `1`'],
  ['range', () => new PyRange(1.5), 'expected a safe integer or a bigint as the stop of a range, got the number `1.5`'],
  ['range', () => new PyRange('1' as never), 'expected a safe integer or a bigint as the stop of a range, got "1"'],
  ['range', () => new PyRange(1, 2, 0n), 'expected a step other than zero, got a bigint'],
  ['float', () => new PyFloat(1n as never), 'expected a number, got a bigint'],
  ['int', () => new PyInt(1.5), 'expected an integral number or a bigint, got the number `1.5`'],
  ['int', () => new PyInt(NaN), 'expected an integral number or a bigint, got the number `NaN`'],
])('a bad %s is refused with what was expected and got', (_, make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message }))
})

test.each(['', ' ', '.', '1,5', '1_000', '0x10', '1e', 'e5', '--1', 'infinit', 'nanx', '١', ' 1'])(
  '%j is no decimal',
  (text) => {
    expect(() => new PyDecimal(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  },
)
