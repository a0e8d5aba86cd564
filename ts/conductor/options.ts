/* What `Conductor.start` and `WorkerPool.start` were asked for, checked and with all defaults. */
import { availableParallelism } from 'node:os'
import { checkedConversion } from '../call/options'
import type { Conversion } from '../codec/conversion'
import { asTheyAre } from '../codec/conversion'
import type { ConductorSpec } from '../native/conductor'
import type { ConductorOptions, WorkerPoolOptions } from '../types/conductor'
import type { ConvertOptions } from '../types/options'
import type { Output } from '../types/python'
import {
  group,
  integer,
  milliseconds,
  millisecondsOrNever,
  namedTexts,
  oneOf,
  option,
  text,
  texts,
  type Check,
  type Checked,
} from './checks'
import { targetOf, type Target } from './target'

const heartbeat = (limit: number) => group({ limit: milliseconds(limit, 10) })

const output: Check<Output> = option(
  "'inherit', 'ignore' or a function",
  (value): value is Output => value === 'inherit' || value === 'ignore' || typeof value === 'function',
  'inherit',
)

const mostProcesses = 1024
const mostMb = 2 ** 40

const common = {
  target: (value: unknown, name: string): Target | undefined => {
    const given = text('a string', undefined)(value, name)
    return given === undefined ? undefined : targetOf(given)
  },
  python: text('the path of an interpreter or of a virtual environment', undefined),
  paths: texts(),
  args: texts(),
  env: namedTexts(),
  cwd: text('the path of a folder', undefined),
  threads: integer(1, 1024, undefined),
  concurrency: integer(1, 65_536, undefined),
  killAfter: millisecondsOrNever(5_000),
  standby: integer(0, mostProcesses, 0),
  stdout: output,
  stderr: output,
  convert: (value: unknown): Conversion =>
    value === undefined ? asTheyAre : checkedConversion(value as ConvertOptions),
  eventLoop: oneOf(['asyncio', 'uvloop'], 'asyncio'),
  restart: group({
    policy: oneOf(['permanent', 'transient', 'temporary'], 'transient'),
    intensity: group({ restarts: integer(0, 1_000_000, 5), within: milliseconds(60_000, 1) }),
    backoff: group({ first: milliseconds(100, 1), cap: milliseconds(30_000, 1), reset: milliseconds(60_000, 1) }),
  }),
  health: group({
    startupTimeout: milliseconds(30_000, 1),
    native: heartbeat(1_000),
    gil: heartbeat(10_000),
    loop: heartbeat(10_000),
  }),
  recycle: group({
    maxTasks: integer(1, 2 ** 53 - 1, null),
    maxRssMb: integer(1, mostMb, null),
    maxAge: milliseconds(null, 1),
  }),
  stop: group({ drain: milliseconds(10_000), terminate: milliseconds(5_000), abort: milliseconds(1_000) }),
  limits: group({
    addressSpaceMb: integer(1, mostMb, null),
    cpuSeconds: integer(1, 2 ** 53 - 1, null),
    openFiles: integer(1, 2 ** 31 - 1, null),
    coreMb: integer(0, mostMb, null),
    nice: integer(0, 19, 0),
    oomScoreAdjust: integer(-1000, 1000, 300),
    memoryMaxMb: integer(1, mostMb, null),
    cgroup: text('the folder of a control group', null),
  }),
  queue: group({ limit: integer(0, 10_000_000, 1024), ageing: milliseconds(1_000, 1) }),
}

const conductorOptions = group(common)
const poolOptions = group({ ...common, size: integer(1, mostProcesses, undefined) })

/** Options without anything left to check. */
export interface CheckedConductorOptions extends Omit<Checked<typeof common>, 'threads' | 'concurrency'> {
  /** How many processes. */
  readonly size: number
  readonly threads: number
  readonly concurrency: number
}

/** A Conductor is one process, and much that it does at a time waits for something else. */
const conductorThreads = 4
const conductorConcurrency = 64

/** Throws `ERR_INVALID_ARGUMENT` for what cannot be meant. */
export function checkedConductorOptions(options: ConductorOptions | undefined): CheckedConductorOptions {
  const checked = conductorOptions(options, '')
  const { threads = conductorThreads, concurrency = conductorConcurrency } = checked
  return { ...checked, size: 1, threads, concurrency }
}

/** The same of a pool, whose processes are for work that takes a processor each. */
export function checkedPoolOptions(options: WorkerPoolOptions | undefined): CheckedConductorOptions {
  const checked = poolOptions(options, '')
  const { size = availableParallelism(), threads = 1 } = checked
  return { ...checked, size, threads, concurrency: checked.concurrency ?? threads }
}

/** What the native side is to know of it. */
export function specOf(options: CheckedConductorOptions, executable: string): ConductorSpec {
  const { size, standby, target, paths, args, env, cwd, threads, eventLoop } = options
  const { restart, health, recycle, stop, limits } = options
  const child = { executable, target: target ?? null, paths, args, env, cwd: cwd ?? process.cwd(), threads, eventLoop }
  const output = { stdout: modeOf(options.stdout), stderr: modeOf(options.stderr) }
  return { size, standby, child, output, restart, health, recycle, stop, limits }
}

function modeOf(output: Output): 'inherit' | 'ignore' | 'callback' {
  return typeof output === 'function' ? 'callback' : output
}
