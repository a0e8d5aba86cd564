// What the soak passes to Python that does something there: callbacks, promises, iterables, streams. As in actions.mjs, whose weights are
// here for these.
import assert from 'node:assert/strict'
import { Blob } from 'node:buffer'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { isBridgeError, kw } from 'symphony-python-bridge'

export const weights = {
  registerCallbacks: 3,
  stringCallbacks: 2,
  promises: 3,
  abandonedPromises: 2,
  asyncFunctions: 3,
  iterables: 2,
  syncIterables: 2,
  asyncIterables: 2,
  readables: 2,
  chunks: 2,
}

/** How long what closes by itself may take, in milliseconds: whoever drops it may be any thread, and this one may be busy. */
const patience = 60_000

const range = (count) => Array.from({ length: count }, (_, index) => index)

/** Counts up without end; `closed` settles when whoever reads it has left. */
class Counting {
  #close
  closed = new Promise((resolve) => (this.#close = resolve));

  *items() {
    try {
      for (let number = 0; ; number++) yield number
    } finally {
      this.#close()
    }
  }

  async *itemsLater() {
    try {
      for (let number = 0; ; number++) {
        if (number % 3 === 0) await pause(0)
        yield number
      }
    } finally {
      this.#close()
    }
  }

  async left() {
    const timer = new AbortController()
    const late = pause(patience, 'late', { signal: timer.signal }).catch(() => undefined)
    assert.notEqual(await Promise.race([this.closed, late]), 'late', 'the iteration was not closed')
    timer.abort()
  }
}

export const actions = {
  registerCallbacks(ns, random) {
    const { fold, ask } = ns.$sync
    const count = random.integer(200)
    assert.equal(
      fold((sum, number) => sum + number, count),
      range(count).reduce((sum, number) => sum + number, 0),
    )
    for (const value of [true, false, null, 0, -0, 0.5, 2 ** 40])
      assert(
        Object.is(
          ask((same) => same, value),
          value,
        ),
      )
    // Results that do not fit a register.
    assert.equal(
      ask((number) => String(number), count),
      String(count),
    )
    assert.deepEqual(
      ask((...args) => args, 1, true, null),
      [1, true, null],
    )
    const thrown = new RangeError('on purpose')
    const fails = (number) => {
      if (number === count - 1) throw thrown
      return number
    }
    if (count > 1)
      assert.throws(
        () => fold((_, number) => fails(number), count),
        (error) => error === thrown,
      )
  },

  async stringCallbacks(ns, random) {
    const text = 'Grüße, 世界 🎵 '.repeat(random.integer(random.chance(0.1) ? 5000 : 10))
    const twice = (string, named) => string + string + (named?.suffix ?? '')
    assert.equal(ns.$sync.ask(twice, text), text + text)
    assert.equal(await ns.ask(twice, text), text + text)
    assert.equal(
      await ns.ask_named((options) => JSON.stringify(options), kw({ suffix: text })),
      JSON.stringify(kw({ suffix: text })),
    )
  },

  async promises(ns, random) {
    const delay = random.integer(5)
    const later = () => pause(delay, { number: delay })
    assert.deepEqual(await ns.awaited(later()), { number: delay })
    assert.deepEqual(await ns.awaited_in_thread(later()), { number: delay })
    assert.deepEqual(await ns.result(later()), { number: delay })
    const thrown = new RangeError('on purpose')
    const fails = () => pause(delay).then(() => Promise.reject(thrown))
    for (const name of ['awaited', 'awaited_in_thread', 'result'])
      await assert.rejects(ns.$get(name)(fails()), (error) => error === thrown)
  },

  async abandonedPromises(ns, random) {
    const never = new Promise(() => {})
    const timeout = 1 + random.integer(5)
    await assert.rejects(ns.awaited.$with({ timeout })(never), (error) => isBridgeError(error, 'ERR_TIMEOUT'))
    // Nobody looks at these, whatever they become.
    await ns.Holder(never)
    await ns.Holder([pause(timeout), pause(timeout).then(() => Promise.reject(new RangeError('unseen')))])
    assert.equal(await ns.dropped_tasks(never, random.integer(5)), 'JsPromise')
  },

  async asyncFunctions(ns, random) {
    const count = random.integer(30)
    const delay = random.integer(3)
    const doubles = async (number) => {
      await pause(delay)
      return number * 2
    }
    const doubled = range(count).map((number) => number * 2)
    assert.deepEqual(await ns.gather(doubles, count), doubled)
    assert.deepEqual(await ns.gather_in_thread(doubles, count), doubled)
    // One that calls Python, which awaits JavaScript.
    assert.equal(await ns.awaited_call(async () => ns.awaited_call(doubles, count), 0), count * 2)
  },

  async iterables(ns, random) {
    const count = random.integer(20)
    assert.deepEqual(await ns.items(new Set(range(count)).values()), range(count))
    const counting = new Counting()
    assert.deepEqual(await ns.take(counting.items(), count + 1), range(count + 1))
    await counting.left()
    const iterable = { [Symbol.iterator]: () => range(count).values() }
    assert.deepEqual(await ns.items(iterable), await ns.items(iterable))
  },

  async syncIterables(ns, random) {
    const count = 1 + random.integer(20)
    const counting = new Counting()
    assert.deepEqual(ns.$sync.take(counting.items(), count), range(count))
    await counting.left()
    const generator = new Counting().items()
    assert.equal(ns.$sync.throw_into(generator), 'on purpose')
    assert.deepEqual(generator.next(), { done: true, value: undefined })
  },

  async asyncIterables(ns, random) {
    const count = 1 + random.integer(20)
    for (const name of ['take_async', 'take_async_in_thread']) {
      const counting = new Counting()
      assert.deepEqual(await ns.$get(name)(counting.itemsLater(), count), range(count))
      await counting.left()
    }
    const rows = Readable.from(range(count).map((id) => ({ id })))
    assert.equal((await ns.take_async(rows, count + 1)).length, count)
  },

  async readables(ns, random) {
    const chunks = range(random.integer(20)).map((number) => Buffer.alloc(1 + random.integer(5000), number))
    const all = Buffer.concat(chunks)
    const stream = () => Readable.from(chunks, { objectMode: false })
    assert(all.equals(await ns.read(stream())))
    assert.equal(await ns.count_bytes(stream()), all.length)
    assert.equal(await ns.count_bytes(new Blob(chunks).stream()), all.length)
    const count = random.integer(all.length + 1)
    assert(all.subarray(0, count).equals(await ns.read(stream(), count)))
  },

  async chunks(ns, random) {
    const chunks = range(1 + random.integer(20)).map((number) => Buffer.alloc(1 + random.integer(5000), number))
    const stream = Readable.from(chunks, { objectMode: false })
    const closed = new Promise((resolve) => stream.once('close', resolve))
    const [first] = await ns.take_async(stream, 1)
    assert(chunks[0].equals(first))
    await closed
  },
}
