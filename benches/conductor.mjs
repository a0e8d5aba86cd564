// Python in processes of its own: what a call takes beside a bare echo over a socket, and what processes add to each other.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Conductor, python, WorkerPool } from 'symphony-python-bridge'
import { chosenPython } from './harness/chosen-python.mjs'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { runInProcess } from './harness/processes.mjs'
import { ratioRow, valueRow } from './harness/row.mjs'

export const title = 'Processes of their own'

const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url))
const inFlight = 1000
const megabyte = 1 << 20
/** As long as the request of a small call. */
const shortMessage = 60

export async function measure(context) {
  const { onProgress } = context
  const sequential = await runInProcess({
    file: import.meta.url,
    name: 'measureSequential',
    context: { ...context, onProgress: (share) => onProgress(share / 4) },
    pinned: true,
  })
  const concurrent = await measureConcurrent({ ...context, onProgress: (share) => onProgress((1 + share) / 4) })
  const parallel = await measureParallel({ ...context, onProgress: (share) => onProgress((2 + share) / 4) })
  const start = await measureStart({ ...context, onProgress: (share) => onProgress((3 + share) / 4) })
  return [...sequential, ...concurrent, ...parallel, ...start]
}

export async function measureSequential({ quick, onProgress }) {
  const { executable } = await chosenPython()
  const echo = startEcho(executable)
  const conductor = await Conductor.start({ paths: [fixtures] })
  const { add } = await conductor.import('bench_conductor')
  const samplers = {
    ours: await timedLoop(
      async (turns) => {
        for (let turn = 0; turn < turns; turn++) await add(turn, 1)
      },
      { milliseconds: quick ? 10 : 60 },
    ),
    echo: await timedLoop(
      async (turns) => {
        for (let turn = 0; turn < turns; turn++) await echo.roundTrip()
      },
      { milliseconds: quick ? 10 : 60 },
    ),
  }
  const side = await interleave(samplers, { rounds: quick ? 7 : 31, onRound: onProgress })
  echo.end()
  await conductor.stop()
  const name = 'call of another process, in sequence, one CPU'
  return [ratioRow({ name, ours: side.ours, comparedWith: 'bare echo to Python', other: side.echo, target: 1.5 })]
}

async function measureConcurrent({ quick, onProgress }) {
  const conductor = await Conductor.start({ paths: [fixtures] })
  const { add, same } = await conductor.import('bench_conductor')
  const data = new Uint8Array(megabyte).fill(7)
  const large = new Uint8Array(16 * megabyte).fill(7)
  // Both processes have the memory of these.
  const [shared, sharedLarge, sharedHuge] = [1, 16, 256].map((size) => python.ndarray(size * megabyte, 'uint8'))
  const each = (call) => async (turns) => {
    for (let turn = 0; turn < turns; turn++) await call()
  }
  const samplers = {
    call: await timedLoop(
      async (turns) => {
        for (let turn = 0; turn < turns; turn += inFlight) {
          await Promise.all(Array.from({ length: inFlight }, (_, index) => add(index, 1)))
        }
      },
      { milliseconds: quick ? 10 : 60, multiple: inFlight },
    ),
    data: await timedLoop(
      each(() => same(data)),
      { milliseconds: quick ? 10 : 40 },
    ),
    large: await timedLoop(
      each(() => same(large)),
      { milliseconds: quick ? 10 : 40 },
    ),
    shared: await timedLoop(
      each(() => same(shared)),
      { milliseconds: quick ? 10 : 40 },
    ),
    sharedLarge: await timedLoop(
      each(() => same(sharedLarge)),
      { milliseconds: quick ? 10 : 40 },
    ),
    sharedHuge: await timedLoop(
      each(() => same(sharedHuge)),
      { milliseconds: quick ? 10 : 40 },
    ),
  }
  const side = await interleave(samplers, { rounds: quick ? 5 : 31, onRound: onProgress })
  await conductor.stop()
  return [
    valueRow({ name: `call of another process, ${inFlight} in flight`, unit: 'ns', ours: side.call, target: 3000 }),
    valueRow({ name: '1 MiB to another process and back', unit: 'ns', ours: side.data, target: 300_000 }),
    valueRow({ name: '16 MiB to another process and back', unit: 'ns', ours: side.large, target: null }),
    valueRow({ name: '16 MiB of `python.ndarray`, the same', unit: 'ns', ours: side.sharedLarge, target: null }),
    constant('16 MiB', side.sharedLarge, side.shared),
    constant('256 MiB', side.sharedHuge, side.shared),
  ]
}

/** What is shared takes as long at any size. */
function constant(size, ours, other) {
  const name = `${size} of \`python.ndarray\` to another process and back`
  return ratioRow({ name, ours, comparedWith: '1 MiB of it', other, target: 1.2 })
}

async function measureParallel({ quick, onProgress }) {
  const tasks = Array.from({ length: quick ? 4 : 16 }, () => 200_000)
  const pools = []
  const samplers = {}
  for (const size of [1, 2]) {
    const pool = await WorkerPool.start({ size, paths: [fixtures] })
    pools.push(pool)
    await pool.map('bench_conductor:spin', tasks)
    samplers[size] = async () => {
      const start = process.hrtime.bigint()
      await pool.map('bench_conductor:spin', tasks)
      return Number(process.hrtime.bigint() - start)
    }
  }
  const side = await interleave(samplers, { rounds: quick ? 3 : 11, onRound: onProgress })
  await Promise.all(pools.map((pool) => pool.stop()))
  const name = 'work for processors, by two workers'
  return [ratioRow({ name, ours: side[2], comparedWith: 'by one', other: side[1], target: 1 / 1.8 })]
}

async function measureStart({ quick, onProgress }) {
  const { executable } = await chosenPython()
  const samplers = {
    async ours() {
      const start = process.hrtime.bigint()
      const conductor = await Conductor.start({ python: executable })
      const took = Number(process.hrtime.bigint() - start)
      await conductor.stop()
      return took
    },
    pass: () =>
      new Promise((resolve, reject) => {
        const start = process.hrtime.bigint()
        const child = spawn(executable, ['-c', 'pass'], { stdio: 'ignore' })
        child.on('error', reject)
        child.on('exit', () => resolve(Number(process.hrtime.bigint() - start)))
      }),
    async recovery() {
      const conductor = await Conductor.start({ python: executable, standby: 1 })
      while (!conductor.status().workers.some(({ state }) => state === 'standby')) await turn()
      const victim = conductor.status().workers.find(({ state }) => state !== 'standby')
      const start = process.hrtime.bigint()
      process.kill(victim.pid, 'SIGKILL')
      while ((await conductor.call('os:getpid').catch(() => victim.pid)) === victim.pid);
      const took = Number(process.hrtime.bigint() - start)
      await conductor.stop()
      return took
    },
  }
  const side = await interleave(samplers, { rounds: quick ? 3 : 15, onRound: onProgress })
  return [
    ratioRow({
      name: 'start of a process until it is ready',
      ours: side.ours,
      comparedWith: '`python -c pass`',
      other: side.pass,
      target: 2,
    }),
    valueRow({
      name: 'SIGKILL until the next answer, with a spare',
      unit: 'ns',
      ours: side.recovery,
      target: 100e6,
    }),
  ]
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Python that sends back what comes, over a socket of Node's. */
function startEcho(executable) {
  const child = spawn(executable, [`${fixtures}/bench_conductor.py`], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  const socket = child.stdio[3]
  const message = Buffer.alloc(4 + shortMessage)
  message.writeUInt32LE(shortMessage)
  let missing = 0
  let resolve
  socket.on('data', (chunk) => {
    missing -= chunk.length
    if (missing === 0) resolve()
  })
  return {
    roundTrip: () =>
      new Promise((done) => {
        resolve = done
        missing = message.length
        socket.write(message)
      }),
    end: () => child.kill(),
  }
}
