// Arrays: what sharing costs beyond the call it is a part of, whatever the size; and what copying costs beside a copy alone.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow, valueRow } from './harness/row.mjs'

export const title = 'Arrays'

const megabyte = 1_000_000

export async function measure({ quick, onProgress }) {
  await python.start()
  const module = python.importSync('bench_arrays')
  const { noop, new_small, drop_small, new_large, keep_large, give_large, give_huge, give_data, give_less_data } =
    module
  const made = python.ndarray(megabyte)
  const view = python.memoryview(new Float64Array(megabyte))
  const shared = new Float64Array(new SharedArrayBuffer(8 * megabyte))
  const own = new Float64Array(megabyte)
  const bytes = new Uint8Array(own.buffer)
  const ofPython = give_large()
  const part = new Float64Array(own.buffer, 0, megabyte / 8)
  const lessBytes = bytes.subarray(0, megabyte)

  const loops = {
    noop: () => noop(),
    made: () => noop(made),
    view: () => noop(view),
    shared: () => noop(shared),
    borrowed: () => noop(python.borrow(own)),
    ofPython: () => noop(ofPython),
    newSmall: () => new_small(),
    dropSmall: () => drop_small(),
    newLarge: () => new_large(),
    keepLarge: () => keep_large(),
    largeAndBack: () => noop(give_large()),
    hugeAndBack: () => noop(give_huge()),
    copyIn: () => noop(own),
    bytesIn: () => noop(bytes),
    bytesOut: () => give_data(),
    memcpy: () => Buffer.allocUnsafeSlow(bytes.length).set(bytes),
    copyLessIn: () => noop(part),
    lessBytesIn: () => noop(lessBytes),
    lessBytesOut: () => give_less_data(),
    lessMemcpy: () => Buffer.allocUnsafeSlow(megabyte).set(lessBytes),
  }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops)) {
    samplers[name] = await timedLoop(turning(loop), { milliseconds: quick ? 5 : 20 })
  }
  const side = await interleave(samplers, { rounds: quick ? 5 : 31, onRound: onProgress })
  const row = (name, ours, other, comparedWith, target) =>
    valueRow({ name, unit: 'ns', ours: beyond(side[ours], side[other]), comparedWith, other: side[other], target })
  const ratio = (name, ours, other, comparedWith, target) =>
    ratioRow({ name, ours: side[ours], comparedWith, other: side[other], target })
  const copies = 1 / 0.9
  return [
    row('8 MB of `python.ndarray` in, beyond the call', 'made', 'noop', 'noop()', 2000),
    row('8 MB of `python.memoryview` in, beyond the call', 'view', 'noop', 'noop()', 2000),
    row('8 MB of a SharedArrayBuffer in, beyond the call', 'shared', 'noop', 'noop()', 2000),
    row('8 MB by `python.borrow` in, beyond the call', 'borrowed', 'noop', 'noop()', 2000),
    row('8 MB of NumPy back in, beyond the call', 'ofPython', 'noop', 'noop()', 2000),
    row('a new NdArray of 8 items, beyond making the array', 'newSmall', 'dropSmall', 'the same, dropped', 1500),
    row('a new NdArray of 8 MB, beyond making the array', 'newLarge', 'keepLarge', 'the same, in Python', 5000),
    ratio('1 GB out and in again', 'hugeAndBack', 'largeAndBack', '8 MB out and in again', 1.2),
    ratio('8 MB of a Float64Array copied in', 'copyIn', 'memcpy', 'a copy in JavaScript', copies),
    ratio('8 MB of bytes in', 'bytesIn', 'memcpy', 'a copy in JavaScript', copies),
    ratio('8 MB of bytes out', 'bytesOut', 'memcpy', 'a copy in JavaScript', copies),
    ratio('1 MB of a Float64Array copied in', 'copyLessIn', 'lessMemcpy', 'a copy in JavaScript', copies),
    ratio('1 MB of bytes in', 'lessBytesIn', 'lessMemcpy', 'a copy in JavaScript', copies),
    ratio('1 MB of bytes out', 'lessBytesOut', 'lessMemcpy', 'a copy in JavaScript', copies),
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
