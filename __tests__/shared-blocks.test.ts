/* Memory that Python in other processes uses too, without a copy in either direction. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import {
  isBridgeError,
  kw,
  python,
  WorkerPool,
  type ArrayType,
  type Handle,
  type NdArray,
  type RemoteSession,
} from 'symphony-python-bridge'
import { eventually } from './support/eventually'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const fixtures = join(__dirname, 'fixtures')
const dtypes = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float32',
  'float64',
  'bool',
  'complex64',
  'complex128',
] as const satisfies readonly ArrayType[]

const size = 2
let pool: WorkerPool
let there: Handle

const isLinux = process.platform === 'linux'

beforeAll(async () => {
  pool = await WorkerPool.start({ size, target: 'shared_memory', paths: [fixtures], standby: 0 })
  session = await pool.session()
  there = (await session.import('shared_memory')) as unknown as Handle
})
afterAll(async () => {
  await session.close()
  await pool.stop({ drain: 0 })
})
let session: RemoteSession

const bytesOf = ({ data }: NdArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

;(isLinux ? describe : describe.skip)('memory of python.ndarray', () => {
  test('needs no Python in this process', () => {
    expect(python.ndarray(3).copied).toBe(false)
    expect(() => python.info()).toThrow(expect.objectContaining({ code: 'ERR_PYTHON_NOT_STARTED' }))
  })

  test('is written to by both, and comes back as what it is, of any size', async () => {
    for (const length of [1, 7, 2000, 2049, 100_000]) {
      const array = python.ndarray(length)
      array.data.fill(1)
      await there.fill(array, 2)
      expect(array.data.every((item) => item === 2)).toBe(true)
      const back = await there.same<NdArray<Float64Array>>(array)
      expect([back.copied, back.data.buffer === array.data.buffer]).toEqual([false, true])
      back.data[0] = 5
      expect(await there.total(array)).toBe(2 * length + 3)
    }
  })

  test('is the same array each time', async () => {
    const array = python.ndarray([2, 3])
    expect(await there.is_same(array, array)).toBe(true)
    await there.keep(array)
    expect(await session.eval('a is b', { a: array, b: await there.last.$with({ returns: 'ref' })() })).toBe(true)
    expect(await there.last()).toBe(await there.last())
    expect(await there.is_same(await there.last(), array)).toBe(true)
    await there.forget()
  })

  test('parts and views of it share its buffer, and what has gaps is a copy', async () => {
    const array = python.ndarray([4, 6], 'int32')
    array.data.set(Array.from({ length: 24 }, (_, index) => index))
    const { buffer } = array.data
    const row = await there.part<NdArray<Int32Array>>(array, [[1, 3, 1]])
    expect([row.shape, row.data.buffer === buffer, row.data.byteOffset]).toEqual([[2, 6], true, 24])
    const turned = await there.turned<NdArray<Int32Array>>(array)
    expect([turned.shape, turned.strides, turned.data.buffer === buffer]).toEqual([[6, 4], [1, 6], true])
    const gaps = await there.part<NdArray>(array, [
      [0, 4, 1],
      [0, 6, 2],
    ])
    expect([gaps.shape, gaps.copied, gaps.data.buffer === buffer]).toEqual([[4, 3], true, false])
    expect(await there.total(array.data.subarray(2, 4))).toBe(5)
    await there.fill(array.data.subarray(2, 4), 100)
    expect([...array.data.subarray(0, 5)]).toEqual([0, 1, 100, 100, 4])
  })

  test('so is that of python.memoryview', async () => {
    const view = python.memoryview(Uint16Array.of(1, 2, 3))
    const back = await there.same<Uint16Array>(view)
    expect([back.constructor.name, [...back], back.buffer === view.buffer]).toEqual(['Uint16Array', [1, 2, 3], true])
    await there.fill(view, 9)
    expect([...view]).toEqual([9, 9, 9])
    const bytes = python.memoryview(5)
    await there.fill(bytes, 1)
    expect([...bytes]).toEqual([1, 1, 1, 1, 1])
    expect(await there.same(python.memoryview(0))).toHaveLength(0)
  })

  test('what is written by one process is seen by the others', async () => {
    const sessions: RemoteSession[] = []
    for (let index = 0; index < 2 * size; index++) sessions.push(await pool.session())
    const written = python.ndarray(sessions.length, 'int64')
    await Promise.all(
      sessions.map((one, index) => one.exec('a[i] = __import__("os").getpid()', { a: written, i: index })),
    )
    const pids = [...written.data].map(Number)
    expect(new Set(pids)).toEqual(new Set(pool.status().workers.map(({ pid }) => pid)))
    for (const one of sessions) {
      expect(await one.eval('a.tolist()', { a: written })).toEqual(pids)
      await one.close()
    }
  })

  test('is that of Python in this process, too', async () => {
    const array = python.ndarray(3)
    await there.fill(array, 2)
    python.execSync('a *= 3', { a: array })
    expect(await there.total(array)).toBe(18)
    const part = python.evalSync<NdArray<Float64Array>>('a[1:]', { a: array })
    await there.fill(part, 1)
    expect([...array.data]).toEqual([6, 1, 1])
  })

  test('functions of JavaScript get it, and streams bring it', async () => {
    const array = python.ndarray(4, 'uint8')
    const change = (given: NdArray<Uint8Array>): NdArray<Uint8Array> => {
      given.data[0] = 8
      return given
    }
    const answered = await there.answer<NdArray>(change, array)
    expect([array.data[0], answered.data.buffer === array.data.buffer]).toEqual([8, true])
    const places: number[] = []
    for await (const chunk of there.chunks(array, 2) as unknown as AsyncIterable<NdArray>) {
      expect(chunk.data.buffer).toBe(array.data.buffer)
      places.push(chunk.data.byteOffset)
    }
    expect(places).toEqual([0, 2])
  })

  test('every element type, shape and part crosses as it is', async () => {
    const cases = fc.record({
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
      fill: fc.integer({ min: 0, max: 100 }),
      slices: fc.array(
        fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5 }), fc.constantFrom(1, 2)),
        {
          maxLength: 4,
        },
      ),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ dtype, shape, fill, slices }) => {
        const array = python.ndarray(shape, dtype)
        await there.fill(array, dtype === 'bool' ? fill % 2 : fill)
        const [name, seen, items] = await there.listed<[string, readonly number[], unknown]>(array)
        expect([name, [...seen]]).toEqual([dtype, shape])
        expect(array.toArray()).toEqual(
          dtype.startsWith('complex') || dtype.endsWith('64') ? expect.anything() : (items as object),
        )
        const back = await there.same<NdArray>(array)
        expect([back.dtype, back.shape, back.copied && back.size > 0]).toEqual([dtype, shape, false])
        expect(bytesOf(back).equals(bytesOf(array))).toBe(true)
        const index = slices.slice(0, shape.length)
        const part = await there.part<NdArray>(array, index)
        if (!isArray(part)) return
        const isShared = part.data.buffer === array.data.buffer
        expect(isShared).toBe(part.size > 0 && !part.copied)
        // Back there it is the part itself, whatever became of it here.
        await there.fill(part, 1)
        const ones = await there.total(part)
        expect(Number((ones as { re?: number }).re ?? ones)).toBe(part.size)
      }),
      { numRuns: 150 },
    )
  })
})

/** A part of no dimensions is a number. */
function isArray(value: unknown): value is NdArray {
  return typeof value === 'object' && value !== null && 'dtype' in value
}

;(isLinux ? describe : describe.skip)('how long it lives', () => {
  test('a process keeps it when JavaScript has forgotten it', async () => {
    await (async () => {
      for (let index = 0; index < 20; index++) {
        const array = python.ndarray(1000 + 1000 * (index % 3))
        array.data[0] = index
        await there.keep(array)
      }
    })()
    for (let round = 0; round < 3; round++) {
      gc()
      await new Promise((resolve) => setImmediate(resolve))
    }
    // What is made now must not lie where those are.
    for (let index = 0; index < 100; index++) python.ndarray(1000).data.fill(-1)
    expect(await there.bytes_kept()).toEqual(Array.from({ length: 20 }, (_, index) => index))
    const again = await there.last<NdArray<Float64Array>>()
    expect([again.copied, again.data[0]]).toEqual([false, 19])
    again.data[1] = 1
    expect(((await there.bytes_kept()) as number[]).at(-1)).toBe(20)
    await there.forget()
  })

  test('JavaScript keeps it, with what was written, when the process is killed in the middle', async () => {
    const own = await WorkerPool.start({ size: 1, target: 'shared_memory', paths: [fixtures] })
    const array = python.ndarray(50_000)
    array.data[1] = 3
    await expect(own.call('write_and_die', [array])).rejects.toThrow('SIGKILL')
    expect([array.data[0], array.data[1]]).toEqual([7, 3])
    // The process that took its place gets it as any other.
    expect(await own.call('total', [array])).toBe(10)
    await own.stop({ drain: 0 })
    array.data[0] = 8
    expect(await there.total(array)).toBe(11)
  })

  test('a thousand of them leave nothing behind, neither here nor there', async () => {
    const here = (): readonly number[] => [
      readFileSync('/proc/self/maps', 'utf8').split('symphony-memory').length,
      readdirSync('/proc/self/fd').length,
    ]
    const settled = async (expected: string): Promise<void> =>
      eventually(async () => {
        gc()
        return JSON.stringify([here(), await there.mappings()])
      }, expected)
    const use = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const array = python.ndarray(index % 2 === 0 ? 10 : 5000)
        array.data[0] = 1
        const back = await there.add_one<NdArray<Float64Array>>(array)
        expect(back.data[0]).toBe(2)
      }
    }
    await use(10)
    let before = ''
    // Until nothing changes any more.
    for (let same = 0; same < 20;) {
      gc()
      const now = JSON.stringify([here(), await there.mappings()])
      same = now === before ? same + 1 : 0
      before = now
    }
    await use(1000)
    await settled(before)
  })

  test('memory that was transferred is an error', async () => {
    const array = python.ndarray(4)
    await there.same(array)
    const moved = structuredClone(array.data, { transfer: [array.data.buffer as ArrayBuffer] })
    for (const given of [array, array.data]) {
      const error: unknown = await (there.same(given) as Promise<unknown>).catch((problem: unknown) => problem)
      expect(isBridgeError(error, 'ERR_CONVERSION')).toBe(true)
    }
    // What has the memory now is JavaScript's own.
    await there.fill(moved, 3)
    expect([...moved]).toEqual([0, 0, 0, 0])
  })

  test('in a process without room for it, it is a MemoryError, and others go on', async () => {
    const own = await WorkerPool.start({
      size: 1,
      target: 'shared_memory',
      paths: [fixtures],
      limits: { addressSpaceMb: 3000 },
    })
    const huge = python.ndarray(2 ** 29)
    const call = own.call('total', [huge], kw({}))
    await expect(call).rejects.toThrow('MemoryError')
    expect(await own.call('total', [python.ndarray(3)])).toBe(0)
    await own.stop({ drain: 0 })
  })
})
