/* A handle is never taken for data: every way of reading one as plain data fails with a message that says what to write. */
import assert from 'node:assert'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'

let handles: Handle
const views: Record<string, unknown> = {}
const asData = expect.objectContaining({ code: 'ERR_HANDLE_AS_DATA', message: expect.stringContaining('$value()') })

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
  const point = await handles.Point<Handle>()
  views['asynchronous handle'] = point
  views['synchronous handle'] = point.$sync
  views['path'] = handles.point
  views['call'] = handles.Point()
})

/** Each use, and of whose it is an error. */
const uses: Record<string, (view: never) => unknown> = {
  'JSON.stringify': (view) => JSON.stringify(view),
  'JSON.stringify of an object with it': (view) => JSON.stringify({ inside: [view] }),
  'toJSON()': (view: { toJSON(): unknown }) => view.toJSON(),
  'object spread': (view: object) => ({ ...view }),
  'Object.keys': (view) => Object.keys(view),
  'Object.entries': (view) => Object.entries(view),
  'Object.assign': (view) => Object.assign({}, view),
  'for in': (view: object) => {
    for (const _ in view) return
  },
  'unary plus': (view) => +view,
  multiplication: (view) => (view as number) * 2,
  comparison: (view) => (view as number) < 2,
  Number: (view) => Number(view),
  'Math.max': (view) => Math.max(view, 1),
  'Object.freeze': (view) => Object.freeze(view),
  'Object.defineProperty': (view) => Object.defineProperty(view, 'x', { value: 1 }),
}

describe.each(['asynchronous handle', 'synchronous handle', 'path', 'call'])('of an %s', (kind) => {
  test.each(Object.keys(uses))('%s is an error that names $value()', (use) => {
    expect(() => uses[use]!(views[kind] as never)).toThrow(asData)
  })
})

describe.each(['asynchronous handle', 'path', 'call'])('of an %s', (kind) => {
  test('synchronous iteration is an error that names $value()', () => {
    expect(() => [...(views[kind] as Iterable<unknown>)]).toThrow(asData)
    expect(() => Array.from(views[kind] as Iterable<unknown>)).toThrow(asData)
    expect(() => new Set(views[kind] as Iterable<unknown>)).toThrow(asData)
  })
})

describe.each(['path', 'call'])('of a %s', (kind) => {
  test('string coercion is an error that names await and $value()', () => {
    expect(() => String(views[kind])).toThrow(asData)
    expect(() => `${views[kind] as string}`).toThrow('await')
    expect(() => 'a' + (views[kind] as string)).toThrow(asData)
    expect(() => (views[kind] as Date).toString()).toThrow(asData)
  })
})

describe.each(['asynchronous handle', 'synchronous handle'])('of an %s', (kind) => {
  test('string coercion says what it is', () => {
    const view = views[kind] as string
    expect(String(view)).toBe('[Python handles.Point]')
    expect(`${view}`).toBe('[Python handles.Point]')
    expect('a ' + view).toBe('a [Python handles.Point]')
    expect([view, 1].join()).toBe('[Python handles.Point],1')
  })

  test('JavaScript keeps the names that are its own', () => {
    const view = views[kind] as Record<string, unknown>
    expect(view['then']).toBeUndefined()
    expect(view['prototype']).toBeUndefined()
    expect(view['asymmetricMatch']).toBeUndefined()
    expect(view['constructor']).toBe(Function)
    expect((view as object).valueOf()).toBe(view)
    expect(Object.prototype.hasOwnProperty.call(view, 'x')).toBe(false)
    expect(view['hasOwnProperty']).toBeInstanceOf(Function)
    expect(typeof view).toBe('function')
  })

  test('JavaScript keeps them also after Python’s were asked for', async () => {
    const names = ['then', 'toString', 'valueOf', 'toJSON', 'constructor', 'prototype', 'asymmetricMatch']
    const sync = handles.$sync.named<SyncHandle>(names)
    const view = (kind === 'synchronous handle' ? sync : sync.$async) as unknown as Record<string, unknown>
    const before = names.map((name) => view[name])
    for (const name of names) await (view as unknown as Handle).$get(name)
    expect(names.map((name) => view[name])).toEqual(before)
    expect(await sync.$get('toString')).toBeInstanceOf(Function)
  })

  test('names by which libraries recognise things exist only if the type has them', async () => {
    const other = kind === 'synchronous handle' ? handles.$sync.Piped<SyncHandle>() : await handles.Piped<Handle>()
    for (const name of [
      'pipe',
      'on',
      'getReader',
      'next',
      'return',
      'throw',
      'onModuleInit',
      'subscribe',
      'nodeType',
      '$$typeof',
      '@@iterator',
    ]) {
      expect((views[kind] as Record<string, unknown>)[name]).toBeUndefined()
    }
    expect(await other.pipe()).toBe('piped')
    expect((other as unknown as Record<string, unknown>)['on']).toBeUndefined()
  })
})

describe('util.inspect', () => {
  test('shows type and id of an asynchronous handle, without asking Python', async () => {
    const point = await handles.Point<Handle>()
    expect(inspect(point)).toMatch(/^\[Python handles\.Point #\d+\]$/)
    expect(inspect({ deep: [point] })).toMatch(/deep: \[ \[Python handles\.Point #\d+\] \]/)
  })

  test('adds the repr on a synchronous handle', () => {
    expect(inspect(handles.$sync.Point())).toMatch(/^\[Python handles\.Point #\d+\] Point\(1, 2\)$/)
    expect(inspect(handles.$sync.BadRepr())).toMatch(/^\[Python handles\.BadRepr #\d+\] \(its repr failed\)$/)
  })

  test('shows paths, calls, methods and disposed handles for what they are', async () => {
    expect(inspect(handles.point.items)).toBe('[Python path builtins.module.point.items] (not awaited)')
    const call = handles.add(1, 2)
    expect(inspect(call)).toBe('[Python call] (pending)')
    await call
    expect(inspect(call)).toBe('[Python call] (settled)')
    const point = await handles.Point<Handle>()
    expect(inspect(point.$sync.total)).toBe('[Python method handles.Point.total]')
    point.$dispose()
    expect(inspect(point)).toContain('(disposed)')
    expect(inspect(point.$sync)).toContain('(disposed)')
  })

  test('does not fail with options that avoid custom inspection', async () => {
    const point = await handles.Point<Handle>()
    expect(inspect(point, { customInspect: false })).toContain('$value()')
    expect(inspect(handles.Point(), { customInspect: false })).toContain('Promise')
  })
})

describe('comparison', () => {
  test('of a handle with data is false, and the message of assert names $value()', async () => {
    const point = await handles.Point<Handle>()
    expect(isDeepStrictEqual(point, { x: 1 })).toBe(false)
    expect(() => assert.deepStrictEqual(point, { x: 1, y: 2 })).toThrow('$value()')
    expect(() => assert.deepEqual({ inside: point }, { inside: { x: 1 } })).toThrow('$value()')
    assert.deepStrictEqual(point, point)
    assert.notDeepStrictEqual(point, await handles.Point<Handle>())
  })

  test("of a handle with data by Jest's matchers fails with a message that names $value()", async () => {
    const point = await handles.Opaque<Handle>()
    for (const view of [point, point.$sync]) {
      expect(() => expect(view).toEqual({ x: 1 })).toThrow('$value()')
      expect(() => expect(view).toStrictEqual({ x: 1 })).toThrow('$value()')
      expect(() => expect({ inside: view }).toEqual({ inside: { x: 1 } })).toThrow('$value()')
      expect(() => expect([view]).toContainEqual({ x: 1 })).toThrow('$value()')
      expect(() => expect(view).toMatchObject({ x: 1 })).toThrow()
      expect(() => expect(view).toHaveLength(1)).toThrow()
      expect(view).toEqual(view)
      expect(view).toBe(view)
      expect(view).toBeDefined()
      expect(view).not.toEqual({ x: 1 })
      expect(view).not.toEqual(null)
    }
  })

  test('of a path or call that was not awaited is an error', () => {
    expect(() => expect(handles.point).toEqual({ x: 1 })).toThrow('$value()')
    expect(() => assert.deepStrictEqual(handles.Point(), Promise.resolve())).toThrow()
  })
})

test('structuredClone refuses handles', async () => {
  const point = await handles.Point<Handle>()
  expect(() => structuredClone(point as unknown)).toThrow('could not be cloned')
  expect(() => structuredClone({ inside: point.$sync as unknown })).toThrow('could not be cloned')
})
