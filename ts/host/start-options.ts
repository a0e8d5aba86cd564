/* What `python.start` was asked for, and whether a Python that runs is that. */
import { checkedConversion, checkNames } from '../call/options'
import type { Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { CoreConfig, OutputMode } from '../native/core'
import type { ChosenInterpreter } from '../native/loader'
import type { Output, StartOptions } from '../types/python'
import { checkLogging, loggingConfig, receiverOf } from './log-records'

const defaultThreads = 4
const defaultCallbackTimeout = 60_000

/** Throws `ERR_INVALID_ARGUMENT` for what cannot be meant. */
export function checkStartOptions(options: StartOptions): void {
  checkNames(options, startOptionNames)
  const { mode, python, paths, args, env, threads, callbackTimeout, stdout, stderr, logging, convert, eventLoop } =
    options
  if (logging !== undefined) checkLogging(logging)
  if (convert !== undefined) checkedConversion(convert)
  if (mode !== undefined && mode !== 'auto' && mode !== 'embedded' && mode !== 'worker')
    throw invalid('mode', "'auto', 'embedded' or 'worker'", mode)
  if (python !== undefined && (typeof python !== 'string' || python === '')) throw invalid('python', 'a path', python)
  if (paths !== undefined && !isTexts(paths)) throw invalid('paths', 'an array of strings', paths)
  if (args !== undefined && !isTexts(args)) throw invalid('args', 'an array of strings', args)
  if (env !== undefined && (typeof env !== 'object' || !isTexts(Object.values(env))))
    throw invalid('env', 'an object of strings', env)
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024)) {
    throw invalid('threads', 'an integer from 1 to 1024', threads)
  }
  if (eventLoop !== undefined && eventLoop !== 'asyncio' && eventLoop !== 'uvloop')
    throw invalid('eventLoop', "'asyncio' or 'uvloop'", eventLoop)
  if (
    callbackTimeout !== undefined &&
    !(Number.isInteger(callbackTimeout) && callbackTimeout >= 1 && callbackTimeout < 2 ** 31)
  )
    throw invalid('callbackTimeout', 'an integer of milliseconds from 1 to 2147483647', callbackTimeout)
  for (const [name, output] of Object.entries({ stdout, stderr })) {
    if (output !== undefined && output !== 'inherit' && output !== 'ignore' && typeof output !== 'function') {
      throw invalid(name, "'inherit', 'ignore' or a function", output)
    }
  }
}

/** How Python is to run: as the option says, else the variable `SYMPHONY_PYTHON_MODE`. */
export function wantedMode({ mode }: StartOptions): 'auto' | 'embedded' | 'worker' {
  const wanted = mode ?? process.env.SYMPHONY_PYTHON_MODE ?? 'auto'
  if (wanted === 'auto' || wanted === 'embedded' || wanted === 'worker') return wanted
  throw invalid('SYMPHONY_PYTHON_MODE', "'auto', 'embedded' or 'worker'", wanted)
}

const startOptionNames: ReadonlySet<string> = new Set([
  'mode',
  'python',
  'paths',
  'args',
  'env',
  'threads',
  'callbackTimeout',
  'stdout',
  'stderr',
  'logging',
  'convert',
  'eventLoop',
])

/** The configuration of the core for an interpreter. */
export function coreConfig(options: StartOptions, chosen: ChosenInterpreter): CoreConfig {
  return {
    executable: chosen.executable,
    basePrefix: chosen.basePrefix,
    libpython: chosen.libpython,
    deepbind: chosen.deepbind,
    paths: options.paths ?? [],
    args: options.args ?? [],
    env: options.env ?? {},
    threads: options.threads ?? defaultThreads,
    callbackTimeout: options.callbackTimeout ?? defaultCallbackTimeout,
    stdout: outputMode(options.stdout),
    stderr: outputMode(options.stderr),
    logging: options.logging === undefined ? null : loggingConfig(options.logging),
    eventLoop: options.eventLoop ?? 'asyncio',
  }
}

/**
 * Throws `ERR_PYTHON_ALREADY_CHOSEN`, naming the difference, if `options` ask for something else than what runs. `executable` is
 * the interpreter that the option `python` means.
 */
export function checkSameOptions(options: StartOptions, executable: string | undefined, running: CoreConfig): void {
  const asked = {
    python: executable,
    paths: options.paths,
    args: options.args,
    env: options.env,
    threads: options.threads,
    callbackTimeout: options.callbackTimeout,
    stdout: options.stdout && outputMode(options.stdout),
    stderr: options.stderr && outputMode(options.stderr),
    logging: options.logging && loggingConfig(options.logging),
    eventLoop: options.eventLoop,
  }
  const { executable: python, ...others } = running
  const runs: Record<string, unknown> = { ...others, python }
  for (const [name, value] of Object.entries(asked)) {
    if (value === undefined || spelled(value) === spelled(runs[name])) continue
    throw new BridgeError(
      'ERR_PYTHON_ALREADY_CHOSEN',
      `Python runs in this process already, with \`${name}\`: ${spelled(runs[name])}, and cannot be started again with ${spelled(value)}; ` +
        'call `python.start` once, before anything else uses Python',
    )
  }
}

/** Throws `ERR_PYTHON_ALREADY_CHOSEN` if Python is to run in another way than it does. */
export function checkSameMode({ mode }: StartOptions, running: 'embedded' | 'worker'): void {
  if (mode === undefined || mode === 'auto' || mode === running) return
  throw new BridgeError(
    'ERR_PYTHON_ALREADY_CHOSEN',
    `Python runs already, with \`mode\`: '${running}', and cannot be started again with '${mode}'; ` +
      'call `python.start` once, before anything else uses Python',
  )
}

/** Throws `ERR_PYTHON_ALREADY_CHOSEN` for other conversions than those that handles were made with. */
export function checkSameConversion(options: StartOptions, running: Conversion): void {
  if (options.convert === undefined) return
  const asked = checkedConversion(options.convert)
  // One `Temporal` is spelled like another.
  if (asked.datetime === running.datetime && spelledConversion(asked) === spelledConversion(running)) return
  throw new BridgeError(
    'ERR_PYTHON_ALREADY_CHOSEN',
    `Python runs in this process already, with \`convert\`: ${spelledConversion(running)}, and cannot be started again with ${spelledConversion(asked)}; ` +
      'call `python.start` once, before anything else uses Python, or use `$with`',
  )
}

function spelledConversion(conversion: Conversion): string {
  const datetime = conversion.datetime === 'auto' ? 'auto' : 'a Temporal'
  return spelled({ ...conversion, datetime })
}

/** Throws `ERR_PYTHON_ALREADY_CHOSEN` for a function that does not get the output, because another one does. */
export function checkSameReceivers(
  options: StartOptions,
  receivers: Pick<StartOptions, 'stdout' | 'stderr' | 'logging'>,
): void {
  for (const name of ['stdout', 'stderr', 'logging'] as const) {
    const [asked, receives] = [functionOf(options, name), functionOf(receivers, name)]
    if (asked === undefined || asked === receives) continue
    throw new BridgeError(
      'ERR_PYTHON_ALREADY_CHOSEN',
      `Python runs in this process already, and gives its \`${name}\` to another function; ` +
        'call `python.start` once, before anything else uses Python',
    )
  }
}

function functionOf(options: StartOptions, name: 'stdout' | 'stderr' | 'logging'): unknown {
  const output = name === 'logging' ? receiverOf(options.logging) : options[name]
  return typeof output === 'function' ? output : undefined
}

function outputMode(output: Output | undefined): OutputMode {
  return typeof output === 'function' ? 'callback' : (output ?? 'inherit')
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Objects with the same properties in another order are the same. */
function spelled(value: unknown): string {
  const sorted =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value
  return JSON.stringify(sorted)
}

function invalid(name: string, expected: string, got: unknown): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `\`${name}\` must be ${expected}, but got ${spelled(got) ?? String(got)}`,
  )
}
