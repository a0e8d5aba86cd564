// Asynchronous additions by the bridge and by the floor, in sequence and many at once.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './interleave.mjs'
import floorModule from '../floor/floor.cjs'

/**
 * @param functions names in `bench_target` by the names of their sides
 * @param loopOver from a function that adds, makes a loop
 * @returns a summary for each of those sides, and for the floor's two: `resolveInJavaScript` and `nativeDeferred`
 */
export async function compareAdds({ floor, onProgress }, { functions = { ours: 'add' }, settings, rounds, loopOver }) {
  await python.start()
  const module = await python.import('bench_target')
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_target')
  const adds = floorModule.asyncAdds(addon)
  for (const [side, name] of Object.entries(functions)) adds[side] = await module.$get(name)
  const samplers = {}
  for (const [side, add] of Object.entries(adds)) samplers[side] = await timedLoop(loopOver(add), settings)
  const sides = await interleave(samplers, { rounds, onRound: onProgress })
  addon.closeQueue()
  return sides
}

/** As many calls at once, again and again. */
export function addsInFlight(inFlight) {
  return (add) => async (turns) => {
    const calls = new Array(inFlight)
    for (let done = 0; done < turns; done += inFlight) {
      for (let index = 0; index < inFlight; index++) calls[index] = add(index, 2)
      const results = await Promise.all(calls)
      expectEqual(results[inFlight - 1], inFlight + 1)
    }
  }
}

/** One call after the other. */
export function addsInSequence(add) {
  return async (turns) => {
    let sum = 0
    for (let turn = 0; turn < turns; turn++) sum = await add(turn, 2)
    expectEqual(sum, turns + 1)
  }
}

function expectEqual(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}
