// What the soak does, one small function each. To add something: a function, and its weight in `weights`.
//
// An action gets the namespace of soak.py, in the view of its thread, and a random source. It checks what it gets, and leaves nothing
// behind but what the garbage collector takes. It may run on the main thread or in a worker that is terminated in the middle of it.
import assert from 'node:assert/strict'
import { isBridgeError, isPythonError, kw, python } from 'symphony-python-bridge'
import * as ofArrays from './array-actions.mjs'
import * as javascript from './javascript-actions.mjs'
import * as ofPython from './python-actions.mjs'

/** How often each is chosen. */
export const weights = {
  syncCalls: 4,
  asyncCalls: 4,
  asyncData: 2,
  chains: 2,
  exceptions: 3,
  syncCallbacks: 3,
  asyncCallbacks: 3,
  threadCallbacks: 2,
  throwingCallbacks: 2,
  heldObjects: 2,
  aborted: 3,
  timedOut: 2,
  sessions: 2,
  forgottenSession: 0.2,
  contexts: 2,
  syncContexts: 2,
  coroutines: 3,
  cancelledCoroutines: 2,
  streams: 2,
  iteration: 2,
  syncIteration: 2,
  shares: 2,
  rustFutures: 1,
  longSyncCall: 0.3,
  pythonGarbage: 0.2,
  garbage: 0.3,
  pause: 1,
  ...javascript.weights,
  ...ofPython.weights,
  ...ofArrays.weights,
}

const many = (count, make) => Promise.all(Array.from({ length: count }, (_, index) => make(index)))

export const actions = {
  syncCalls(ns, random) {
    const { echo, Thing } = ns.$sync
    const thing = Thing(random.integer(100))
    for (let call = random.integer(200); call > 0; call--) {
      assert.equal(echo(call), call)
      assert.equal(thing.add(1) - thing.value, 1)
    }
    assert.equal(echo(thing), thing)
  },

  async asyncCalls(ns, random) {
    const results = await many(random.integer(100), (index) => ns.echo(index))
    assert.deepEqual(results, [...results.keys()])
  },

  async asyncData(ns, random) {
    const data = { text: 'x'.repeat(random.integer(random.chance(0.1) ? 200_000 : 100)), list: [1, null, true, [2.5]] }
    assert.deepEqual(await ns.echo(data), data)
    assert.deepEqual(ns.$sync.echo(data), data)
    const things = await ns.things(random.integer(20))
    for (const [index, thing] of things.entries()) assert.equal(await thing.value, index)
  },

  async chains(ns, random) {
    const sums = await many(random.integer(20), (index) => ns.Thing(ns.echo(index)).add(ns.Thing(1).value))
    assert.deepEqual(
      sums,
      sums.map((_, index) => index + 1),
    )
  },

  async exceptions(ns, random) {
    const depth = random.integer(5)
    const check = (error) => {
      assert(isPythonError(error, 'ValueError'))
      if (random.chance(0.5)) assert.equal(error.args[1].$sync.value, 7)
    }
    await many(random.integer(10), () => ns.fail(depth, ns.Thing(7)).then(assert.fail, check))
    assert.throws(
      () => ns.$sync.fail(depth, ns.$sync.Thing(7)),
      (error) => (check(error), true),
    )
  },

  syncCallbacks(ns, random) {
    const { ask, Thing } = ns.$sync
    for (let call = random.integer(50); call > 0; call--)
      assert.equal(
        ask((a, b) => a + b, call, 1),
        call + 1,
      )
    // A call in a callback in a call.
    assert.equal(
      ask((thing) => thing.add(ask(() => 2)), Thing(1)),
      3,
    )
  },

  async asyncCallbacks(ns, random) {
    const results = await many(random.integer(20), (index) =>
      ns.ask((a, thing) => a + thing.$sync.value, index, ns.Thing(1)),
    )
    assert.deepEqual(
      results,
      results.map((_, index) => index + 1),
    )
  },

  async threadCallbacks(ns, random) {
    const count = random.integer(8)
    const answers = await ns.ask_in_threads(count, (index) => index * 2)
    assert.deepEqual(
      answers.sort((a, b) => a - b),
      answers.map((_, index) => index * 2),
    )
  },

  async throwingCallbacks(ns) {
    const thrown = new RangeError('on purpose')
    const fails = () => {
      throw thrown
    }
    assert.throws(
      () => ns.$sync.ask(fails),
      (error) => error === thrown,
    )
    await assert.rejects(ns.ask(fails), (error) => error === thrown)
    assert.equal(await ns.ask_careful(fails), 'JsError')
  },

  async heldObjects(ns, random) {
    const object = new (class Item {
      value = random.integer(100)
    })()
    const holder = await ns.Holder(object)
    assert.equal(await holder.get(), object)
    const calling = ns.$sync.Holder((...args) => args.length)
    assert.equal(calling.call(1, 2, 3), 3)
    assert.equal(await calling.$async.call(kw({})), 0)
    if (random.chance(0.5)) calling.$dispose()
  },

  async aborted(ns, random) {
    const controller = new AbortController()
    const calls = Array.from({ length: 1 + random.integer(10) }, () =>
      ns.sleep.$with({ signal: controller.signal })(random.integer(10) / 1000),
    )
    const settled = Promise.allSettled(calls)
    if (random.chance(0.3)) controller.abort()
    setTimeout(() => controller.abort(), random.integer(20))
    for (const { status, reason } of await settled)
      assert(status === 'fulfilled' || isBridgeError(reason, 'ERR_CANCELLED'))
  },

  async timedOut(ns, random) {
    const work = random.chance(0.5) ? ns.sleep : ns.spin
    const settled = await Promise.allSettled([
      work.$with({ timeout: 1 + random.integer(10) })(random.integer(20) / 1000),
    ])
    for (const { status, reason } of settled) assert(status === 'fulfilled' || isBridgeError(reason, 'ERR_TIMEOUT'))
  },

  async sessions(ns, random) {
    const session = await python.session()
    const inSession = await session.exec('import threading\nthread = threading.get_ident\nvalue = 0')
    const threads = new Set(await many(random.integer(10), () => inSession.thread()))
    assert(threads.size <= 1)
    const last = inSession.thread()
    if (random.chance(0.5)) void session.close()
    await last
    await session.close()
  },

  async forgottenSession() {
    const session = await python.session()
    assert.equal(await session.eval('1 + 1'), 2)
  },

  async contexts(ns, random) {
    const swallows = random.chance(0.5)
    const fails = random.chance(0.5)
    const manager = await ns.Manager(swallows)
    const entered = python.with(manager, async (value) => {
      assert.equal(await value.swallows, swallows)
      await ns.sleep(random.integer(3) / 1000)
      if (fails) throw new RangeError('on purpose')
    })
    if (fails && !swallows) await assert.rejects(entered, RangeError)
    else await entered
    assert.deepEqual(await manager.errors, [fails ? 'JsError' : null])
  },

  syncContexts(ns, random) {
    const swallows = random.chance(0.5)
    const enter = () =>
      python.withSync(ns.$sync.Manager(swallows), () => {
        throw new RangeError('on purpose')
      })
    if (swallows) enter()
    else assert.throws(enter, RangeError)
  },

  async coroutines(ns, random) {
    const pause = random.integer(5) / 1000
    const results = await many(random.integer(50), (index) => ns.later(ns.Thing(index), pause).value)
    assert.deepEqual(results, [...results.keys()])
  },

  async cancelledCoroutines(ns, random) {
    const signal = AbortSignal.timeout(1 + random.integer(10))
    const { later } = ns.$with({ signal })
    const settled = await Promise.allSettled(
      Array.from({ length: 1 + random.integer(10) }, () => later(ns.Thing(1), random.integer(20) / 1000)),
    )
    for (const { status, reason } of settled) assert(status === 'fulfilled' || isBridgeError(reason, 'ERR_CANCELLED'))
  },

  async streams(ns, random) {
    const leave = random.integer(20)
    let seen = 0
    for await (const thing of random.chance(0.5) ? ns.stream(10) : ns.generated(10)) {
      assert.equal(await thing.value, 10 - seen++)
      if (seen === leave) break
    }
    assert.equal(seen, leave === 0 ? 10 : Math.min(leave, 10))
  },

  async iteration(ns, random) {
    const leave = random.integer(20)
    let seen = 0
    for await (const number of ns.countdown(10)) {
      assert.equal(number, 10 - seen++)
      if (seen === leave) break
    }
    assert.equal(seen, leave === 0 ? 10 : Math.min(leave, 10))
  },

  syncIteration(ns, random) {
    const leave = random.integer(20)
    let seen = 0
    for (const number of ns.$sync.countdown(10)) {
      assert.equal(number, 10 - seen++)
      if (seen === leave) break
    }
  },

  async shares(ns, random) {
    const things = await ns.things(1 + random.integer(5))
    const shares = structuredClone(things.map((thing) => thing.$share()))
    if (random.chance(0.5)) for (const thing of things) thing.$dispose()
    for (const [index, shared] of shares.entries()) assert.equal(await (await python.adopt(shared)).value, index)
    await assert.rejects(python.adopt(shares[0]), (error) => isBridgeError(error, 'ERR_HANDLE_DISPOSED'))
  },

  async rustFutures(ns, random) {
    const count = random.integer(20)
    const cancelled = random.integer(count + 1)
    const done = await ns.rust_futures(count, cancelled)
    // Timers of no length may be done before they are cancelled.
    assert(done >= count - cancelled && done <= count)
  },

  longSyncCall(ns, random) {
    ns.$sync.sleep(random.integer(30) / 1000)
  },

  async pythonGarbage(ns) {
    await ns.collect()
  },

  garbage() {
    globalThis.gc()
  },

  pause(_ns, random) {
    return new Promise((resolve) => setTimeout(resolve, random.integer(10)))
  },

  ...javascript.actions,
  ...ofPython.actions,
  ...ofArrays.actions,
}

/** Does one thing; gives its name. What fails says what it was. */
export async function step(ns, random) {
  const name = random.choose(weights)
  try {
    await actions[name](ns, random.fork())
  } catch (error) {
    throw new Error(`the action \`${name}\` failed`, { cause: error })
  }
  return name
}
