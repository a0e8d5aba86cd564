/* Every way in which a process ends, in every state that it may be in: what is told of it, what becomes of its calls, and that nothing is left. */
import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Conductor, type ConductorEvent, type ConductorOptions, type ExitReport } from 'symphony-python-bridge'
import { eventually } from './support/eventually'
import { gone, possessions, processState } from './support/processes'

const fixtures = join(__dirname, 'fixtures')
let folder: string
let before: ReturnType<typeof possessions>
let files = 0

/** What ends a process: the fault, and what its report says. */
const ends: readonly [fault: string, report: Partial<ExitReport>][] = [
  ['kill', { code: null, signal: 'SIGKILL', reason: expect.stringMatching(/^(?:oom-suspected|killed)$/) as never }],
  ['segv', { code: null, signal: 'SIGSEGV', reason: 'crash', traceback: expect.stringMatching(/in segv\n/) as never }],
  [
    'abort',
    { code: null, signal: 'SIGABRT', reason: 'crash', traceback: expect.stringMatching(/in abort\n/) as never },
  ],
  ['exit0', { code: 0, signal: null, reason: 'clean' }],
  ['exit1', { code: 1, signal: null, reason: 'crash' }],
  ['exit3', { code: 3, signal: null, reason: 'crash' }],
]

const newPath = (): string => join(folder, String((files += 1)))

function options(more: ConductorOptions = {}): ConductorOptions {
  return { target: 'faults', paths: [fixtures], stdout: 'ignore', stderr: 'ignore', ...more }
}

type EventOf<T> = Extract<ConductorEvent, { type: T }>

function next<T extends 'died' | 'stopped' | 'restarted'>(conductor: Conductor, type: T): Promise<EventOf<T>> {
  return new Promise((resolve) => conductor.once(type, resolve as never))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-faults-'))
  // Threads and files that the first one brings stay.
  const conductor = await Conductor.start(options())
  await conductor.call('commit', ['kill']).catch(() => undefined)
  await conductor.stop({ drain: 0 })
  before = possessions()
})

afterAll(async () => {
  await eventually(() => JSON.stringify(possessions()), JSON.stringify(before))
  rmSync(folder, { recursive: true })
})

describe.each(ends)('%s', (fault, report) => {
  test.each(['FAULT_IN_IMPORT', 'FAULT_IN_SETUP'])('before it is ready fails the start: %s', async (state) => {
    const started = Conductor.start(options({ env: { [state]: fault } }))
    const reason = fault === 'exit3' ? 'boot-error' : report.reason
    const error: unknown = await started.then(undefined, (error: unknown) => error)
    expect(error).toMatchObject({ code: 'ERR_WORKER_START', exit: { ...report, reason } })
    expect(processState((error as { exit: ExitReport }).exit.pid)).toBeUndefined()
  })

  test('while it has nothing to do', async () => {
    const conductor = await Conductor.start(options())
    const [path, pid, died] = [newPath(), await conductor.call<number>('pid'), next(conductor, 'died')]
    await conductor.call('arm', [fault, path])
    writeFileSync(path, '')
    expect(await died).toMatchObject({ exit: { pid, ...report } })
    expect(processState(pid)).toBeUndefined()
    await expectNext(conductor, pid)
  })

  test('while it is busy: its calls had begun', async () => {
    const conductor = await Conductor.start(options())
    const [path, other, pid] = [newPath(), newPath(), await conductor.call<number>('pid')]
    const [held, coroutine] = [conductor.call('hold', [path]), conductor.call('hold_async', [other])]
    await eventually(() => existsSync(path) && existsSync(other), true)
    const calls = [held, coroutine, conductor.call('commit', [fault])]
    for (const outcome of await Promise.allSettled(calls))
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_WORKER_LOST', started: true, exit: { pid, ...report } },
      })
    expect(processState(pid)).toBeUndefined()
    await expectNext(conductor, pid)
  })

  test('while it finishes what it has begun, because another one takes its place', async () => {
    const conductor = await Conductor.start(options())
    const [begun, over, pid] = [newPath(), newPath(), await conductor.call<number>('pid')]
    await conductor.call('arm', [fault, over])
    const held = conductor.call('hold', [begun])
    const outcome = expect(held).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', started: true, exit: { pid } })
    await eventually(() => existsSync(begun), true)
    const [stopped, restarted] = [next(conductor, 'stopped'), conductor.restart()]
    await eventually(() => conductor.status().workers.some(({ state }) => state === 'draining'), true)
    writeFileSync(over, '')
    await outcome
    await restarted
    expect(await stopped).toMatchObject({ exit: { pid, ...report } })
    expect(processState(pid)).toBeUndefined()
    expect(await conductor.call('pid')).not.toBe(pid)
    await conductor.stop({ drain: 0 })
  })

  test('as the last thing that it does', async () => {
    const conductor = await Conductor.start(options())
    const [pid, stopped] = [await conductor.call<number>('pid'), next(conductor, 'stopped')]
    await conductor.call('at_exit', [fault])
    await conductor.stop()
    expect(await stopped).toMatchObject({ exit: { pid, ...report } })
    expect(conductor.status()).toMatchObject({
      state: 'stopped',
      workers: [{ state: 'stopped', pid: null, lastExit: { pid } }],
    })
    expect(processState(pid)).toBeUndefined()
  })

  /** Another process follows, unless this one had left in order. */
  async function expectNext(conductor: Conductor, pid: number): Promise<void> {
    if (fault === 'exit0') await expect(conductor.call('pid')).rejects.toMatchObject({ code: 'ERR_CONDUCTOR_DOWN' })
    else expect(await conductor.call('pid')).not.toBe(pid)
    const now = conductor.status().workers.map((worker) => worker.pid)
    await conductor.stop({ drain: 0 })
    await gone(...now.filter((pid) => pid !== null))
  }
})
