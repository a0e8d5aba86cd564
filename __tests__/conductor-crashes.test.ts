/* Processes that end at awkward moments: while arguments or results are converted, in a garbage collection, before a call has begun, with
   children of their own; and what does not end them: no memory left, exits that are exceptions. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Conductor, isPythonError, type ConductorOptions, type Handle } from 'symphony-python-bridge'
import { eventually } from './support/eventually'
import { gone, possessions } from './support/processes'

const fixtures = join(__dirname, 'fixtures')
let folder: string
let before: ReturnType<typeof possessions>
let files = 0
const started: Conductor[] = []

const newPath = (): string => join(folder, String((files += 1)))
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n')

async function faulty(more: ConductorOptions = {}): Promise<Conductor> {
  const conductor = await Conductor.start({
    target: 'faults',
    paths: [fixtures],
    stdout: 'ignore',
    stderr: 'ignore',
    restart: { intensity: { restarts: 1000, within: 1000 }, backoff: { cap: 1 } },
    ...more,
  })
  started.push(conductor)
  return conductor
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-crashes-'))
  await (await faulty()).stop({ drain: 0 })
  before = possessions()
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((conductor) => conductor.stop({ drain: 0 })))
})

afterAll(async () => {
  await eventually(() => JSON.stringify(possessions()), JSON.stringify(before))
  rmSync(folder, { recursive: true })
})

describe.each(['segv', 'exit1', 'kill'])('%s', (fault) => {
  const lost = { code: 'ERR_WORKER_LOST', started: true }
  const crashing = async (conductor: Conductor, when: string): Promise<Handle> =>
    (await conductor.call('Crashes', [when, fault], { returns: 'ref' })) as unknown as Handle

  /** Whatever the way, the next call finds another process. */
  async function expectAnother(conductor: Conductor, pid: number): Promise<void> {
    expect(await conductor.call('pid')).not.toBe(pid)
    expect(conductor.status().calls).toMatchObject({ quarantined: 0 })
  }

  test('while arguments are made', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    // A key of a dict has its hash taken.
    const key = await crashing(conductor, 'hash')
    await expect(conductor.call('identity', [new Map([[key, 1]])])).rejects.toMatchObject(lost)
    await expectAnother(conductor, pid)
  })

  test('while a result is converted', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    const mapping = (await conductor.call('CrashingMapping', [fault], { returns: 'ref' })) as unknown as Handle
    await expect(mapping.$value()).rejects.toMatchObject(lost)
    await expectAnother(conductor, pid)
  })

  test('while an exception is described', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    await expect(conductor.call('raise_crashing', [fault])).rejects.toMatchObject(lost)
    await expectAnother(conductor, pid)
  })

  test('while the text of an object is made', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    await expect((await crashing(conductor, 'str')).$str()).rejects.toMatchObject(lost)
    await expectAnother(conductor, pid)
  })

  test('while garbage is collected', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    await expect(conductor.call('crash_in_collection', [fault])).rejects.toMatchObject(lost)
    await expectAnother(conductor, pid)
  })

  test('while an object is let go that JavaScript gave back', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    const died = new Promise((resolve) => conductor.once('died', resolve))
    ;(await crashing(conductor, 'del')).$dispose()
    expect(await died).toMatchObject({ exit: { pid } })
    await expectAnother(conductor, pid)
  })

  test('between two items of a stream', async () => {
    const conductor = await faulty()
    const pid = await conductor.call<number>('pid')
    const module = (await conductor.import('faults')) as unknown as Handle
    const items: unknown[] = []
    const loop = async (): Promise<void> => {
      for await (const item of module.crash_in_item.$with({ highWaterMark: 0 })(fault)) items.push(item)
    }
    await expect(loop()).rejects.toMatchObject({ code: 'ERR_WORKER_LOST' })
    expect(items).toEqual([1])
    await expectAnother(conductor, pid)
  })
})

test('calls that a process had accepted and not begun are made once, in the next one', async () => {
  const conductor = await faulty({ threads: 1 })
  const [begun, ledger, pid] = [newPath(), newPath(), await conductor.call<number>('pid')]
  const held = expect(conductor.call('hold', [begun])).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', started: true })
  await eventually(() => existsSync(begun), true)
  const calls = Array.from({ length: 40 }, (_, index) => conductor.call('note', [ledger, index]))
  // All of them are in that process: there is nobody else, and it has room for them.
  expect(conductor.status()).toMatchObject({ queue: { length: 0 }, workers: [{ pid, inFlight: 41 }] })
  process.kill(pid, 'SIGKILL')
  await held
  await Promise.all(calls)
  expect(
    linesOf(ledger)
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 40 }, (_, index) => index))
  expect(conductor.status().calls).toMatchObject({ repeated: 40, lost: 1 })
})

test('a process that waits for JavaScript', async () => {
  const conductor = await faulty()
  const pid = await conductor.call<number>('pid')
  const asked = conductor.call('ask', [
    () => {
      process.kill(pid, 'SIGKILL')
      return new Promise(() => undefined)
    },
  ])
  await expect(asked).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', started: true })
  expect(await conductor.call('pid')).not.toBe(pid)
})

test('calls that are just done are done, or lost: never made twice', async () => {
  const conductor = await faulty()
  const ledger = newPath()
  let done = 0
  for (let round = 0; round < 20; round++) {
    const outcome = await conductor.call('note_then', [ledger, round, 'kill']).then(
      () => 'done',
      (error: unknown) => error,
    )
    if (outcome === 'done') done += 1
    else expect(outcome).toMatchObject({ code: 'ERR_WORKER_LOST', started: true })
  }
  expect(linesOf(ledger).map(Number)).toEqual(Array.from({ length: 20 }, (_, index) => index))
  expect(done).toBeLessThanOrEqual(20)
})

test.each(['exit1', 'kill', 'segv'])('children of a process end with it: %s', async (fault) => {
  const conductor = await faulty()
  const child = await conductor.call<number>('grandchild')
  expect(child).toBeGreaterThan(0)
  await conductor.call('commit', [fault]).catch(() => undefined)
  await gone(child)
})

test('children of a process end with it when it is stopped', async () => {
  const conductor = await faulty()
  const child = await conductor.call<number>('grandchild')
  await conductor.stop()
  await gone(child)
})

test('memory that cannot be had is a MemoryError of the call', async () => {
  const conductor = await faulty({ limits: { addressSpaceMb: 4096 } })
  const pid = await conductor.call<number>('pid')
  const error: unknown = await conductor.call('out_of_memory').catch((error: unknown) => error)
  expect(isPythonError(error, 'MemoryError')).toBe(true)
  // Nor can what is sent be received.
  await expect(conductor.call('identity', ['x'.repeat(10)])).resolves.toBe('x'.repeat(10))
  expect(await conductor.call('pid')).toBe(pid)
})

test('an exit that is an exception is the error of its call, and no end', async () => {
  const conductor = await faulty()
  const pid = await conductor.call<number>('pid')
  for (const thread of ['any', 'loop'] as const)
    await expect(conductor.call('sys:exit', [5], { thread })).rejects.toMatchObject({ type: 'SystemExit', args: [5] })
  await conductor.call('thread_that_raises')
  expect(await conductor.call('pid')).toBe(pid)
})
