// What the soak does with what Python gives: its streams, its output, its threads, its asynchronous context managers. As in actions.mjs, whose
// weights are here for these.
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { isBridgeError, isPythonError, python } from 'symphony-python-bridge'

export const weights = {
  asyncContexts: 2,
  thrownIntoStreams: 2,
  readable: 2,
  leftReadable: 2,
  output: 2,
  threads: 2,
  interrupted: 2,
  interruptedSession: 1,
  syncShares: 2,
}

export const actions = {
  async asyncContexts(ns, random) {
    const swallows = random.chance(0.5)
    const fails = random.chance(0.5)
    const manager = await ns.AsyncManager(swallows)
    const entered = python.with(manager, async (value) => {
      assert.equal(await value.swallows, swallows)
      await ns.later(1, random.integer(3) / 1000)
      if (fails) throw new RangeError('on purpose')
    })
    if (fails && !swallows) await assert.rejects(entered, RangeError)
    else await entered
    assert.deepEqual(await manager.errors, [fails ? 'JsError' : null])
  },

  async thrownIntoStreams(ns, random) {
    const name = random.chance(0.5) ? 'stubborn' : 'stubborn_async'
    const highWaterMark = random.integer(5)
    const items = ns.$get(name).$with({ highWaterMark })(1000).$iter()
    const thrown = new RangeError('on purpose')
    // One that has not begun has nothing that could handle it.
    if (random.chance(0.2)) return await assert.rejects(items.throw(thrown), (error) => error === thrown)
    const count = 1 + random.integer(10)
    for (let taken = 0; taken < count; taken++) assert.equal((await items.next()).value, taken)
    assert.equal((await items.throw(thrown)).value, 'JsError')
    const { value } = await items.next()
    assert.equal(typeof value, 'number')
    const failure = await ns.fail(0, null).catch((error) => error)
    assert(isPythonError(failure, 'ValueError'))
    await assert.rejects(items.throw(failure), (error) => isPythonError(error, 'ValueError'))
    assert.equal((await items.next()).done, true)
  },

  async readable(ns, random) {
    const count = random.integer(50)
    const expected = Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.alloc(1000, index)))
    for (const source of [ns.blocks(count), ns.blocks_async(count), ns.io.BytesIO(expected)]) {
      const chunkSize = 1 + random.integer(5000)
      assert(expected.equals(await buffer(source.$readable({ chunkSize }))))
    }
  },

  async leftReadable(ns, random) {
    const name = random.chance(0.5) ? 'blocks' : 'blocks_async'
    const stream = ns.$get(name)(1_000_000).$readable()
    const closed = new Promise((resolve) => stream.once('close', resolve))
    let left = random.integer(20)
    for await (const chunk of stream) {
      assert.equal(chunk.length % 1000, 0)
      if (--left <= 0) break
    }
    await closed
  },

  async output(ns, random) {
    const count = random.integer(20)
    const [lines, errors] = [[], []]
    const options = { stdout: (line) => lines.push(line), stderr: (line) => errors.push(line) }
    await ns.print_lines.$with(options)('out', count)
    const expected = Array.from({ length: count }, (_, index) => `out ${index}`)
    assert.deepEqual(lines, expected)
    assert.deepEqual(errors, count === 0 ? [] : ['thread of out'])
    lines.length = 0
    await ns.print_lines_later.$with(options)('out', count)
    assert.deepEqual(lines, expected)
  },

  async threads(ns, random) {
    const session = await python.session()
    try {
      const ident = ns.ident.$with({ thread: session })
      const own = await ident()
      const thing = await ns.Thing.$with({ thread: session })(random.integer(100))
      assert.equal((await thing.add(1)) - (await thing.value), 1)
      const [again, onLoop, alsoOnLoop, onAny] = await Promise.all([
        ident(),
        ns.ident.$with({ thread: 'loop' })(),
        ns.ident_later(),
        ns.ident.$with({ thread: 'any' })(),
      ])
      assert.equal(again, own)
      assert.equal(onLoop, alsoOnLoop)
      assert.notEqual(onAny, own)
    } finally {
      await session.close()
    }
  },

  async interrupted(ns, random) {
    const controller = new AbortController()
    const calls = Array.from({ length: 1 + random.integer(6) }, () => ns.spin.$with({ signal: controller.signal })(1))
    setTimeout(() => controller.abort(), random.integer(10))
    for (const { status, reason } of await Promise.allSettled(calls)) {
      // A thread of JavaScript's that comes to nothing for a second aborts too late.
      if (status === 'fulfilled') continue
      assert(isBridgeError(reason, 'ERR_CANCELLED'), reason)
      assert(['not started', 'cancelled', 'still running'].includes(reason.callState), reason)
    }
  },

  async interruptedSession(ns, random) {
    const session = await python.session()
    const { spin } = ns.$with({ thread: session })
    const cancelled = spin
      .$with({ timeout: 1 + random.integer(10) })(1)
      .catch((error) => assert(isBridgeError(error, 'ERR_TIMEOUT'), error))
    // The exception is bound to its call: what comes after it on the same thread never sees it.
    assert.equal(await spin(0), 0)
    await cancelled
    await session.close()
  },

  async syncShares(ns, random) {
    const thing = ns.$sync.Thing(random.integer(100))
    const adopted = python.adoptSync(structuredClone(thing.$share()))
    assert.equal(adopted, thing)
    const add = await python.adopt(structuredClone(ns.$sync.$get('echo').$share()))
    assert.equal(await add(thing).value, thing.value)
    if (random.chance(0.5)) thing.$dispose()
  },
}
