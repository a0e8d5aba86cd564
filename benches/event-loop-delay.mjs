// How late the event loop runs its timers while Python keeps a CPU busy in an asynchronous call, against the same without it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'
import { python } from 'symphony-python-bridge'
import { interleave } from './harness/interleave.mjs'
import { differenceRow } from './harness/row.mjs'

export const title = 'Event-loop delay'

/** A call is started this often in both cases, so that queueing and delivering count too. */
const millisecondsBetweenCalls = 5

export async function measure({ quick, onProgress }) {
  await python.start()
  const module = await python.import('bench_target')
  const add = await module.add
  const spin = await module.spin
  const seconds = quick ? 0.5 : 1.5
  const samplers = {
    idle: () => percentile99(add, new Promise((resolve) => setTimeout(resolve, 1000 * seconds))),
    spinning: () => percentile99(add, spin(seconds)),
  }
  for (const sample of Object.values(samplers)) await sample()
  const side = await interleave(samplers, { rounds: quick ? 3 : 7, onRound: onProgress })
  return [
    differenceRow({
      name: 'event-loop delay p99 while Python spins',
      ours: side.spinning,
      comparedWith: 'idle',
      other: side.idle,
      target: 2,
    }),
  ]
}

/** @returns milliseconds between two turns of a 1 ms timer, 99th percentile, until `end` settles */
async function percentile99(add, end) {
  const calls = []
  const caller = setInterval(() => calls.push(add(calls.length, 2)), millisecondsBetweenCalls)
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await end
  histogram.disable()
  clearInterval(caller)
  await Promise.all(calls)
  return histogram.percentile(99) / 1e6
}
