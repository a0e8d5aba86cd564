/* `python.register`: what objects of a class are in JavaScript, and what instances of a class are in Python. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

import {
  isBridgeError,
  isPythonError,
  isPythonHandle,
  kw,
  PyFrozenSet,
  PySlice,
  PyTuple,
  python,
  type ConversionRule,
  type Handle,
  type PythonError,
  type SyncHandle,
} from 'symphony-python-bridge'
import { z } from 'zod'

class Cents {
  constructor(readonly cents: number) {}
}
class Gratuity extends Cents {}
/** Extends a class with a rule, and has none. */
class Fee extends Cents {}

let sync: SyncHandle
let handle: Handle
/** The handles that the rule for `Money` was given. */
const given: SyncHandle[] = []

beforeAll(async () => {
  // Before Python starts.
  python.register({
    type: 'rules.Money',
    class: Cents,
    toJs(money) {
      given.push(money)
      return new Cents(money.$get<number>('cents'))
    },
    toPython: (value) => sync.Money(value.cents),
  })
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('rules')
  handle = sync.$async
})

beforeEach(() => {
  given.length = 0
})

/** The same on both views. */
async function both(use: (view: Handle | SyncHandle) => unknown): Promise<unknown[]> {
  return [await use(handle), use(sync)]
}

/** The error on both views. */
async function refusal(use: (view: Handle | SyncHandle) => unknown): Promise<Error & { path?: string; code?: string }> {
  const errors: unknown[] = []
  for (const view of [handle, sync]) {
    try {
      await use(view)
    } catch (error) {
      errors.push(error)
    }
  }
  expect(errors).toHaveLength(2)
  const [first, second] = errors as [Error, Error]
  expect(second.message).toBe(first.message)
  expect({ ...second }).toEqual({ ...first })
  return first
}

function fail(value: unknown): never {
  throw new Error(`expected an error, got ${String(value)}`)
}

describe('registering', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /expected an object/],
    ['no type', { toJs: String }, /`type` must be the qualified name/],
    ['a bare name', { type: 'Money', toJs: String }, /such as `ipaddress\.IPv4Address`/],
    ['no half', { type: 'a.B' }, /needs `toJs` or `toPython`/],
    ['no function', { type: 'a.B', toJs: 1 }, /`toJs` must be a function/],
    ['no function', { type: 'a.B', toPython: {} }, /`toPython` must be a function/],
    ['no class', { type: 'a.B', toPython: String, class: 'x' }, /`class` must be a class/],
    ['an arrow function', { type: 'a.B', toPython: String, class: () => 1 }, /`class` must be a class/],
    ['plain data', { type: 'a.B', toPython: String, class: Map }, /no instance is plain data/],
    ['plain data', { type: 'a.B', toPython: String, class: Uint8Array }, /no instance is plain data/],
    ['plain data', { type: 'a.B', toPython: String, class: Buffer }, /no instance is plain data/],
    ['plain data', { type: 'a.B', toPython: String, class: PyTuple }, /no instance is plain data/],
    ['plain data', { type: 'a.B', toPython: String, class: Date }, /no instance is plain data/],
    ['a class without use', { type: 'a.B', toJs: String, class: Cents }, /what `toPython` is for/],
    ['no use for toPython', { type: 'a.B', toPython: String }, /without `toJs`, `toPython` needs `class`/],
    ['a misspelt name', { type: 'a.B', toJS: String }, /no member `toJS`/],
    [
      'a class that is taken',
      { type: 'a.B', toPython: String, class: Cents },
      /has a rule already, that for `rules\.Money`/,
    ],
  ])('refuses %s', (_, rule, message) => {
    expect.assertions(2)
    try {
      python.register(rule as ConversionRule)
    } catch (error) {
      expect(isBridgeError(error, 'ERR_INVALID_ARGUMENT')).toBe(true)
      expect(String(error)).toMatch(message)
    }
  })

  test('a rule for the same type replaces the former one', async () => {
    python.register({ type: 'rules.Shape', toJs: () => 'first' })
    expect(await both((view) => view.Shape())).toStrictEqual(['first', 'first'])
    python.register({ type: 'rules.Shape', toJs: (shape) => shape.kind })
    expect(await both((view) => view.Shape('square'))).toStrictEqual(['square', 'square'])
  })
})

describe('toJs', () => {
  test('gives the value wherever an object arrives', async () => {
    const other = expect.anything() as unknown
    const expected = {
      list: [new Cents(1), [new Cents(2)]],
      tuple: PyTuple.of(new Cents(3), PyTuple.of(1, new Cents(4))),
      set: new Set([new Cents(5)]),
      frozenset: new PyFrozenSet([new Cents(6), 1]),
      map: new Map<unknown, unknown>([
        [new Cents(7), new Cents(8)],
        [1, [new Cents(9)]],
      ]),
      slice: new PySlice(new Cents(10), null, [new Cents(11)]),
      rows: [0, 1, 2].map((n) => ({ a: new Cents(n), b: n })),
      ['__proto__']: new Cents(12),
      other,
    }
    for (const value of (await both((view) => view.everywhere())) as (typeof expected)[]) {
      expect(value).toEqual(expected)
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(value.list[0]).toBeInstanceOf(Cents)
      expect(value.tuple).toBeInstanceOf(PyTuple)
      expect(value.frozenset).toBeInstanceOf(PyFrozenSet)
      expect(isPythonHandle(value.other)).toBe(true)
    }
  })

  test('gives the value of results, attributes, items and expressions', async () => {
    expect(await both((view) => view.money(1))).toStrictEqual([new Cents(1), new Cents(1)])
    const seven = [new Cents(7), new Cents(7)]
    expect(await both((view) => view.holder.money)).toStrictEqual(seven)
    expect(await both((view) => view.holder.$get('money'))).toStrictEqual(seven)
    expect(await both((view) => view.$with({ int: 'bigint' }).holder.money)).toStrictEqual(seven)
    expect(await both((view) => view.holder.$getItem(1))).toStrictEqual([new Cents(2), new Cents(2)])
    expect(await both((view) => view.holder[0])).toStrictEqual([new Cents(1), new Cents(1)])
    expect(await python.eval('money(3)', handle)).toStrictEqual(new Cents(3))
    expect(python.evalSync('money(3)', sync)).toStrictEqual(new Cents(3))
    // Objects that JavaScript has a handle of already.
    const held = sync.money.$call<SyncHandle>([4], undefined, { returns: 'ref' })
    expect(held.itself()).toStrictEqual(new Cents(4))
    expect(await held.$async.itself()).toStrictEqual(new Cents(4))
    expect(await held.$async.doubled()).toStrictEqual(new Cents(8))
  })

  test('items of an iteration', async () => {
    const two = [new Cents(1), new Cents(2)]
    expect([...(sync.holder as SyncHandle)]).toStrictEqual(two)
    const items: unknown[] = []
    for await (const item of handle.holder) items.push(item)
    expect(items).toStrictEqual(two)
  })

  test('what a context manager gives', async () => {
    const manager = sync.Manager<SyncHandle>()
    expect(python.withSync(manager, (value) => value)).toStrictEqual(new Cents(5))
    expect(await python.with(manager.$async, (value) => value)).toStrictEqual(new Cents(5))
  })

  test('the arguments of an exception, but not the exception', async () => {
    python.register({ type: 'rules.MoneyError', toJs: () => 'never' })
    const error = (await refusal((view) => view.fails())) as PythonError
    expect(isPythonError(error, 'rules.MoneyError')).toBe(true)
    expect(error.args).toStrictEqual(PyTuple.of(new Cents(3), [new Cents(4)]))
    expect(error.args).toBe(error.args)
    expect(isPythonHandle(error.object)).toBe(true)
  })

  test('not where a handle was asked for', async () => {
    for (const value of await both((view) => view.money.$with({ returns: 'ref' })(1)))
      expect(isPythonHandle(value)).toBe(true)
    expect(isPythonHandle(await handle.holder.money.$ref())).toBe(true)
    python.register({ type: 'builtins.module', toJs: () => 'module' })
    python.register({ type: 'symphony_bridge._code.Namespace', toJs: () => 'namespace' })
    expect(isPythonHandle(await python.import('math'))).toBe(true)
    expect(isPythonHandle(python.importSync('math'))).toBe(true)
    expect(isPythonHandle(await python.exec('x = 1'))).toBe(true)
    expect(await python.eval('__import__("math")')).toBe('module')
    expect(given).toHaveLength(0)
  })

  test('the nearest ancestor with a rule decides', async () => {
    expect(await both((view) => view.Gift(1))).toStrictEqual([new Cents(1), new Cents(1)])
    python.register({ type: 'rules.Tip', toJs: (tip) => new Gratuity(tip.$get<number>('cents')) })
    expect(await both((view) => view.Gift(1))).toStrictEqual([new Gratuity(1), new Gratuity(1)])
    expect(await both((view) => view.Money(1))).toStrictEqual([new Cents(1), new Cents(1)])
    python.register({ type: 'rules.Gift', toPython: () => null, class: class Present {} })
    expect(await both((view) => view.Gift(1))).toStrictEqual([new Gratuity(1), new Gratuity(1)])
  })

  test('gets a synchronous handle, once an object and result', async () => {
    const [first, second] = await python.eval<[Cents, Cents]>('[money(1)] * 2', handle)
    expect(first).toBe(second)
    expect(given).toHaveLength(1)
    expect(given[0]!.$sync).toBe(given[0])
    expect(given[0]!.$type).toBe('rules.Money')
  })

  test('counts as a value for returns: value, and for schemas', async () => {
    expect(await both((view) => view.money.$with({ returns: 'value' })(1))).toStrictEqual([new Cents(1), new Cents(1)])
    const list = '[{"a": money(1)}, 2, "x"]'
    expect(await python.eval(list, handle, { returns: 'value' })).toStrictEqual([{ a: new Cents(1) }, 2, 'x'])
    const Schema = z.array(z.union([z.instanceof(Cents), z.number()]))
    expect(await python.eval('[money(1), 2]', handle, { returns: Schema })).toStrictEqual([new Cents(1), 2])
    expect(await both((view) => view.repr_of.$with({ returns: 'value' })(1))).toStrictEqual(['1', '1'])
    const error = await refusal((view) => view.everywhere.$with({ returns: 'value' })())
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.other' })
    expect(error.message).toBe(
      ".other: expected plain data, got a `rules.Bare`; use returns `'auto'` or `'ref'` to receive it as a handle",
    )
    expect(await refusal((view) => view.Bare.$with({ returns: 'value' })())).toMatchObject({
      code: 'ERR_CONVERSION',
      message: "expected plain data, got a `rules.Bare`; use returns `'auto'` or `'ref'` to receive it as a handle",
    })
  })

  test('$value opens what it can, and leaves the rest to rules', async () => {
    python.register({ type: 'ipaddress.IPv4Address', toJs: (address) => `address ${address.$str()}` })
    const invoice = await python.eval<Handle>('Invoice(money(1), ipaddress.IPv4Address("10.0.0.1"))', handle)
    const expected = { total: new Cents(1), origin: 'address 10.0.0.1' }
    for (const options of [undefined, { depth: 1 }]) {
      expect(await invoice.$value(options)).toStrictEqual(expected)
      expect(invoice.$sync.$value(options)).toStrictEqual(expected)
    }
    // With an endless depth, any object is opened.
    expect(await invoice.$value({ depth: Infinity })).toStrictEqual({ total: { cents: 1 }, origin: { _ip: 167772161 } })
    expect(await handle.holder.money.$value()).toStrictEqual(new Cents(1 + 6))
    const bare = await python.eval<Handle>('Invoice(Bare(), 1)', handle)
    await expect(bare.$value()).rejects.toMatchObject({ code: 'ERR_CONVERSION', path: '.total' })
  })

  test('keys and items that become equal are an error with its path', async () => {
    python.register({ type: 'rules.Constant', toJs: () => 'same' })
    for (const kind of ['dict', 'set', 'frozenset']) {
      const error = await refusal((view) => view.constants(python.evalSync(kind)))
      expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: '.in' })
      expect(error.message).toContain('.in: expected 2 distinct keys or items')
    }
  })

  test('an error that it throws is a conversion error with its path and cause', async () => {
    const cause = new RangeError('no')
    python.register({
      type: 'rules.Broken',
      toJs() {
        throw cause
      },
    })
    const error = await refusal((view) => view.Broken())
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', cause })
    expect(error.message).toBe(
      'the rule for `rules.Broken` failed with a `rules.Broken`: its `toJs` threw RangeError: no',
    )
    expect(error.path).toBeUndefined()
    expect(error.stack).toContain('rules.test.ts')
    for (const [expression, path] of [
      ['[{"a": (1, Broken())}]', '[0].a[1]'],
      ['{1: {2: Broken()}}', '[1][2]'],
      ['{1: 2, Broken(): 2}', '<key 1>'],
      ['{"x y": {Broken()}}', '["x y"]<item 0>'],
      ['slice(1, [Broken()])', '.stop[0]'],
    ] as const) {
      await expect(python.eval(expression, handle)).rejects.toMatchObject({ path, cause })
      expect(() => python.evalSync(expression, sync)).toThrow(expect.objectContaining({ path, cause }))
    }
    // The others of a batch have their results.
    const [one, two, three] = await Promise.allSettled([handle.money(1), handle.Broken(), handle.money(3)])
    expect([one, two.status, three]).toStrictEqual([
      { status: 'fulfilled', value: new Cents(1) },
      'rejected',
      { status: 'fulfilled', value: new Cents(3) },
    ])
  })

  test('may call Python, also while it is called by another rule', async () => {
    python.register({
      type: 'rules.Linked',
      toJs: (linked) => ({ next: linked.next, more: sync.nested(2), id: sync.describe({ a: [1] }) }),
    })
    const one = { more: [[new Cents(1)]], id: "[{'a': [1]}]" }
    const three = { ...one, next: { ...one, next: { ...one, next: null } } }
    expect(await both((view) => view.linked(3))).toStrictEqual([three, three])
    expect(await Promise.all([1, 2].map(() => handle.linked(3)))).toStrictEqual([three, three])
    // An object is a handle for as long as its own rule runs.
    type Ring = { next: { next: unknown } }
    for (const ring of (await both((view) => view.circle())) as Ring[])
      expect(isPythonHandle(ring.next.next)).toBe(true)
  })

  test('that never ends is an error', async () => {
    python.register({ type: 'rules.Shape', toJs: (): unknown => sync.Shape() })
    for (const shape of [() => sync.Shape(), async () => handle.Shape()]) {
      const error: unknown = await (async () => shape())().then(fail, (reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'ERR_CONVERSION' })
      expect((error as Error).message.length).toBeLessThan(1000)
    }
    expect(await handle.money(1)).toStrictEqual(new Cents(1))
  })

  test('sees the options that it asks for only', async () => {
    expect(await both((view) => view.money.$with({ int: 'bigint' })(1))).toStrictEqual([new Cents(1), new Cents(1)])
    python.register({ type: 'rules.Shape', toJs: (shape) => shape.$with({ int: 'bigint' }).kind })
    expect(await both((view) => view.Shape(1))).toStrictEqual([1n, 1n])
    expect(await python.eval('{"a": {"b": money(1)}, 1: 2}', handle, { dict: 'map', int: 'bigint' })).toStrictEqual(
      new Map<unknown, unknown>([
        ['a', new Map([['b', new Cents(1)]])],
        [1n, 2n],
      ]),
    )
  })

  test('depth 10,000 is an ordinary case', async () => {
    for (const name of ['nested', 'nested_tuples']) {
      for (let value of await both((view) => view[name]!(10_000))) {
        let depth = 0
        for (; Array.isArray(value); value = (value as unknown[])[0]) depth += 1
        expect(depth).toBe(10_000)
        expect(value).toStrictEqual(new Cents(1))
      }
    }
  })

  test('a promise is a value like any other', async () => {
    python.register({ type: 'rules.Later', toJs: () => Promise.resolve('later') })
    expect(await sync.Later<Promise<string>>()).toBe('later')
    expect(await handle.Later()).toBe('later')
    const [inside] = await python.eval<[Promise<string>]>('[Later()]', handle)
    expect(inside).toBeInstanceOf(Promise)
    expect(await inside).toBe('later')
  })

  test('a function under `then` makes a Map of an object', async () => {
    const made = (): string => 'made'
    python.register({ type: 'rules.Function', toJs: () => made })
    const expected = new Map<string, unknown>([
      ['then', made],
      ['a', 1],
    ])
    const expression = '{"then": Function(), "a": 1}'
    expect(await python.eval(expression, handle)).toStrictEqual(expected)
    expect(python.evalSync(expression, sync)).toStrictEqual(expected)
    await expect(python.eval(`[${expression}]`, handle, { dict: 'object' })).rejects.toMatchObject({
      code: 'ERR_CONVERSION',
      path: '[0]',
    })
  })

  test('is not asked for a call that was given up', async () => {
    const controller = new AbortController()
    const call = handle.money.$with({ signal: controller.signal })(1)
    const other = handle.money(2)
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    expect(await other).toStrictEqual(new Cents(2))
    expect(given).toHaveLength(1)
  })
})

describe('toPython', () => {
  test('is for instances of its class, anywhere in the arguments', async () => {
    const values = [new Cents(1), { a: [new Cents(2)] }, new Map([[new Cents(3), 1]])]
    const expected = "[Money(1), {'a': [Money(2)]}, {Money(3): 1}]{'k': Money(4)}"
    expect(await both((view) => view.describe(...values, kw({ k: new Cents(4) })))).toStrictEqual([expected, expected])
    expect(sync.repr_of(new Cents(5))).toBe('Money(5)')
    sync.holder.$set('extra', new Cents(6))
    expect(sync.holder.extra).toStrictEqual(new Cents(6))
    await handle.holder.$set('extra', new Cents(7))
    expect(await handle.holder.extra).toStrictEqual(new Cents(7))
    expect(await python.eval('repr_of(x)', { x: new Cents(8), repr_of: handle.repr_of })).toBe('Money(8)')
  })

  test('is for classes that extend its class, unless they have a nearer rule', async () => {
    expect(await both((view) => view.describe(new Fee(1)))).toStrictEqual(['[Money(1)]', '[Money(1)]'])
    python.register({ type: 'rules.Tip', class: Gratuity, toPython: (tip) => sync.Tip(tip.cents) })
    expect(await both((view) => view.describe(new Gratuity(1)))).toStrictEqual(['[Tip(1)]', '[Tip(1)]'])
  })

  test('takes back what toJs made, if it names no class', async () => {
    class Form {
      constructor(readonly kind: unknown) {}
    }
    python.register({
      type: 'rules.Shape',
      toJs: (shape) => new Form(shape.kind),
      toPython: (form: Form) => [form.kind],
    })
    expect(await both((view) => view.describe(new Form(1)))).toStrictEqual(['[<JsObject Form>]', '[<JsObject Form>]'])
    const [form] = await both((view) => view.Shape('oval'))
    expect(await both((view) => view.describe(form))).toStrictEqual(["[['oval']]", "[['oval']]"])
    expect(sync.describe(new Form(1))).toBe('[[1]]')
  })

  test('plain data that toJs made is not taken back', async () => {
    python.register({ type: 'rules.Shape', toJs: () => ({ plain: true }), toPython: () => 'taken' })
    const [shape] = await both((view) => view.Shape())
    expect(sync.describe(shape, { a: 1 }, [1])).toBe("[{'plain': True}, {'a': 1}, [1]]")
  })

  test('two rules that made instances of one class are an error', async () => {
    python.register({ type: 'rules.Shape', toJs: () => /a/, toPython: () => 'shape' })
    python.register({ type: 'rules.Bare', toJs: () => /a/, toPython: () => 'bare' })
    sync.Shape()
    expect(sync.describe(/a/)).toBe("['shape']")
    sync.Bare()
    const error = await refusal((view) => view.describe([/a/]))
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[0][0]' })
    expect(error.message).toMatch(
      /`rules\.Shape` and `rules\.Bare` both made instances of `RegExp`; name it as `class`/,
    )
    python.register({ type: 'rules.Bare', class: RegExp, toPython: (expression) => expression.source })
    expect(sync.describe(/b/)).toBe("['b']")
    python.register({ type: 'rules.Bare', toJs: () => null })
  })

  test('an error that it throws is a conversion error with its path and cause', async () => {
    class Bad {}
    const cause = new RangeError('no')
    python.register({
      type: 'rules.Bad',
      class: Bad,
      toPython() {
        throw cause
      },
    })
    const error = await refusal((view) => view.describe(1, { a: [new Bad()] }))
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[1].a[0]', cause })
    expect(error.message).toBe(
      'args[1].a[0]: the rule for `rules.Bad` failed with an instance of `Bad`: its `toPython` threw RangeError: no',
    )
    python.register({ type: 'rules.Bad', class: Bad, toPython: () => sync.fails() })
    const raised = await refusal((view) => view.describe(new Bad()))
    expect(raised).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[0]' })
    expect(isPythonError(raised.cause, 'rules.MoneyError')).toBe(true)
  })

  test('must give plain data or a handle', async () => {
    class Odd {}
    for (const [value, got] of [
      [undefined, 'undefined'],
      [new Odd(), 'an instance of `Odd`'],
      [new Cents(1), 'an instance of `Cents`'],
      [/x/, 'an instance of `RegExp`'],
      [Symbol('s'), 'the symbol `Symbol(s)`'],
      [Promise.resolve(1), 'an instance of `Promise`'],
    ] as const) {
      python.register({ type: 'rules.Odd', class: Odd, toPython: () => value })
      const error = await refusal((view) => view.describe(new Odd()))
      expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[0]' })
      expect(error.message).toBe(
        `args[0]: expected plain data or a Python object from \`toPython\` of the rule for \`rules.Odd\`, got ${got}`,
      )
    }
    for (const [value, expected] of [
      [null, '[None]'],
      [1.5, '[1.5]'],
      [python.tuple(1, new Cents(2)), '[[1, Money(2)]]'],
      [[1, 2, 3, 4, 5, 6, 7, 8, 9], '[[1, 2, 3, 4, 5, 6, 7, 8, 9]]'],
      [python.decimal('1.50'), "[Decimal('1.50')]"],
      [sync.Money.$call([9], undefined, { returns: 'ref' }), '[Money(9)]'],
      [await handle.Money.$with({ returns: 'ref' })(9), '[Money(9)]'],
    ] as const) {
      python.register({ type: 'rules.Odd', class: Odd, toPython: () => value })
      expect(await both((view) => view.describe(new Odd()))).toStrictEqual([expected, expected])
    }
  })

  test('a value that is a part of its own replacement is a cycle', async () => {
    class Node {
      next: unknown = null
    }
    python.register({ type: 'rules.Node', class: Node, toPython: (node) => (node.next === null ? [] : [node.next]) })
    const node = new Node()
    node.next = node
    expect(await refusal((view) => view.describe(node))).toMatchObject({
      code: 'ERR_CONVERSION',
      path: 'args[0][0]',
      message: expect.stringContaining('without cycles'),
    })
    let chain = new Node()
    for (let index = 0; index < 10_000; index += 1) {
      const outer = new Node()
      outer.next = chain
      chain = outer
    }
    expect(await both((view) => view.depth_of(chain))).toStrictEqual([10_000, 10_000])
    let last = chain
    while (last.next !== null) last = last.next as Node
    last.next = chain
    expect((await refusal((view) => view.depth_of(chain))).message).toContain('without cycles')
    python.register({ type: 'rules.Node', class: Node, toPython: () => [new Node()] })
    expect((await refusal((view) => view.depth_of(chain))).message).toContain('rules make ever more of')
  })

  test('may call Python in the middle of a request', async () => {
    class Asking {}
    python.register({
      type: 'rules.Asking',
      class: Asking,
      toPython: () => [sync.describe({ a: new Cents(1) }), sync.money(2), handle.money(3)],
    })
    const expected = `[0, {'a': ["[{'a': Money(1)}]", Money(2), Money(3)]}]`
    expect(await handle.describe(0, { a: new Asking() })).toBe(expected)
    expect(await Promise.all([1, 2, 3].map(() => handle.describe(0, { a: new Asking() })))).toStrictEqual(
      Array(3).fill(expected),
    )
    // A call that is under way cannot be waited for.
    expect(() => sync.describe(new Asking())).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', path: 'args[0][2]' }),
    )
    python.register({
      type: 'rules.Asking',
      class: Asking,
      toPython: () => sync.describe<string>([new Cents(1), 'x'.repeat(100_000)]).length,
    })
    expect(await both((view) => view.describe('y', [new Asking(), new Asking()]))).toStrictEqual(
      Array(2).fill("['y', [100016, 100016]]"),
    )
  })

  test('numbers that it gives are floats where all are to be', async () => {
    class Float {}
    python.register({ type: 'rules.Float', class: Float, toPython: () => [1] })
    expect(await both((view) => view.describe.$with({ number: 'float' })(new Float()))).toStrictEqual([
      '[[1.0]]',
      '[[1.0]]',
    ])
  })

  test('a class without a rule goes by reference, or is refused with advice', async () => {
    class Lonely {}
    const lonely = new Lonely()
    expect(await both((view) => view.describe(lonely))).toStrictEqual(['[<JsObject Lonely>]', '[<JsObject Lonely>]'])
    class Rows extends Array {}
    const error = await refusal((view) => view.describe(new Rows()))
    expect(error.message).toMatch(
      /got an instance of `Rows`; pass `Array\.from\(it\)`, or register a rule for its class with `python\.register`$/,
    )
  })
})

test('each thread has rules of its own', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads')
    const { python, isPythonHandle } = require('symphony-python-bridge')
    class Mine { constructor(cents) { this.cents = cents } }
    const rules = python.importSync('rules')
    const before = isPythonHandle(rules.money(1))
    python.register({ type: 'rules.Money', class: Mine, toJs: (money) => new Mine(money.cents), toPython: (mine) => rules.Money(mine.cents + 1) })
    const there = rules.money(1)
    parentPort.postMessage([before, there instanceof Mine, rules.describe(there)])
    rules.$async.nested(3).then((value) => parentPort.postMessage(value[0][0][0] instanceof Mine))
  `
  const worker = new Worker(program, { eval: true })
  const messages: unknown[] = []
  worker.on('message', (message) => messages.push(message))
  await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))
  expect(messages).toStrictEqual([[true, true, '[Money(2)]'], true])
  expect(sync.describe(sync.money(1))).toBe('[Money(1)]')
})
