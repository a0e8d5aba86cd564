// What the soak does with arrays and the memory that they share; see actions.mjs.
import assert from 'node:assert/strict'
import { isBridgeError, isPythonError, python } from 'symphony-python-bridge'

/** How often each is chosen. */
export const weights = {
  madeArrays: 3,
  pythonArrays: 3,
  partsOfArrays: 3,
  copiedArrays: 2,
  largeBytes: 1,
  lentMemory: 3,
  borrowedMemory: 2,
  keptBorrow: 0.2,
  resizedWhileShared: 2,
  transferredArrays: 2,
  clonedArrays: 1,
  sharedByHandle: 2,
  arraysInCallbacks: 2,
  manyArrays: 1,
  arraysInOneJob: 0.5,
  keptViews: 2,
  cancelledWithArrays: 1,
}

const dtypes = ['int8', 'uint8', 'int16', 'float32', 'float64', 'bool']

/** A length that is small mostly, and sometimes larger than what is copied into messages. */
function lengthOf(random) {
  return random.chance(0.1) ? random.integer(300_000) : random.integer(200)
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

export const actions = {
  async madeArrays(ns, random) {
    const shape = Array.from({ length: random.integer(3) }, () => 1 + random.integer(20))
    const array = python.ndarray(shape, dtypes[random.integer(dtypes.length)])
    ns.$sync.fill(array, 1)
    const bytes = new Uint8Array(array.data.buffer)
    assert(bytes.every((byte) => byte === 1))
    assert.equal(await ns.total(array), bytes.length)
    const back = await ns.fill_later(array, 2)
    assert.equal(back.data.buffer, array.data.buffer)
    assert(bytes.every((byte) => byte === 2))
    assert.equal(array.$sync.nbytes, bytes.length)
  },

  async pythonArrays(ns, random) {
    const length = lengthOf(random)
    const numbers = random.chance(0.5) ? ns.$sync.numbers_of(length, 3) : await ns.numbers_of(length, 3)
    assert(numbers.every((number) => number === 3) && numbers.length === length)
    numbers.fill(4)
    assert.equal(ns.$sync.total(numbers), 4 * length)
    assert.equal(await ns.echo(numbers), numbers)
    assert.deepEqual(ns.$sync.echo([numbers, { a: numbers }]), [numbers, { a: numbers }])
  },

  async partsOfArrays(ns, random) {
    const [height, width] = [1 + random.integer(10), 1 + random.integer(500)]
    const table = await ns.table_of(height, width, 5)
    const rows = random.chance(0.5) ? ns.$sync.rows_of(table) : await ns.rows_of(table)
    assert.equal(rows.length, height)
    for (const row of rows) assert.equal(row.buffer, table.data.buffer)
    const [row] = rows
    row.fill(6)
    assert.equal(ns.$sync.total(table), 5 * height * width + width)
    const part = table.data.subarray(random.integer(width), width)
    assert.equal(await ns.total(part), 6 * part.length)
    assert.equal(ns.$sync.echo(part).buffer, part.length > 0 ? table.data.buffer : ns.$sync.echo(part).buffer)
    if (random.chance(0.3)) globalThis.gc()
    assert.equal(ns.$sync.first_of(row), 6)
  },

  async copiedArrays(ns, random) {
    const source = new Uint16Array(lengthOf(random)).fill(0x0101)
    const [copy, other] = [ns.$sync.echo(source), await ns.echo(source)]
    source.fill(0)
    for (const array of [copy, other]) assert(array.length === source.length && array.every((item) => item === 0x0101))
    assert.equal(await ns.total(copy), 2 * copy.length)
  },

  async largeBytes(ns, random) {
    const bytes = Buffer.alloc(random.integer(500_000), 7)
    assert(ns.$sync.echo(bytes).equals(bytes))
    assert((await ns.echo(bytes)).equals(bytes))
  },

  async lentMemory(ns, random) {
    const buffer = new SharedArrayBuffer(1 + lengthOf(random))
    const bytes = new Uint8Array(buffer)
    ns.$sync.fill(bytes, 1)
    await Promise.all([
      ns.fill(new DataView(buffer), 2),
      ns.echo(bytes).then((back) => assert.equal(back.buffer, buffer)),
    ])
    assert(bytes.every((byte) => byte === 2))
    const keeper = await ns.Keeper(buffer, bytes.subarray(0, 1))
    assert.deepEqual(await keeper.totals(), [2 * bytes.length, 2])
    if (random.chance(0.5)) keeper.$dispose()
  },

  borrowedMemory(ns, random) {
    const array = new Uint8Array(lengthOf(random))
    ns.$sync.fill(python.borrow(array), 9)
    assert(array.every((byte) => byte === 9))
    assert.throws(
      () => ns.$sync.ask(() => 1, python.borrow(array)),
      (error) => isPythonError(error) || isBridgeError(error),
    )
  },

  keptBorrow(ns, random) {
    const array = new Uint8Array(1 + random.integer(50)).fill(3)
    const kept = ns.$sync.echo.$with({ returns: 'ref' })([])
    assert.throws(
      () => ns.$sync.keeps(python.borrow(array), kept),
      (error) => isBridgeError(error, 'ERR_CONVERSION'),
    )
    if (random.chance(0.5)) structuredClone(array.buffer, { transfer: [array.buffer] })
    globalThis.gc()
    assert.equal(ns.$sync.first_of(kept.$getItem(0)), 3)
  },

  async resizedWhileShared(ns, random) {
    const data = await ns.bytes_of.$with({ returns: 'ref' })(1 + random.integer(1000), 1)
    assert.equal(await ns.grown(data), true)
    const memory = random.chance(0.5) ? data.$sync.$buffer() : await data.$buffer()
    assert.equal(await ns.grown(data), false)
    memory.fill(2)
    assert.equal(ns.$sync.grown(data), false)
    assert.equal(await ns.total(memory), 2 * memory.length)
  },

  async transferredArrays(ns, random) {
    const array = random.chance(0.5) ? python.memoryview(100) : await ns.numbers_of(100, 0)
    array.fill(1)
    const { buffer } = array
    if (buffer.transfer === undefined) return
    const moved = random.chance(0.5) ? buffer.transfer() : buffer.transfer(random.integer(200))
    assert.equal(array.length, 0)
    globalThis.gc()
    await nextTurn()
    new Uint8Array(moved).fill(2)
    const [back] = await ns.echo([moved])
    assert(back.every((item) => item === 2))
    await assert.rejects(ns.echo(buffer), (error) => isBridgeError(error, 'ERR_CONVERSION'))
    if (random.chance(0.5)) moved.transfer()
  },

  async clonedArrays(ns) {
    const array = await ns.numbers_of(50, 4)
    const copy = structuredClone(array)
    assert.equal(copy.length, 50)
    copy.fill(0)
    assert.equal(ns.$sync.total(array), 200)
    let moved
    try {
      moved = structuredClone(array, { transfer: [array.buffer] })
    } catch (error) {
      // By Node itself, for memory that is not its own.
      assert.equal(error.name, 'DataCloneError')
    }
    if (array.length === 0) {
      await assert.rejects(ns.total(array), (error) => isBridgeError(error, 'ERR_CONVERSION'))
      globalThis.gc()
      assert(moved.every((item) => item === 4))
    } else {
      assert.equal(ns.$sync.total(array), 200)
    }
    const { data } = structuredClone({ data: python.ndarray(3).data })
    assert.equal(data.length, 3)
  },

  async sharedByHandle(ns, random) {
    const array = random.chance(0.5) ? python.ndarray([2, 3], 'uint8') : await ns.table_of(2, 3, 0)
    const handle = await python.adopt(array.$sync.$share())
    const other = await handle.$buffer()
    other.data.fill(8)
    assert(array.data.every((item) => item === 8))
    if (random.chance(0.5)) handle.$dispose()
  },

  async arraysInCallbacks(ns, random) {
    const array = python.ndarray(1 + random.integer(100), 'uint8')
    assert.equal(
      ns.$sync.ask((given) => given.data.buffer === array.data.buffer, array),
      true,
    )
    const made = ns.$sync.ask(() => python.memoryview(Uint8Array.of(1, 2)))
    assert.deepEqual([...made], [1, 2])
    const back = await ns.ask((given) => [given, Float64Array.of(1)], array)
    assert.equal(back[0].data.buffer, array.data.buffer)
    assert.deepEqual(back[1], Float64Array.of(1))
    assert.equal(await ns.awaited(Promise.resolve(array)).then((settled) => settled.data.length), array.data.length)
  },

  async manyArrays(ns, random) {
    const count = random.integer(100)
    const arrays = await Promise.all(Array.from({ length: count }, (_, index) => ns.numbers_of(10, index)))
    const sums = await Promise.all(arrays.map((array) => ns.total(array)))
    assert.deepEqual(
      sums,
      sums.map((_, index) => 10 * index),
    )
  },

  arraysInOneJob(ns, random) {
    const table = ns.$sync.table_of(4, 4, 1)
    for (let round = random.integer(300); round > 0; round--) {
      assert.equal(ns.$sync.echo(table), table)
      ns.$sync.total(ns.$sync.numbers_of(1000, 1).subarray(10))
      ns.$sync.fill(python.memoryview(100), 1)
      if (round % 100 === 0) globalThis.gc()
    }
  },

  async keptViews(ns, random) {
    const keeper = await ns.Keeper(
      python.ndarray(10, 'uint8'),
      Uint32Array.of(0x01010101),
      python.memoryview(Buffer.from([5])),
    )
    if (random.chance(0.5)) globalThis.gc()
    await nextTurn()
    assert.deepEqual(await keeper.totals(), [0, 4, 5])
  },

  async cancelledWithArrays(ns, random) {
    const signal = AbortSignal.timeout(1 + random.integer(5))
    const call = ns.later.$with({ signal })
    const pause = random.integer(10) / 1000
    const results = await Promise.allSettled([
      call(python.ndarray(1000, 'uint8'), pause),
      call(new SharedArrayBuffer(100), pause),
      call(Buffer.alloc(50_000), pause),
      call(ns.numbers_of(100, 1), pause),
    ])
    for (const { status, reason } of results) assert(status === 'fulfilled' || isBridgeError(reason, 'ERR_CANCELLED'))
  },
}
