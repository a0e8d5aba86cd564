// Asynchronous add(int, int): the throughput with 1000 calls in flight, and the latency of calls awaited one after another.
import { addsInFlight, addsInSequence, compareAdds } from './harness/adds.mjs'
import { fastest } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { ratioRow } from './harness/row.mjs'

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
    loopOver: addsInFlight(inFlight),
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
    loopOver: addsInSequence,
  })
  const other = fastest([side.nativeDeferred, side.resolveInJavaScript])
  const name = 'async add, awaited in sequence, one CPU'
  return [ratioRow({ name, ours: side.ours, comparedWith: 'floor async add', other, target: 1.6 })]
}
