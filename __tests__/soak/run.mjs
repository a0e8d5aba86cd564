// The soak: everything at once, for a while, from a seed; in the end nothing is left.
//   npm run soak -- [--seconds 60] [--seed 1]
//
// Lanes on the main thread choose actions (actions.mjs) one after the other, and start workers that do the same and are terminated, exit
// or end. The plan depends on the seed alone; how far it comes, and what happens at the same time, on the machine.
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { parseArgs } from 'node:util'
import { isBridgeError, python } from 'symphony-python-bridge'
import { step } from './actions.mjs'
import { Random } from './random.mjs'

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
const seconds = Number(values.seconds ?? 60)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
assert(seconds > 0 && Number.isInteger(seed), 'expected --seconds and --seed to be numbers')
assert(globalThis.gc, 'run with node --expose-gc')

const laneCount = 4
const mostWorkers = 3
/** Share of the time until memory counts. */
const warmUp = 0.4
/** How much memory may have grown since then, in MiB: allocators keep some, and the collectors are late. */
const mostGrowth = 48
/** How long what ended late may take to be gone, in seconds. */
const settling = 30

const random = new Random(seed)
const counts = {}
const count = (name) => (counts[name] = (counts[name] ?? 0) + 1)
const workers = new Set()
const memory = []

const begin = performance.now()
const elapsed = () => (performance.now() - begin) / 1000

/** A worker, until it has ended. */
async function runWorker(ns, random) {
  const ending = random.choose({ terminate: 5, exit: 1, end: 2 })
  const namespace = ns.$share()
  const workerData = { namespace, seed: random.integer(2 ** 32), steps: 1 + random.integer(20), ending }
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData })
  workers.add(worker)
  const adoptions = []
  worker.on('message', (shared) => {
    count('handed over')
    adoptions.push(useHandedOver(shared))
  })
  let failure
  worker.on('error', (error) => (failure = error))
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  if (ending === 'terminate') {
    const killing = setTimeout(() => void worker.terminate(), random.integer(300))
    await ended
    clearTimeout(killing)
  }
  await ended
  workers.delete(worker)
  await Promise.all(adoptions)
  // A worker that was terminated early did not take what it was given.
  await python.adopt(namespace).then((mine) => mine.$dispose(), isGone)
  if (failure !== undefined) throw failure
  count(`worker: ${ending}`)
}

async function useHandedOver(shared) {
  const thing = await python.adopt(shared).catch(isGone)
  if (thing === undefined) return
  assert.equal(typeof (await thing.value), 'number')
  thing.$dispose()
}

/** The one reason why there is nothing to adopt. */
function isGone(error) {
  if (!isBridgeError(error, 'ERR_HANDLE_DISPOSED')) throw error
}

async function lane(ns, random) {
  while (elapsed() < seconds) {
    const starts = random.chance(0.05)
    const own = random.fork()
    if (starts && workers.size < mostWorkers) await runWorker(ns, own)
    else count(await step(ns, own))
  }
}

function showProgress() {
  const { rss } = process.memoryUsage()
  if (elapsed() > seconds * warmUp) memory.push(rss)
  const steps = Object.values(counts).reduce((sum, one) => sum + one, 0)
  process.stderr.write(
    `${elapsed().toFixed(0).padStart(5)} s  ${String(steps).padStart(8)} steps  ${workers.size} workers  ${mebibytes(rss)} MiB\n`,
  )
}

function mebibytes(bytes) {
  return (bytes / 2 ** 20).toFixed(0)
}

/** Waits until the figures are what they were; gives them as they are in the end. */
async function settled(ns, baseline) {
  const until = elapsed() + settling
  for (;;) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
    await ns.collect()
    const figures = await ns.figures()
    if (JSON.stringify(figures) === JSON.stringify(baseline) || elapsed() > until) return figures
  }
}

async function main() {
  const { version } = await python.start()
  console.log(`seed ${seed}, ${seconds} s, Python ${version}, Node ${process.versions.node}`)
  const ns = await python.import(new URL('./soak.py', import.meta.url))
  await ns.figures()
  // Attributes of modules are described once; what they are described by stays.
  const baseline = await settled(ns, await ns.figures())
  const progress = setInterval(showProgress, Math.min(5000, (seconds * 1000) / 20))
  await Promise.all(Array.from({ length: laneCount }, () => lane(ns, random.fork())))
  clearInterval(progress)
  const figures = await settled(ns, baseline)
  const quarter = Math.ceil(memory.length / 4)
  const growth = (Math.min(...memory.slice(-quarter)) - Math.min(...memory.slice(0, quarter))) / 2 ** 20
  console.log(JSON.stringify({ counts, figures, growth: Math.round(growth) }, undefined, 2))
  assert.deepEqual(figures, baseline, 'something is left')
  assert(!(growth > mostGrowth), `memory has grown by ${growth.toFixed(0)} MiB`)
}

main().catch((error) => {
  console.error(`seed ${seed}:`, error)
  process.exit(1)
})
