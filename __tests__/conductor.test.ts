/* Python in a supervised process of its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Conductor,
  isPythonError,
  kw,
  python,
  type ConductorEvent,
  type ConductorOptions,
  type Handle,
  type NdArray,
} from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { eventually } from './support/eventually'

const fixtures = join(__dirname, 'fixtures')
const started: Conductor[] = []
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-conductor-'))
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((conductor) => conductor.stop({ drain: 0 })))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function agents(options: ConductorOptions = {}): Promise<Conductor> {
  const conductor = await Conductor.start({ target: 'agents', paths: [fixtures], ...options })
  started.push(conductor)
  return conductor
}

const next = (conductor: Conductor, type: 'died' | 'restarted' | 'crashLoop' | 'stopped'): Promise<ConductorEvent> =>
  new Promise((resolve) => conductor.once(type, resolve))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('one Conductor', () => {
  let conductor: Conductor
  let module: Handle
  beforeAll(async () => {
    conductor = await Conductor.start({ target: 'agents', paths: [fixtures] })
    module = (await conductor.import('agents')) as unknown as Handle
  })
  afterAll(() => conductor.stop())

  test('is another process, which was set up before it was ready', async () => {
    const pid = await conductor.call<number>('pid')
    expect(pid).not.toBe(process.pid)
    expect(await conductor.call('was_set_up')).toBe(true)
    expect(conductor.status()).toMatchObject({
      state: 'running',
      workers: [{ pid, state: 'running', health: 'healthy' }],
    })
  })

  test('calls with arguments, keywords and options', async () => {
    expect(await conductor.call('decide', [[1, 3, 2]], kw({ top: 2 }))).toEqual([3, 2])
    expect(await conductor.call('os.path:join', ['a', 'b'])).toBe('a/b')
    expect(await conductor.call('later', [1n], { int: 'bigint' })).toBe(1n)
    const agent = (await conductor.call('Agent', ['Ada'], { returns: 'ref' })) as unknown as Handle
    expect(await agent.greet('Hello')).toBe('Hello, Ada')
    expect(await conductor.call('Agent.greet', [agent, 'Hi'])).toBe('Hi, Ada')
  })

  test('handles, paths, chains, items and attributes', async () => {
    const agent = (await module.Agent('Ada')) as Handle
    expect(agent.$type).toBe('agents.Agent')
    expect(await agent.name.upper().$len()).toBe(3)
    await agent.$set('name', 'Grace')
    expect(await module.Agent.greet(agent, 'Hi')).toBe('Hi, Grace')
    expect(await module.decide([1, 2, 3], kw({ top: 3 })).$getItem(0)).toBe(3)
    expect(await conductor.eval('len(rows)', { rows: [1, 2] })).toBe(2)
    expect(await (await conductor.exec('def f(x): return -x')).f(1)).toBe(-1)
    expect(() => agent.$sync).toThrow(/has no synchronous view: the object is in another process/)
  })

  test('values of all kinds come and go', async () => {
    const values = [
      null,
      true,
      1.5,
      'ä𝄞',
      2n ** 70n,
      new Uint8Array(100_000),
      new Map<unknown, unknown>([[1, 'a']]),
      new Set([1]),
    ]
    expect(await module.apply(await conductor.eval('lambda x: x'), values)).toEqual(values)
    const array = (await conductor.eval("__import__('numpy').arange(6.0).reshape(2, 3)")) as NdArray
    expect(array.toArray()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ])
    expect(await conductor.eval('a.sum()', { a: array })).toBe(15)
  })

  test('generators of both kinds are streams', async () => {
    const rows: unknown[] = []
    for await (const row of module.rows(300)) rows.push((row as { row: number }).row)
    expect(rows).toEqual(Array.from({ length: 300 }, (_, index) => index))
    const some: unknown[] = []
    for await (const row of module.later_rows(10)) {
      some.push(row)
      if (some.length === 3) break
    }
    expect(some).toEqual([0, 1, 2])
  })

  test('Python calls JavaScript, and awaits it', async () => {
    expect(await module.apply((a: number, b: number) => a + b, 1, 2)).toBe(3)
    expect(await module.apply_async((x: number) => Promise.resolve(x + 1), 1)).toBe(2)
    const problem = new Error('thrown in JavaScript')
    const throws = (): never => {
      throw problem
    }
    await expect(module.apply(throws)).rejects.toBe(problem)
  })

  test('errors are those of Python, with both stacks', async () => {
    async function whoCalls(): Promise<void> {
      await conductor.call('fail', ['no plan'])
    }
    const error: unknown = await whoCalls().catch((thrown: unknown) => thrown)
    expect(isPythonError(error, 'LookupError')).toBe(true)
    expect(error).toMatchObject({
      text: 'no plan',
      frames: [{ function: 'fail' }],
      traceback: expect.stringContaining('raise LookupError') as string,
    })
    expect((error as Error).stack).toMatch(/whoCalls[^]*Python:[^]*in fail/)
  })

  test('what a call prints comes to its options', async () => {
    const lines: string[] = []
    await conductor.call('say', ['hello'], {
      stdout: (line) => lines.push(`out ${line}`),
      stderr: (line) => lines.push(`err ${line}`),
    })
    expect(lines.sort()).toEqual(['err hello', 'out hello'])
  })

  test('its objects are not those of this process', async () => {
    const agent = await module.Agent('Ada')
    await expect(python.eval('x', { x: agent })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(
        'it is of the Conductor of agents, and this call is for the Python of `python`',
      ) as string,
    })
    const list = await python.eval('[].__class__()').$ref()
    await expect(conductor.call('apply', [list])).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      path: 'args[0]',
    })
  })

  test('sessions, one thread each', async () => {
    const session = await conductor.session()
    const threading = (await session.import('threading')) as unknown as Handle
    const ident = await threading.get_ident()
    expect(await session.eval("__import__('threading').get_ident()")).toBe(ident)
    expect(
      await session.with(threading.Lock(), (_value, inside) => inside.eval("__import__('threading').get_ident()")),
    ).toBe(ident)
    await session.close()
    await expect(session.eval('1')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('where its threads stand can be seen while it is busy', async () => {
    const path = join(folder, 'dump')
    const controller = new AbortController()
    const spinning = conductor.call('spin', [path], { signal: controller.signal })
    await eventually(() => existsSync(path), true)
    expect(await conductor.dump()).toMatch(/agents\.py", line \d+ in spin/)
    controller.abort()
    await expect(spinning).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    expect(await conductor.call('decide', [[1]])).toEqual([1])
  })

  test('calls are called off, and time out', async () => {
    await expect(conductor.call('asyncio:sleep', [100], { timeout: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
    const controller = new AbortController()
    const call = conductor.call('asyncio:sleep', [100], { signal: controller.signal })
    setImmediate(() => controller.abort('enough'))
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED', cause: 'enough' })
  })

  test('many calls at a time', async () => {
    const { square } = module
    const results = await Promise.all(Array.from({ length: 2000 }, (_, index) => square!(index)))
    expect(results).toEqual(Array.from({ length: 2000 }, (_, index) => index * index))
    const named = await Promise.all(Array.from({ length: 500 }, (_, index) => conductor.call('square', [index])))
    expect(named).toEqual(results.slice(0, 500))
  })
})

describe('its process', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGABRT', 'exit'])('ends by %s, and another one takes its place', async (how) => {
    const conductor = await agents()
    const pid = await conductor.call<number>('pid')
    const [died, restarted] = [next(conductor, 'died'), next(conductor, 'restarted')]
    const exit = how === 'exit' ? { code: 1, signal: null } : { signal: how, code: null }
    await expect(conductor.call('die', [how])).rejects.toMatchObject({
      code: 'ERR_WORKER_LOST',
      started: true,
      exit: { pid, ...exit },
    })
    expect(await died).toMatchObject({ type: 'died', exit: { pid, ...exit } })
    const other = await conductor.call<number>('pid')
    expect(other).not.toBe(pid)
    expect(await restarted).toMatchObject({ type: 'restarted', pid: other })
    expect(conductor.status().workers).toMatchObject([{ pid: other, restarts: 1, lastExit: { pid } }])
  })

  test('leaves nothing that can be asked', async () => {
    const conductor = await agents()
    const agent = (await conductor.call('Agent', ['Ada'], { returns: 'ref' })) as unknown as Handle
    const session = await conductor.session()
    await conductor.call('die', ['SIGKILL']).catch(() => undefined)
    const lost = { code: 'ERR_WORKER_LOST', exit: { signal: 'SIGKILL' } }
    await expect(agent.greet('Hi')).rejects.toMatchObject(lost)
    await expect(session.eval('1')).rejects.toMatchObject(lost)
    await expect(conductor.call('decide', [[agent]])).rejects.toMatchObject(lost)
  })

  test('an idempotent call is made again in the next one', async () => {
    const conductor = await agents()
    const path = join(folder, 'once')
    expect(await conductor.call('die_once', [path], { idempotent: true })).toBe(2)
    expect(conductor.status().calls).toMatchObject({ repeated: 1, lost: 0 })
  })

  test('a call that kills three of them is not made again', async () => {
    const conductor = await agents()
    await expect(conductor.call('die', ['SIGKILL'], { idempotent: true, retries: 50 })).rejects.toMatchObject({
      code: 'ERR_TASK_QUARANTINED',
      attempts: 3,
    })
    expect(await conductor.call('decide', [[1]])).toEqual([1])
  })

  test('dies too often: nothing hangs, and `reset` starts it again', async () => {
    const conductor = await agents({ restart: { intensity: { restarts: 1, within: 60_000 } } })
    const crashLoop = next(conductor, 'crashLoop')
    await conductor.call('die', ['SIGKILL']).catch(() => undefined)
    await conductor.call('die', ['SIGKILL']).catch(() => undefined)
    expect(await crashLoop).toMatchObject({ type: 'crashLoop' })
    await eventually(() => conductor.status().state, 'crashLoop')
    await expect(conductor.call('pid')).rejects.toMatchObject({
      code: 'ERR_CONDUCTOR_DOWN',
      exit: { signal: 'SIGKILL' },
    })
    conductor.reset()
    await eventually(() => conductor.status().state !== 'crashLoop', true)
    expect(await conductor.call('decide', [[1]])).toEqual([1])
  })

  test('is not started again where the policy says so', async () => {
    const conductor = await agents({ restart: { policy: 'temporary' } })
    await conductor.call('die', ['SIGKILL']).catch(() => undefined)
    await expect(conductor.call('pid')).rejects.toMatchObject({ code: 'ERR_CONDUCTOR_DOWN' })
  })

  test('has a spare that takes its place at once', async () => {
    const conductor = await agents({ standby: 1 })
    // It may be ready a little later.
    await eventually(() => conductor.status().workers.some(({ state }) => state === 'standby'), true)
    const pids = conductor.status().workers.map(({ pid }) => pid)
    expect(pids).toHaveLength(2)
    const pid = await conductor.call<number>('pid')
    await conductor.call('die', ['SIGKILL']).catch(() => undefined)
    expect(await conductor.call('pid')).toBe(pids.find((one) => one !== pid))
  })

  test('is replaced on demand', async () => {
    const conductor = await agents()
    const pid = await conductor.call<number>('pid')
    await conductor.restart()
    expect(await conductor.call('pid')).not.toBe(pid)
    await eventually(() => isAlive(pid), false)
  })

  test.each(['finish', 'finish_async'])('ends what it has begun before it is replaced: %s', async (name) => {
    const conductor = await agents()
    const module = await conductor.import('agents')
    const [begun, over] = [join(folder, `${name} begun`), join(folder, `${name} over`)]
    const finished = module.$get(name).$call([begun, over])
    await eventually(() => existsSync(begun), true)
    const restarted = conductor.restart()
    await eventually(() => conductor.status().workers.some(({ state }) => state === 'draining'), true)
    writeFileSync(over, '')
    expect(await finished).toBe(begun)
    await restarted
  })

  test('is gone when it was stopped, and so is what it was asked', async () => {
    const conductor = await agents()
    const pid = await conductor.call<number>('pid')
    const events: string[] = []
    const told = (async () => {
      for await (const { type } of conductor.events()) events.push(type)
    })()
    const path = join(folder, 'held')
    const held = conductor.call('hold', [path])
    const outcome = expect(held).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(?:CLOSED|WORKER_LOST)$/) as string,
    })
    await eventually(() => existsSync(path), true)
    await conductor.stop({ drain: 0 })
    await outcome
    expect(isAlive(pid)).toBe(false)
    await expect(conductor.call('pid')).rejects.toMatchObject({
      code: 'ERR_CLOSED',
      message: 'the Conductor of agents was stopped; start another one',
    })
    await told
    expect(events).toContain('stopped')
    expect(readFileSync(path, 'utf8')).toBe('begun\n')
  })

  test('finishes what it has before it is stopped', async () => {
    const conductor = await agents()
    const call = conductor.call('asyncio:sleep', [0.1, 'finished'])
    await conductor.stop()
    expect(await call).toBe('finished')
  })

  test('what it prints by itself comes in lines', async () => {
    const lines: string[] = []
    const conductor = await agents({ stdout: (line) => lines.push(line), stderr: 'ignore' })
    await conductor.call('os:system', ['echo from a child of it'])
    await eventually(() => lines.includes('from a child of it'), true)
  })
})

describe('a start that fails', () => {
  test('because the target cannot be imported', async () => {
    await expect(agents({ target: 'no_such_agents' })).rejects.toMatchObject({
      code: 'ERR_WORKER_START',
      message: expect.stringContaining("No module named 'no_such_agents'") as string,
    })
  })

  test('because there is no such interpreter', async () => {
    await expect(agents({ python: join(folder, 'python') })).rejects.toMatchObject({ code: 'ERR_PYTHON_NOT_FOUND' })
  })

  test('because an option is wrong', async () => {
    await expect(Conductor.start({ restart: { policy: 'always' as never } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})

describe('the process of the program', () => {
  const program = (rest: string): string => `
    const { Conductor } = require('symphony-python-bridge')
    async function main() {
      const conductor = await Conductor.start({ target: 'agents', paths: [fixtures] })
      const pid = await conductor.call('pid')
      console.log(pid)
      ${rest}
    }
    main()`

  test.each([
    ['ends when nothing is under way', ''],
    ['ends by process.exit()', 'void conductor.call("hold", ["/dev/null"]); process.exit()'],
    ['is killed', 'void conductor.call("spin", ["/dev/null"]); process.kill(process.pid, "SIGKILL")'],
  ])('%s, and leaves no other one behind', async (_name, rest) => {
    const { stdout, stderr } = await runProgram(program(rest))
    expect(stderr).toBe('')
    const pid = Number(stdout)
    expect(pid).toBeGreaterThan(0)
    await eventually(() => isAlive(pid), false)
  })

  test('waits for calls that wait for a process', async () => {
    const { stdout, code } = await runProgram(
      program(`conductor.call('die', ['SIGKILL']).catch(() => undefined)
        conductor.on('died', () => void conductor.call('decide', [[1, 2]]).then((decision) => console.log(decision)))`),
    )
    expect({ stdout: stdout.split('\n')[1], code }).toEqual({ stdout: '[ 2 ]', code: 0 })
  })
})
