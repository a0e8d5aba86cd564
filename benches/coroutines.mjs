// Coroutines: one awaited after the other, many in flight, very many in flight, and many that only wait.
import { setTimeout as sleep } from 'node:timers/promises'
import { python } from 'symphony-python-bridge'
import { addsInFlight, addsInSequence, compareAdds } from './harness/adds.mjs'
import { fastest, summarize } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { ratioRow, valueRow } from './harness/row.mjs'

export const title = 'Coroutines'

const inFlight = 1000
const functions = { plain: 'add', coroutine: 'add_coroutine', later: 'add_later' }

export async function measure(context) {
  const parts = [
    { name: 'measureSequence', pinned: true },
    { name: 'measureInFlight' },
    { name: 'measureVeryMany' },
    { name: 'measureIdle' },
  ]
  const rows = []
  for (const [index, part] of parts.entries()) {
    const onProgress = (share) => context.onProgress((index + share) / parts.length)
    rows.push(...(await runInProcess({ file: import.meta.url, ...part, context: { ...context, onProgress } })))
  }
  return rows
}

/** On one CPU, as the same measure of plain calls. */
export async function measureSequence(context) {
  const side = await compareAdds(context, {
    functions,
    settings: { milliseconds: context.quick ? 10 : 60 },
    rounds: context.quick ? 7 : 31,
    loopOver: addsInSequence,
  })
  const other = fastest([side.nativeDeferred, side.resolveInJavaScript])
  const name = 'awaited in sequence, one CPU'
  const floor = { comparedWith: 'floor async add', other }
  return [
    ratioRow({ name: `coroutine, ${name}`, ours: side.coroutine, ...floor, target: 2 }),
    ratioRow({ name: `coroutine that waits once, ${name}`, ours: side.later, ...floor, target: null }),
  ]
}

export async function measureInFlight(context) {
  const side = await compareAdds(context, {
    functions,
    settings: { milliseconds: context.quick ? 10 : 60, multiple: inFlight },
    rounds: context.quick ? 7 : 31,
    loopOver: addsInFlight(inFlight),
  })
  const name = `${inFlight} in flight, each`
  const plain = { comparedWith: 'plain call', other: side.plain }
  return [
    valueRow({ name: `coroutine, ${name}`, unit: 'ns', ours: side.coroutine, ...plain, target: 3000 }),
    valueRow({ name: `coroutine that waits once, ${name}`, unit: 'ns', ours: side.later, ...plain, target: 3000 }),
  ]
}

/** All of them wait at the same time, again and again; what they took comes back. */
export async function measureVeryMany({ quick, onProgress }) {
  const count = quick ? 20_000 : 100_000
  const rounds = quick ? 4 : 10
  await python.start()
  const module = await python.import('bench_target')
  const times = []
  const peaks = []
  const rests = []
  for (let round = 0; round < rounds; round++) {
    globalThis.gc()
    const before = process.memoryUsage.rss()
    const start = process.hrtime.bigint()
    const gate = await module.Gate(count)
    const wait = await gate.wait
    const calls = new Array(count)
    for (let index = 0; index < count; index++) calls[index] = wait()
    await gate.full()
    peaks.push((process.memoryUsage.rss() - before) / count)
    await gate.open()
    await Promise.all(calls)
    times.push(Number(process.hrtime.bigint() - start) / count)
    calls.length = 0
    globalThis.gc()
    rests.push(process.memoryUsage.rss())
    onProgress((round + 1) / rounds)
  }
  const name = `${count.toLocaleString('en')} coroutines wait at once`
  // Resident memory goes up and down with what the allocators keep; a leak raises the least of it.
  const half = rounds >> 1
  const growth = Math.max(0, Math.min(...rests.slice(half)) - Math.min(...rests.slice(0, half))) / count
  return [
    valueRow({ name: `${name}, each`, unit: 'ns', ours: summarize(times), target: null }),
    valueRow({
      name: `${name}, memory of each at the peak`,
      unit: 'B',
      ours: summarize(peaks.slice(0, 1)),
      target: null,
    }),
    valueRow({
      name: `${name}, memory of each that does not come back`,
      unit: 'B',
      ours: summarize([growth]),
      target: 50,
    }),
  ]
}

/** CPU time of the process while nothing happens. */
export async function measureIdle({ quick, onProgress }) {
  const seconds = quick ? 0.5 : 2
  const rounds = quick ? 1 : 3
  await python.start()
  const module = await python.import('bench_target')
  const gate = await module.Gate(inFlight)
  const wait = await gate.wait
  const used = async () => {
    const before = process.cpuUsage()
    await sleep(1000 * seconds)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  await sleep(200)
  const without = [await used()]
  const calls = Array.from({ length: inFlight }, () => wait())
  await gate.full()
  await sleep(200)
  const waiting = []
  for (let round = 0; round < rounds; round++) {
    waiting.push(await used())
    onProgress((round + 1) / rounds)
  }
  await gate.open()
  await Promise.all(calls)
  return [
    valueRow({
      name: `${inFlight} coroutines wait for ${seconds} s, CPU time`,
      unit: 'ms',
      ours: summarize(waiting),
      comparedWith: 'nothing waits',
      other: summarize(without),
      target: 10,
    }),
  ]
}
