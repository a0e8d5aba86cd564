/* Arrays over memory that both languages use, and those that are copied. */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { NdArray, python, type Handle, type SyncHandle } from 'symphony-python-bridge'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

let sync: SyncHandle
let handle: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('arrays')
  handle = sync.$async
}, 60_000)

const describedAs = (value: unknown): unknown => sync.described(value)

describe('an array of NumPy', () => {
  test('is its memory: what one language writes the other one reads', async () => {
    const array = sync.owned as unknown as NdArray<Float64Array>
    expect(array).toBeInstanceOf(NdArray)
    expect(array).toMatchObject({ shape: [3, 4], strides: [4, 1], dtype: 'float64', copied: false, size: 12 })
    expect(array.toArray()).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ])
    array.data[5] = -5
    expect(sync.element(array, 1, 1)).toBe(-5)
    sync.put(array, [1, 1], 5)
    expect(array.data[5]).toBe(5)
    expect(await handle.owned).toBe(array)
  })

  test('goes back as the very same object, from everywhere', async () => {
    const array = sync.owned as unknown as NdArray
    expect(sync.same(array, sync.$with({ returns: 'ref' }).$get('owned'))).toBe(true)
    expect(await handle.same(array, handle.owned)).toBe(true)
    expect(sync.same(array.$sync, array)).toBe(true)
    expect(await handle.same(array.$async, array)).toBe(true)
    expect(sync.call((value: unknown) => value, array)).toBe(array)
    const [inside] = sync.give([array]) as NdArray[]
    expect(inside).toBe(array)
  })

  test('of which the handle was disposed is an error where it is passed', () => {
    const row = python.evalSync('a[1]', { a: sync.owned }) as NdArray
    row.$sync.$dispose()
    expect(() => sync.give(row)).toThrow(expect.objectContaining({ code: 'ERR_HANDLE_DISPOSED' }))
    expect([...(row.data as Float64Array)]).toEqual([
      ...(sync.owned as unknown as NdArray<Float64Array>).data.subarray(4, 8),
    ])
  })

  test('shares one ArrayBuffer with its views, in the right place', () => {
    const array = sync.owned as unknown as NdArray
    const row = sync.element(array, 1) as NdArray<Float64Array>
    expect(row.data.buffer).toBe(array.data.buffer)
    expect([...row.data]).toEqual([4, 5, 6, 7])
    const turned = array.$sync.T as unknown as NdArray
    expect(turned).toMatchObject({ shape: [4, 3], strides: [1, 4], copied: false })
    expect(turned.data.buffer).toBe(array.data.buffer)
    expect(turned.toArray()).toEqual(python.evalSync('a.T.tolist()', { a: array }))
    // Two objects over the same memory each go back as what they are.
    const twin = python.evalSync('a[:]', { a: array }) as NdArray
    expect(twin).not.toBe(array)
    expect(sync.same(twin, array)).toBe(false)
    expect(twin.data.buffer).toBe(array.data.buffer)
  })

  test.each([
    ['read-only', 'np.frombuffer(b"\\1\\2\\3\\4", "i2")', { dtype: 'int16', copied: true }, [513, 1027]],
    ['with gaps', 'np.arange(10.0)[::3]', { dtype: 'float64', copied: true, strides: [1] }, [0, 3, 6, 9]],
    ['backwards', 'np.arange(3, dtype="i1")[::-1]', { dtype: 'int8', copied: true }, [2, 1, 0]],
    ['with its most significant byte first', 'np.array([1.5, -2], ">f8")', { dtype: '>f8', copied: true }, [1.5, -2]],
    [
      'of 16-bit floats',
      'np.array([1.5, -0.25, np.inf], "f2")',
      { dtype: 'float16', copied: false },
      [1.5, -0.25, Infinity],
    ],
    ['of booleans', 'np.array([True, False])', { dtype: 'bool', copied: false }, [true, false]],
    ['of 64-bit integers', 'np.array([2**64 - 1, 0], "u8")', { dtype: 'uint64', copied: false }, [2n ** 64n - 1n, 0n]],
    ['of no dimension', 'np.array(3.5)', { shape: [], strides: [], size: 1, copied: false }, 3.5],
    ['without elements', 'np.zeros((0, 3))', { shape: [0, 3], size: 0, copied: false }, []],
    ['of one element in many dimensions', 'np.full((1,) * 6, 7)', { shape: [1, 1, 1, 1, 1, 1] }, [[[[[[7n]]]]]]],
  ])('%s', (_, expression, properties, elements) => {
    const array = python.evalSync(expression, { np: python.importSync('numpy') }) as NdArray
    expect(array).toMatchObject(properties)
    expect(array.toArray()).toEqual(elements)
    expect(sync.same(array, array)).toBe(true)
    if (!array.copied) expect(sync.give(array)).toBe(array)
  })

  test('complex numbers are two floats each, and `PyComplex` one by one', () => {
    const array = python.evalSync('np.array([[1+2j, 3j]], "c8")', { np: python.importSync('numpy') }) as NdArray
    expect(array).toMatchObject({ dtype: 'complex64', shape: [1, 2], strides: [4, 2], copied: false })
    expect([...(array.data as Float32Array)]).toEqual([1, 2, 0, 3])
    expect(array.toArray()).toEqual([[python.complex(1, 2), python.complex(0, 3)]])
  })

  test.each([
    'np.array([None, 1])',
    'np.array(["2020-01-01"], "M8[D]")',
    'np.zeros(1, "i4,f8")',
    'np.zeros(2, "g")',
    'np.array(["a"])',
    'np.zeros(2).view(Watched)',
    'np.ma.zeros(2)',
  ])('%s is a handle', (expression) => {
    const scope = { np: python.importSync('numpy'), Watched: sync.Watched }
    expect(python.isHandle(python.evalSync(expression, scope))).toBe(true)
  })

  test('whose shape was changed in place is seen with its new shape', () => {
    const scope = python.execSync('import numpy as np\na = np.arange(6)')
    const before = scope.a as unknown as NdArray
    python.execSync('a.shape = (2, 3)', scope)
    const after = scope.a as unknown as NdArray
    expect(after.shape).toEqual([2, 3])
    expect(before.shape).toEqual([6])
    expect(after.data.buffer).toBe(before.data.buffer)
    expect(sync.same(before, after)).toBe(true)
  })

  test.each([
    ['of an array', 'np.frombuffer(bytearray(b"\\0" * 9), dtype="f8", offset=1)', [0]],
    [
      'of an array without its bytes',
      'np.ndarray((2,), "i4", np.arange(9, dtype="u1").data, 1)',
      [0x04030201, 0x08070605],
    ],
    ['of a memoryview', 'memoryview(bytearray(range(9)))[1:].cast("h")', [0x0201, 0x0403, 0x0605, 0x0807]],
    ['of a field of records', 'np.array([(1, 2.5)], "i4,f8")["f1"]', [2.5]],
    ['of a matrix of one record', 'np.array([[(1, 2.5)]], "i4,f8")["f1"]', [[2.5]]],
    ['of complex numbers', 'np.frombuffer(bytearray(13), dtype="c8", offset=5)', [{ re: 0, im: 0 }]],
  ])('an address where no typed array can begin is a copy: %s', (_, expression, expected) => {
    const array = python.evalSync(expression, { np: python.importSync('numpy') }) as NdArray
    expect([array.copied, JSON.parse(JSON.stringify(array))]).toEqual([true, expected])
    expect(array.strides.every(Number.isInteger)).toBe(true)
  })

  test('a part of bytes whose beginning has moved is shared where it can be', () => {
    const scope = python.execSync(
      'b = bytearray(33)\ndel b[:1]\nview = memoryview(b)[7:15].cast("d")\nwhole = memoryview(b)',
    )
    const array = scope.view as unknown as Float64Array | NdArray<Float64Array>
    // Where the allocator puts the bytes decides whether it is a copy.
    const data = ArrayBuffer.isView(array) ? array : array.data
    expect([...data]).toEqual([0])
    expect((scope.whole as unknown as Uint8Array).length).toBe(32)
  })

  test('of one item in a long stride has a stride of whole items', () => {
    const array = python.evalSync('np.zeros(1, "f8,i4")["f0"]', { np: python.importSync('numpy') }) as NdArray
    expect([array.copied, array.shape, array.strides, array.toArray()]).toEqual([false, [1], [1], [0]])
  })

  test('is shown with what it is', () => {
    const array = python.ndarray([2, 2], 'int16')
    array.data.set([1, 2, 3, 4])
    expect(inspect(array)).toBe('NdArray([ 2, 2 ], int16) Int16Array(4) [ 1, 2, 3, 4 ]')
    expect(JSON.stringify({ array })).toBe('{"array":[[1,2],[3,4]]}')
    expect(() => new (NdArray as unknown as new () => unknown)()).toThrow('python.ndarray')
  })
})

describe('any dtype, shape, strides and order', () => {
  const dtypes = ['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', 'f8', '?', 'c8', 'c16']
  const swapped = dtypes.filter((dtype) => !dtype.endsWith('1') && dtype !== '?').map((dtype) => `>${dtype}`)
  const axis = fc.record({ length: fc.integer({ min: 0, max: 4 }), step: fc.constantFrom(1, 1, 1, 2, 3, -1, -2) })
  const layout = fc.record({
    dtype: fc.constantFrom(...dtypes, ...swapped),
    axes: fc.array(axis, { maxLength: 4 }),
    order: fc.constantFrom('C', 'F'),
    offset: fc.integer({ min: 0, max: 2 }),
    seed: fc.integer({ min: 0, max: 2 ** 30 }),
  })

  /** The bits of the elements in order of their indices, read by shape and strides, as `text` of the fixture gives them. */
  function bits(array: NdArray): string {
    const { data, shape, strides } = array
    const items = array.dtype.includes('complex') || array.dtype.startsWith('>c') ? 2 : 1
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const size = data.BYTES_PER_ELEMENT
    const found: string[] = []
    const visit = (dimension: number, at: number): void => {
      if (dimension < shape.length) {
        for (let index = 0; index < shape[dimension]!; index++) visit(dimension + 1, at + index * strides[dimension]!)
        return
      }
      for (let item = at; item < at + items; item++)
        found.push(
          Buffer.from(bytes.slice(item * size, (item + 1) * size))
            .reverse()
            .toString('hex'),
        )
    }
    visit(0, 0)
    return found.join('')
  }

  test('has the same elements in both languages, and goes back as itself', () => {
    const made = (sync.made as unknown as SyncHandle).$with({ returns: 'ref' }) as unknown as (
      ...args: unknown[]
    ) => SyncHandle
    fc.assert(
      fc.property(layout, ({ dtype, axes, order, offset, seed }) => {
        const shape = axes.map(({ length }) => length)
        const steps = axes.map(({ step }) => step)
        const original = made(dtype, shape, steps, order, offset, seed)
        const array = sync.give(original) as NdArray
        expect([...array.shape]).toEqual(original.shape)
        expect(bits(array)).toBe(sync.text(original))
        expect(sync.same(array, original)).toBe(true)
        const { c_contiguous: c, f_contiguous: f, writeable } = original.flags as unknown as Record<string, boolean>
        const shared = array.size === 0 || ((c! || f!) && writeable! && !dtype.startsWith('>'))
        expect(array.copied).toBe(!shared)
      }),
      { numRuns: 400, seed: 20_261 },
    )
  })

  test('asynchronously, many at once', async () => {
    const seeds = Array.from({ length: 100 }, (_, seed) => seed)
    await Promise.all(
      seeds.map(async (seed) => {
        const array = (await handle.made('f4', [3, 5], [1, 1], seed % 2 ? 'C' : 'F', seed % 3, seed)) as NdArray
        expect(await handle.text(array)).toBe(bits(array))
      }),
    )
  })
})

describe('other Python memory', () => {
  test('array.array is a typed array over its memory, and goes back as itself', () => {
    const numbers = sync.numbers as unknown as Int32Array
    expect(numbers).toEqual(Int32Array.of(1, -2, 3))
    expect(sync.numbers).toBe(numbers)
    numbers[1] = 20
    expect(sync.element(numbers, 1)).toBe(20)
    expect(sync.same(numbers, sync.$with({ returns: 'ref' }).$get('numbers'))).toBe(true)
    expect(() => sync.append(numbers)).toThrow('BufferError')
  })

  test('a part of such an array is a view of the same memory', () => {
    const numbers = sync.numbers as unknown as Int32Array
    expect(describedAs(numbers.subarray(1))).toEqual(['memoryview', 'i', [2], true, [...numbers.subarray(1)]])
    sync.put(numbers.subarray(1), 1, 33)
    expect(numbers[2]).toBe(33)
    expect(describedAs(new Uint16Array(numbers.buffer, 4, 1))).toEqual(['memoryview', 'H', [1], true, [numbers[1]]])
    const part = (sync.owned as unknown as NdArray).data.subarray(4, 6)
    expect(describedAs(part)).toEqual(['memoryview', 'd', [2], true, [4, 5]])
  })

  test('a writable memoryview is a typed array; a read-only one is bytes', () => {
    const view = sync.view as unknown as Uint8Array
    expect(Buffer.from(view).toString()).toBe('2345')
    expect(view.buffer.byteLength).toBe(10)
    expect(sync.same(view, view)).toBe(true)
    expect(python.evalSync('memoryview(b"abc")[::-1]')).toEqual(Buffer.from('cba'))
    const table = python.evalSync('memoryview(bytearray(6)).cast("B", (2, 3))') as NdArray
    expect(table).toMatchObject({ shape: [2, 3], dtype: 'uint8', copied: false })
    expect(python.isHandle(python.evalSync('(lambda m: m.release() or m)(memoryview(b"x"))'))).toBe(true)
  })

  test('bytearray is a copy, and `$buffer` its memory', async () => {
    const text = (name: string): string => (sync.$with({ returns: 'ref' }).$get(name) as SyncHandle).$repr()
    const copy = sync.data as unknown as Uint8Array
    copy[0] = 0
    expect(text('data')).toBe("bytearray(b'hello')")
    const data = sync.$with({ returns: 'ref' }).$get('data') as SyncHandle
    const memory = data.$buffer<Uint8Array>()
    memory[0] = 'j'.charCodeAt(0)
    expect(text('data')).toBe("bytearray(b'jello')")
    expect(await data.$async.$buffer()).toBe(memory)
    expect(sync.same(memory, data)).toBe(true)
    expect(() => data.append(1)).toThrow('BufferError')
  })

  test('`$buffer` of other objects', async () => {
    expect(sync.points).not.toBeInstanceOf(Float64Array)
    expect((sync.points as unknown as SyncHandle).$buffer()).toEqual(Float64Array.of(1.5, 2.5, 3.5))
    const tensor = sync.tensor as unknown as SyncHandle
    const shared = tensor.$buffer<NdArray<Float32Array>>()
    expect(shared).toMatchObject({ shape: [2, 3], dtype: 'float32', copied: false })
    shared.data[4] = -1
    expect(python.evalSync('tensor.values[1, 1]', { tensor })).toBe(-1)
    // Nothing says that this one may be written to.
    const copy = (sync.old_tensor as unknown as SyncHandle).$buffer()
    expect(copy).toMatchObject({ shape: [3], dtype: 'float64', copied: true, data: Float64Array.of(0, 1, 2) })
    const column = python.evalSync('pa.array([1, 2])', { pa: python.importSync('pyarrow') }) as SyncHandle
    expect(column.$buffer()).toMatchObject({ dtype: 'int64', copied: true, data: BigInt64Array.of(1n, 2n) })
    expect((sync.$with({ returns: 'ref' }).$get('owned') as SyncHandle).$buffer()).toBe(sync.owned)
    expect(() => sync.$buffer()).toThrow('expected an object with the buffer protocol')
    await expect(handle.records.$buffer()).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
    expect((python.evalSync('lambda: b"ab"') as unknown as () => unknown)()).toEqual(Buffer.from('ab'))
  })
})

describe('arrays that JavaScript makes', () => {
  test('python.ndarray is an ndarray over the same memory, and stays that one', async () => {
    const array = python.ndarray([2, 3], 'int32')
    expect(describedAs(array)).toEqual(['ndarray', 'int32', [2, 3], true, [0, 0, 0, 0, 0, 0]])
    array.data[4] = 7
    sync.put(array, [0, 1], 9)
    expect(array.toArray()).toEqual([
      [0, 9, 0],
      [0, 7, 0],
    ])
    expect(sync.same(array, array)).toBe(true)
    expect(await handle.same(array, array)).toBe(true)
    expect((sync.give(array) as NdArray).data.buffer).toBe(array.data.buffer)
    expect(array.$sync.sum()).toBe(16)
    expect(await array.$async.sum()).toBe(16)
    expect(array.strides).toEqual([3, 1])
  })

  test.each([
    [[], 'float64', []],
    [5, 'float32', [5]],
    [[0, 2], 'uint8', [0, 2]],
    [[2], 'complex128', [2]],
    [[3], 'bool', [3]],
    [[2], 'float16', [2]],
  ] as const)('python.ndarray(%j, %j)', (shape, dtype, expected) => {
    const array = python.ndarray(shape, dtype)
    expect(sync.described(array)).toMatchObject({ 0: 'ndarray', 1: dtype, 2: expected })
  })

  test('bad arguments of python.ndarray', () => {
    const make = python.ndarray as (...args: unknown[]) => unknown
    for (const args of [[-1], [[1.5]], ['3'], [[2], 'float'], [[2 ** 52, 2 ** 10]], [Array(65).fill(1)]])
      expect(() => make(...args)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('python.memoryview is a copy at first, and shared from then on', () => {
    const source = Float32Array.of(1, 2, 3)
    const shared = python.memoryview(source)
    source[0] = 9
    expect(describedAs(shared)).toEqual(['memoryview', 'f', [3], true, [1, 2, 3]])
    sync.put(shared, 2, 30)
    expect(shared[2]).toBe(30)
    const back = sync.give(shared) as Float32Array
    expect(back.buffer).toBe(shared.buffer)
    expect(python.memoryview(4)).toEqual(new Uint8Array(4))
    expect(describedAs(python.memoryview(Buffer.from('ab')))).toEqual(['memoryview', 'B', [2], true, [97, 98]])
    expect(() => python.memoryview('x' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('a SharedArrayBuffer is shared, and comes back as itself', async () => {
    const array = new Int32Array(new SharedArrayBuffer(16), 4, 2)
    sync.put(array, 0, 5)
    expect([...new Int32Array(array.buffer)]).toEqual([0, 5, 0, 0])
    expect((sync.give(array) as Int32Array).buffer).toBe(array.buffer)
    expect(((await handle.give(array)) as Int32Array).buffer).toBe(array.buffer)
    expect(describedAs(array.buffer)).toEqual([
      'memoryview',
      'B',
      [16],
      true,
      [0, 0, 0, 0, 5, ...Array<number>(11).fill(0)],
    ])
    const bytes = new Uint8Array(new SharedArrayBuffer(2))
    expect(describedAs(bytes)).toEqual(['memoryview', 'B', [2], true, [0, 0]])
  })

  test('a SharedArrayBuffer is one for Python, however often it is passed', async () => {
    const scope = python.execSync('kept = {}\ndef keep(name, view): kept[name] = view\ndef drop(name): del kept[name]')
    const { keep, drop } = scope as unknown as Record<string, (...args: unknown[]) => void>
    const buffer = new SharedArrayBuffer(8)
    keep!('first', buffer)
    keep!('second', new Uint16Array(buffer, 2, 1))
    drop!('second')
    await new Promise((resolve) => setImmediate(resolve))
    sync.give(buffer)
    const back = python.evalSync('kept["first"]', scope) as Uint8Array
    expect(back.buffer).toBe(buffer)
    expect(describedAs(new SharedArrayBuffer(0))).toEqual(['memoryview', 'B', [0], true, []])
  })

  test('a SharedArrayBuffer may grow while Python has it', () => {
    const Growable = SharedArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => SharedArrayBuffer & { grow(bytes: number): void }
    const scope = python.execSync('def keep(view):\n    global kept\n    kept = view')
    const buffer = new Growable(4, { maxByteLength: 64 })
    ;(scope.keep as unknown as (value: unknown) => void)(buffer)
    buffer.grow(16)
    sync.give(buffer)
    const kept = scope.kept as unknown as Uint8Array
    expect(kept.buffer).toBe(buffer)
    expect(kept.length).toBe(4)
  })

  test.each([
    [Int8Array.of(-1), 'b', [-1]],
    [Uint8ClampedArray.of(255), 'B', [255]],
    [Int16Array.of(-2), 'h', [-2]],
    [Uint16Array.of(3), 'H', [3]],
    [Int32Array.of(-4), 'i', [-4]],
    [Uint32Array.of(5), 'I', [5]],
    [Float32Array.of(1.5), 'f', [1.5]],
    [Float64Array.of(0.1), 'd', [0.1]],
    [BigInt64Array.of(-(2n ** 63n)), 'q', [-(2n ** 63n)]],
    [BigUint64Array.of(2n ** 64n - 1n), 'Q', [2n ** 64n - 1n]],
    [new ArrayBuffer(2), 'B', [0, 0]],
    [new DataView(new ArrayBuffer(4), 1, 2), 'B', [0, 0]],
    [new Float64Array(0), 'd', []],
  ])('other memory is copied: %p', (value, format, items) => {
    const [kind, gotFormat, , writable, got] = sync.described(value) as unknown[]
    expect([kind, gotFormat, writable, got]).toEqual(['memoryview', format, true, items])
    const inside = sync.give({ a: [value] }) as { a: unknown[] }
    expect(ArrayBuffer.isView(inside.a[0])).toBe(true)
  })

  test.each([
    ['Uint8Array', (buffer: ArrayBuffer) => new Uint8Array(buffer)],
    ['Float64Array', (buffer: ArrayBuffer) => new Float64Array(buffer)],
    ['DataView', (buffer: ArrayBuffer) => new DataView(buffer)],
    ['ArrayBuffer', (buffer: ArrayBuffer) => buffer],
    ['python.borrow', (buffer: ArrayBuffer) => python.borrow(new Float64Array(buffer))],
  ])('memory that was transferred is an error: %s', (_, over) => {
    const buffer = new ArrayBuffer(16)
    const value = over(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expect(() => sync.give({ a: [value] })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONVERSION',
        path: 'args[0].a[0]',
        message: expect.stringContaining('transferred') as string,
      }),
    )
  })

  test('a copy is one: neither language sees what the other writes to it', () => {
    for (const length of [4, 100_000]) {
      const source = new Float64Array(length)
      const got = sync.give(source) as Float64Array
      sync.put(source, 0, 5)
      source[1] = 6
      expect([source[0], got[1], got.length]).toEqual([0, 0, length])
    }
  })

  test('bytes of any length are bytes', async () => {
    for (const length of [0, 10, 32 * 1024, 3_000_000]) {
      const bytes = Buffer.alloc(length, 'abc')
      const copy = sync.give(bytes) as Buffer
      expect(copy.equals(bytes)).toBe(true)
      expect(((await handle.give(bytes)) as Buffer).equals(bytes)).toBe(true)
      expect((sync.described(bytes) as string[])[0]).toBe('bytes')
    }
  })
})

describe('python.borrow', () => {
  test('lends memory for one call', () => {
    const array = new Float64Array(4)
    sync.fill(python.borrow(array.subarray(1, 3)), 2.5)
    expect([...array]).toEqual([0, 2.5, 2.5, 0])
    expect(sync.sum_of(python.borrow(array))).toBe(5)
  })

  test('what Python keeps is an error, and stays valid', () => {
    const array = new Float64Array(1000).fill(1)
    expect(() => sync.kept_view(python.borrow(array))).toThrow(
      expect.objectContaining({ code: 'ERR_CONVERSION', path: 'args[0]' }),
    )
    const { buffer } = array
    structuredClone(buffer, { transfer: [buffer] })
    expect(array.length).toBe(0)
    const kept = python.evalSync('f.__defaults__[0][-1]', { f: sync.kept_view }) as Float64Array
    expect(kept.every((item) => item === 1)).toBe(true)
    // The next call is not blamed for it.
    expect(sync.sum_of(1)).toBe(1)
  })

  test('no view can be made of it when the call is over', () => {
    const scope = python.execSync('def keep(view):\n    global owner\n    owner = view.obj\n    view.release()')
    ;(scope.keep as unknown as (view: unknown) => void)(python.borrow(new Uint8Array(8)))
    expect(() => python.execSync('memoryview(owner)', scope)).toThrow('BufferError')
  })

  test('no callback runs meanwhile, and no asynchronous call takes it', async () => {
    const array = new Float64Array(1)
    expect(() => sync.call(() => 1, python.borrow(array))).toThrow('cannot call JavaScript while it has borrowed')
    expect(sync.call(() => 1)).toBe(1)
    await expect(handle.sum_of(python.borrow(array))).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
    expect(() => python.borrow([1] as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    const resizable = new Uint8Array(
      new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(8, { maxByteLength: 16 }),
    )
    if ((resizable.buffer as { resizable?: boolean }).resizable === true)
      expect(() => sync.sum_of(python.borrow(resizable))).toThrow('resized')
  })
})

describe('memory lives as long as anybody has it', () => {
  const collect = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The buffer that has the memory now; nothing where memory that is not V8's stays where it is. */
  const transferredFrom = (buffer: ArrayBuffer): ArrayBuffer | undefined => {
    const { transfer } = buffer as { transfer?: () => ArrayBuffer }
    if (transfer !== undefined) return Reflect.apply(transfer, buffer, []) as ArrayBuffer
    const moved = structuredClone(buffer, { transfer: [buffer] })
    return buffer.byteLength === 0 ? moved : undefined
  }

  test('memory of Python that is transferred moves, and the array that had it is an error', async () => {
    const array = python.evalSync('np.arange(4.0)', { np: python.importSync('numpy') }) as NdArray<Float64Array>
    const moved = transferredFrom(array.data.buffer as ArrayBuffer)
    if (moved === undefined) return
    expect([array.data.length, ...new Float64Array(moved)]).toEqual([0, 0, 1, 2, 3])
    // What JavaScript has now is its own affair, and is copied.
    expect(describedAs(new Float64Array(moved))).toEqual(['memoryview', 'd', [4], true, [0, 1, 2, 3]])
    const error = { code: 'ERR_CONVERSION', message: expect.stringContaining('transferred') as string }
    expect(() => sync.sum_of(array)).toThrow(expect.objectContaining({ ...error, path: 'args[0]' }))
    expect(() => array.$sync).toThrow(expect.objectContaining(error))
    await collect()
    expect(new Float64Array(moved)[3]).toBe(3)
  })

  test('an array whose memory was transferred is still the object in Python while it has a handle of it', async () => {
    const scope = python.execSync(
      'import numpy as np, weakref\ndef make():\n    global ref\n    a = np.arange(4.0)\n    ref = weakref.ref(a)\n    return a',
    )
    const array = (scope.make as unknown as () => NdArray<Float64Array>)()
    const handle = array.$sync
    if (transferredFrom(array.data.buffer as ArrayBuffer) === undefined) return
    await collect()
    expect(sync.sum_of(array)).toBe(6)
    expect(sync.sum_of(handle)).toBe(6)
    handle.$dispose()
    expect(() => sync.sum_of(array)).toThrow(expect.objectContaining({ code: 'ERR_HANDLE_DISPOSED' }))
    for (let round = 0; round < 100 && python.evalSync('ref() is None', scope) !== true; round++) await collect()
    expect(python.evalSync('ref() is None', scope)).toBe(true)
  })

  test('an array that JavaScript made is one object in Python as long as JavaScript has it', async () => {
    const scope = python.execSync(
      'import weakref\nref = None\ndef same(array):\n    global ref\n    known = ref and ref()\n    ref = weakref.ref(array)\n    return known is array',
    )
    const same = scope.same as unknown as (array: unknown) => boolean
    const use = (): boolean[] => {
      const array = python.ndarray(3)
      return [same(array), same(array), same(array)]
    }
    expect(use()).toEqual([false, true, true])
    for (let round = 0; round < 100 && python.evalSync('ref() is None', scope) !== true; round++) await collect()
    expect(python.evalSync('ref() is None', scope)).toBe(true)
  })

  test('arrays go within one long synchronous job, where V8 makes the buffers', () => {
    if (process.platform !== 'linux') return
    const scope = python.execSync(
      'import numpy as np, weakref\nalive = weakref.WeakSet()\nclass Owner:\n    def __init__(self):\n        self.memory = bytearray(8_000_000)\n' +
        '        alive.add(self)\n    @property\n    def __array_interface__(self):\n        return np.frombuffer(self.memory, "u1").__array_interface__\n' +
        'def make():\n    return np.asarray(Owner())\ndef count():\n    return len(alive)',
    )
    const make = scope.make as unknown as () => NdArray
    const count = scope.count as unknown as () => number
    let made = 0
    while (count() === made && made < 1000) {
      make()
      made += 1
    }
    expect(made).toBeLessThan(1000)
  })

  test('a buffer of more than four gigabytes is one, or an error', () => {
    const items = 2 ** 29 + 5
    let array: NdArray<Float64Array>
    try {
      array = python.ndarray(items)
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/) as string })
      return
    }
    array.data[items - 1] = 7
    expect(python.evalSync('[len(a), float(a[-1])]', { a: array })).toEqual([items, 7])
  })

  test('Python keeps memory that JavaScript made and has forgotten', async () => {
    const scope = python.execSync('kept = []\ndef keep(array):\n    kept.append(array)')
    const keep = scope.keep as unknown as (array: unknown) => void
    for (let index = 0; index < 50; index++) {
      const array = python.ndarray(1000)
      array.data.fill(index)
      keep(array)
    }
    await collect()
    const sums = python.evalSync('[float(array.sum()) for array in kept]', scope) as number[]
    expect(sums).toEqual(sums.map((_, index) => 1000 * index))
  })

  test('an export ends with the last array in JavaScript, so that Python can resize again', async () => {
    const scope = python.execSync('import array\na = array.array("d", [1, 2])')
    const use = (): number => (scope.a as unknown as Float64Array)[0]!
    expect(use()).toBe(1)
    await collect()
    // The thread that gives exports back is another one.
    for (let attempt = 0; ; attempt++) {
      try {
        python.execSync('a.append(3)', scope)
        break
      } catch (error) {
        if (attempt > 1000) throw error
        await collect()
      }
    }
    expect(scope.a).toEqual(Float64Array.of(1, 2, 3))
  })
})
