/* Processes that do not end, or not by themselves: what spins, sleeps, is deaf, or was stopped. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Conductor, type ConductorEvent, type ConductorOptions } from 'symphony-python-bridge'
import { eventually } from './support/eventually'
import { possessions, processState } from './support/processes'

const fixtures = join(__dirname, 'fixtures')
let folder: string
let before: ReturnType<typeof possessions>
let files = 0
const started: Conductor[] = []

const newPath = (): string => join(folder, String((files += 1)))

async function faulty(more: ConductorOptions = {}): Promise<Conductor> {
  const conductor = await Conductor.start({
    target: 'faults',
    paths: [fixtures],
    stdout: 'ignore',
    stderr: 'ignore',
    stop: { drain: 50, terminate: 50 },
    ...more,
  })
  started.push(conductor)
  return conductor
}

function next<T extends ConductorEvent['type']>(
  conductor: Conductor,
  type: T,
): Promise<Extract<ConductorEvent, { type: T }>> {
  return new Promise((resolve) => conductor.once(type, resolve as never))
}

/** Is in the middle of a fault that does not end; the outcome of the call, and the process. */
async function stuck(conductor: Conductor, fault: string): Promise<{ outcome: Promise<void>; pid: number }> {
  const [path, pid] = [newPath(), await conductor.call<number>('pid')]
  const outcome = expect(conductor.call('begin', [fault, path])).rejects.toMatchObject({
    code: 'ERR_WORKER_LOST',
    started: true,
    exit: { pid },
  })
  await eventually(() => existsSync(path), true)
  return { outcome, pid }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-stuck-'))
  // Threads and files that the first one brings stay.
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

/** What is stuck, and the first signal of a stop that ends it. */
const kinds = [
  ['spin', 'SIGTERM'],
  ['spin_in_c', 'SIGTERM'],
  ['sleep', 'SIGTERM'],
  ['deaf', 'SIGABRT'],
  ['stop', 'SIGTERM'],
] as const

describe.each(kinds)('%s', (fault, signal) => {
  const where = expect.stringMatching(new RegExp(`faults\\.py", line \\d+ in ${fault}\\n`)) as string
  const exit = { code: null, signal, reason: 'killed', traceback: signal === 'SIGABRT' ? where : null }

  test.each(['FAULT_IN_IMPORT', 'FAULT_IN_SETUP'])('before it is ready: its time is over (%s)', async (state) => {
    const options = { env: { [state]: fault }, health: { startupTimeout: 500 } }
    await expect(faulty(options)).rejects.toMatchObject({
      code: 'ERR_WORKER_START',
      exit: { code: null, signal: 'SIGABRT', reason: 'timeout', traceback: where },
    })
  })

  test('while it has nothing to do', async () => {
    const conductor = await faulty()
    const [path, begun] = [newPath(), newPath()]
    const [pid, stopped] = [await conductor.call<number>('pid'), next(conductor, 'stopped')]
    await conductor.call('arm_begin', [fault, path, begun])
    writeFileSync(path, '')
    await eventually(() => existsSync(begun), true)
    await conductor.stop({ drain: 0 })
    // Nothing was under way, so it may have left before a signal came.
    expect(await stopped).toMatchObject({
      exit: { pid, reason: expect.stringMatching(/^(?:killed|clean)$/) as string },
    })
    expect(processState(pid)).toBeUndefined()
  })

  test.each([0, 50])('while it is busy: a stop after %d ms', async (drain) => {
    const conductor = await faulty()
    const [{ outcome, pid }, stopped] = [await stuck(conductor, fault), next(conductor, 'stopped')]
    await conductor.stop({ drain })
    await outcome
    expect(await stopped).toMatchObject({ exit: { pid, ...exit } })
    expect(processState(pid)).toBeUndefined()
  })

  // The steps without the options of this test would take 10 s.
  test('while another one takes its place: it has the time that the options give it', async () => {
    const conductor = await faulty()
    const [{ outcome, pid }, stopped] = [await stuck(conductor, fault), next(conductor, 'stopped')]
    await conductor.restart()
    await outcome
    expect(await stopped).toMatchObject({ exit: { pid, ...exit } })
    expect(await conductor.call('pid')).not.toBe(pid)
  }, 8_000)
})

test.each(kinds.slice(0, 4).map(([fault]) => fault))('where it stands can be seen: %s', async (fault) => {
  const conductor = await faulty()
  const { outcome } = await stuck(conductor, fault)
  expect(await conductor.dump()).toMatch(new RegExp(`faults\\.py", line \\d+ in ${fault}\\n`))
  await conductor.stop({ drain: 0 })
  await outcome
})

test('C code that keeps the GIL is told of, and left alone', async () => {
  const conductor = await faulty({ health: { gil: { limit: 300 } } })
  const told = next(conductor, 'health')
  const { outcome, pid } = await stuck(conductor, 'spin_in_c')
  expect(await told).toMatchObject({ from: 'healthy', to: 'gil-held' })
  expect(conductor.status().workers).toMatchObject([{ pid, health: 'gil-held', state: 'running' }])
  await conductor.stop({ drain: 0 })
  await outcome
})

test('a process that does not run at all is told of, ended, and another one takes its place', async () => {
  const conductor = await faulty({ health: { native: { limit: 300 } } })
  const [told, died] = [next(conductor, 'health'), next(conductor, 'died')]
  const { outcome, pid } = await stuck(conductor, 'stop')
  expect(await told).toMatchObject({ from: 'healthy', to: 'unresponsive' })
  expect(await died).toMatchObject({ exit: { pid, reason: 'timeout', signal: 'SIGABRT' } })
  await outcome
  expect(await conductor.call('pid')).not.toBe(pid)
}, 30_000)
