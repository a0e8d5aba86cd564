// Callbacks: Python calls `x => x + 1` in a loop, on the JavaScript thread and from another one; each beside the hand-written C addon.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { ratioRow } from './harness/row.mjs'
import floorModule from './floor/floor.cjs'

export const title = 'Callbacks'

export async function measure(context) {
  const { floor, quick, onProgress } = context
  const { module, addon } = await start(floor)
  const loops = {
    // Each side has a function of its own, which the engine compiles for its one caller.
    ours: (turns) =>
      expectEqual(
        module.repeat((x) => x + 1, turns),
        turns,
      ),
    floor: (turns) =>
      expectEqual(
        addon.repeatHere((x) => x + 1, turns),
        turns,
      ),
  }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops))
    samplers[name] = await timedLoop(loop, { milliseconds: quick ? 5 : 20 })
  const side = await interleave(samplers, {
    rounds: quick ? 7 : 41,
    onRound: (share) => onProgress(share / 2),
  })
  // On one CPU each call costs exactly two thread switches; with more, the time to wake an idle CPU hides everything else.
  const { ours, other } = await runInProcess({
    file: import.meta.url,
    name: 'measureThreads',
    context: { ...context, onProgress: (share) => onProgress((1 + share) / 2) },
    pinned: true,
  })
  return [
    ratioRow({
      name: 'callback on the JavaScript thread',
      ours: side.ours,
      comparedWith: 'floor napi_call_function',
      other: side.floor,
      target: 1.5,
    }),
    ratioRow({
      name: 'callback from another thread, one CPU',
      ours,
      comparedWith: 'floor thread-safe function',
      other,
      target: 1.3,
    }),
  ]
}

export async function measureThreads({ floor, quick, onProgress }) {
  const { module, addon } = await start(floor)
  const repeat = await module.$async.repeat
  const loops = {
    ours: async (turns) => expectEqual(await repeat((x) => x + 1, turns), turns),
    floor: async (turns) => expectEqual(await addon.repeatThere((x) => x + 1, turns), turns),
  }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops))
    samplers[name] = await timedLoop(loop, { milliseconds: quick ? 20 : 100 })
  const side = await interleave(samplers, { rounds: quick ? 7 : 21, onRound: onProgress })
  return { ours: side.ours, other: side.floor }
}

async function start(floor) {
  await python.start()
  const module = python.importSync('bench_target')
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_target')
  return { module, addon }
}

function expectEqual(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}
