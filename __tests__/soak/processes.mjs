// The soak of processes of their own: a ledger that says how often each task has run while workers are killed, and lives from start to stop.
//   npm run soak -- --processes [--tasks 10000] [--cycles 10000] [--seed 1]
//
// Prints what happened as JSON; throws if a promise of docs/conductor.md was broken. An interrupt (SIGINT) ends it early, with what there is.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Conductor, isBridgeError, WorkerPool } from 'symphony-python-bridge'
import { Random } from './random.mjs'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    cycles: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
})
const [tasks, cycles, seed] = [values.tasks, values.cycles, values.seed].map(Number)
assert([tasks, cycles, seed].every(Number.isInteger), 'expected --tasks, --cycles and --seed to be integers')

const fixtures = join(import.meta.dirname, '..', 'fixtures')
const options = { target: 'faults', paths: [fixtures], stdout: 'ignore' }
/** How many tasks there are between two kills. */
const killEvery = 50
/** How many calls are under way. */
const lanes = 100
/** How many lives at a time. */
const livesAtOnce = 2
/** Share of the lives that may fail: the machine may be short of something for a moment. */
const mostFailures = 0.0005

const folder = mkdtempSync(join(tmpdir(), 'symphony-ledger-'))
// A folder for temporary files that nobody else uses.
const temporary = join(folder, 'tmp')
mkdirSync(temporary)
process.env.TMPDIR = temporary
const random = new Random(seed)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What must be as before in the end. */
const possessions = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
  children: readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8'),
  files: readdirSync(temporary),
})

/** What is freed a moment later is not lost. */
async function expectNothingLeft(before) {
  const end = performance.now() + 10_000
  while (performance.now() < end && JSON.stringify(possessions()) !== JSON.stringify(before)) await turn()
  assert.deepEqual(possessions(), before)
}

let isInterrupted = false
process.once('SIGINT', () => (isInterrupted = true))

/** Does so much of something in several lanes; gives how much it was. */
async function inLanes(count, atOnce, one) {
  let next = 0
  const lane = async () => {
    while (next < count && !isInterrupted) {
      if (next % 1000 === 0) process.stderr.write(`${next} of ${count}\n`)
      await one(next++)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return next
}

/** How often each line is in a file. */
function counted(path) {
  const counts = new Map()
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1)
  return counts
}

/** Tasks of three lengths, half of them idempotent, while a worker is killed from time to time. */
async function ledger() {
  const path = join(folder, 'ledger')
  const before = possessions()
  const restart = { intensity: { restarts: 1_000_000, within: 1_000 }, backoff: { cap: 1 } }
  const pool = await WorkerPool.start({ ...options, size: 2, threads: 2, restart })
  const outcomes = []
  let [settled, kills] = [0, 0]
  const names = ['note', 'note_slowly', 'note_async']
  const begin = performance.now()
  const made = await inLanes(tasks, lanes, async (index) => {
    const idempotent = index % 2 === 0
    const call = pool.call(names[index % 3], [path, index], { idempotent, retries: idempotent ? 1_000 : 0 })
    outcomes[index] = await call.then(
      (value) => ({ value }),
      (error) => ({ error }),
    )
    settled += 1
    if (settled % killEvery === 0) kills += killOne(pool)
  })
  const seconds = (performance.now() - begin) / 1000
  const { queue, calls } = pool.status()
  assert.equal(queue.length, 0)
  await pool.stop()
  assert.ok(pool.status().workers.every(({ state, pid }) => state === 'stopped' && pid === null))
  await expectNothingLeft(before)
  assert.equal(outcomes.length, made)
  return { tasks: made, ...judged(outcomes, counted(path)), kills, repeated: calls.repeated, seconds }
}

/** Kills a worker that has a process. */
function killOne(pool) {
  const alive = pool.status().workers.filter(({ pid, state }) => pid !== null && state === 'running')
  if (alive.length === 0) return 0
  try {
    process.kill(alive[random.integer(alive.length)].pid, 'SIGKILL')
    return 1
  } catch {
    // It has ended since.
    return 0
  }
}

/** What the ledger says of each task. */
function judged(outcomes, runs) {
  const figures = { done: 0, lost: 0, quarantined: 0, ranTwice: 0 }
  for (const [index, { value, error }] of outcomes.entries()) {
    const times = runs.get(String(index)) ?? 0
    const idempotent = index % 2 === 0
    if (error === undefined) {
      assert.equal(value, index)
      figures.done += 1
      if (idempotent) assert.ok(times >= 1, `task ${index} is idempotent, done, and has not run`)
      // Also those that were in a process that died before they had begun.
      else assert.equal(times, 1, `task ${index} is done, and has run ${times} times`)
    } else if (idempotent) {
      assert.ok(isBridgeError(error, 'ERR_TASK_QUARANTINED') && error.attempts === 3, String(error))
      figures.quarantined += 1
    } else {
      assert.ok(isBridgeError(error, 'ERR_WORKER_LOST') && error.started === true, String(error))
      assert.ok(times <= 1, `task ${index} was lost, and has run ${times} times`)
      figures.lost += 1
    }
    if (times > 1) figures.ranTwice += 1
  }
  return figures
}

/** Lives of Conductors: start, one call, stop. */
async function lives() {
  const before = possessions()
  const failures = {}
  const times = []
  const begin = performance.now()
  const memory = process.memoryUsage.rss()
  const begun = await inLanes(cycles, livesAtOnce, async (index) => {
    let conductor
    const start = performance.now()
    try {
      conductor = await Conductor.start(options)
      assert.equal(await conductor.call('identity', [index]), index)
      await conductor.stop()
      times.push(performance.now() - start)
    } catch (error) {
      failures[error.code ?? error.name] = (failures[error.code ?? error.name] ?? 0) + 1
      await conductor?.stop({ drain: 0 })
    }
    if (conductor !== undefined) assert.equal(conductor.status().state, 'stopped')
  })
  const seconds = (performance.now() - begin) / 1000
  const failed = begun - times.length
  assert.ok(failed <= begun * mostFailures, `${failed} of ${begun} lives failed: ${JSON.stringify(failures)}`)
  times.sort((a, b) => a - b)
  const [median, high] = [0.5, 0.99].map((share) => Math.round(times[Math.floor((times.length - 1) * share)]))
  const growthMiB = Math.round((process.memoryUsage.rss() - memory) / 2 ** 20)
  await expectNothingLeft(before)
  return { cycles: begun, succeeded: times.length, failed, failures, median, high, growthMiB, seconds }
}

try {
  // Threads and files that the first one brings stay.
  await (await Conductor.start(options)).stop()
  await turn()
  const figures = {}
  if (tasks > 0) figures.ledger = await ledger()
  if (cycles > 0) figures.lives = await lives()
  console.log(JSON.stringify(figures, null, 2))
} finally {
  rmSync(folder, { recursive: true })
}
