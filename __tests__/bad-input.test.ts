/* What programs get wrong: each has a message that a person can act on, and leaves the bridge working. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { kw, python, type Handle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { embeddedTest } from './support/mode'

let handles: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
})

afterEach(async () => {
  expect(await handles.add(1, 2)).toBe(3)
  expect(handles.$sync.add(1, 2)).toBe(3)
})

/** Both ways of calling must fail alike. */
async function fails(operation: { async(): unknown; sync(): unknown }, expected: string | object): Promise<void> {
  const { async: asynchronous, sync } = operation
  const matcher = typeof expected === 'string' ? { message: expect.stringContaining(expected) } : expected
  await expect((async () => await asynchronous())()).rejects.toMatchObject(matcher)
  expect(() => sync()).toThrow(expect.objectContaining(matcher))
}

describe('importing', () => {
  test('an unknown module', async () => {
    const expected = { type: 'ModuleNotFoundError', message: "ModuleNotFoundError: No module named 'no_such_module'" }
    await fails(
      { async: () => python.import('no_such_module'), sync: () => python.importSync('no_such_module') },
      expected,
    )
  })

  test('an unknown module of a package, and one with a name that is none', async () => {
    await fails(
      { async: () => python.import('json.nothing'), sync: () => python.importSync('json.nothing') },
      'json.nothing',
    )
    await fails({ async: () => python.import('not a name'), sync: () => python.importSync('not a name') }, 'not a name')
    await fails({ async: () => python.import(''), sync: () => python.importSync('') }, { code: 'ERR_INVALID_ARGUMENT' })
    await fails(
      { async: () => python.import(1 as never), sync: () => python.importSync(1 as never) },
      { code: 'ERR_INVALID_ARGUMENT' },
    )
  })

  test('a file that does not exist, that is no Python, or that is not a file', async () => {
    const url = (name: string): URL => pathToFileURL(join(__dirname, 'fixtures', name))
    await fails(
      { async: () => python.import(url('nothing.py')), sync: () => python.importSync(url('nothing.py')) },
      'nothing.py',
    )
    await fails(
      { async: () => python.import(url('syntax_error.py')), sync: () => python.importSync(url('syntax_error.py')) },
      { type: 'SyntaxError' },
    )
    const web = new URL('https://example.com/tools.py')
    await fails({ async: () => python.import(web), sync: () => python.importSync(web) }, 'only `file:` URLs')
  })

  test('a file by its URL', async () => {
    const tools = await python.import(pathToFileURL(join(__dirname, 'fixtures', 'prints_on_import.py')))
    expect(await tools.value).toBe(1)
    expect(await python.import(pathToFileURL(join(__dirname, 'fixtures', 'prints_on_import.py')))).toBe(tools)
  })

  test('a module that raises', async () => {
    const expected = { type: 'LookupError', message: 'LookupError: raised by the import' }
    await fails(
      { async: () => python.import('raises_on_import'), sync: () => python.importSync('raises_on_import') },
      expected,
    )
    await expect(python.import('raises_on_import')).rejects.toMatchObject({
      frames: expect.arrayContaining([
        expect.objectContaining({ file: join(__dirname, 'fixtures', 'raises_on_import.py'), line: 3 }),
      ]),
    })
  })

  test('a module that prints: the output arrives, whole and in order', async () => {
    const { stdout, stderr, code } = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.start({ paths: [fixtures] }).then(async () => {
        process.stdout.write('before\\n')
        await python.import('prints_on_import')
        await python.eval('print(", after")')
      })`)
    expect(stdout).toBe('before\nprinted by the import\nwithout an end, after\n')
    expect(stderr).toBe('warned by the import\n')
    expect(code).toBe(0)
  })
})

describe('calling', () => {
  test('with a wrong number of arguments', async () => {
    await fails(
      { async: () => handles.add(1), sync: () => handles.$sync.add(1) },
      'missing 1 required positional argument',
    )
    await fails(
      { async: () => handles.add(1, 2, 3), sync: () => handles.$sync.add(1, 2, 3) },
      'takes 2 positional arguments but 3 were given',
    )
    await fails(
      { async: () => handles.add(kw({ nothing: 1 })), sync: () => handles.$sync.add(kw({ nothing: 1 })) },
      "unexpected keyword argument 'nothing'",
    )
  })

  test('what cannot be called', async () => {
    const point = await handles.Point<Handle>()
    await fails({ async: () => point(), sync: () => point.$sync() }, "TypeError: 'Point' object is not callable")
    await fails({ async: () => point.x(), sync: () => point.$sync.x() }, 'not')
  })

  test('a missing attribute', async () => {
    const expected = { type: 'AttributeError', message: "AttributeError: module 'handles' has no attribute 'nowhere'" }
    await fails({ async: () => handles.nowhere, sync: () => handles.$sync.nowhere }, expected)
    await fails({ async: () => handles.nowhere(), sync: () => handles.$sync.nowhere() }, expected)
    await fails({ async: () => handles.$get('nowhere'), sync: () => handles.$sync.$get('nowhere') }, expected)
  })

  test('with keywords that are not last, or are none', async () => {
    await fails(
      { async: () => handles.add(kw({ left: 1 }), 2), sync: () => handles.$sync.add(kw({ left: 1 }), 2) },
      'must be the last argument',
    )
    expect(() => kw(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(() => handles.add.$call([], [] as never)).toThrow('keyword arguments must be a plain object')
  })

  test('with a path or call that was not awaited, synchronously', () => {
    expect(() => handles.$sync.identity(handles.point)).toThrow('use `await` first')
    expect(() => handles.$sync.identity([handles.add(1, 2)])).toThrow('use `await` first')
  })
})

describe('arguments that cannot cross', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const cases: [string, unknown, string, string][] = [
    ['a symbol', Symbol('s'), 'args[0]', 'Symbol(s)'],
    ['a symbol inside', { rows: [1, { price: Symbol('s') }] }, 'args[0].rows[1].price', 'Symbol(s)'],
    ['a WeakMap', [new WeakMap()], 'args[0][0]', 'WeakMap'],
    ['a WeakSet', new WeakSet(), 'args[0]', 'WeakSet'],
    ['a subclass of Array', { rows: new (class Rows extends Array {})() }, 'args[0].rows', 'Rows'],
    ['a boxed number', Object(1), 'args[0]', 'Number'],
    ['a cycle', cycle, 'args[0].self', 'itself'],
    [
      'a getter that throws',
      {
        get value() {
          throw new Error('from the getter')
        },
      },
      'args[0].value',
      'from the getter',
    ],
  ]

  test.each(cases)('%s: the error names the path', async (_name, value, path, words) => {
    const expected = { code: 'ERR_CONVERSION', path, message: expect.stringContaining(words) }
    await fails({ async: () => handles.identity(value), sync: () => handles.$sync.identity(value) }, expected)
  })

  test('the path names keywords too', async () => {
    await expect(handles.collect(kw({ named: [Symbol('s')] }))).rejects.toMatchObject({ path: 'kwargs.named[0]' })
  })

  test('a scope that is none', async () => {
    await fails(
      { async: () => python.eval('1', Symbol('s') as never), sync: () => python.evalSync('1', Symbol('s') as never) },
      { code: 'ERR_CONVERSION' },
    )
    await fails(
      { async: () => python.eval('1', handles.point), sync: () => python.evalSync('1', [] as never) },
      'Error',
    )
  })
})

describe('large and deep values', () => {
  test('10,000 levels of lists cross', async () => {
    let deep: unknown = 'bottom'
    for (let level = 0; level < 10_000; level += 1) deep = [deep]
    for (const result of [await handles.identity(deep), handles.$sync.identity(deep)]) {
      let inner: unknown = result
      let levels = 0
      for (; Array.isArray(inner); levels += 1) inner = inner[0] as unknown
      expect([levels, inner]).toEqual([10_000, 'bottom'])
    }
  })

  test('10,000 levels of dicts cross', async () => {
    let deep: unknown = null
    for (let level = 0; level < 10_000; level += 1) deep = { deep }
    let inner = (await handles.identity(deep)) as { deep: unknown } | null
    let levels = 0
    for (; inner !== null; levels += 1) inner = inner.deep as { deep: unknown } | null
    expect(levels).toBe(10_000)
  })

  test('a string of 100 MB crosses', async () => {
    const text = 'x'.repeat(100_000_000)
    expect(await handles.identity(text)).toHaveLength(100_000_000)
    expect(handles.$sync.identity<string>(text) === text).toBe(true)
    expect(handles.$sync.identity<string[]>([text])[0] === text).toBe(true)
  })

  test('a dict with __proto__ has it as data', async () => {
    const object = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as object
    for (const result of [
      await handles.identity(object),
      handles.$sync.identity(object),
      await python.eval('{"__proto__": {"polluted": True}, "constructor": 1}'),
    ]) {
      expect(Object.keys(result as object)).toEqual(['__proto__', 'constructor'])
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
      expect((result as { polluted?: boolean }).polluted).toBeUndefined()
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

describe('a getter of an argument', () => {
  test('may call Python itself', async () => {
    const value = {
      before: [1],
      get inside() {
        return handles.$sync.identity({ x: [handles.$sync.add(1, 2)] })
      },
      after: [2],
    }
    const expected = { before: [1], inside: { x: [3] }, after: [2] }
    expect(handles.$sync.identity(value)).toEqual(expected)
    expect(await handles.identity(value)).toEqual(expected)
  })

  test('may start a call, which is passed by reference', async () => {
    const value = {
      before: 1,
      get inside() {
        return handles.add([1], [handles.add(1, 1)])
      },
      path: handles.point.x,
    }
    expect(await Promise.all([handles.add(1, 1), handles.identity(value), handles.add(2, 2)])).toEqual([
      2,
      { before: 1, inside: [1, 2], path: 1 },
      4,
    ])
  })
})

describe('Python that leaves', () => {
  embeddedTest('os._exit takes the process with it', async () => {
    const { code } = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.start({ paths: [fixtures] }).then(async () => (await python.import('exits_on_call')).leave(7))`)
    expect(code).toBe(7)
  })

  test('SystemExit is an error, not an exit', async () => {
    await fails(
      { async: () => python.exec('raise SystemExit(3)'), sync: () => python.execSync('raise SystemExit(3)') },
      { type: 'SystemExit' },
    )
  })
})

describe('what JavaScript cannot hold', () => {
  const huge = 'set(range(16_800_000))'

  test('fails its own call and no other', async () => {
    const [failed, other] = await Promise.allSettled([python.eval(huge), python.eval('1 + 1')])
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CONVERSION' } })
    expect(other).toEqual({ status: 'fulfilled', value: 2 })
  })

  test('fails a synchronous call in the same words', () => {
    expect(() => python.evalSync(huge)).toThrow("a Set or Map can hold, got 16800000; use returns `'ref'`")
  })

  test('is told of an integer', async () => {
    await expect(python.eval('1 << (1 << 30) + 5')).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
  })
})

describe('objects that are not what they look like', () => {
  test('keywords are a plain object', () => {
    for (const wrong of [new Map(), new Set(), new Date(), [1], new (class Options {})()]) {
      expect(() => kw(wrong)).toThrow('`kw` takes a plain object')
    }
    expect(() => kw(Object.create(null) as object)).not.toThrow()
  })

  test('keywords stand at the end of a call, not inside of a value', async () => {
    const list = await python.import('builtins')
    await expect(list.$call([[kw({ a: 1 })]])).rejects.toThrow('args[0][0]: `kw(…)` must be the last argument')
  })

  test('options with a name that does not exist', async () => {
    const builtins = await python.import('builtins')
    const wrong = { timeuot: 5 } as object
    expect(() => builtins.len.$with(wrong)).toThrow('there is no option `timeuot`')
    expect(() => builtins.$sync.$with(wrong as { returns: 'ref' })).toThrow('there is no option `timeuot`')
    expect(() => python.eval('1', {}, wrong)).toThrow('there is no option `timeuot`')
    await expect(python.start(wrong)).rejects.toThrow('there is no option `timeuot`')
    expect(() => builtins.len.$with(null as unknown as object)).toThrow('options must be an object, but got null')
  })

  test('arguments that are no list', async () => {
    const builtins = await python.import('builtins')
    const one = 1 as unknown as []
    expect(() => builtins.len.$call(one)).toThrow('the arguments must be an array, but got the number `1`')
    expect(() => builtins.$sync.$call(one)).toThrow('the arguments must be an array, but got the number `1`')
  })

  test('modules that are files', async () => {
    for (const name of ['./tools.py', '/srv/tools', 'tools.py']) {
      await expect(python.import(name)).rejects.toThrow("`new URL('./tools.py', import.meta.url)`")
      expect(() => python.importSync(name)).toThrow('import a file by its URL')
    }
    await expect(python.import(5 as unknown as string)).rejects.toThrow('but got the number `5`')
  })

  test('a refused value shows the caller, not the codec', async () => {
    const builtins = await python.import('builtins')
    const deep = { a: [{ b: [{ c: [{ d: Symbol('?') }] }] }] }
    const asked = async (): Promise<unknown> => builtins.len(deep)
    await expect(asked()).rejects.toMatchObject({ stack: expect.stringContaining('bad-input.test') })
    let refusal: unknown
    try {
      builtins.$sync.len(deep)
    } catch (error) {
      refusal = error
    }
    expect((refusal as Error).stack).toContain('bad-input.test')
  })
})
