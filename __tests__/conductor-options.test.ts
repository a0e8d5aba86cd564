/* What `Conductor.start`, `WorkerPool.start` and calls by name may be given, and what it comes to. */
import { availableParallelism } from 'node:os'
import { kw } from '../ts/call/keywords'
import { asTheyAre } from '../ts/codec/conversion'
import { taskRequest } from '../ts/conductor/call-arguments'
import { checkedConductorOptions, checkedPoolOptions, specOf } from '../ts/conductor/options'
import { calledBy, targetOf } from '../ts/conductor/target'

test('without options everything has its default', () => {
  const checked = checkedConductorOptions(undefined)
  expect(specOf(checked, '/usr/bin/python3')).toEqual({
    size: 1,
    standby: 0,
    child: {
      executable: '/usr/bin/python3',
      target: null,
      paths: [],
      args: [],
      env: {},
      cwd: process.cwd(),
      threads: 4,
      eventLoop: 'asyncio',
    },
    output: { stdout: 'inherit', stderr: 'inherit' },
    restart: {
      policy: 'transient',
      intensity: { restarts: 5, within: 60_000 },
      backoff: { first: 100, cap: 30_000, reset: 60_000 },
    },
    health: {
      startupTimeout: 30_000,
      native: { limit: 1_000 },
      gil: { limit: 10_000 },
      loop: { limit: 10_000 },
    },
    recycle: { maxTasks: null, maxRssMb: null, maxAge: null },
    stop: { drain: 10_000, terminate: 5_000, abort: 1_000 },
    limits: {
      addressSpaceMb: null,
      cpuSeconds: null,
      openFiles: null,
      coreMb: null,
      nice: 0,
      oomScoreAdjust: 300,
      memoryMaxMb: null,
      cgroup: null,
    },
  })
  expect(checked).toMatchObject({ concurrency: 64, queue: { limit: 1024, ageing: 1_000 }, convert: asTheyAre })
})

test('a pool has as many processes as there are processors, and each does one thing at a time', () => {
  expect(checkedPoolOptions({})).toMatchObject({ size: availableParallelism(), threads: 1, concurrency: 1 })
  expect(checkedPoolOptions({ threads: 3 })).toMatchObject({ threads: 3, concurrency: 3 })
})

test('what is given is kept, and the rest of its group has the defaults', () => {
  const checked = checkedPoolOptions({
    size: 2,
    target: 'agents.planner:planner.core',
    restart: { policy: 'permanent', intensity: { restarts: 1 } },
    health: { gil: { limit: 60_000 } },
    stdout: () => undefined,
  })
  expect(specOf(checked, 'python')).toMatchObject({
    size: 2,
    child: { target: { module: 'agents.planner', steps: ['planner', 'core'] } },
    restart: { policy: 'permanent', intensity: { restarts: 1, within: 60_000 } },
    health: { gil: { limit: 60_000 } },
    output: { stdout: 'callback', stderr: 'inherit' },
  })
})

test.each<[options: unknown, message: string]>([
  [1, 'the options must be an object, but got the number `1`'],
  [{ targt: 'x' }, 'there is no option `targt`; the options here are `target`, `python`'],
  [{ restart: { police: 'permanent' } }, 'there is no option `restart.police`; the options here are `restart.policy`'],
  [{ restart: 'always' }, '`restart` must be an object, but got "always"'],
  [{ restart: { policy: 'always' } }, "`restart.policy` must be one of 'permanent', 'transient', 'temporary', but got"],
  [
    { restart: { intensity: { within: 0 } } },
    '`restart.intensity.within` must be an integer of milliseconds from 1 to',
  ],
  [{ health: { gil: { limit: 0.5 } } }, '`health.gil.limit` must be an integer of milliseconds from 10 to'],
  [{ limits: { nice: 20 } }, '`limits.nice` must be an integer from 0 to 19, but got'],
  [{ target: 'agents/planner.py' }, '`target` must be the name of a module, or of an object in it'],
  [{ target: 'a:b:c' }, '`target` must be the name of a module'],
  [{ env: { A: 1 } }, '`env` must be an object of strings, but got'],
  [{ paths: 'x' }, '`paths` must be an array of strings, but got'],
  [{ stdout: 'pipe' }, "`stdout` must be 'inherit', 'ignore' or a function, but got"],
  [{ convert: { int: 'x' } }, "`int` must be one of 'auto', 'number', 'bigint', but got"],
  [{ standby: '1' }, '`standby` must be an integer from 0 to 1024, but got "1"'],
  [{ size: 2 }, 'there is no option `size`'],
])('%j is refused in words', (options, message) => {
  expect(() => checkedConductorOptions(options as object)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(message) as string }),
  )
})

test('functions are named with their module, or by an attribute of the target', () => {
  const target = targetOf('agents.planner:planner')
  expect(calledBy('decide', target)).toEqual({ module: 'agents.planner', steps: ['planner', 'decide'] })
  expect(calledBy('json:dumps', target)).toEqual({ module: 'json', steps: ['dumps'] })
  expect(calledBy('os.path:join.__call__', undefined)).toEqual({ module: 'os.path', steps: ['join', '__call__'] })
  expect(() => calledBy('decide', undefined)).toThrow(/there is no `target` in which `decide` could be looked up/)
  for (const name of ['', 1, ':f', 'm:', 'm:f:g', 'a b', 'm..n:f'])
    expect(() => calledBy(name, target)).toThrow(/a function is named `'module:function'`/)
})

describe('calls', () => {
  const requested = (...rest: unknown[]): object => taskRequest('m:f', [1], rest, undefined, asTheyAre)

  test('keyword arguments and options, or either', () => {
    expect(requested()).toMatchObject({ args: [1], named: undefined, priority: 0, idempotent: false })
    expect(requested(kw({ top: 3 }))).toMatchObject({ named: { top: 3 } })
    expect(requested({ priority: 2 })).toMatchObject({ named: undefined, priority: 2 })
    expect(requested(kw({ top: 3 }), { priority: -2 })).toMatchObject({ named: { top: 3 }, priority: -2 })
    expect(requested(undefined, { timeout: 5 })).toMatchObject({ options: { timeout: 5 } })
  })

  test('the options of any call are among them', () => {
    expect(requested({ returns: 'ref', int: 'bigint' })).toMatchObject({
      options: { returns: 'ref', convert: { int: 'bigint' } },
    })
  })

  test('an idempotent one is repeated until its third process has died, or as often as it says', () => {
    expect(requested({ idempotent: true })).toMatchObject({ idempotent: true, retries: 2 })
    expect(requested({ idempotent: true, retries: 0 })).toMatchObject({ retries: 0 })
  })

  test.each<[options: unknown[], message: string]>([
    [[{ retry: 1 }], 'there is no option `retry`'],
    [[{ retries: 1 }], '`retries` is for calls that may be made again'],
    [[{ idempotent: 1 }], '`idempotent` must be a boolean, but got the number `1`'],
    [[{ priority: 3 }], '`priority` must be an integer from -2 to 2'],
    [[{ thread: 1 }], "`thread` must be 'any' or 'loop', but got the number `1`"],
    [[{ concurrency: 1 }], 'there is no option `concurrency`'],
    [[{ top: 3 }, {}], 'the third argument must be made by `kw(…)`, if there is a fourth one'],
  ])('%j is refused in words', (rest, message) => {
    expect(() => requested(...rest)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(message) as string }),
    )
  })
})
