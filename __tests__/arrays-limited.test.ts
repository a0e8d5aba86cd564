/* Arrays where something is missing: NumPy, memory that both languages may use, or Python itself, which has not been started. */
import { runProgram } from './support/child-process'

const prelude = `const { python, NdArray } = require('symphony-python-bridge')
const attempt = (body) => { try { return body() } catch (error) { return [error.name, error.message] } }
`

/** What a program says of each thing that it shows. */
async function shown(program: string): Promise<unknown> {
  const end = await runProgram(
    `${prelude}const shown = {}
    async function main() { ${program} }
    main().then(() => console.log(JSON.stringify(shown, (_, value) => typeof value === 'bigint' ? Number(value) : value)))`,
  )
  expect([end.stderr, end.code, end.signal]).toEqual(['', 0, null])
  return JSON.parse(end.stdout)
}

describe('without NumPy', () => {
  const withoutNumpy = `
    const scope = python.execSync(\`
import array, ctypes, sys
sys.modules['numpy'] = None
numbers = array.array('i', [1, -2, 3])
view = memoryview(bytearray(6)).cast('B', (2, 3))
class Tensor:
    def __dlpack__(self): pass
def described(value):
    return [type(value).__name__, value.format, list(value.shape), value.tolist()]
def put(value, index, item):
    value[tuple(index) if isinstance(index, list) else index] = item
def same(a, b): return a is b
\`)
`

  test('arrays and views share their memory', async () => {
    const result = await shown(`${withoutNumpy}
      const { numbers, view } = scope
      numbers[1] = 20
      scope.put(view, [1, 2], 7)
      shown.numbers = [numbers.constructor.name, scope.same(numbers, scope.$with({ returns: 'ref' }).$get('numbers'))]
      shown.tail = scope.described(numbers.subarray(1))
      shown.view = [view.shape, view.dtype, view.copied, view.toArray()]
      shown.made = scope.described(python.memoryview(Float32Array.of(0.5, 1.5)))
      shown.copied = scope.described(BigInt64Array.of(-1n))
      const buffer = new SharedArrayBuffer(4)
      scope.put(new Int16Array(buffer), 1, 258)
      shown.lent = [...new Uint8Array(buffer)]
      const lent = new Float64Array(2)
      scope.put(python.borrow(lent), 1, 2.5)
      shown.borrowed = [...lent]
      const points = python.evalSync('(ctypes.c_double * 2)(1.5, 2.5)', scope)
      shown.points = points.$buffer()`)
    expect(result).toEqual({
      numbers: ['Int32Array', true],
      tail: ['memoryview', 'i', [2], [20, 3]],
      view: [
        [2, 3],
        'uint8',
        false,
        [
          [0, 0, 0],
          [0, 0, 7],
        ],
      ],
      made: ['memoryview', 'f', [2], [0.5, 1.5]],
      copied: ['memoryview', 'q', [1], [-1]],
      lent: [0, 0, 2, 1],
      borrowed: [0, 2.5],
      points: { 0: 1.5, 1: 2.5 },
    })
  })

  test('python.ndarray is a memoryview with that shape', async () => {
    const result = await shown(`${withoutNumpy}
      const made = python.ndarray([2, 3], 'float32')
      scope.put(made, [0, 1], 1.5)
      made.data[5] = -1
      shown.made = scope.described(made)
      shown.array = made.toArray()
      const back = python.evalSync('made', { made })
      shown.back = [back instanceof NdArray, back.shape, back.data.buffer === made.data.buffer]
      shown.single = scope.described(python.ndarray([], 'int16'))
      shown.bool = scope.described(python.ndarray(2, 'bool'))
      shown.sync = made.$sync.ndim
      shown.async = await made.$async.nbytes`)
    expect(result).toEqual({
      made: [
        'memoryview',
        'f',
        [2, 3],
        [
          [0, 1.5, 0],
          [0, 0, -1],
        ],
      ],
      array: [
        [0, 1.5, 0],
        [0, 0, -1],
      ],
      back: [true, [2, 3], true],
      single: ['memoryview', 'h', [], 0],
      bool: ['memoryview', '?', [2], [false, false]],
      sync: 2,
      async: 24,
    })
  })

  test('what needs NumPy says so', async () => {
    const result = await shown(`${withoutNumpy}
      shown.complex = attempt(() => scope.described(python.ndarray(2, 'complex64')))
      shown.empty = attempt(() => scope.described(python.ndarray([0, 3])))
      shown.tensor = attempt(() => python.evalSync('Tensor()', scope).$buffer())`)
    expect(result).toEqual({
      complex: [
        'PythonError',
        'TypeError: expected elements that a memoryview can have, got complex numbers; install NumPy',
      ],
      empty: ['PythonError', 'ValueError: expected NumPy for an array with a dimension of length 0'],
      tensor: [
        'PythonError',
        "TypeError: expected an object with the buffer protocol, got a 'Tensor' that has none; some libraries share their memory through NumPy only, which is not imported",
      ],
    })
  })
})

test.each([5, 40])(
  'a call that is cancelled after %d ms, while NumPy is imported for it, does not break NumPy',
  async (timeout) => {
    const result = await shown(`
    const scope = await python.exec('def kind(value): return type(value).__name__')
    const array = python.ndarray(3)
    const first = await scope.kind.$with({ timeout: ${timeout} })(array).catch((error) => error.code)
    shown.first = first === 'ERR_TIMEOUT' || first === 'ndarray'
    shown.second = await scope.kind(array)`)
    expect(result).toEqual({ first: true, second: 'ndarray' })
  },
)

describe('in a runtime without shared memory', () => {
  /** Has the core say that it is in one, and refuses what such a runtime refuses. */
  const withoutSharedMemory = `
    const { dlopen } = process
    process.dlopen = (module, ...rest) => {
      Reflect.apply(dlopen, process, [module, ...rest])
      const core = module.exports
      if (core.attach === undefined) return
      const { attach } = core
      const refuse = () => { throw new Error('shared memory') }
      module.exports = { ...core, attach: (...args) => ({
        ...Reflect.apply(attach, core, args),
        sharesMemory: false,
        shareMemory: refuse,
      }) }
    }
`

  test('everything is copied, says so, and goes back as itself', async () => {
    const result = await shown(`${withoutSharedMemory}
      const scope = python.execSync(\`
import array
import numpy as np
table = np.arange(6.0).reshape(2, 3)
numbers = array.array('i', [1, 2])
def put(value, index, item):
    value[tuple(index) if isinstance(index, list) else index] = item
def described(value):
    return [type(value).__name__, value.tolist()]
def same(a, b): return a is b
\`)
      const ref = scope.$with({ returns: 'ref' })
      const { table, numbers } = scope
      shown.table = [table.copied, table.toArray(), scope.same(table, ref.$get('table'))]
      table.data[0] = 100
      shown.after = python.evalSync('float(table[0, 0])', scope)
      shown.row = [python.evalSync('table[1]', scope).copied, scope.same(scope.table, table)]
      shown.numbers = [numbers.constructor.name, scope.same(numbers, ref.$get('numbers'))]
      // Nobody has its memory any more. What JavaScript has read is given back by another thread.
      const grows = () => attempt(() => python.execSync('numbers.append(3)', scope))
      while (Array.isArray(grows())) await new Promise((resolve) => setImmediate(resolve))
      shown.grown = [...scope.numbers]
      const made = python.ndarray([2], 'int16')
      made.data[1] = 5
      shown.made = [made.copied, scope.described(made)]
      shown.bytes = python.evalSync('len(b)', { b: Buffer.alloc(100_000) })
      shown.large = scope.described(new Int8Array(40_000))[1].length
      shown.view = scope.described(python.memoryview(Float64Array.of(1.5)))
      const lent = new Float64Array(1)
      scope.put(python.borrow(lent), 0, 2.5)
      shown.borrowed = [...lent]
      shown.buffer = [...python.evalSync('np.array([1, 2], "u1")', scope).$sync.$buffer().data]`)
    expect(result).toEqual({
      table: [
        true,
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
        true,
      ],
      after: 0,
      row: [true, true],
      numbers: ['Int32Array', true],
      grown: [1, 2, 3],
      made: [true, ['ndarray', [0, 5]]],
      bytes: 100_000,
      large: 40_000,
      view: ['memoryview', [1.5]],
      borrowed: [2.5],
      buffer: [1, 2],
    })
  })
})

describe('in the first call of all, which starts Python', () => {
  test('bytes of any size are bytes, and a SharedArrayBuffer is shared', async () => {
    const result = await shown(`
      const buffer = new SharedArrayBuffer(4)
      const [length, items] = await Promise.all([
        python.eval('len(data)', { data: Buffer.alloc(100_000) }),
        python.eval('[len(data), data.format]', { data: new Float64Array(10_000) }),
        python.exec('shared[1] = 7', { shared: buffer }),
      ])
      shown.first = [length, items, [...new Uint8Array(buffer)]]`)
    expect(result).toEqual({ first: [100_000, [10_000, 'd'], [0, 7, 0, 0]] })
  })

  test.each([
    ['python.borrow', `python.evalSync('view.nbytes', { view: python.borrow(new Float64Array(2)) })`, 16],
    ['python.ndarray', `python.ndarray(2).$sync.nbytes`, 16],
    ['python.memoryview', `python.memoryview(3).length`, 3],
  ])('%s', async (_, expression, expected) => {
    expect(await shown(`shown.it = ${expression}`)).toEqual({ it: expected })
  })
})
