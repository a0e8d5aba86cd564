// Asynchronous add(int, int): the throughput with 1000 calls in flight, and the latency of calls awaited one after another.
import { python } from 'symphony-python-bridge'
import { fastest, interleave, timedLoop } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { ratioRow } from './harness/row.mjs'
import floorModule from './floor/floor.cjs'

export const title = 'Asynchronous calls'

const inFlight = 1000

export async function measure(context) {
  const { onProgress } = context
  const concurrent = await measureConcurrent({ ...context, onProgress: (share) => onProgress(share / 2) })
  // On one CPU each call costs exactly two thread switches; with more, the time to wake an idle CPU hides everything else.
  const sequential = await runInProcess({
    file: import.meta.url,
    name: 'measureSequential',
    context: { ...context, onProgress: (share) => onProgress((1 + share) / 2) },
    pinned: true,
  })
  return [...concurrent, ...sequential]
}

async function measureConcurrent(context) {
  const side = await compareAdds(context, {
    settings: { milliseconds: context.quick ? 10 : 60, multiple: inFlight },
    rounds: context.quick ? 7 : 31,
    loopOver: (add) => async (turns) => {
      const calls = new Array(inFlight)
      for (let done = 0; done < turns; done += inFlight) {
        for (let index = 0; index < inFlight; index++) calls[index] = add(index, 2)
        const results = await Promise.all(calls)
        expectEqual(results[inFlight - 1], inFlight + 1)
      }
    },
  })
  const name = `async add, ${inFlight} in flight, a call`
  // What an addon would do with Node-API alone has the target. The other way, an addon whose JavaScript makes the promises and
  // resolves them from an array of numbers, can return nothing but numbers; it is here as the limit.
  return [
    ratioRow({
      name,
      ours: side.ours,
      comparedWith: 'floor napi_resolve_deferred',
      other: side.nativeDeferred,
      target: 3,
    }),
    ratioRow({
      name,
      ours: side.ours,
      comparedWith: 'floor for numbers only',
      other: side.resolveInJavaScript,
      target: null,
    }),
  ]
}

export async function measureSequential(context) {
  const side = await compareAdds(context, {
    settings: { milliseconds: context.quick ? 10 : 60 },
    rounds: context.quick ? 7 : 31,
    loopOver: (add) => async (turns) => {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum = await add(turn, 2)
      expectEqual(sum, turns + 1)
    },
  })
  const other = fastest([side.nativeDeferred, side.resolveInJavaScript])
  const name = 'async add, awaited in sequence, one CPU'
  return [ratioRow({ name, ours: side.ours, comparedWith: 'floor async add', other, target: 1.6 })]
}

async function compareAdds({ floor, onProgress }, { settings, rounds, loopOver }) {
  await python.start()
  const module = await python.import('bench_target')
  const add = await module.add
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_target')
  const { resolveInJavaScript, nativeDeferred } = floorModule.asyncAdds(addon)
  const samplers = {
    ours: await timedLoop(loopOver(add), settings),
    resolveInJavaScript: await timedLoop(loopOver(resolveInJavaScript), settings),
    nativeDeferred: await timedLoop(loopOver(nativeDeferred), settings),
  }
  const sides = await interleave(samplers, { rounds, onRound: onProgress })
  addon.closeQueue()
  return sides
}

function expectEqual(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}
