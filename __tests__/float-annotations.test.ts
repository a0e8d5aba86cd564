/* A parameter annotated `float` gets one, also for an integral number; nothing else does. */
import { join } from 'node:path'
import { kw, python, type Handle, type SyncHandle } from 'symphony-python-bridge'

type Call = (...args: unknown[]) => unknown

let sync: SyncHandle
let later: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('annotations')
  later = sync.$async
})

/** What a callable gives in each way to call it; the ways agree. */
async function called(owner: SyncHandle, name: string, args: readonly unknown[]): Promise<unknown> {
  const last = args.at(-1) as { named?: object } | null
  const named = typeof last === 'object' && last !== null ? last.named : undefined
  const positional = named === undefined ? args : args.slice(0, -1)
  const all = named === undefined ? positional : [...positional, kw(named)]
  const member = (owner as unknown as Record<string, Call>)[name]!
  const results = [
    member(...all),
    // The second call of the same function finds its signature known.
    member(...all),
    owner.$get<SyncHandle>(name).$call(positional, named),
    await (owner.$async as unknown as Record<string, Call>)[name]!(...all),
    await owner.$async.$get(name).$call(positional, named),
    await (await owner.$async.$get(name).$ref())(...all),
  ]
  for (const result of results) expect(result).toEqual(results[0])
  return results[0]
}

const cases: [call: string, args: unknown[], types: string[]][] = [
  ['exact', [1], ['float']],
  ['exact', [0], ['float']],
  ['exact', [-7], ['float']],
  ['exact', [2 ** 31], ['float']],
  ['exact', [Number.MAX_SAFE_INTEGER], ['float']],
  ['exact', [1.5], ['float']],
  ['exact', [1n], ['int']],
  ['exact', [-1n], ['int']],
  ['exact', [2n ** 53n - 1n], ['int']],
  ['exact', [2n ** 60n], ['int']],
  ['exact', [2n ** 80n], ['int']],
  ['exact', [python.int(1)], ['int']],
  ['exact', [python.int(2 ** 60)], ['int']],
  ['exact', [python.float(1)], ['float']],
  ['exact', [true], ['bool']],
  ['exact', [null], ['NoneType']],
  ['exact', ['1'], ['str']],
  ['exact', [{ named: { x: 1 } }], ['float']],
  ['exact', [{ named: { x: 1n } }], ['int']],
  ['optional', [1], ['float']],
  ['optional', [null], ['NoneType']],
  ['optional_before', [1], ['float']],
  ['typing_optional', [1], ['float']],
  ['string', [1], ['int']],
  ['wider', [1], ['int']],
  ['wider_optional', [1], ['int']],
  ['annotated', [1], ['int']],
  ['numbers', [[1, 2]], ['int', 'int']],
  ['complex_number', [1], ['int']],
  ['plain', [1], ['int']],
  ['second', [1, 2, 3], ['int', 'float', 'int']],
  ['second', [1, 'text', 3], ['int', 'str', 'int']],
  ['second', ['text', 2, { named: { z: 3 } }], ['str', 'float', 'int']],
  ['second', [[1], 2, {}], ['list', 'float', 'dict']],
  ['rest', [1, 2, 3], ['int', 'float', 'float']],
  ['keyword', [1], ['int', 'float']],
  ['keyword', [1, { named: { y: 2, z: 3, w: 4n } }], ['int', 'float', 'float', 'int']],
  ['keyword', [{ named: { x: 1, y: 2 } }], ['int', 'float']],
  ['positional_only', [1, { named: { x: 2 } }], ['float', 'int']],
  ['wrapped', [1], ['int', 'int']],
  ['wrapped', [{ named: { x: 1 } }], ['float', 'float']],
  ['same_parameters', [1, 2, 3], ['int', 'float', 'int']],
  ['injected', [1, 2], ['str', 'int', 'int']],
  ['shortened', [2], ['str', 'int', 'int']],
  ['injected', [{ named: { y: 1, z: 2 } }], ['str', 'float', 'int']],
  ['cached', [1], ['float']],
  ['partial', [1, 2], ['int', 'float', 'int']],
  ['partial_named', [1, 2], ['int', 'float', 'int']],
]

test.each(cases)('%s(%p) gets %p', async (name, args, types) => {
  expect(await called(sync, name, args)).toEqual(types)
})

test('a hundred arguments', async () => {
  const types = await called(sync, 'rest', new Array(100).fill(1))
  expect(types).toEqual(['int', ...new Array<string>(99).fill('float')])
})

describe('methods and objects', () => {
  const owners: [code: string, cases: [name: string, args: unknown[], types: string[]][]][] = [
    [
      'Scale(1)',
      [
        ['method', [1, 2], ['float', 'int']],
        ['method', [1, 'text'], ['float', 'str']],
        ['method', [1n, 2], ['int', 'int']],
        ['method', [1, { named: { y: 2 } }], ['float', 'int']],
        ['method', [{ named: { y: 2, x: 1 } }], ['float', 'int']],
        ['on_class', [1], ['float']],
        ['static', [1], ['float']],
        ['plain', [1], ['int']],
        ['__call__', [1], ['float']],
      ],
    ],
    ['Derived(2)', [['method', [1, 2], ['float', 'int']]]],
    [
      'Scale',
      [
        ['on_class', [1], ['float']],
        ['static', [1], ['float']],
      ],
    ],
    ['Dynamic()', [['anything', [1], ['float']]]],
    ['WithDescriptor()', [['own', [1], ['float']]]],
  ]
  test.each(owners)('of %s', async (code, methods) => {
    const owner = python.evalSync(code, sync) as SyncHandle
    for (const [name, args, types] of methods) expect(await called(owner, name, args)).toEqual(types)
  })

  const callables: [code: string, args: unknown[], types: string[]][] = [
    ['Scale(1)', [1], ['float']],
    ['Slotted()', [1], ['float']],
    ['StaticCall()', [1, 2], ['int', 'float']],
    ['ClassCall()', [1, 2], ['float', 'int']],
    ['Broken()', [1], ['int']],
    ['Scale(1).method', [1, 2], ['float', 'int']],
    ["functools.partial(Scale(1).method, y='y')", [1], ['float', 'str']],
    ['make(float)', [1], ['float']],
    ['make(int)', [1], ['int']],
    ['lambda *values: types(*values)', [1], ['int']],
  ]
  test.each(callables)('%s itself', async (code, args, types) => {
    const callable = python.evalSync(code, sync) as SyncHandle
    expect([callable(...args), callable(...args), callable.$call(args), await callable.$async(...args)]).toEqual(
      new Array(4).fill(types),
    )
  })

  test.each([
    ['Scale', 'factor', [1], 'float'],
    ['Derived', 'factor', [1], 'float'],
    ['Made', 'x', [1], 'float'],
    ['Prepared', 'x', [1], 'float'],
    ['Point', 'x', [1, 2], 'float'],
    ['Point', 'y', [1, 2], 'int'],
    ['Pair', 'x', [1, 2], 'float'],
    ['Pair', 'y', [1, 2], 'int'],
    ['BrokenClass', 'x', [1], 'int'],
  ])('the class %s, whose %s', async (name, field, args, type) => {
    const typeOf = async (made: unknown): Promise<unknown> =>
      python.eval(`type(made.${field}).__name__`, { made: made as SyncHandle })
    const constructor = (sync as unknown as Record<string, Call>)[name]!
    expect(await typeOf(constructor(...args))).toBe(type)
    expect(await typeOf(await (later as unknown as Record<string, Call>)[name]!(...args))).toBe(type)
  })
})

test('a method is looked up once for each call', async () => {
  const dynamic = python.evalSync('Dynamic()', sync) as SyncHandle
  const looked = (): unknown => python.evalSync('Dynamic.looked', sync)
  const before = looked() as number
  await dynamic.$async.anything(1)
  await dynamic.$async.anything(1, kw({}))
  expect((looked() as number) - before).toBe(2)
})

test('functions that come and go, at whatever address, get what their own annotations say', async () => {
  const make = python.evalSync('make', sync) as SyncHandle
  const annotations = [python.evalSync('float'), python.evalSync('int')] as SyncHandle[]
  for (let round = 0; round < 3000; round++) {
    const made = make(annotations[round % 2]) as SyncHandle
    const types = round % 3 === 0 ? await made.$async(1) : made(1)
    expect(types).toEqual([round % 2 === 0 ? 'float' : 'int'])
    made.$dispose()
  }
})

test('`number: float` makes every number a float, whatever the annotation', () => {
  expect(sync.$with({ number: 'float' }).second(1, 2, 3n)).toEqual(['float', 'float', 'int'])
})

test('the value of a settled call is passed as what it is', async () => {
  const call = python.eval('2')
  await call
  expect(await later.exact(call)).toEqual(['float'])
  const large = python.eval('2', {}, { int: 'bigint' })
  await large
  expect(await later.exact(large)).toEqual(['int'])
  expect(await later.exact(python.eval('2'))).toEqual(['int'])
})
