/* Work that is shared out to supervised processes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isBridgeError, kw, WorkerPool, type Handle, type WorkerPoolOptions } from 'symphony-python-bridge'

const fixtures = join(__dirname, 'fixtures')
const started: WorkerPool[] = []
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-pool-'))
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((pool) => pool.stop({ drain: 0 })))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function poolOf(options: WorkerPoolOptions): Promise<WorkerPool> {
  const pool = await WorkerPool.start({ target: 'agents', paths: [fixtures], ...options })
  started.push(pool)
  return pool
}

const pids = (pool: WorkerPool): number[] => pool.status().workers.map(({ pid }) => pid!)
const lines = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n')

test('calls are spread over all processes', async () => {
  const pool = await poolOf({ size: 3 })
  const seen = await Promise.all(Array.from({ length: 30 }, () => pool.call<number>('pid')))
  expect(new Set(seen)).toEqual(new Set(pids(pool)))
})

test('`map` gives the results in order', async () => {
  const pool = await poolOf({ size: 2 })
  const items = Array.from({ length: 500 }, (_, index) => index)
  let told = 0
  const results = await pool.map<number>('square', items, { onProgress: (done, total) => (told = done / total!) })
  expect(results).toEqual(items.map((item) => item * item))
  expect(told).toBe(1)
})

test('objects belong to one process; a session keeps to one', async () => {
  const pool = await poolOf({ size: 2 })
  const [one, other] = [await pool.session(), await pool.session()]
  const [first, second] = await Promise.all(
    [one, other].map((session) => session.eval<number>("__import__('os').getpid()")),
  )
  expect(first).not.toBe(second)
  const agents = (await one.import('agents')) as unknown as Handle
  const agent = (await agents.Agent('Ada')) as Handle
  expect(await one.eval('a.greet("Hi")', { a: agent })).toBe('Hi, Ada')
  await expect(other.eval('a.greet("Hi")', { a: agent })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(
      /it is of worker \d of the WorkerPool of agents, and this call is for worker \d/,
    ) as string,
  })
  await one.close()
  await other.close()
})

test('arguments, keywords and options', async () => {
  const pool = await poolOf({ size: 1 })
  expect(await pool.call('decide', [[1, 3, 2]], kw({ top: 2 }), { returns: 'value' })).toEqual([3, 2])
  await expect(pool.call('decide', [1])).rejects.toMatchObject({ type: 'TypeError' })
  await expect(pool.map('square', ['x'])).rejects.toMatchObject({ type: 'TypeError' })
})

test('a process that dies takes only its own calls with it', async () => {
  const pool = await poolOf({ size: 2 })
  const [dying, living] = [pool.call('die', ['SIGKILL']), pool.call('asyncio:sleep', [0.2, 'lived'])]
  await expect(dying).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', started: true })
  expect(await living).toBe('lived')
})

test('processes that are killed all the time: what is idempotent is done, what is not runs at most once, and nothing hangs', async () => {
  const pool = await poolOf({
    size: 2,
    restart: { intensity: { restarts: 1_000_000, within: 1_000 }, backoff: { cap: 1 } },
  })
  const [once, again] = [join(folder, 'once'), join(folder, 'again')]
  const calls: Promise<unknown>[] = []
  let killed = 0
  for (let index = 0; index < 600; index++) {
    const idempotent = index % 2 === 0
    calls.push(pool.call('note', [idempotent ? again : once, index], { idempotent, retries: idempotent ? 1000 : 0 }))
    if (index % 60 === 30) {
      // In the middle of calls, and only what is alive.
      await calls[index - 10]!.catch(() => undefined)
      killed += killOne(pool)
    }
  }
  const outcomes = await Promise.allSettled(calls)
  expect(killed).toBeGreaterThan(0)
  const [doneOnce, doneAgain] = [lines(once).map(Number), lines(again).map(Number)]
  expect(new Set(doneOnce).size).toBe(doneOnce.length)
  for (const [index, outcome] of outcomes.entries()) {
    const { status } = outcome
    if (status === 'fulfilled') {
      expect(index % 2 === 0 ? doneAgain : doneOnce).toContain(index)
      continue
    }
    expect(isBridgeError(outcome.reason) && outcome.reason.code).toBe(
      index % 2 === 0 ? 'ERR_TASK_QUARANTINED' : 'ERR_WORKER_LOST',
    )
  }
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeLessThanOrEqual(killed)
  expect(pool.status()).toMatchObject({ queue: { length: 0 }, calls: { quarantined: 0 } })
})

/** Kills a process that runs, if there is one. */
function killOne(pool: WorkerPool): number {
  const victim = pool.status().workers.find(({ pid, state }) => pid !== null && state === 'running')
  try {
    return victim === undefined ? 0 : Number(process.kill(victim.pid!, 'SIGKILL'))
  } catch {
    // It has ended since.
    return 0
  }
}

test('a start that fails leaves nothing behind', async () => {
  await expect(poolOf({ size: 2, target: 'no_such_agents' })).rejects.toMatchObject({ code: 'ERR_WORKER_START' })
})
