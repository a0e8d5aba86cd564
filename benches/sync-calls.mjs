// Synchronous calls: add(int, int), noop, a method by name, an int attribute; each beside the hand-written C addon.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'
import floorModule from './floor/floor.cjs'

export const title = 'Synchronous calls'

export async function measure({ floor, quick, onProgress }) {
  await python.start()
  const module = python.importSync('bench_target')
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_target')

  const loops = { ...ourLoops(module), ...floorLoops(addon) }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops)) {
    samplers[name] = await timedLoop(loop, { milliseconds: quick ? 2 : 20 })
  }
  const side = await interleave(samplers, { rounds: quick ? 7 : 41, onRound: onProgress })

  const noops = { 'floor noop': side.floorNoop, 'our noop': side.ourNoop }
  return [
    row('sync add(int, int)', side.ourAdd, 'floor add', side.floorAdd, 1.4),
    row('sync noop', side.ourNoop, 'floor noop', side.floorNoop, 1.4),
    ...Object.entries(noops).map(([label, noop]) => row('sync method by name', side.ourMethod, label, noop, 2.2)),
    row('sync method by name', side.ourMethod, 'floor method', side.floorMethod, null),
    ...Object.entries(noops).map(([label, noop]) => row('sync int attribute', side.ourAttribute, label, noop, 1.5)),
    row('sync int attribute', side.ourAttribute, 'floor attribute', side.floorAttribute, null),
  ]
}

function row(name, ours, comparedWith, other, target) {
  return ratioRow({ name, ours, comparedWith, other, target })
}

// Each loop is a function of its own: the engine compiles it for the one callee it has.

function ourLoops(module) {
  const { noop, add, target } = module
  return {
    ourNoop(turns) {
      for (let turn = 0; turn < turns; turn++) noop()
    },
    ourAdd(turns) {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum = add(turn, 2)
      expectEqual(sum, turns + 1)
    },
    ourMethod(turns) {
      for (let turn = 0; turn < turns; turn++) target.method()
    },
    ourAttribute(turns) {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum += target.value
      expectEqual(sum, 42 * turns)
    },
  }
}

function floorLoops(addon) {
  return {
    floorNoop(turns) {
      for (let turn = 0; turn < turns; turn++) addon.noop()
    },
    floorAdd(turns) {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum = addon.add(turn, 2)
      expectEqual(sum, turns + 1)
    },
    floorMethod(turns) {
      for (let turn = 0; turn < turns; turn++) addon.method()
    },
    floorAttribute(turns) {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum += addon.value()
      expectEqual(sum, 42 * turns)
    },
  }
}

function expectEqual(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}
