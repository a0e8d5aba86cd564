/* Tuples and frozensets as values of their own. */
import { inspect, isDeepStrictEqual } from 'node:util'

import { PyFrozenSet } from '../ts/values/frozen-set'
import { PyTuple } from '../ts/values/tuple'

describe('PyTuple', () => {
  const tuple = new PyTuple(3, 'b')

  test('reads like an array', () => {
    expect(Array.isArray(tuple)).toBe(true)
    expect([tuple[0], tuple.length, tuple.includes('b'), [...tuple]]).toEqual([3, 2, true, [3, 'b']])
    const [first, second] = tuple
    expect([first, second]).toEqual([3, 'b'])
  })

  test('takes a single number for an item', () => {
    expect([...new PyTuple(3)]).toEqual([3])
    expect([...PyTuple.of(3)]).toEqual([3])
    expect(PyTuple.of(3)).toBeInstanceOf(PyTuple)
  })

  test('is made from iterables and array-likes', () => {
    expect(PyTuple.from(new Set([1, 2]))).toStrictEqual(new PyTuple(1, 2))
    expect(PyTuple.from({ length: 2 }, (_, index) => index)).toStrictEqual(new PyTuple(0, 1))
    expect(PyTuple.from({ length: 300_000 }).length).toBe(300_000)
  })

  test('methods that make arrays make plain ones', () => {
    for (const made of [tuple.map((item) => item), tuple.slice(), tuple.filter(() => true), tuple.concat([1])]) {
      expect(Object.getPrototypeOf(made)).toBe(Array.prototype)
    }
  })

  test('cannot be changed', () => {
    const writable = tuple as unknown as unknown[]
    expect(() => writable.push(1)).toThrow('a Python tuple is read-only; copy it first: `[...tuple]`')
    for (const name of ['pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin'] as const) {
      expect(() => (writable[name] as () => void)()).toThrow(TypeError)
    }
    expect(() => (writable[0] = 1)).toThrow(TypeError)
    expect(() => (writable.length = 0)).toThrow(TypeError)
    expect([...tuple]).toEqual([3, 'b'])
  })

  test('is shown as what it is and is JSON as an array', () => {
    expect(inspect(tuple)).toBe("PyTuple(2) [ 3, 'b' ]")
    expect(JSON.stringify(tuple)).toBe('[3,"b"]')
  })

  test('is deeply equal to a tuple only', () => {
    expect(isDeepStrictEqual(tuple, new PyTuple(3, 'b'))).toBe(true)
    expect(isDeepStrictEqual(tuple, [3, 'b'])).toBe(false)
  })
})

describe('PyFrozenSet', () => {
  const frozen = new PyFrozenSet([1, 'b'])

  test('reads like a set', () => {
    expect([frozen.size, frozen.has(1), [...frozen]]).toEqual([2, true, [1, 'b']])
    expect(new PyFrozenSet().size).toBe(0)
  })

  test('cannot be changed', () => {
    const writable = frozen as unknown as Set<unknown>
    expect(() => writable.add(2)).toThrow('a Python frozenset is read-only; copy it first: `new Set(it)`')
    expect(() => writable.delete(1)).toThrow(TypeError)
    expect(() => writable.clear()).toThrow(TypeError)
    expect([...frozen]).toEqual([1, 'b'])
  })

  test('is shown as what it is', () => {
    expect(inspect(frozen)).toBe("PyFrozenSet(2) [Set] { 1, 'b' }")
  })

  test('is deeply equal to a frozenset only', () => {
    expect(isDeepStrictEqual(frozen, new PyFrozenSet([1, 'b']))).toBe(true)
    expect(isDeepStrictEqual(frozen, new Set([1, 'b']))).toBe(false)
  })
})
