/* What becomes of calls that do not end, of processes that give up, and how that is seen: with real processes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Conductor,
  isBridgeError,
  type BridgeError,
  type ConductorEvent,
  type ConductorOptions,
  type Metric,
  type RemoteHandle,
} from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { eventually } from './support/eventually'

const fixtures = join(__dirname, 'fixtures')
const started: Conductor[] = []
let folder: string
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-supervision-'))
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((conductor) => conductor.stop({ drain: 0 })))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function conductorOf(options: ConductorOptions = {}): Promise<Conductor> {
  const conductor = await Conductor.start({ target: 'supervision', paths: [fixtures], ...options })
  started.push(conductor)
  return conductor
}

const newFile = (): string => join(folder, String((files += 1)))
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const begun = (path: string): Promise<void> => eventually(() => textOf(path).startsWith('begun'), true)
const failureOf = (call: PromiseLike<unknown>): Promise<BridgeError> =>
  Promise.resolve(call).then(
    (value) => {
      throw new Error(`it gave ${String(value)}`)
    },
    (error: unknown) => error as BridgeError,
  )

describe('a call whose time is over', () => {
  test('is told so by `TaskTimeout`, and ends', async () => {
    const conductor = await conductorOf()
    const path = newFile()
    const pid = await conductor.call('pid')
    const error = await failureOf(conductor.call('until_interrupted', [path], { timeout: 100 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'cancelled' })
    expect(textOf(path)).toBe('begun\nTimeoutError: the time of this call is over\n')
    expect(await conductor.call('pid')).toBe(pid)
  })

  test('is cancelled if it is a coroutine', async () => {
    const conductor = await conductorOf()
    const path = newFile()
    const error = await failureOf(conductor.call('until_cancelled', [path], { timeout: 100 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'cancelled' })
    expect(textOf(path)).toBe("begun\n['TaskTimeout']\n")
  })

  test('has never begun if it has not', async () => {
    const conductor = await conductorOf({ concurrency: 1, threads: 1 })
    const [path, over] = [newFile(), newFile()]
    const busy = conductor.call('finish', [path, over])
    await begun(path)
    const error = await failureOf(conductor.call('echo', [1], { timeout: 1 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'not started' })
    writeFileSync(over, '')
    expect(await busy).toBe(over)
  })

  test('is ended with its process if it does not heed that', async () => {
    const conductor = await conductorOf({ killAfter: 200 })
    const died: ConductorEvent[] = []
    conductor.on('died', (event) => died.push(event))
    const [path, other] = [newFile(), newFile()]
    const others = failureOf(conductor.call('until_interrupted', [other]))
    await begun(other)
    const error = await failureOf(conductor.call('deaf', [path], { timeout: 50, idempotent: true }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'killed', exit: { reason: 'timeout' } })
    expect(error.exit?.traceback).toMatch(/supervision\.py", line \d+ in deaf/)
    expect(textOf(path)).toMatch(/^begun \d+\nTaskTimeout\n$/)
    expect(died).toMatchObject([{ exit: { reason: 'timeout' } }])
    expect(await others).toMatchObject({ code: 'ERR_WORKER_LOST', started: true, exit: { reason: 'timeout' } })
    expect(await conductor.call('echo', [2])).toBe(2)
    expect(conductor.status().workers).toMatchObject([{ restarts: 1, lastExit: { reason: 'timeout' } }])
  })

  test('is ended with its process if C code holds the GIL', async () => {
    const conductor = await conductorOf()
    const path = newFile()
    const error = await failureOf(conductor.call('in_c', [path, 600], { timeout: 50, killAfter: 50 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'killed' })
    expect(error.exit?.traceback).toMatch(/in in_c/)
    expect(await conductor.call('echo', [2])).toBe(2)
  })

  test('goes on if its process is never to be killed', async () => {
    const conductor = await conductorOf({ killAfter: Infinity })
    const pid = await conductor.call('pid')
    const path = newFile()
    const error = await failureOf(conductor.call('deaf', [path], { timeout: 50 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'still running' })
    expect(await conductor.call('pid')).toBe(pid)
  })

  test('may be one of a handle', async () => {
    const conductor = await conductorOf({ killAfter: 100 })
    const module = await conductor.import('supervision')
    const path = newFile()
    const error = await failureOf(module.$get('deaf').$call([path], undefined, { timeout: 50 }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', callState: 'killed', exit: { reason: 'timeout' } })
    expect(await failureOf(module.$get('pid').$call([]))).toMatchObject({ code: 'ERR_WORKER_LOST' })
  })
})

test('a call that is called off and does not end is ended with its process', async () => {
  const conductor = await conductorOf()
  const controller = new AbortController()
  const path = newFile()
  const call = conductor.call('in_c', [path, 600], { signal: controller.signal, killAfter: 0 })
  await begun(path)
  controller.abort('enough')
  expect(await failureOf(call)).toMatchObject({ code: 'ERR_CANCELLED', callState: 'killed', cause: 'enough' })
  expect(conductor.status().calls).toMatchObject({ lost: 0, quarantined: 0 })
})

describe('`ConductorFatal`', () => {
  test.each(['give_up', 'give_up_later'])('ends the process, and another one takes its place: %s', async (name) => {
    const conductor = await conductorOf()
    const died: ConductorEvent[] = []
    conductor.on('died', (event) => died.push(event))
    const pid = await conductor.call('pid')
    const error = await failureOf(conductor.call(name, ['the model is broken']))
    expect(error).toMatchObject({ name: 'PythonError', qualifiedType: 'symphony_bridge.ConductorFatal' })
    expect(error.message).toContain('the model is broken')
    expect(await conductor.call('pid')).not.toBe(pid)
    expect(died).toMatchObject([{ exit: { pid, code: 70, signal: null, reason: 'fatal' } }])
  })

  test('may come out of a stream', async () => {
    const conductor = await conductorOf()
    const died = new Promise((resolve) => conductor.once('died', resolve))
    const module = await conductor.import('supervision')
    const items: unknown[] = []
    const loop = async (): Promise<void> => {
      for await (const item of module.$get('give_up_between').$call([2])) items.push(item)
    }
    await expect(loop()).rejects.toMatchObject({ type: 'ConductorFatal' })
    expect(items).toEqual([0, 1])
    expect(await died).toMatchObject({ exit: { reason: 'fatal' } })
  })

  test('what has not begun by then is made in the next process', async () => {
    const conductor = await conductorOf({ concurrency: 1, threads: 1 })
    const fatal = failureOf(conductor.call('give_up', ['now']))
    const values = Array.from({ length: 20 }, (_, index) => index)
    expect(await Promise.all(values.map((value) => conductor.call('echo', [value])))).toEqual(values)
    expect(await fatal).toMatchObject({ type: 'ConductorFatal' })
    expect(conductor.status().calls).toMatchObject({ lost: 0 })
  })
})

describe('what a process is doing', () => {
  test('is known by name while it runs', async () => {
    const conductor = await conductorOf()
    const task = (): unknown => conductor.status().workers[0]?.task
    for (const name of ['finish', 'finish_later']) {
      const [path, over] = [newFile(), newFile()]
      const call = conductor.call(name, [path, over])
      await begun(path)
      expect(task()).toEqual({ name: `supervision:${name}`, since: expect.any(Number) as number })
      writeFileSync(over, '')
      await call
      expect(task()).toBeNull()
    }
    const handle = (await conductor.eval('[1].__class__()', {}, { returns: 'ref' } as object)) as RemoteHandle
    await handle.append(1)
    expect(conductor.status().workers[0]).toMatchObject({ task: null, health: 'healthy' })
  })

  test('is in the report of its end', async () => {
    const conductor = await conductorOf()
    const path = newFile()
    const error = await failureOf(conductor.call('deaf', [path], { timeout: 20, killAfter: 0 }))
    expect(error.exit?.lastTasks).toContainEqual({
      name: 'supervision:deaf',
      duration: expect.any(Number) as number,
      running: true,
    })
  })

  test('C code that holds the GIL is told from an event loop that is stuck', async () => {
    const conductor = await conductorOf({ health: { gil: { limit: 1_000 }, loop: { limit: 1_000 } } })
    const told: string[] = []
    conductor.on('health', ({ to, task }) => told.push(to === 'healthy' ? to : `${to} ${task?.name}`))
    const health = (): unknown => conductor.status().workers[0]?.health
    const [first, second] = [newFile(), newFile()]
    await conductor.call('finish_later', [newFile(), fixtures])
    const stuck = conductor.call('block_loop', [first, second])
    await eventually(() => told.includes('loop-stuck supervision:block_loop'), true)
    expect(health()).toBe('loop-stuck')
    writeFileSync(second, '')
    await stuck
    await eventually(() => told.at(-1), 'healthy')
    const held = conductor.call('in_c', [newFile(), 4])
    await eventually(() => told.includes('gil-held supervision:in_c'), true)
    await held
    await eventually(health, 'healthy')
  })
})

test('a process is replaced by one that is ready before it ends, and why is told', async () => {
  const conductor = await conductorOf()
  const told: string[] = []
  const tell = (name: string, { worker }: { worker: number }): unknown => told.push(`${worker} ${name}`)
  conductor.on('changed', (event) => tell(`${event.to} (${event.reason})`, event))
  conductor.on('restarted', (event) => tell(`restarted ${event.attempt}`, event))
  const [path, over] = [newFile(), newFile()]
  const pid = await conductor.call('pid')
  const busy = conductor.call('finish', [path, over])
  await begun(path)
  await conductor.restart()
  expect(conductor.status().workers).toMatchObject([
    { pid, state: 'draining', task: { name: 'supervision:finish' } },
    { state: expect.stringMatching(/ready|running/) as string, task: null },
  ])
  expect(await conductor.call('pid')).not.toBe(pid)
  writeFileSync(over, '')
  expect(await busy).toBe(over)
  await eventually(() => conductor.status().workers.length, 1)
  await eventually(() => told.length >= 7, true)
  expect(told).toEqual([
    '0 running (use)',
    '1 starting (replacement)',
    '1 ready (ready)',
    '1 restarted 0',
    '0 draining (asked)',
    '1 running (use)',
    '0 stopped (clean)',
  ])
})

test('memory that cannot be limited is said at the start', async () => {
  const error = await failureOf(Conductor.start({ limits: { memoryMaxMb: 64, cgroup: '/no/such/group' } }))
  expect(error).toMatchObject({ code: 'ERR_WORKER_START' })
  expect(error.message).toContain('`memory_max`: `/no/such/group/cgroup.controllers`: it cannot be read: No such file')
})

test('figures for a monitor', async () => {
  const conductor = await conductorOf()
  const pid = await conductor.call<number>('pid')
  process.kill(pid, 'SIGKILL')
  await new Promise((resolve) => conductor.once('restarted', resolve))
  await conductor.call('pid')
  await failureOf(conductor.call('no_such'))
  const { metrics } = conductor.status()
  const valueOf = (wanted: string, attributes = {}): unknown =>
    metrics.find(({ name, attributes: its }) => name === wanted && JSON.stringify(its) === JSON.stringify(attributes))
  expect(valueOf('symphony.conductor.starts')).toMatchObject({ kind: 'counter', unit: '{process}', value: 2 })
  expect(valueOf('symphony.conductor.restarts')).toMatchObject({ kind: 'counter', value: 1 })
  expect(valueOf('symphony.conductor.calls', { outcome: 'completed' })).toMatchObject({ kind: 'counter', value: 2 })
  expect(valueOf('symphony.conductor.calls', { outcome: 'failed' })).toMatchObject({ kind: 'counter', value: 1 })
  expect(valueOf('symphony.conductor.queue.oldest')).toMatchObject({ kind: 'gauge', unit: 's', value: 0 })
  expect(valueOf('process.memory.usage', { worker: '0' })).toMatchObject({ kind: 'gauge', unit: 'By' })
  for (const name of ['recovery.duration', 'start.duration', 'call.duration']) {
    const histogram = valueOf(`symphony.conductor.${name}`) as Metric & { kind: 'histogram' }
    expect(histogram).toMatchObject({ kind: 'histogram', unit: 's' })
    expect(histogram.counts).toHaveLength(histogram.bounds.length + 1)
    expect(histogram.counts.reduce((sum, count) => sum + count)).toBe(histogram.count)
    expect(histogram.count).toBe(name === 'recovery.duration' ? 1 : 2)
  }
})

test('nothing is kept of a Conductor that was stopped', async () => {
  const end = await runProgram(
    `
    const { Conductor } = require('symphony-python-bridge')
    async function startAndStop() {
      const conductor = await Conductor.start()
      await conductor.call('os:getpid')
      await conductor.stop()
      return new WeakRef(conductor)
    }
    async function main() {
      const stopped = []
      for (let round = 0; round < 10; round++) stopped.push(await startAndStop())
      // The connection of the last answer is kept until there is another one.
      await require('symphony-python-bridge').python.eval('1')
      while (stopped.some((one) => one.deref() !== undefined)) {
        await new Promise((resolve) => setImmediate(resolve))
        globalThis.gc()
      }
      console.log('gone')
    }
    main()
    `,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ stdout: 'gone\n', code: 0 })
})

test('a process is replaced after so many calls', async () => {
  const conductor = await conductorOf({ recycle: { maxTasks: 20 } })
  const pid = await conductor.call('pid')
  let other = pid
  await eventually(async () => (other = await conductor.call('pid')) !== pid, true)
  expect(isBridgeError(other)).toBe(false)
})
