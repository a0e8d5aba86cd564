/* Synchronous views: calls, attributes, items and the `$` members. */
import { join } from 'node:path'
import { isPythonError, isPythonHandle, kw, python, type SyncHandle } from 'symphony-python-bridge'

let handles: SyncHandle
let point: SyncHandle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = python.importSync('handles')
})

beforeEach(() => {
  point = handles.Point<SyncHandle>()
})

describe('calling', () => {
  test('passes primitives and gives primitives', () => {
    expect(handles.add(1, 2)).toBe(3)
    expect(handles.add(0.5, 2)).toBe(2.5)
    expect(handles.add('a', 'b')).toBe('ab')
    expect(handles.add(2n ** 70n, 1)).toBe(2n ** 70n + 1n)
    expect(handles.identity(true)).toBe(true)
    expect(handles.identity(null)).toBeNull()
    expect(handles.noop()).toBeNull()
  })

  test.each([0, 1, 2, 3, 4, 7, 8, 9, 20])('passes %i positional arguments', (count) => {
    const args = Array.from({ length: count }, (_, index) => index)
    expect(handles.collect(...args)).toEqual([args, {}])
  })

  test.each([
    [0, '0'],
    [-0, '-0.0'],
    [1, '1'],
    [-1, '-1'],
    [0.5, '0.5'],
    [2 ** 31 - 1, '2147483647'],
    [-(2 ** 31), '-2147483648'],
    [2 ** 31, '2147483648'],
    [2 ** 53 - 1, '9007199254740991'],
    [-(2 ** 53 - 1), '-9007199254740991'],
    [2 ** 53, '9007199254740992.0'],
    [1e300, '1e+300'],
    [NaN, 'nan'],
    [-Infinity, '-inf'],
  ])('passes the number %d as %s, in every position, and back', (number, text) => {
    expect(handles.representation(number)).toBe(text)
    expect(handles.representation(1, number)).toBe(`1, ${text}`)
    expect(handles.representation(1, 2, number)).toBe(`1, 2, ${text}`)
    expect(handles.representation('a', number)).toBe(`'a', ${text}`)
    expect(handles.identity(number)).toBe(number)
    expect(handles.identity.__call__(number)).toBe(number)
  })

  test.each([2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, 2n ** 200n])(
    'gives the integer %d exactly',
    (integer) => {
      expect(handles.identity(integer)).toBe(integer)
    },
  )

  test('gives booleans and None as they are', () => {
    expect(handles.identity(false)).toBe(false)
    expect(handles.identity.__call__(true)).toBe(true)
    expect(handles.identity.__call__(null)).toBeNull()
  })

  test('passes structured arguments and gives copies', () => {
    const value = { list: [1, [2, { three: 3 }]], text: 'x', nothing: null }
    expect(handles.identity(value)).toEqual(value)
    expect(handles.identity(value)).not.toBe(value)
  })

  test('an array that says another length each time does not shift what follows', () => {
    const lying = (...lengths: number[]): unknown[] =>
      new Proxy([1, 'b', 3], {
        get: (target, key) => (key === 'length' ? (lengths.shift() ?? 3) : Reflect.get(target, key)),
      })
    for (const lengths of [
      [1, 2, 3],
      [3, 1],
      [0, 5],
      [1, 1, 1, 2],
    ]) {
      const [list, rest] = handles.collect<[unknown[], object]>([lying(...lengths), null], 'x')
      expect(rest).toEqual({})
      expect(list).toHaveLength(2)
      expect(list[1]).toBe('x')
      expect((list[0] as unknown[])[1]).toBeNull()
    }
    expect(() => handles.collect(lying(-1), 'x')).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION' }))
  })

  test('passes keyword arguments', () => {
    expect(handles.collect(1, kw({ a: 2, b: [3] }))).toEqual([[1], { a: 2, b: [3] }])
  })

  test('leaves out keywords and trailing arguments that are undefined', () => {
    expect(handles.default(undefined)).toBe(5)
    expect(handles.default(kw({ top: undefined }))).toBe(5)
    expect(handles.collect(1, undefined, undefined)).toEqual([[1], {}])
    expect(handles.collect(1, undefined, kw({ a: 1 }))).toEqual([[1], { a: 1 }])
  })

  test('passes undefined between arguments as None', () => {
    expect(handles.collect(undefined, 1)).toEqual([[null, 1], {}])
    expect(handles.collect(undefined, undefined, 1)).toEqual([[null, null, 1], {}])
    expect(handles.collect(1, undefined, 2)).toEqual([[1, null, 2], {}])
    expect(handles.collect.__call__(undefined, 1)).toEqual([[null, 1], {}])
    expect(handles.collect(1, undefined, 2, undefined)).toEqual([[1, null, 2], {}])
  })

  test('passes handles by reference, alone and inside data', () => {
    expect(handles.same(point, point)).toBe(true)
    expect(handles.same(point, handles.Point())).toBe(false)
    expect(handles.identity(point)).toBe(point)
    const [inside] = handles.identity<SyncHandle[]>([point])
    expect(inside).toBe(point)
    expect(handles.identity(point.$async)).toBe(point)
  })

  test('passes methods by reference', () => {
    const builtins = python.importSync('builtins')
    const totals = builtins.list(builtins.map(point.shifted, [1, 2]))
    expect(totals).toHaveLength(2)
    expect(isPythonHandle(point.shifted)).toBe(true)
  })

  test('raises what Python raises', () => {
    expect(() => handles.fail('no')).toThrow('ValueError: no')
    expect(() => handles.add(1)).toThrow("missing 1 required positional argument: 'right'")
    expect(() => (point as unknown as () => void)()).toThrow("'Point' object is not callable")
  })
})

describe('attributes', () => {
  test('are values at once', () => {
    expect(point.x).toBe(1)
    expect(point.kind).toBe('point')
    expect(point.$get<number>('y')).toBe(2)
  })

  test('with names that JavaScript gives functions are those of Python', () => {
    expect(point.name).toBe('a point')
    expect(point.length).toBe(7)
  })

  test('that are methods are bound late', () => {
    const { total } = point
    expect(total()).toBe(3)
    point.$set('x', 10)
    expect(total()).toBe(12)
    expect(point.total).toBe(total)
  })

  test('that are methods take arguments of every kind', () => {
    expect(point.shifted<SyncHandle>(1).x).toBe(2)
    expect(point.shifted<SyncHandle>(kw({ by: 2 })).x).toBe(3)
    expect(point.itself()).toBe(point)
  })

  test('that are methods have attributes of their own', () => {
    expect(point.shifted.__name__).toBe('shifted')
    expect(String(point.total)).toBe('[Python builtins.method]')
  })

  test('are assigned and deleted', () => {
    const record = point as unknown as Record<string, unknown>
    record['x'] = 5
    expect(point.x).toBe(5)
    delete record['x']
    expect(point.$has('x')).toBe(false)
    point.$set('x', 6)
    expect(point.x).toBe(6)
    point.$del('x')
    expect(() => point.x).toThrow("AttributeError: 'Point' object has no attribute 'x'")
  })

  test('that replace a method are seen', () => {
    expect(point.total()).toBe(3)
    point.$set('total', handles.noop)
    expect(point.total()).toBeNull()
    point.$del('total')
    expect(point.total()).toBe(3)
  })

  test('raise AttributeError at once if they are missing', () => {
    expect(() => point.nowhere).toThrow("AttributeError: 'Point' object has no attribute 'nowhere'")
    try {
      void point.nowhere
    } catch (error) {
      expect(isPythonError(error, 'AttributeError')).toBe(true)
    }
  })

  test('are found by `in`', () => {
    expect('x' in point).toBe(true)
    expect('nowhere' in point).toBe(false)
    expect('$len' in point).toBe(true)
    expect('then' in point).toBe(false)
  })
})

describe('items', () => {
  test('are read, assigned, found and deleted', () => {
    point.$setItem('a', 1)
    point.$setItem(2, [3])
    expect(point.$getItem('a')).toBe(1)
    expect(point.$getItem(2)).toEqual([3])
    expect(point.$contains('a')).toBe(true)
    expect(point.$len()).toBe(2)
    point.$delItem('a')
    expect(point.$contains('a')).toBe(false)
    expect(() => point.$getItem('a')).toThrow("KeyError: 'a'")
  })

  test('have integer names', () => {
    const rows = handles.Rows<SyncHandle & Record<string, unknown>>('first', 'second')
    expect(rows[0]).toBe('first')
    expect(rows['-1']).toBe('second')
    expect(() => rows[2]).toThrow('IndexError')
    const record = point as unknown as Record<number, unknown>
    record[3] = 'three'
    expect(record[3]).toBe('three')
    delete record[3]
    expect(point.$contains(3)).toBe(false)
  })
})

describe('other members', () => {
  test('say what the object is', () => {
    expect(point.$type).toBe('handles.Point')
    expect(point.$str()).toBe('(1, 2)')
    expect(point.$repr()).toBe('Point(1, 2)')
    expect(point.$dir()).toContain('total')
    expect(point.$isInstance(handles.Point)).toBe(true)
    expect(point.$is(point)).toBe(true)
    expect(point.$is(handles.Point())).toBe(false)
  })

  test('call with arguments apart', () => {
    expect(handles.collect.$call([1, 2], { a: 3 })).toEqual([[1, 2], { a: 3 }])
    expect(handles.collect.$call([1], kw({ a: 3 }))).toEqual([[1], { a: 3 }])
    expect(isPythonHandle(handles.collect.$call([], undefined, { returns: 'ref' }))).toBe(true)
  })

  test('give the other view of the same object', () => {
    expect(point.$async.$sync).toBe(point)
    expect(point.$sync).toBe(point)
    expect(isPythonHandle(point.$async)).toBe(true)
  })

  test('choose between values and handles', () => {
    const list = handles.identity.$with({ returns: 'ref' })<SyncHandle>([1, 2])
    expect(list.$type).toBe('builtins.list')
    expect(list.$value()).toEqual([1, 2])
    expect(list.append(3)).toBeNull()
    expect(list.$value()).toEqual([1, 2, 3])
    expect(() => handles.identity.$with({ returns: 'value' })(point)).toThrow(
      expect.objectContaining({ code: 'ERR_CONVERSION' }),
    )
    expect(handles.$with({ returns: 'ref' }).add(1, 2)).toBe(3)
  })

  test('with an unknown name do not exist', () => {
    expect((point as unknown as Record<string, unknown>)['$nothing']).toBeUndefined()
  })
})

describe('identity', () => {
  test('one object has one view', () => {
    expect(handles.point).toBe(handles.point)
    expect(python.importSync('handles')).toBe(handles)
    expect(point.itself()).toBe(point)
  })

  test('only handles are handles', () => {
    expect(python.isHandle(point)).toBe(true)
    for (const value of [null, undefined, 1, 'x', {}, () => 1, [], point.x, handles.$async.point]) {
      expect(python.isHandle(value)).toBe(false)
    }
  })
})

test('$get reads anew what was a method', () => {
  const space = python.execSync(`
class Thing:
    def part(self): return 'method'
thing = Thing()
def replace(): thing.part = 5
`) as unknown as { thing: SyncHandle & { part(): unknown }; replace(): void }
  expect(space.thing.part()).toBe('method')
  space.replace()
  expect(space.thing.$get('part')).toBe(5)
  expect(space.thing.part).toBe(5)
})

test('libraries find the module of classes that executed code defines', () => {
  const code = `
import dataclasses
@dataclasses.dataclass
class Node:
    value: "int"
    next: "Node | None" = None
`
  expect(python.execSync(code).Node<SyncHandle>(1).$repr()).toBe('Node(value=1, next=None)')
  const strings = `
from __future__ import annotations
import dataclasses
from typing import ClassVar
@dataclasses.dataclass
class Counter:
    made: ClassVar[int] = 0
    value: int = 1
`
  expect(python.execSync(strings).Counter<SyncHandle>().$repr()).toBe('Counter(value=1)')
})
