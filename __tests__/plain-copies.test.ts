/* `$value()`: plain copies of objects that are not plain data. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import {
  type BridgeError,
  isBridgeError,
  isPythonError,
  isPythonHandle,
  PyTuple,
  python,
  type Handle,
  type ValueOptions,
} from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

let fixture: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  fixture = await python.import('plain_copies')
})

function reference(expression: string): Promise<Handle> {
  return python.eval<Handle>(expression, fixture, { returns: 'ref' })
}

/** The copy that both views give. */
async function copied(expression: string, options?: ValueOptions): Promise<unknown> {
  const object = await reference(expression)
  const copy = await object.$value(options)
  expect(object.$sync.$value(options)).toStrictEqual(copy)
  return copy
}

/** The error that both views give. */
async function refusal(expression: string, options?: ValueOptions): Promise<BridgeError> {
  const object = await reference(expression)
  const error: unknown = await object.$value(options).then(
    (value) => fail(value),
    (reason: unknown) => reason,
  )
  let other: unknown
  try {
    fail(object.$sync.$value(options))
  } catch (reason) {
    other = reason
  }
  if (!isBridgeError(error) || !isBridgeError(other)) throw error
  expect({ ...other }).toEqual({ ...error })
  expect(other.message).toBe(error.message)
  return error
}

function fail(value: unknown): never {
  throw new Error(`expected an error, got ${String(value)}`)
}

test('each kind of object opens to the plain data that it stands for', async () => {
  const names = await python.eval<string[]>('list(kinds())', fixture)
  expect(names.length).toBeGreaterThan(40)
  for (const name of names) {
    const expression = JSON.stringify(name)
    const copy = await copied(`kind(${expression})`)
    const expected = await python.eval(`copy_of(${expression})`, fixture)
    if (!isDeepStrictEqual(copy, expected)) expect({ name, copy }).toStrictEqual({ name, copy: expected })
    // Whole structures of them as well, whatever the depth.
    expect(await copied(`{"a": [(kind(${expression}),)]}`, { depth: 5 })).toStrictEqual({ a: [PyTuple.of(expected)] })
  }
})

test('fields are in the order of their declaration, by their names in Python', async () => {
  expect(Object.keys((await copied('Track("t")')) as object)).toStrictEqual(['title', 'seconds', '_private'])
  expect(Object.keys((await copied('User(id=1, z=1, b=2)')) as object)).toStrictEqual(['id', 'color', 'z', 'b'])
  expect(await copied('legacy_model()')).toStrictEqual({ a: 1, b: null, c: 2 })
})

test('plain data is copied as ever', async () => {
  expect(await copied('[1, {"a": (None, b"x")}]')).toStrictEqual([1, { a: PyTuple.of(null, Buffer.from('x')) }])
  expect(await copied('1')).toBe(1)
  expect(await copied('2**70', { int: 'bigint' })).toBe(2n ** 70n)
})

test('paths and calls have it as well', async () => {
  expect(await fixture.Color.RED.$value()).toBe('red')
  expect(await fixture.Point(1, 2).$value({ depth: 1 })).toStrictEqual({ x: 1, y: 2 })
  expect(await fixture.kinds().$getItem('dataclass').$getItem(0).$value()).toStrictEqual({ x: 1, y: 2.5 })
})

test('the type options hold at every level', async () => {
  const expression = 'Holder("h", [Pair(1, Point(2)), Level.LOW, {1: Whole(3)}])'
  const map = (entries: object): Map<string, unknown> => new Map(Object.entries(entries))
  expect(await copied(expression, { int: 'bigint', dict: 'map' })).toStrictEqual(
    map({ name: 'h', child: [map({ left: 1n, right: map({ x: 2n, y: 0 }) }), 1n, new Map([[1n, 3n]])] }),
  )
  // The depth is a depth also where every number is a float.
  expect(await copied('Point(1)', { number: 'float', depth: 1 })).toStrictEqual({ x: 1, y: 0 })
  const error = await refusal('[Point(2**60)]', { int: 'number' })
  expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '[0].x' })
  const view = (await reference('Point(2)')).$with({ int: 'bigint' })
  expect(await view.$value()).toStrictEqual({ x: 2n, y: 0 })
})

test('what is deeper than the depth is a handle', async () => {
  const object = await reference('[Holder("a", {"b": (Holder("c", Color.RED), len)})]')
  const [zero] = await object.$value<[Handle]>({ depth: 0 })
  expect(zero.$type).toBe('plain_copies.Holder')
  const [one] = await object.$value<[{ name: string; child: { b: [Handle, Handle] } }]>({ depth: 1 })
  expect(one.name).toBe('a')
  expect(await one.child.b[0].name).toBe('c')
  expect(one.child.b[0].$type).toBe('plain_copies.Holder')
  expect(one.child.b[1].$type).toBe('builtins.builtin_function_or_method')
  const [synchronous] = object.$sync.$value<[{ child: { b: [Handle] } }]>({ depth: 1 })
  expect(isPythonHandle(synchronous.child.b[0])).toBe(true)
  expect(synchronous.child.b[0]).toBe(one.child.b[0].$sync)
  // The function is in the second holder's place, and so not deeper than two levels.
  expect(await refusal('[Holder("a", {"b": (Holder("c", 1), len)})]', { depth: 2 })).toMatchObject({
    code: 'ERR_CONVERSION',
    path: '[0].child.b[1]',
  })
})

test('depth 0 opens no object, but copies what does not count as one', async () => {
  const object = await reference('Point(1)')
  const same = await object.$value<Handle>({ depth: 0 })
  expect(same).toBe(object)
  expect(object.$sync.$value({ depth: 0 })).toBe(object.$sync)
  expect(await copied('[Color.RED, collections.deque([1]), Whole(2)]', { depth: 0 })).toStrictEqual(['red', [1], 2])
})

test('levels are those of objects inside each other', async () => {
  const nested = 'Holder("a", [Holder("b", {"c": Holder("d", None)}), Holder("e", None)])'
  expect(await copied(nested, { depth: 3 })).toStrictEqual(await copied(nested))
  const object = await reference(nested)
  const copy = await object.$value<{ child: [{ child: { c: Handle } }, object] }>({ depth: 2 })
  expect(copy.child[0].child.c.$type).toBe('plain_copies.Holder')
  expect(copy.child[1]).toStrictEqual({ name: 'e', child: null })
})

test('an object that declares no fields is opened to its attributes when a depth is given', async () => {
  const error = await refusal('{"a": [Ordinary(x=1)]}')
  expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.a[0]' })
  expect(error.message).toBe(
    '.a[0]: expected plain data, got a `plain_copies.Ordinary`, which declares no fields; ' +
      '`$value({ depth })` copies the attributes of any object, down to that many levels of objects',
  )
  for (const depth of [1, Infinity]) {
    expect(await copied('[Ordinary(x=1, y=[Color.RED])]', { depth })).toStrictEqual([{ x: 1, y: ['red'] }])
    expect(await copied('Ordinary()', { depth })).toStrictEqual({})
    expect(await copied('Slotted()', { depth })).toStrictEqual({ first: 1, _Slotted__private: 2 })
    expect(await copied('Both()', { depth })).toStrictEqual({ extra: 3, first: 1, _Slotted__private: 2 })
    expect(await copied('Nosy()', { depth })).toStrictEqual({})
    expect(await copied('Box[int]()', { depth })).toStrictEqual({ content: 1 })
  }
})

test('what has no plain form is refused with its path, at any depth', async () => {
  const count = await python.eval<number>('len(refused())', fixture)
  for (let index = 0; index < count; index += 1) {
    for (const options of [undefined, {}, { depth: Infinity }, { depth: 7 }]) {
      const error = await refusal(`Holder("h", [refused()[${index}]])`, options)
      expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.child[0]' })
      expect(error.message).toMatch(/^\.child\[0\]: expected .*, got a `.*`; a (smaller )?`depth` /)
    }
  }
  const namespace = await python.exec('x = 1')
  await expect(namespace.$value({ depth: 1 })).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
})

test('a depth must be a whole number or Infinity', async () => {
  const object = await reference('Point(1)')
  for (const depth of [-1, 0.5, NaN, -Infinity, '1', null, 1n, {}]) {
    const options = { depth } as ValueOptions
    const expected = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/^`depth` must be /) }
    expect(() => object.$sync.$value(options)).toThrow(expect.objectContaining(expected))
    await expect((async () => object.$value(options))()).rejects.toMatchObject(expected)
  }
  expect(await copied('Point(1)', { depth: 1e300 })).toStrictEqual({ x: 1, y: 0 })
  expect(await copied('Point(1)', { depth: undefined })).toStrictEqual({ x: 1, y: 0 })
  expect(() => object.$sync.$value({ deep: 1 } as ValueOptions)).toThrow('there is no option `deep`')
  expect(() => object.$with({ depth: 1 } as object)).toThrow('there is no option `depth`')
})

test('cycles are refused with their path', async () => {
  const expected = { code: 'ERR_CONVERSION', message: expect.stringContaining('contains itself') }
  expect(await refusal('self_containing()')).toMatchObject({ ...expected, path: '.list[0].next' })
  expect(await refusal('deque_in_itself()')).toMatchObject({ ...expected, path: '[0][0]' })
  const error = await refusal('closed_chain(10_000)')
  expect(error).toMatchObject(expected)
  expect(error.path).toHaveLength('.next'.length * 10_001)
  expect(await refusal('own_value()')).toMatchObject({ code: 'ERR_CONVERSION' })
  // As deep as asked for there is none yet.
  const copy = await (await reference('self_containing()')).$value<{ list: [{ next: Handle }] }>({ depth: 1 })
  expect(copy.list[0].next.$type).toBe('plain_copies.Node')
})

test('shared objects are no cycle', async () => {
  expect(await copied('[Point(1)] * 2')).toStrictEqual([
    { x: 1, y: 0 },
    { x: 1, y: 0 },
  ])
  expect(await copied('(lambda p: Pair(p, p))(Point(1))')).toStrictEqual({
    left: { x: 1, y: 0 },
    right: { x: 1, y: 0 },
  })
})

test('depth 10,000 is an ordinary case', async () => {
  interface Chain {
    readonly value: number
    readonly next: Chain | null
  }
  for (const options of [undefined, { depth: 10_000 }]) {
    let length = 0
    let copy: Chain | null = await (await reference('chain(10_000)')).$value<Chain>(options)
    for (; copy !== null; copy = copy.next) length += 1
    expect(length).toBe(10_000)
  }
  let depth = 0
  let list = (await reference('nested_deques(10_000)')).$sync.$value<unknown[] | undefined>()
  for (; list !== undefined; list = list[0] as unknown[] | undefined) depth += 1
  expect(depth).toBe(10_001)
})

test('collections that never end are refused', async () => {
  const fractal = await reference('Fractal()')
  await expect(fractal.$value()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: expect.stringContaining('opens to ever more collections'),
  })
  const error = await refusal('[Endless()]')
  expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '[0]' })
  expect(String(error.cause)).toContain('more than the 2 items')
  expect(String((await refusal('Lookup(("a", 1), ("a", 2))')).cause)).toContain('equal')
})

test('a field that raises is an error with its path and the exception as its cause', async () => {
  for (const options of [undefined, { depth: 3 }]) {
    const error = await refusal('{"a": [Failing()]}', options)
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.a[0].x' })
    expect(error.message).toMatch(/^\.a\[0\]\.x: expected a `plain_copies.Failing` .* raised ValueError$/)
    expect(isPythonError(error.cause, 'ValueError')).toBe(true)
    expect(error.cause).toMatchObject({ text: 'no x today' })
    expect((error.cause as { traceback: string }).traceback).toContain('in x')
  }
  const missing = await refusal('incomplete()')
  expect(missing).toMatchObject({ code: 'ERR_CONVERSION', path: '.points[0].child.x' })
  expect(isPythonError(missing.cause, 'AttributeError')).toBe(true)
  const interrupting = await reference('Interrupting()')
  expect(() => interrupting.$sync.$value()).toThrow(
    expect.objectContaining({ qualifiedType: 'builtins.KeyboardInterrupt' }),
  )
})

test('what code of the objects changes meanwhile is as it was, or an error', async () => {
  expect(await (await reference('growing()')).$value()).toStrictEqual([
    { value: 3, next: null },
    { value: 4, next: null },
  ])
  await expect((await reference('growing_dict()')).$value()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: expect.stringContaining('the dict was changed by other code'),
  })
})

test('code that runs while a copy is made has the context of its call', async () => {
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      expect(await fixture.leave(fixture.variable).$value()).toStrictEqual({ value: 'changed', next: null })
    }),
  )
  const values = await Promise.all(Array.from({ length: 20 }, () => fixture.variable.get()))
  expect(new Set(values)).toStrictEqual(new Set(['default']))
})

test('fields with a callable `then` arrive as a Map, which await leaves alone', async () => {
  const error = await refusal('thenable()')
  expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.then' })
  const copy = await (await reference('thenable()')).$value<Map<string, unknown>>({ depth: 1 })
  expect([...copy.keys()]).toStrictEqual(['then', 'a'])
  expect(isPythonHandle(copy.get('then'))).toBe(true)
})

test('keys that open to equal values are an error', async () => {
  expect(await refusal('{Color.RED: 1, "red": 2}')).toMatchObject({
    code: 'ERR_CONVERSION',
    message: expect.stringContaining('equal in JavaScript'),
  })
})

test('opening objects imports no library', async () => {
  const { stdout, stderr } = await runProgram(`
    const { python } = require('symphony-python-bridge')
    // Modules that are a part of the interpreter are no files to be read.
    const loaded = () => new Set(python.evalSync('[*{*__import__("sys").modules} - {*__import__("sys").builtin_module_names}]'))
    python.execSync('')
    const before = loaded()
    const object = python.importSync('builtins').type('C', python.tuple(), {})()
    console.log(JSON.stringify(object.$value({ depth: 1 })))
    console.log([...loaded()].filter((name) => !before.has(name)).join())
  `)
  expect({ stdout, stderr }).toStrictEqual({ stdout: '{}\nsymphony_bridge._open\n', stderr: '' })
})
