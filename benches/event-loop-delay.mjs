// How late the event loop runs its timers while Python keeps CPUs busy: in an asynchronous call, and in threads of its own with
// many calls beside them. Against the same without it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'
import { setTimeout as sleep } from 'node:timers/promises'
import { python } from 'symphony-python-bridge'
import { interleave } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { differenceRow } from './harness/row.mjs'

export const title = 'Event-loop delay'

/** A call is started this often in both cases, so that queueing and delivering count too. */
const millisecondsBetweenCalls = 5

/** With the spinning threads: calls a second, half of them coroutines. */
const callsASecond = 10_000

export async function measure(context) {
  const alone = await measureSpinningCall({ ...context, onProgress: (share) => context.onProgress(share / 2) })
  const crowded = await runInProcess({
    file: import.meta.url,
    name: 'measureSpinningThreads',
    context: { ...context, onProgress: (share) => context.onProgress((1 + share) / 2) },
  })
  return [...alone, ...crowded]
}

async function measureSpinningCall({ quick, onProgress }) {
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

export async function measureSpinningThreads({ quick, onProgress }) {
  const threads = 4
  await python.start()
  const module = await python.import('bench_target')
  const functions = [await module.add, await module.add_coroutine]
  const seconds = quick ? 0.5 : 2
  const calls = { offered: 0, completed: 0 }
  const samplers = {
    idle: () => delay(() => sleep(1000 * seconds)),
    crowded: async () => {
      const spinners = await module.Spinners(threads)
      const delayed = await delay(() => offer(functions, seconds, calls))
      if ((await spinners.stop()) === 0) throw new Error('a thread did not run')
      return delayed
    },
  }
  for (const sample of Object.values(samplers)) await sample()
  Object.assign(calls, { offered: 0, completed: 0 })
  const side = await interleave(samplers, { rounds: quick ? 3 : 7, onRound: onProgress })
  const [completed, offered] = [calls.completed, calls.offered].map((count) => count.toLocaleString('en'))
  return [
    differenceRow({
      name: `event-loop delay p99, ${threads} Python threads spin, ${completed} of ${offered} calls`,
      ours: side.crowded,
      comparedWith: 'idle',
      other: side.idle,
      target: 2,
    }),
  ]
}

/** Starts so many calls a second; resolves when all have completed. */
async function offer(functions, seconds, calls) {
  const start = performance.now()
  const pending = []
  const count = callsASecond * seconds
  while (pending.length < count) {
    await sleep(1)
    const due = Math.min(count, (callsASecond * (performance.now() - start)) / 1000)
    while (pending.length < due) pending.push(functions[pending.length % functions.length](pending.length, 2))
  }
  calls.offered += count
  for (const [index, result] of (await Promise.all(pending)).entries()) calls.completed += Number(result === index + 2)
}

/** @returns milliseconds between two turns of a 1 ms timer, 99th percentile, during some work */
async function delay(work) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await work()
  histogram.disable()
  return histogram.percentile(99) / 1e6
}

/** @returns milliseconds between two turns of a 1 ms timer, 99th percentile, until `end` settles */
async function percentile99(add, end) {
  const calls = []
  const caller = setInterval(() => calls.push(add(calls.length, 2)), millisecondsBetweenCalls)
  const delayed = await delay(() => end)
  clearInterval(caller)
  await Promise.all(calls)
  return delayed
}
