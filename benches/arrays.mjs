// Arrays: what sharing costs beyond the call it is a part of, whatever the size; and what copying costs beside a copy alone.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow, valueRow } from './harness/row.mjs'

export const title = 'Arrays'

const megabyte = 1_000_000

export async function measure({ quick, onProgress }) {
  await python.start()
  const module = python.importSync('bench_arrays')
  const {
    noop,
    new_small,
    drop_small,
    new_large,
    new_zeros,
    keep_large,
    drop_kept,
    copy_of,
    give_large,
    give_huge,
    give_data,
    give_less_data,
  } = module
  const made = python.ndarray(megabyte)
  const view = python.memoryview(new Float64Array(megabyte))
  const shared = new Float64Array(new SharedArrayBuffer(8 * megabyte))
  const own = new Float64Array(megabyte)
  const bytes = new Uint8Array(own.buffer)
  const ofPython = give_large()
  const part = new Float64Array(own.buffer, 0, megabyte / 8)
  const lessBytes = bytes.subarray(0, megabyte)
  const lessView = view.subarray(0, megabyte / 8)

  const loops = {
    noop: () => noop(),
    made: () => noop(made),
    view: () => noop(view),
    shared: () => noop(shared),
    borrowed: () => noop(python.borrow(own)),
    ofPython: () => noop(ofPython),
    newSmall: () => new_small(),
    dropSmall: () => drop_small(),
    largeAndBack: () => noop(give_large()),
    hugeAndBack: () => noop(give_huge()),
    newAndCollected: () => new_zeros(),
    ownAndCollected: () => new Float64Array(megabyte),
    // Python frees its copies at once, so that their memory is that of the next ones.
    memcpy: () => copy_of(view),
    copyIn: () => noop(own),
    bytesIn: () => noop(bytes),
    lessMemcpy: () => copy_of(lessView),
    copyLessIn: () => noop(part),
    lessBytesIn: () => noop(lessBytes),
  }
  // What is made for JavaScript is left to its collector, on both sides.
  const pairs = {
    bytesOut: [() => give_data(), () => Buffer.allocUnsafeSlow(bytes.length).set(bytes)],
    lessBytesOut: [() => give_less_data(), () => Buffer.allocUnsafeSlow(megabyte).set(lessBytes)],
  }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops)) {
    samplers[name] = await timedLoop(turning(loop), { milliseconds: quick ? 5 : 20 })
  }
  samplers.newLarge = newAndKept({ make: () => new_large(), kept: [], quick })
  samplers.keepLarge = newAndKept({ make: () => keep_large(), drop: () => drop_kept(), quick })
  for (const [name, [ours, other]] of Object.entries(pairs)) {
    Object.assign(samplers, pairedLoops(name, ours, other, { milliseconds: quick ? 10 : 40 }))
  }
  const side = await interleave(samplers, { rounds: quick ? 5 : 31, onRound: onProgress })
  const row = (name, ours, other, comparedWith, target) =>
    valueRow({ name, unit: 'ns', ours: beyond(side[ours], side[other]), comparedWith, other: side[other], target })
  const ratio = (name, ours, other, comparedWith, target) =>
    ratioRow({ name, ours: side[ours], comparedWith, other: side[other], target })
  const paired = (name, pair, comparedWith, target) => ratio(name, pair, `${pair} other`, comparedWith, target)
  const copies = 1 / 0.9
  const copy = 'a copy in Python'
  const copyOfItsOwn = 'a copy to a new Buffer'
  return [
    row('8 MB of `python.ndarray` in, beyond the call', 'made', 'noop', 'noop()', 2000),
    row('8 MB of `python.memoryview` in, beyond the call', 'view', 'noop', 'noop()', 2000),
    row('8 MB of a SharedArrayBuffer in, beyond the call', 'shared', 'noop', 'noop()', 2000),
    row('8 MB by `python.borrow` in, beyond the call', 'borrowed', 'noop', 'noop()', 2000),
    row('8 MB of NumPy back in, beyond the call', 'ofPython', 'noop', 'noop()', 2000),
    row('a new NdArray of 8 items, beyond making the array', 'newSmall', 'dropSmall', 'the same, dropped', 1500),
    row('a new NdArray of 8 MB, beyond making the array', 'newLarge', 'keepLarge', 'the same, in Python', 5000),
    ratio('8 MB of zeros, with their end', 'newAndCollected', 'ownAndCollected', 'new Float64Array(10^6)', null),
    ratio('1 GB out and in again', 'hugeAndBack', 'largeAndBack', '8 MB out and in again', 1.2),
    ratio('8 MB of a Float64Array copied in', 'copyIn', 'memcpy', copy, copies),
    ratio('8 MB of bytes in', 'bytesIn', 'memcpy', copy, copies),
    paired('8 MB of bytes out', 'bytesOut', copyOfItsOwn, copies),
    ratio('1 MB of a Float64Array copied in', 'copyLessIn', 'lessMemcpy', copy, copies),
    ratio('1 MB of bytes in', 'lessBytesIn', 'lessMemcpy', copy, copies),
    paired('1 MB of bytes out', 'lessBytesOut', copyOfItsOwn, copies),
  ]
}

/** What one side takes more than the other. */
function beyond(ours, other) {
  return { median: ours.median - other.median, minimum: ours.minimum - other.minimum, samples: ours.samples }
}

/** With a turn of the event loop now and then, in which Node gives up the memory of arrays that are gone. */
function turning(step) {
  return async (turns) => {
    for (let turn = 0; turn < turns; turn++) {
      step()
      if (turn % 32 === 31) await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/**
 * A sampler of what it takes to make arrays of 8 MB that live on: few enough that no collection falls into the time. V8 counts the memory
 * of an array as its own and begins to collect after 64 MB, of ours as of any of JavaScript's; what that takes is a row of its own, beside
 * an array of JavaScript's, and no part of a crossing.
 */
function newAndKept({ make, kept, drop, quick }) {
  const together = 6
  return async () => {
    let nanoseconds = 0
    const rounds = quick ? 3 : 20
    for (let round = 0; round < rounds; round++) {
      const start = process.hrtime.bigint()
      for (let index = 0; index < together; index++) {
        const made = make()
        if (kept !== undefined) kept.push(made)
      }
      nanoseconds += Number(process.hrtime.bigint() - start)
      if (kept !== undefined) kept.length = 0
      drop?.()
      gc()
      await new Promise((resolve) => setTimeout(resolve, 6))
    }
    return nanoseconds / rounds / together
  }
}

/**
 * Samplers for two steps that take turns, one by one: what V8 and the allocator do with megabytes depends on what became of those before,
 * and so both find the same. Each makes the memory that it fills, and leaves it to the collector.
 */
function pairedLoops(name, ours, other, { milliseconds }) {
  let figures
  const measure = async () => {
    const times = { ours: 0n, other: 0n }
    const time = (side, step) => {
      const start = process.hrtime.bigint()
      step()
      times[side] += process.hrtime.bigint() - start
    }
    let turns = 0
    while (times.ours + times.other < milliseconds * 1e6) {
      time('ours', ours)
      time('other', other)
      time('other', other)
      time('ours', ours)
      turns += 2
      if (turns % 32 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return { ours: Number(times.ours) / turns, other: Number(times.other) / turns }
  }
  // The one that is asked first measures for both.
  const sampler = (side) => async () => {
    const known = figures
    figures = known === undefined ? await measure() : undefined
    return (known ?? figures)[side]
  }
  return { [name]: sampler('ours'), [`${name} other`]: sampler('other') }
}
