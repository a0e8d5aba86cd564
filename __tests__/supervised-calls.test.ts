/* What becomes of calls by name, handles and sessions while processes come and go. */
import { Conductor, kw, python, WorkerPool, type ConductorEvent, type Handle } from '../ts/index'
import { checkedConductorOptions, checkedPoolOptions } from '../ts/conductor/options'
import type { ConductorOptions, RemoteCallOptions, WorkerPoolOptions } from '../ts/types/conductor'
import { eventually } from './support/eventually'
import { problemOf, supervised, type Supervisor } from './support/supervisor'

/** Calls that wait until they are released, and a list of those that have begun. */
let tasks: Handle
const hosts: { stop(options: object): Promise<void> }[] = []

beforeAll(async () => {
  tasks = await python.exec(`
import sys, threading, types
begun = []
gates = {}
def gate(key):
    return gates.setdefault(key, threading.Event())
def hold(key):
    begun.append(key)
    gate(key).wait()
    return key
def release(*keys):
    for key in keys: gate(key).set()
def note(key):
    begun.append(key)
    return key
def fail(key):
    raise KeyError(key)
def total(items, *, factor=1):
    return factor * sum(items)
class Thing:
    pass
def setup(): pass
sys.modules['tasks'] = module = types.ModuleType('tasks')
module.__dict__.update(globals())
`)
})

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop({ drain: 0 })))
})

/** The keys of calls that have begun, since the last look. */
const begun = async (): Promise<unknown> => {
  const keys = await (tasks.begun as unknown as Promise<unknown[]>)
  await tasks.begun.clear()
  return keys
}
const beginning = (key: string): Promise<void> =>
  eventually(async () => ((await tasks.begun) as unknown[]).includes(key), true)

async function conductorOf(options: ConductorOptions = {}): Promise<{ host: Conductor; supervisor: Supervisor }> {
  const started = await supervised(Conductor, checkedConductorOptions({ target: 'tasks', ...options }))
  hosts.push(started.host)
  return started
}

async function poolOf(options: WorkerPoolOptions): Promise<{ host: WorkerPool; supervisor: Supervisor }> {
  const started = await supervised(WorkerPool, checkedPoolOptions({ target: 'tasks', ...options }))
  hosts.push(started.host)
  return started
}

test('a call names an attribute of the target, or a function with its module', async () => {
  const { host } = await conductorOf()
  expect(await host.call('total', [[1, 2, 3]])).toBe(6)
  expect(await host.call('total', [[1, 2, 3]], kw({ factor: 2 }))).toBe(12)
  expect(await host.call('total', [[1, 2, 3]], kw({ factor: 2 }), { number: 'float', returns: 'value' })).toBe(12)
  expect(await host.call('os.path:join', ['a', 'b'])).toBe('a/b')
  await expect(host.call('fail', ['x'])).rejects.toMatchObject({ name: 'PythonError', type: 'KeyError' })
  await expect(host.call('no_such')).rejects.toMatchObject({ type: 'AttributeError' })
  await expect(host.call('no.such:thing')).rejects.toMatchObject({ type: 'ModuleNotFoundError' })
  expect(host.status().calls).toEqual({ completed: 4, failed: 3, repeated: 0, lost: 0, quarantined: 0 })
})

test('the stack of an error shows who called', async () => {
  const { host } = await conductorOf()
  async function whoCalls(): Promise<void> {
    await host.call('fail', ['x'])
  }
  await expect(whoCalls()).rejects.toMatchObject({ stack: expect.stringContaining('whoCalls') as string })
})

test('each call goes to the worker with the least to do', async () => {
  const { host } = await poolOf({ size: 2 })
  const calls = ['a', 'b', 'c'].map((key) => host.call('hold', [key]))
  const inFlight = (): number[] => host.status().workers.map((worker) => worker.inFlight)
  expect(inFlight()).toEqual([2, 1])
  await tasks.release('a')
  expect(await calls[0]).toBe('a')
  expect(inFlight()).toEqual([1, 1])
  await tasks.release('b', 'c')
  expect(await Promise.all(calls)).toEqual(['a', 'b', 'c'])
  await begun()
})

test('what waits goes by urgency, and then by age', async () => {
  const { host } = await poolOf({ size: 1 })
  // As many as it gets ahead.
  const held = [host.call('hold', ['d']), host.call('hold', ['e'])]
  const priorities = [0, -1, 2, 0, 1]
  const noted = priorities.map((priority, index) => host.call('note', [index], { priority }))
  expect(host.status().queue).toMatchObject({ length: 5, limit: 1024 })
  await beginning('d')
  await tasks.release('d', 'e')
  expect(await Promise.all(noted)).toEqual([0, 1, 2, 3, 4])
  await Promise.all(held)
  expect(await begun()).toEqual(['d', 'e', 2, 4, 0, 3, 1])
})

test('no more wait than allowed', async () => {
  const { host } = await poolOf({ size: 1, queue: { limit: 1 } })
  const pressure: ConductorEvent[] = []
  host.on('pressure', (event) => pressure.push(event))
  const calls = ['f', 'g', 'h'].map((key) => host.call('hold', [key]))
  await expect(host.call('note', [1])).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
  expect(pressure).toEqual([expect.objectContaining({ type: 'pressure', queued: 1 })])
  await tasks.release('f', 'g', 'h')
  expect(await Promise.all(calls)).toEqual(['f', 'g', 'h'])
  expect(await host.call('note', [1])).toBe(1)
  await begun()
})

test('a call that had not begun when its process died is made again, and nobody notices', async () => {
  const { host, supervisor } = await poolOf({ size: 1 })
  const call = host.call('note', ['again'])
  supervisor.die(0, { started: false })
  supervisor.restarted(0)
  expect(await call).toBe('again')
  expect(host.status().calls).toMatchObject({ completed: 1, failed: 0, repeated: 1, lost: 0 })
  await begun()
})

test('the order of calls survives the death of their process', async () => {
  const { host, supervisor } = await poolOf({ size: 1 })
  const calls = [0, 1, 2, 3, 4].map((key) => host.call('note', [key]))
  supervisor.die(0, { started: false })
  calls.push(host.call('note', [5]))
  // No process starts within the same turn of the event loop.
  await new Promise(setImmediate)
  supervisor.restarted(0)
  await Promise.all(calls)
  const keys = (await begun()) as number[]
  // The first process had two of them, and was this process all the same.
  expect(keys.slice(-6)).toEqual([0, 1, 2, 3, 4, 5])
})

test('a call that had begun fails, and says so', async () => {
  const { host, supervisor } = await conductorOf()
  const call = host.call('hold', ['i'])
  await beginning('i')
  const exit = supervisor.die(0)
  await expect(call).rejects.toMatchObject({
    code: 'ERR_WORKER_LOST',
    started: true,
    exit,
    message: 'the Conductor of tasks has ended: process 1001, SIGSEGV (crash); the call had begun',
  })
  await tasks.release('i')
  expect(await begun()).toEqual(['i'])
  supervisor.restarted(0)
  expect(await host.call('total', [[1]])).toBe(1)
  expect(host.status().calls).toMatchObject({ lost: 1, repeated: 0 })
})

test('an idempotent one is made again, until it has had as many processes as it may', async () => {
  const { host, supervisor } = await conductorOf()
  const twice = (options: RemoteCallOptions): Promise<unknown> =>
    host.call('hold', ['j'], { idempotent: true, ...options })
  const [again, once] = [twice({}), twice({ retries: 0 })]
  await beginning('j')
  supervisor.die(0)
  await expect(once).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', started: true })
  supervisor.restarted(0)
  await tasks.release('j')
  expect(await again).toBe('j')
  await begun()
})

test('a call with which three processes died is not made again', async () => {
  const { host, supervisor } = await conductorOf()
  const call = host.call('hold', ['k'], { idempotent: true, retries: 100 })
  const outcome = expect(call).rejects.toMatchObject({
    code: 'ERR_TASK_QUARANTINED',
    attempts: 3,
    exit: { pid: 1003 },
    cause: { code: 'ERR_WORKER_LOST' },
  })
  for (let death = 0; death < 3; death++) {
    await eventually(() => host.status().workers[0]!.inFlight, 1)
    supervisor.die(0)
    supervisor.restarted(0)
  }
  await outcome
  await tasks.release('k')
  expect(host.status().calls).toMatchObject({ quarantined: 1, repeated: 2 })
})

test('only the calls of the process that died are concerned', async () => {
  const { host, supervisor } = await poolOf({ size: 2 })
  const [lost, kept] = [host.call('hold', ['l']), host.call('hold', ['m'])]
  await beginning('m')
  supervisor.die(0)
  await expect(lost).rejects.toMatchObject({
    code: 'ERR_WORKER_LOST',
    message: expect.stringContaining('worker 0 of the WorkerPool of tasks') as string,
  })
  await tasks.release('l', 'm')
  expect(await kept).toBe('m')
})

test('handles die with their process', async () => {
  const { host, supervisor } = await conductorOf()
  const thing = (await host.call('Thing', [], { returns: 'ref' })) as unknown as Handle
  expect(thing.$type).toBe('tasks.Thing'.replace('tasks', thing.$type.split('.')[0]!))
  expect(await host.call('builtins:isinstance', [thing, thing.__class__])).toBe(true)
  supervisor.die(0)
  supervisor.restarted(0)
  const lost = { code: 'ERR_WORKER_LOST', exit: { signal: 'SIGSEGV' } }
  await expect(thing.__class__).rejects.toMatchObject(lost)
  await expect(host.call('builtins:id', [thing])).rejects.toMatchObject(lost)
  await expect(python.eval('x', { x: thing })).rejects.toMatchObject(lost)
  expect(() => thing.$sync).toThrow(/has no synchronous view/)
  expect(await host.call('total', [[1]])).toBe(1)
})

test('import, eval and exec in the process that is there', async () => {
  const { host, supervisor } = await conductorOf()
  const module = await host.import('tasks')
  expect(await module.total([1, 2])).toBe(3)
  expect(await host.eval('x + 1', { x: 41 })).toBe(42)
  const namespace = await host.exec('def f(a): return -a')
  expect(await namespace.f(1)).toBe(-1)
  supervisor.die(0)
  const waiting = host.eval('1 + 1')
  supervisor.restarted(0)
  expect(await waiting).toBe(2)
})

test('a session stays in its process and counts as load', async () => {
  const { host, supervisor } = await poolOf({ size: 2 })
  const session = await host.session()
  const threading = (await session.import('threading')) as unknown as Handle
  expect(await threading.get_ident()).toBe(await session.eval("__import__('threading').get_ident()"))
  const call = host.call('hold', ['n'])
  expect(host.status().workers.map((worker) => worker.inFlight)).toEqual([0, 1])
  await tasks.release('n')
  await call
  await session.close()
  const second = await host.session()
  supervisor.die(0)
  await expect(second.eval('1')).rejects.toMatchObject({ code: 'ERR_WORKER_LOST' })
  await begun()
})

describe('calling off', () => {
  test('what waits never begins', async () => {
    const { host } = await poolOf({ size: 1 })
    const held = [host.call('hold', ['o']), host.call('hold', ['p'])]
    const controller = new AbortController()
    const call = host.call('note', ['never'], { signal: controller.signal })
    controller.abort('enough')
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED', callState: 'not started', cause: 'enough' })
    await expect(host.call('note', ['never'], { timeout: 1 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      callState: 'not started',
    })
    await expect(host.call('note', [1], { signal: controller.signal })).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    expect(host.status().queue.length).toBe(0)
    await tasks.release('o', 'p')
    await Promise.all(held)
    expect(await begun()).toEqual(['o', 'p'])
  })

  test('what runs is interrupted', async () => {
    const { host } = await conductorOf()
    const controller = new AbortController()
    const call = host.call('asyncio:sleep', [100], { signal: controller.signal })
    await eventually(() => host.status().workers[0]!.inFlight, 1)
    setImmediate(() => controller.abort())
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED', name: 'AbortError' })
  })

  test('a call whose process was killed for that is not made again, and is called off rather than lost', async () => {
    const { host, supervisor } = await conductorOf()
    const controller = new AbortController()
    const call = host.call('hold', ['w'], { signal: controller.signal, idempotent: true })
    await beginning('w')
    controller.abort()
    supervisor.die(0, { exit: { signal: 'SIGKILL', reason: 'timeout' } })
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED', callState: 'killed' })
    await tasks.release('w')
    await begun()
  })
})

describe('map', () => {
  test('results have the order of the items, and all workers are used', async () => {
    const { host } = await poolOf({ size: 3 })
    const told: number[] = []
    const items = Array.from({ length: 200 }, (_, index) => index)
    expect(await host.map('operator:neg', items, { onProgress: (done) => told.push(done) })).toEqual(
      items.map((item) => 0 - item),
    )
    expect(told).toEqual(items.map((item) => item + 1))
  })

  test('the first failure calls off the rest', async () => {
    const { host } = await poolOf({ size: 1 })
    await expect(host.map('operator:neg', [1, 'x', 3])).rejects.toMatchObject({ type: 'TypeError' })
    expect(host.status().queue.length).toBe(0)
    expect(await host.map('operator:neg', new Set([1]), { concurrency: 1 })).toEqual([-1])
  })

  test('it takes an iterable, and refuses what is none', async () => {
    const { host } = await poolOf({ size: 1 })
    await expect(host.map('operator:neg', 5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(host.map('operator:neg', [], { concurrency: 0 })).rejects.toThrow(
      '`concurrency` must be an integer from 1',
    )
  })

  test('a process that dies in between is not noticed where nothing had begun', async () => {
    const { host, supervisor } = await poolOf({ size: 2 })
    const mapped = host.map('operator:neg', [1, 2, 3, 4, 5, 6, 7, 8])
    supervisor.die(1, { started: false })
    supervisor.restarted(1)
    expect(await mapped).toEqual([-1, -2, -3, -4, -5, -6, -7, -8])
  })
})

describe('the processes', () => {
  test('a start that fails says why', async () => {
    const begin = (supervisor: Supervisor): void =>
      supervisor.happened({ type: 'startFailed', problem: problemOf('No module named `agents`') })
    await expect(supervised(Conductor, checkedConductorOptions({}), begin)).rejects.toMatchObject({
      code: 'ERR_WORKER_START',
      message: 'a Conductor did not start: No module named `agents`',
      exit: { reason: 'boot-error' },
    })
  })

  test('what happens is told, by events and by an iterator', async () => {
    const { host, supervisor } = await conductorOf()
    const heard: ConductorEvent[] = []
    for (const type of ['died', 'restarted', 'restartFailed', 'changed', 'stopped'] as const)
      host.on(type, (event: ConductorEvent) => heard.push(event))
    const read = (async () => {
      const events: ConductorEvent[] = []
      for await (const event of host.events()) events.push(event)
      return events
    })()
    supervisor.happened({ type: 'changed', worker: 0, pid: 1001, from: 'running', to: 'backoff', reason: 'crash' })
    const exit = supervisor.die(0)
    supervisor.happened({ type: 'restartFailed', worker: 0, pid: null, problem: problemOf('no') })
    supervisor.restarted(0, 2)
    await host.stop()
    expect(await read).toEqual(heard)
    expect(heard).toMatchObject([
      { type: 'changed', from: 'running', to: 'backoff' },
      { type: 'died', worker: 0, exit },
      { type: 'restartFailed', error: { code: 'ERR_WORKER_START' } },
      { type: 'restarted', attempt: 2 },
      { type: 'stopped', worker: 0 },
    ])
  })

  test('in a crash loop nothing hangs, and `reset` ends it', async () => {
    const { host, supervisor } = await conductorOf()
    const exit = supervisor.die(0)
    const [waiting, evaluated] = [host.call('note', [1]), host.eval('1')]
    supervisor.happened({ type: 'crashLoop', worker: 0, pid: null, exits: [exit] })
    supervisor.happened({ type: 'changed', worker: 0, pid: null, from: 'backoff', to: 'crashLoop', reason: 'crash' })
    const down = { code: 'ERR_CONDUCTOR_DOWN', exit }
    await expect(waiting).rejects.toMatchObject(down)
    await expect(evaluated).rejects.toMatchObject(down)
    await expect(host.call('note', [1])).rejects.toMatchObject(down)
    host.reset()
    const call = host.call('total', [[2]])
    supervisor.restarted(0)
    expect(await call).toBe(2)
    expect(supervisor.asked).toContain('reset')
  })

  test('where all have ended for good nothing hangs either', async () => {
    const { host, supervisor } = await conductorOf({ restart: { policy: 'temporary' } })
    supervisor.die(0)
    const call = host.call('note', [1])
    supervisor.happened({ type: 'changed', worker: 0, pid: 1001, from: 'running', to: 'stopped', reason: 'clean' })
    await expect(call).rejects.toThrow("are not started again by the restart policy 'temporary'")
  })

  test('a restart replaces them, and what comes afterwards goes to the new ones', async () => {
    const { host } = await poolOf({ size: 2 })
    const before = host.status().workers.map(({ pid }) => pid)
    await host.restart()
    expect(
      host
        .status()
        .workers.map(({ pid }) => pid)
        .some((pid) => before.includes(pid)),
    ).toBe(false)
    expect(await host.map('operator:neg', [1, 2, 3])).toEqual([-1, -2, -3])
  })

  test('a process whose connection breaks is replaced', async () => {
    const { host, supervisor } = await conductorOf()
    supervisor.breakConnection(0)
    expect(await host.call('total', [[3]])).toBe(3)
  })

  test('a process to which there is no connection is replaced', async () => {
    const { host, supervisor } = await conductorOf()
    const failures: ConductorEvent[] = []
    host.on('restartFailed', (event) => failures.push(event))
    supervisor.die(0)
    supervisor.refusals.push('too many open files')
    supervisor.restarted(0)
    expect(failures).toMatchObject([{ error: { code: 'ERR_WORKER_LOST', message: 'too many open files' } }])
    expect(await host.call('total', [[3]])).toBe(3)
  })

  test('stopping lets calls finish, and refuses new ones', async () => {
    const { host, supervisor } = await poolOf({ size: 1 })
    const calls = ['q', 'r', 's'].map((key) => host.call('hold', [key]))
    const stopped = host.stop()
    await expect(host.call('note', [1])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(host.session()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await tasks.release('q', 'r', 's')
    expect(await Promise.all(calls)).toEqual(['q', 'r', 's'])
    await stopped
    await host.stop()
    expect(supervisor.asked.filter((one) => one === 'stop')).toEqual(['stop'])
    expect(await host.events().next()).toEqual({ done: true, value: undefined })
    await begun()
  })

  test('what is not done in time when they are stopped fails', async () => {
    const { host } = await poolOf({ size: 1 })
    const calls = ['t', 'u', 'v'].map((key) => host.call('hold', [key]))
    const outcomes = Promise.allSettled(calls)
    await host.stop({ drain: 0 })
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: expect.stringMatching(/^ERR_(?:CLOSED|WORKER_LOST)$/) as string },
      })
    await tasks.release('t', 'u', 'v')
  })

  test('the process is kept alive only while something is waited for', async () => {
    const { host, supervisor } = await poolOf({ size: 1 })
    expect(supervisor.asked).toEqual(['keep alive', 'let go'])
    supervisor.asked.length = 0
    supervisor.die(0)
    const call = host.call('total', [[1]])
    expect(supervisor.asked).toEqual(['keep alive'])
    supervisor.restarted(0)
    expect(supervisor.asked).toEqual(['keep alive', 'let go'])
    expect(await call).toBe(1)
  })

  test('what they print besides their calls comes in lines', async () => {
    const lines: string[] = []
    const { supervisor } = await conductorOf({ stdout: (line) => lines.push(line) })
    supervisor.happened({ type: 'printed', worker: 0, pid: 1001, stream: 1, text: 'one', dropped: 0 })
    supervisor.happened({ type: 'printed', worker: 0, pid: 1001, stream: 2, text: 'not wanted', dropped: 0 })
    supervisor.happened({ type: 'printed', worker: 0, pid: 1001, stream: 1, text: 'two', dropped: 0 })
    expect(lines).toEqual(['one', 'two'])
  })

  test('where their threads stand', async () => {
    const { host } = await poolOf({ size: 2 })
    expect(await host.dump({ worker: 1 })).toBe('Thread of worker 1')
    expect(await host.dump()).toBe('Thread of worker 0')
    await expect(host.dump({ worker: -1 })).rejects.toThrow('`worker` must be an integer from 0 to')
  })
})
