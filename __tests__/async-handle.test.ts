/* Asynchronous views: handles, paths and calls, their members, and chains of calls. */
import { join } from 'node:path'
import { isBridgeError, isPythonError, isPythonHandle, kw, python, type Handle } from 'symphony-python-bridge'

let handles: Handle
let point: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
})

beforeEach(async () => {
  point = await handles.Point<Handle>()
})

describe('a handle', () => {
  test('is not awaitable, so that await gives it back', async () => {
    expect(isPythonHandle(handles)).toBe(true)
    expect(await point).toBe(point)
    expect((point as { then?: unknown }).then).toBeUndefined()
    expect(await Promise.all([point])).toEqual([point])
  })

  test('is one for each object', async () => {
    expect(await handles.point).toBe(await handles.point)
    expect(await point.itself()).toBe(point)
    expect(await python.import('handles')).toBe(handles)
  })

  test('does what its members say', async () => {
    await point.$setItem('a', 1)
    await point.$set('x', 5)
    expect(await point.x).toBe(5)
    expect(await point.$getItem('a')).toBe(1)
    expect(await point.$contains('a')).toBe(true)
    expect(await point.$len()).toBe(1)
    await point.$delItem('a')
    expect(await point.$contains('a')).toBe(false)
    expect(await point.$has('x')).toBe(true)
    await point.$del('x')
    expect(await point.$has('x')).toBe(false)
    await point.$set('x', 1)
    expect(await point.$str()).toBe('(1, 2)')
    expect(await point.$repr()).toBe('Point(1, 2)')
    expect(await point.$dir()).toContain('total')
    expect(await point.$is(point)).toBe(true)
    expect(await point.$isInstance(handles.Point)).toBe(true)
    expect(point.$type).toBe('handles.Point')
    expect(await point.$ref()).toBe(point)
    expect(point.$async).toBe(point)
  })

  test('rejects assignment, since nobody could await it', () => {
    const record = point as unknown as Record<string, unknown>
    expect(() => (record['x'] = 1)).toThrow('$set("x", value)')
    expect(() => delete record['x']).toThrow('$del("x")')
  })

  test('does not change what the synchronous view keeps', async () => {
    const { total } = point.$sync
    expect(total()).toBe(3)
    await point.$set('total', handles.noop)
    expect(point.$sync.total()).toBeNull()
  })
})

describe('a path', () => {
  test('does nothing until it is awaited', async () => {
    const path = handles.nowhere.at.all
    await expect(Promise.resolve(path)).rejects.toThrow("AttributeError: module 'handles' has no attribute 'nowhere'")
  })

  test('is read each time that it is awaited', async () => {
    const path = point.x
    expect(await path).toBe(1)
    await point.$set('x', 2)
    expect(await path).toBe(2)
  })

  test('leads through attributes and items', async () => {
    await point.$setItem('inner', await handles.Point(5, 6))
    expect(await point.items.$getItem('inner').y).toBe(6)
    expect(await handles.point.total()).toBe(3)
    const rows = await handles.Rows<Handle & Record<number, PromiseLike<unknown>>>('first', 'second')
    expect(await rows[0]).toBe('first')
    expect(await (rows as unknown as Record<string, PromiseLike<unknown>>)['-1']).toBe('second')
  })

  test('has the names of functions as attributes', async () => {
    expect(await point.name).toBe('a point')
    expect(await point.length).toBe(7)
  })

  test('is passed by reference, alone and inside data', async () => {
    expect(await handles.same(handles.point, handles.point)).toBe(true)
    expect(await handles.identity([handles.point.x, { y: handles.point.y }])).toEqual([1, { y: 2 }])
    expect(await handles.default(kw({ top: handles.point.x }))).toBe(1)
  })

  test('has members of its own', async () => {
    expect(await handles.point.$str()).toBe('(1, 2)')
    expect(await handles.$get('point').$get('x')).toBe(1)
    expect(isPythonHandle(await handles.point.x.$ref())).toBe(true)
  })
})

describe('a call', () => {
  test('is a promise', async () => {
    const call = handles.add(1, 2)
    expect(call).toBeInstanceOf(Promise)
    expect(Object.prototype.toString.call(call)).toBe('[object Promise]')
    expect(await call).toBe(3)
    expect(await call).toBe(3)
    expect(await call.then((value) => value, fail)).toBe(3)
    expect(await call.finally(() => undefined)).toBe(3)
    await expect(handles.fail('no').catch((error: Error) => error.message)).resolves.toBe('ValueError: no')
    await expect(call).resolves.toBe(3)
    await expect(handles.fail()).rejects.toThrow('ValueError')
  })

  test('starts at once', async () => {
    const gate = await handles.Gate<Handle>()
    void gate.wait()
    await gate.await_entered()
    await gate.open()
    expect(await gate.calls).toBe(1)
  })

  test('overlaps with others', async () => {
    const gate = await handles.Gate<Handle>()
    const blocked = gate.wait('done')
    expect(await handles.add(1, 2)).toBe(3)
    await gate.open()
    expect(await blocked).toBe('done')
  })

  test('takes what a synchronous call takes', async () => {
    expect(await handles.collect(1, undefined, kw({ a: [2], b: undefined }))).toEqual([[1], { a: [2] }])
    expect(await handles.collect.$call([1], { a: 2 })).toEqual([[1], { a: 2 }])
    expect(await handles.same(point, point.$sync)).toBe(true)
    expect(await handles.default(undefined)).toBe(5)
  })

  test('rejects, and does not throw, for an argument that cannot cross', async () => {
    const call = handles.identity([{ symbol: Symbol('s') }])
    await expect(call).rejects.toThrow(expect.objectContaining({ code: 'ERR_CONVERSION', path: 'args[0][0].symbol' }))
    expect(await handles.add(1, 2)).toBe(3)
  })

  test('runs outside of the JavaScript thread', async () => {
    expect(await handles.thread_ident()).not.toBe(handles.$sync.thread_ident())
  })

  test('can be one of a thousand', async () => {
    const results = await Promise.all(Array.from({ length: 1000 }, (_, index) => handles.add(index, 1)))
    expect(results).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1))
  })
})

describe('a chain', () => {
  test('takes the Python objects themselves', async () => {
    expect(await handles.Numbers([1, 2]).doubled().doubled().sum()).toBe(12)
    expect(await handles.Point(1, 2).shifted(1).x).toBe(2)
    expect(await handles.collect(1).$getItem(0)).toEqual([1])
  })

  test('passes calls by reference', async () => {
    const made = handles.Point(3, 4)
    expect(await handles.same(made, made)).toBe(true)
    expect(await handles.add(handles.add(1, 2), handles.add(3, 4))).toBe(10)
    expect(await handles.identity({ deep: [handles.add(1, 1)] })).toEqual({ deep: [2] })
  })

  test('leaves its beginning usable', async () => {
    const list = handles.identity([1, 2, 3])
    const length = list.__len__()
    expect(await length).toBe(3)
    expect(await list).toEqual([1, 2, 3])
    expect(await list).toEqual([1, 2, 3])
  })

  test('goes on from a settled handle', async () => {
    const made = handles.Point(3, 4)
    const handle = await made
    expect(await made.x).toBe(3)
    expect(await made.total()).toBe(7)
    expect(await handles.same(made, handle)).toBe(true)
    expect(await handles.identity([made])).toEqual([handle])
  })

  test('cannot go on from a settled value', async () => {
    const sum = handles.add(1, 2)
    await sum
    await expect(sum.bit_length()).rejects.toThrow("$with({ returns: 'ref' })")
    expect(await handles.add(sum, 1)).toBe(4)
  })

  test('fails with the error of the call that failed', async () => {
    const failed = handles.fail('first')
    await expect(failed.x.y()).rejects.toThrow('ValueError: first')
    await expect(handles.add(failed, 1)).rejects.toThrow('ValueError: first')
    await expect(failed.again()).rejects.toThrow('ValueError: first')
    await expect(failed).rejects.toThrow('ValueError: first')
  })
})

describe('evaluating', () => {
  test('gives the value of an expression', async () => {
    expect(await python.eval('x + 1', { x: 41 })).toBe(42)
    expect(await python.eval('[1, 2]').__len__()).toBe(2)
    expect(python.evalSync('x + 1', { x: 41 })).toBe(42)
  })

  test('runs statements and gives their namespace', async () => {
    const namespace = await python.exec('def f(a): return a + offset', { offset: 10 })
    expect(await namespace.f(1)).toBe(11)
    expect(python.execSync('y = x * 2', { x: 4 }).y).toBe(8)
  })

  test('copies an object as scope, and uses a handle as it is', async () => {
    const scope = { x: 1 }
    await python.exec('x = 2', scope)
    expect(scope).toEqual({ x: 1 })
    const namespace = await python.exec('x = 1')
    await python.exec('x += 1', namespace)
    expect(await python.eval('x', namespace)).toBe(2)
  })

  test('rejects what is not code', async () => {
    await expect(python.exec('def')).rejects.toThrow('SyntaxError')
    await expect(python.exec(1 as never)).rejects.toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(() => python.eval(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

test('an error of the bridge is told from one of Python', async () => {
  const error = await handles.identity(Symbol('s')).catch((reason: unknown) => reason)
  expect(isBridgeError(error)).toBe(true)
  expect(isBridgeError(error, 'ERR_CONVERSION')).toBe(true)
  expect(isBridgeError(error, 'ERR_TIMEOUT')).toBe(false)
  expect(isPythonError(error)).toBe(false)
})

function fail(error: unknown): never {
  throw error
}

test('a name that is no identifier is an attribute, and Python says that there is none', async () => {
  const list = await python.eval<Handle>('[1, 2, 3]', {}, { returns: 'ref' })
  for (const name of ['0:1', '1.5', 'unit price']) {
    await expect(Promise.resolve(list[name])).rejects.toMatchObject({ type: 'AttributeError' })
    expect(() => (list.$sync as unknown as Record<string, unknown>)[name]).toThrow('AttributeError')
  }
  expect(list['@@iterator']).toBeUndefined()
  expect(list['fantasy-land/map']).toBeUndefined()
})

test('iterating over what is not iterable says that', async () => {
  const nothing = await python.eval<Handle>('object()')
  const loop = async (): Promise<void> => {
    for await (const item of nothing as unknown as AsyncIterable<unknown>) expect(item).toBe('never')
  }
  await expect(loop()).rejects.toThrow("'object' object is not iterable")
})
