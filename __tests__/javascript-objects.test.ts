/* JavaScript's own objects and functions in Python: what they are there, that they come back as themselves, and how long they live. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import {
  isBridgeError,
  isPythonError,
  kw,
  python,
  PythonError,
  type Handle,
  type SyncHandle,
} from 'symphony-python-bridge'

import { runProgram } from './support/child-process'

const fixtures = join(__dirname, 'fixtures')

let sync: SyncHandle
let later: Handle

class Dog {
  readonly name: string
  age: number
  constructor(name: string) {
    this.name = name
    this.age = 3
  }
  get loud(): string {
    return this.name.toUpperCase()
  }
  get failing(): never {
    throw new RangeError('from the getter')
  }
  bark(times: number): string {
    return `${this.name}: ${'wau '.repeat(times).trim()}`
  }
}

beforeAll(async () => {
  await python.start({ paths: [fixtures] })
  sync = python.importSync('javascript_objects')
  later = sync.$async
})

/** Does the same in each way that there is: on this thread, on the executor's, on one of Python's own. */
async function everywhere<T>(name: string, ...args: unknown[]): Promise<T> {
  const results = [
    sync.$get<SyncHandle>(name)(...args),
    await (later as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]!(...args),
    await later.in_thread(sync.$get(name), ...args),
  ]
  for (const result of results) expect(result).toEqual(results[0])
  return results[0] as T
}

async function failsEverywhere(name: string, ...args: unknown[]): Promise<unknown[]> {
  const errors: unknown[] = []
  const attempt = async (action: () => unknown): Promise<void> => {
    try {
      await action()
    } catch (error) {
      errors.push(error)
      return
    }
    throw new Error('nothing was thrown')
  }
  await attempt(() => sync.$get<SyncHandle>(name)(...args))
  await attempt(() => (later as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...args))
  await attempt(() => later.in_thread(sync.$get(name), ...args))
  return errors
}

describe('an instance of a class', () => {
  test('is a mapping with attributes', async () => {
    expect(await everywhere('facts', new Dog('Rex'))).toEqual({
      type: true,
      mapping: true,
      length: 2,
      keys: ['name', 'age'],
      'key view': ['name'],
      values: ['Rex', 3],
      items: [python.tuple('name', 'Rex'), python.tuple('age', 3)],
      dict: { age: 3, name: 'Rex' },
      true: true,
      'equal to itself': true,
      repr: '<JsObject Dog>',
    })
  })

  test('comes back as the same object, alone and inside of others', async () => {
    const dog = new Dog('Rex')
    expect(sync.identity(dog)).toBe(dog)
    expect(await later.identity(dog)).toBe(dog)
    const [first, { second }] = (await later.identity([dog, { second: dog }])) as [Dog, { second: Dog }]
    expect([first, second]).toEqual([dog, dog])
    expect(first).toBe(second)
    expect(await python.eval('a is b[0]', { a: dog, b: [dog] })).toBe(true)
    expect(python.evalSync('value', { value: new Map([[dog, 1]]) })).toEqual(new Map([[dog, 1]]))
  })

  test('has the properties that it has in JavaScript, methods and getters included', async () => {
    const dog = new Dog('Rex')
    const code =
      '[dog.name, dog.loud, dog.bark(2), dog.bark.__self__ is dog, dog.bark == dog.bark, dog.get("x", 5), dog["age"], "loud" in dog]'
    const expected = ['Rex', 'REX', 'Rex: wau wau', true, true, 5, 3, false]
    expect(python.evalSync(code, { dog })).toEqual(expected)
    expect(await python.eval(code, { dog })).toEqual(expected)
    expect(python.evalSync('sorted(name for name in dir(dog) if name[0] != "_")', { dog })).toEqual([
      'age',
      'bark',
      'failing',
      'get',
      'items',
      'keys',
      'loud',
      'name',
      'values',
    ])
  })

  test('is asked when it is used', () => {
    const dog = new Dog('Rex')
    const namespace = python.execSync('def name(): return dog.name, dog["age"]', { dog })
    dog.age = 4
    expect(namespace.name<unknown[]>()).toEqual(python.tuple('Rex', 4))
  })

  test('goes where keyword arguments and patterns want a mapping', async () => {
    const dog = new Dog('Rex')
    expect(await everywhere('spread', dog)).toEqual({ age: 3, name: 'Rex' })
    expect(await everywhere('matched', dog)).toEqual(python.tuple('Rex', { age: 3 }))
    expect(python.evalSync('Model(**dog).name', { Model: sync.Model, dog })).toBe('Rex')
  })

  test('lacks what it lacks in JavaScript', async () => {
    const dog = new Dog('Rex')
    for (const code of ['dog.nothing', 'dog.__array__']) {
      await expect(python.eval(code, { dog })).rejects.toMatchObject({ type: 'AttributeError' })
      expect(() => python.evalSync(code, { dog })).toThrow(expect.objectContaining({ type: 'AttributeError' }))
    }
    for (const code of ['dog["nothing"]', 'dog[1]', 'dog["bark"]', 'dog["toString"]'])
      await expect(python.eval(code, { dog })).rejects.toMatchObject({ type: 'KeyError' })
    await expect(python.eval('setattr(dog, "name", 1)', { dog })).rejects.toMatchObject({ type: 'AttributeError' })
    await expect(python.eval('__import__("pickle").dumps(dog)', { dog })).rejects.toMatchObject({ type: 'TypeError' })
  })

  test('whose getter throws: the error itself comes back', async () => {
    const errors = await failsEverywhere('apply', python.evalSync('lambda dog: dog.failing'), new Dog('Rex'))
    for (const error of errors) {
      expect(error).toBeInstanceOf(RangeError)
      expect(String((error as Error).stack)).toContain('get failing')
    }
  })

  test('may refer to itself, and to whatever cannot cross', async () => {
    const node = new (class Node {
      self = this
      symbol = Symbol('s')
      promise = Promise.resolve(1)
    })()
    expect(await python.eval('node.self.self is node', { node })).toBe(true)
    expect(await python.eval('list(node)', { node })).toEqual(['self', 'symbol', 'promise'])
    await expect(python.eval('node.symbol', { node })).rejects.toMatchObject({
      code: 'ERR_CONVERSION',
      message: expect.stringContaining('Symbol(s)'),
    })
  })

  test('of any kind', async () => {
    expect(await python.eval('u.href', { u: new URL('http://example.org/a') })).toBe('http://example.org/a')
    expect(await python.eval('[r.source, r.flags, r.test("aab")]', { r: /a+b/g })).toEqual(['a+b', 'g', true])
    expect(await python.eval('[e.message, e.name, repr(e)]', { e: new TypeError('t') })).toEqual([
      't',
      'TypeError',
      '<JsObject TypeError>',
    ])
    const foreign: unknown = runInNewContext('new (class Point { x = 1 })()')
    expect(await python.eval('dict(p)', { p: foreign })).toEqual({ x: 1 })
    expect(await python.eval('p', { p: foreign })).toBe(foreign)
    const proxy = new Proxy(new Dog('Rex'), {
      get: (target, key) => (key === 'name' ? 'Proxy' : Reflect.get(target, key)),
    })
    expect(await python.eval('[p.name, p.age]', { p: proxy })).toEqual(['Proxy', 3])
    const odd: unknown = Object.create(Object.create(null) as object, { a: { value: 1, enumerable: true } })
    expect(await python.eval('[dict(o), o.a]', { o: odd })).toEqual([{ a: 1 }, 1])
  })
})

describe('what looks like something else', () => {
  test('a property `keys` that is no method does not keep the object from being a mapping', async () => {
    const ring = new (class Ring {
      keys = 3
      owner = 'a'
    })()
    expect(await everywhere('spread', ring)).toEqual({ keys: 3, owner: 'a' })
  })

  test("an object's own members come before those of a mapping", async () => {
    class Cache {
      items = [1, 2]
      get(key: string): string {
        return `value of ${key}`
      }
    }
    expect(await python.eval('[c.get("a"), c.items, c["items"], len(c)]', { c: new Cache() })).toEqual([
      'value of a',
      [1, 2],
      [1, 2],
      1,
    ])
  })

  test('a property that is undefined is absent', async () => {
    const dto = new (class Dto {
      name = 'a'
      age: number | undefined = undefined
    })()
    expect(await everywhere('spread', dto)).toEqual({ name: 'a' })
    expect(await python.eval('[len(dto), list(dto), "age" in dto, dto.get("age", 18), dto.age]', { dto })).toEqual([
      1,
      ['name'],
      false,
      18,
      null,
    ])
  })
})

describe('a function', () => {
  test('is called from every thread, with its arguments and with keywords as one', async () => {
    expect(await everywhere('apply', (a: number, b: number) => a * b, 6, 7)).toBe(42)
    expect(await everywhere('apply', (...args: unknown[]) => args.length, 1, 2, 3)).toBe(3)
    const named = (...args: unknown[]): unknown => python.evalSync('dict', {}) && args.length
    expect(sync.apply(named, 1, kw({ a: 1, b: 2 }))).toBe(2)
    const forwarded = (...args: unknown[]): unknown => sync.keywords(...args)
    expect(sync.apply(forwarded, kw({ a: 1, ['__proto__']: 2 }))).toEqual({ a: 1, ['__proto__']: 2 })
  })

  test('keeps its identity both ways, and gives nothing as None', async () => {
    const callback = (): void => undefined
    expect(sync.identity(callback)).toBe(callback)
    expect(await later.identity([callback])).toEqual([callback])
    expect(await everywhere('apply', callback)).toBeNull()
    expect(await python.eval('a is b', { a: callback, b: callback })).toBe(true)
  })

  test('gets handles with the view of the call that passed it', async () => {
    const seen: unknown[] = []
    const look = (value: unknown): void => void seen.push(value)
    const object = python.evalSync('object()') as SyncHandle
    sync.apply(look, object)
    await later.apply(look, object)
    expect(seen).toEqual([object, object.$async])
    expect(seen[0]).toBe(object)
    expect(seen[1]).toBe(object.$async)
  })

  test('may call Python, which may call JavaScript, and so on', () => {
    const count = (depth: number): unknown =>
      depth === 0 ? 0 : [sync.apply(count, depth - 1), { depth }, python.evalSync('[depth]', { depth })]
    const expected = (depth: number): unknown => (depth === 0 ? 0 : [expected(depth - 1), { depth }, [depth]])
    expect(sync.apply(count, 40)).toEqual(expected(40))
  })

  test('may start calls, which go on when Python is done with this one', async () => {
    let started: Promise<unknown> | undefined
    const start = (): number => {
      started = later.identity('later') as Promise<unknown>
      return 1
    }
    expect(sync.apply(start)).toBe(1)
    expect(await started).toBe('later')
    expect(await later.apply(start)).toBe(1)
    expect(await started).toBe('later')
  })

  test('has a name and a signature, and can be wrapped', async () => {
    const double = (value: number): number => value * 2
    expect(await everywhere('wrapped', double)).toEqual(python.tuple('double', 40, true, true))
    expect(sync.signature(double)).toBe('(arg0=None, /, *args, **kwargs)')
    expect(sync.signature(() => 1)).toBe('(*args, **kwargs)')
    expect(sync.signature(python.evalSync('dog.bark', { dog: new Dog('Rex') }))).toBe('(arg0=None, /, *args, **kwargs)')
    expect(python.evalSync('[repr(f), f.__name__, f.extra]', { f: Object.assign(double, { extra: 1 }) })).toEqual([
      '<JsFunction double>',
      'double',
      1,
    ])
  })

  test('that runs in the middle of a request and of a result', () => {
    const answer = (): number => (sync.identity([1, { a: 'x'.repeat(100_000) }]) as unknown[]).length
    const key = python.evalSync('Key(f)', { Key: sync.HashedByJavaScript, f: answer }) as SyncHandle
    expect(sync.identity([new Map([[key, 'y'.repeat(1000)]]), 'end'])).toEqual([
      new Map([[key, 'y'.repeat(1000)]]),
      'end',
    ])
    const spell = (): string => `spelled ${answer()}`
    expect(() => sync.raise_spelled(spell)).toThrow('SpelledByJavaScript: spelled 2')
  })

  test('with large arguments and results', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ index, text: `row ${index}` }))
    expect(await everywhere('apply', (value: unknown[]) => [value.length, value], rows)).toEqual([20_000, rows])
  })

  test('called a thousand times from eight threads', async () => {
    const calls: number[] = []
    const results = await later.in_threads((value: number) => (calls.push(value), value * 2), 8, 1000)
    expect(results).toEqual(Array.from({ length: 1000 }, (_, index) => index * 2))
    expect(new Set(calls).size).toBe(1000)
  })

  test('that cannot get an argument: the path is that of the argument', async () => {
    const apply = sync.$get<SyncHandle>('apply').$with({ int: 'number' })
    const refused = {
      code: 'ERR_CONVERSION',
      path: 'args[0]',
      message: expect.stringMatching(/^args\[0\]: expected an integer/),
    }
    expect(() => apply(() => 1, 2n ** 60n)).toThrow(expect.objectContaining(refused))
  })

  test('that throws tells where, in the log of Python', async () => {
    const tell = python.evalSync('lambda error: "".join(__import__("traceback").format_exception(error))') as SyncHandle
    const fail = function whereItFails(): never {
      throw new RangeError('far')
    }
    const log = python.execSync('def log(f, tell):\n  try: f()\n  except Exception as e: return tell(e)')
    const text = log.log<string>(fail, tell)
    expect(text).toContain('symphony_bridge.JsError: RangeError: far')
    const [, minor] = python.info().version.split('.').map(Number)
    if (minor! >= 11) expect(text).toMatch(/JavaScript:\n +at .*whereItFails/)
  })

  test('that gives something with what has not been awaited in it is told how', async () => {
    const counter = python.evalSync('__import__("collections").Counter("aab")') as SyncHandle
    await expect(later.apply((handle: Handle) => [handle.total()], counter)).rejects.toMatchObject({
      message: expect.stringContaining("use the handle's `$sync` view"),
    })
    expect(await later.apply((handle: Handle) => [handle.$sync.total()], counter)).toEqual([3])
  })

  test('read from an object is the function itself in JavaScript', async () => {
    const dog = new Dog('Rex')
    expect(await python.eval('dog.bark', { dog })).toBe(Dog.prototype.bark)
    expect(python.evalSync('[dog.bark]', { dog })).toEqual([Dog.prototype.bark])
  })

  test('runs in the asynchronous context of the call that passed it', async () => {
    const storage = new AsyncLocalStorage<string>()
    const request = (id: string): Promise<unknown> =>
      storage.run(id, () => later.in_thread(sync.apply, () => storage.getStore())) as Promise<unknown>
    expect(await Promise.all(['a', 'b', 'c'].map(request))).toEqual(['a', 'b', 'c'])
    expect(storage.run('d', () => sync.apply(() => storage.getStore()))).toBe('d')
    // What a callback gives has its context too.
    const makes = storage.run('e', () => later.call_twice(() => (): unknown => storage.getStore())) as Promise<unknown>
    expect(await makes).toBe('e')
    expect(await later.apply(() => storage.getStore() ?? null)).toBeNull()
  })

  test('leaves nothing undone when the next one begins', async () => {
    const order: string[] = []
    const callback = (): void => {
      order.push('call')
      void Promise.resolve().then(() => order.push('reaction'))
      // Meanwhile the other threads come to ask.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
    await later.in_threads(callback, 4, 4)
    expect(order).toEqual(new Array(4).fill(['call', 'reaction']).flat())
  })

  test('whose result cannot cross: the error says so', async () => {
    const errors = await failsEverywhere('apply', () => ({ a: [Symbol('s')] }))
    for (const error of errors) {
      expect(isBridgeError(error, 'ERR_CONVERSION')).toBe(true)
      expect(error).toMatchObject({ path: 'result.a[0]' })
    }
  })
})

describe('what JavaScript throws', () => {
  test('comes back as the very same object', async () => {
    for (const thrown of [new TypeError('t'), new (class Own extends Error {})('o'), { code: 1 }, () => 1]) {
      const fail = (): never => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs do
        throw thrown
      }
      for (const error of await failsEverywhere('apply', fail)) expect(error).toBe(thrown)
      for (const error of await failsEverywhere('reraised', fail)) expect(error).toBe(thrown)
    }
  })

  test('is a JsError in Python', async () => {
    const error = new RangeError('far')
    const fail = (): never => {
      throw error
    }
    expect(await everywhere('caught', fail)).toEqual(
      python.tuple('JsError', 'RangeError: far', 'RangeError', 'far', 'RangeError: far', error),
    )
    const strange = (): never => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs do
      throw 'text'
    }
    expect(await everywhere('caught', strange)).toEqual(
      python.tuple('JsError', 'Error: text', 'Error', 'text', '', 'text'),
    )
    for (const thrown of await failsEverywhere('apply', strange))
      expect(isPythonError(thrown, 'symphony_bridge.JsError')).toBe(true)
  })

  test('is the cause of what Python raises from it', async () => {
    const error = new Error('first')
    const fail = (): never => {
      throw error
    }
    for (const raised of (await failsEverywhere('raised_from', fail)) as PythonError[]) {
      expect(raised).toBeInstanceOf(PythonError)
      expect(raised.message).toBe('ValueError: wrapped')
      expect(raised.cause).toBe(error)
    }
  })

  test('an exception of Python passes through JavaScript as itself', async () => {
    const pass = (): unknown => sync.raising('LookupError', 'lost')
    for (const error of await failsEverywhere('apply', pass)) {
      expect(isPythonError(error, 'LookupError')).toBe(true)
      expect((error as PythonError).text).toBe('lost')
    }
    const code = 'isinstance(error, LookupError)'
    const caught = python.execSync(`
def check(function):
    try: function()
    except LookupError as error: return ${code}
`)
    expect(caught.check(pass)).toBe(true)
  })

  test('an error whose own properties throw', async () => {
    const evil = {
      get message(): never {
        throw new Error('no message')
      },
    }
    for (const error of await failsEverywhere('apply', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs do
      throw evil
    }))
      expect(isPythonError(error, 'symphony_bridge.JsError')).toBe(true)
  })
})

describe('how long it lives', () => {
  test('as long as Python holds it', async () => {
    let calls = 0
    sync.keep((value: number) => (calls += value))
    await new Promise((resolve) => setImmediate(resolve))
    expect(sync.call_kept(2)).toBe(2)
    expect(await later.call_kept(3)).toBe(5)
    expect(await later.in_thread(sync.call_kept, 5)).toBe(10)
    sync.drop()
  })

  test('and then it is collected on both sides', async () => {
    const end = await runProgram(
      `
      const { python } = require('symphony-python-bridge')
      const objects = python.execSync('kept = []\\ndef keep(*values): kept.extend(values)\\ndef drop(): kept.clear()')
      class Large { data = new Array(1000).fill(0) }
      const registry = new FinalizationRegistry(() => { collected += 1 })
      let collected = 0
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      async function main() {
        for (let index = 0; index < 100; index++) {
          const object = new Large()
          registry.register(object)
          if (index % 2 === 0) objects.keep(object)
          else await objects.$async.keep(object)
        }
        await turn(); globalThis.gc(); await turn()
        const before = collected
        objects.drop()
        while (collected < 99) { await turn(); globalThis.gc() }
        console.log(JSON.stringify({ before }))
      }
      main()`,
      { node: ['--expose-gc'] },
    )
    expect(end.stderr).toBe('')
    expect(JSON.parse(end.stdout)).toEqual({ before: 0 })
  })

  test('a stored callback does not keep the process alive, and one in flight does', async () => {
    const program = (body: string): Promise<{ stdout: string; code: number | null }> =>
      runProgram(`
        const { python } = require('symphony-python-bridge')
        const module = python.execSync('import threading, time\\nkept = []\\ndef keep(f): kept.append(f)\\ndef call(f): time.sleep(0.05); return f()')
        ${body}`)
    expect(await program(`module.keep(() => 1); console.log('end')`)).toMatchObject({ stdout: 'end\n', code: 0 })
    expect(await program(`module.$async.call(() => console.log('called'))`)).toMatchObject({
      stdout: 'called\n',
      code: 0,
    })
  })
})

describe('in the middle of something else', () => {
  const pause = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)

  test('a callback disposes the object whose method is running', () => {
    for (let round = 0; round < 3; round++) {
      const row = sync.unsorted<SyncHandle>(() => {
        row.$dispose()
        pause()
        sync.unsorted(null)
      })
      const same = sync.identity(row) as SyncHandle
      row.sort()
      expect(sync.is_sorted(same)).toBe(true)
    }
  })

  test('a callback disposes the function that called it', () => {
    const identity = sync.$get<SyncHandle>('identity').$with({ returns: 'ref' })
    const self = identity((): number => {
      self.$dispose()
      pause()
      return 1
    }) as SyncHandle
    expect(self()).toBe(1)
  })

  test('a destructor asks JavaScript, between calls and while a function of JavaScript goes', () => {
    for (let round = 0; round < 20; round++) {
      const victim = (): number => round
      const answer = (): unknown => [victim, sync.identity({ a: 'x'.repeat(1000) })]
      expect(() => sync.raise_untellable(answer, victim)).toThrow('message unavailable')
      expect(sync.identity([1, { b: round }])).toEqual([1, { b: round }])
      expect(sync.identity(victim)).toBe(victim)
    }
  })

  test('a rule runs on what Python passes', async () => {
    python.register({ type: 'things.Held', toJs: (date) => python.evalSync('[str(date), [1, 2]]', { date }) })
    const source =
      'lambda f: f(type("Held", (), {"__module__": "things", "__str__": lambda self: "2020-01-02"})(), "second")'
    const today = python.evalSync(source) as SyncHandle
    const callback = (...args: unknown[]): unknown => args
    const expected = [['2020-01-02', [1, 2]], 'second']
    expect(today(callback)).toEqual(expected)
    expect(await today.$async(callback)).toEqual(expected)
  })

  test('rules leave alone what the program threw', () => {
    const thrown: Record<string, unknown> = {
      list: [sync.$get('Row')],
      get getter(): never {
        throw new Error('was read')
      },
    }
    thrown.self = thrown
    const date = python.evalSync('__import__("datetime").date', {}) as SyncHandle
    const [error, ruled] = sync.error_and(
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- programs do
        throw thrown
      },
      python.evalSync('lambda: 1') as SyncHandle,
    ) as [unknown, unknown]
    expect(error).toBe(thrown)
    expect(python.isHandle(ruled)).toBe(true)
    expect(python.isHandle(date)).toBe(true)
  })

  test('the hash of a key calls JavaScript, which makes the same call with other arguments', async () => {
    const pay = sync.$get<SyncHandle>('pay')
    const nested: unknown[] = []
    const plain = python.evalSync('object()') as SyncHandle
    const key = sync.HashedByJavaScript((): number => {
      nested.push(pay(new Set([plain]), 'mallory', 99))
      nested.push(later.pay([plain], 'later', { amount: 1 }))
      return 1
    })
    expect(pay(new Set([key]), 'alice', 11)).toEqual(python.tuple('alice', 11))
    expect(await later.pay(new Set([key]), 'bob', 12)).toEqual(python.tuple('bob', 12))
    expect(nested[0]).toEqual(python.tuple('mallory', 99))
    expect(await nested[1]).toEqual(python.tuple('later', { amount: 1 }))
  })

  test('a recursion through both languages ends with an error that can be caught', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      const module = python.execSync('import sys\\nsys.setrecursionlimit(100000)\\ndef call(f): return f(f)')
      const again = (f) => module.call(f)
      for (let round = 0; round < 3; round++) {
        try { module.call(again) } catch (error) { console.log('caught') }
      }
      module.$async.call(again).catch(() => console.log('caught')).then(() => console.log(module.call(() => 'alive')))`)
    expect(end).toMatchObject({ stderr: '', stdout: 'caught\ncaught\ncaught\ncaught\nalive\n', code: 0 })
  })

  test('a script that is ended in the middle of a callback ends alone', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      const vm = require('node:vm')
      const module = python.execSync('def call(f): return f()')
      try { vm.runInNewContext('call(() => { for (;;); })', { call: module.call }, { timeout: 50 }) } catch (error) { console.log(error.code) }
      setImmediate(() => console.log(module.call(() => 'alive')))`)
    expect(end).toMatchObject({ stderr: '', stdout: 'ERR_SCRIPT_EXECUTION_TIMEOUT\nalive\n', code: 0 })
  })

  test('a callback gives much just before the end', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      const module = python.execSync('kept = []\\ndef keep(f): kept.append(f)\\ndef call(): return len(kept[0]())')
      module.keep(() => 'x'.repeat(6 * 2 ** 20))
      console.log(module.call())
      python.stop().then(() => console.log('stopped'))`)
    expect(end).toMatchObject({ stderr: '', stdout: `${6 * 2 ** 20}\nstopped\n`, code: 0 })
  })

  test('a callback stops Python and gives much', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      const module = python.execSync('def call(f): return len(f())')
      module.$async.call(() => { void python.stop(); return 'x'.repeat(1e6) }).catch((error) => console.log(error.code))`)
    expect(end).toMatchObject({ stderr: '', stdout: 'ERR_CLOSED\n', code: 0 })
  })

  test('JavaScript is not entered in a forked child', async () => {
    expect(sync.forked(() => 1)).toBe(7)
    expect(await later.forked(() => 1)).toBe(7)
  })
})

describe('options and views', () => {
  test('`this` is there whatever integers are', () => {
    const dog = new Dog('Rex')
    const bark = python.evalSync('lambda dog: dog.bark(1)') as SyncHandle
    for (const int of ['auto', 'number', 'bigint'] as const) expect(bark.$with({ int })(dog)).toBe('Rex: wau')
  })

  test('what a function gets is decided by the last call that passed it, and by nothing else', async () => {
    const seen: unknown[] = []
    const callback = (value: unknown): void => void seen.push(value)
    const owner = new (class Owner {
      callback = callback
    })()
    sync.$with({ int: 'bigint' }).keep(callback)
    await python.eval('owner.callback', { owner })
    sync.call_kept(1)
    expect(seen).toEqual([1n])
    sync.drop()
  })

  test('a function that a session passed is called after its end', async () => {
    const session = await python.session()
    const module = await session.import('javascript_objects')
    let seen: Handle | undefined
    await module.keep((value: Handle) => void (seen = value))
    await session.close()
    await later.call_kept(python.evalSync('{1}.__iter__()') as SyncHandle)
    expect(await seen!.$type).toBe('builtins.set_iterator')
    expect(await seen!.__next__()).toBe(1)
    sync.drop()
  })

  test('names that are no strings', async () => {
    class Odd {
      static name = 42 as unknown as string
    }
    expect(await python.eval('repr(odd)', { odd: new Odd() })).toBe('<JsObject Object>')
    expect(sync.copies(new Dog('Rex'))).toEqual([true, true])
    expect(sync.copies(() => 1)).toEqual([true, true])
  })
})

test('an atexit handler that calls JavaScript fails at once', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const module = python.execSync(${JSON.stringify(`
import atexit
def at_exit(function):
    @atexit.register
    def handler():
        try:
            function()
        except Exception as error:
            print(type(error).__name__, error)
`)})
    module.at_exit(() => 1)`)
  expect(end.stderr).toBe('')
  expect(end.stdout).toBe('RuntimeError the JavaScript environment of this object has ended\n')
})

describe('environments', () => {
  const shared = `
kept = {}
def keep(name, function): kept[name] = function
def call(name, *args): return kept[name](*args)
def get(name): return kept[name]
`
  const start = `
    const { Worker, parentPort } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    const share = (ns) => python.evalSync('__import__("sys").modules.__setitem__("shared_by_threads", ns)', { ns })`

  test('an object of one thread is a handle in another, and calls find their way', async () => {
    const inWorker = `${start}
      async function main() {
        await python.start()
        const shared = python.importSync('shared_by_threads')
        shared.keep('worker', (x) => 'worker ' + x)
        parentPort.postMessage(await shared.$async.call('main', 0))
        parentPort.postMessage('ready')
        parentPort.once('message', () => parentPort.close())
      }
      main()`
    const end = await runProgram(`${start}
      async function main() {
        await python.start()
        const ns = python.execSync(${JSON.stringify(shared)})
        share(ns)
        ns.keep('main', (x) => 'main ' + x)
        const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
        worker.on('message', async (message) => {
          if (message !== 'ready') return console.log(message)
          console.log(await ns.$async.call('worker', 1))
          const callback = ns.get('worker')
          console.log(python.isHandle(callback), await callback.$async(2))
          worker.postMessage('end')
          worker.on('exit', async () => {
            try { await ns.$async.call('worker', 3) } catch (error) { console.log(String(error)) }
          })
        })
      }
      main()`)
    expect(end.stderr).toBe('')
    expect(end.stdout.split('\n')).toEqual([
      'main 0',
      'worker 1',
      'true worker 2',
      'PythonError: RuntimeError: the JavaScript environment of this object has ended',
      '',
    ])
  })

  test('an object of one thread is not `this` for a function of another', async () => {
    const inWorker = `${start}
      const shared = python.importSync('shared_by_threads')
      class Secret { constructor(index) { this.index = index } }
      shared.keep('function', function () { return String(this && this.index) })
      for (let index = 0; index < 5; index++) shared.keep('secret' + index, new Secret(index))
      parentPort.postMessage('ready')
      parentPort.once('message', () => parentPort.close())`
    const end = await runProgram(`${start}
      const ns = python.execSync(${JSON.stringify(shared)} + 'def call_method(owner): return owner.method()')
      share(ns)
      const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
      worker.once('message', async () => {
        const owners = [1, 2, 3].map(() => new (class Owner { method = ns.get('function') })())
        for (const owner of owners) console.log(await ns.$async.call_method(owner))
        worker.postMessage('end')
      })`)
    expect(end).toMatchObject({ stderr: '', stdout: 'undefined\nundefined\nundefined\n' })
  })

  test('a thread that waits for a callback is not left waiting by the end of its worker', async () => {
    const inWorker = `${start}
      async function main() {
        await python.start()
        python.importSync('shared_by_threads').keep('worker', () => 1)
        parentPort.postMessage('ready')
        // It never comes back to its event loop.
        for (;;);
      }
      main()`
    const end = await runProgram(`${start}
      async function main() {
        await python.start()
        const ns = python.execSync(${JSON.stringify(shared)})
        share(ns)
        const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true })
        worker.once('message', () => {
          ns.$async.call('worker').catch((error) => console.log(String(error)))
          setTimeout(() => worker.terminate(), 100)
        })
      }
      main()`)
    expect(end.stderr).toBe('')
    expect(end.stdout).toBe('PythonError: RuntimeError: the JavaScript environment of this object has ended\n')
  })
})
