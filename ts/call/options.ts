/* Checks the options of a call, where a wrong one is still near the code that wrote it. */
import { asTheyAre, type Conversion } from '../codec/conversion'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import { handlerOf } from '../handle/internal'
import { environment } from '../native/environment'
import { rules } from '../rules/registry'
import { isTemporal } from '../values/temporal'
import type { CallOptions, ConvertOptions, Returns, SyncCallOptions, ValueOptions } from '../types/options'
import type { StandardSchema } from '../types/standard-schema'
import type { OutputFunctions } from './call-output'
import { isStandardSchema } from './schema'
import { checkedThread, type Thread } from './thread'

/** Options without anything left to check. */
export interface CheckedOptions {
  readonly signal: AbortSignal | undefined
  readonly timeout: number | undefined
  /** What gets the text that it prints. */
  readonly output: OutputFunctions | undefined
  /** Where it runs; `undefined` is where the handle belongs. */
  readonly thread: Thread | undefined
  readonly returns: Exclude<Returns, StandardSchema>
  /** Validates the result. */
  readonly schema: StandardSchema | undefined
  /** What was chosen; `undefined` is what `python.start` was given. */
  readonly convert: Conversion | undefined
  /** How many items of a stream Python may make ahead; `undefined` leaves that to the stream. */
  readonly highWaterMark: number | undefined
  /** How long it may go on in a supervised process after it was interrupted, if that is not as for others; milliseconds. */
  readonly killAfter?: number | undefined
}

/** The options of a call that was given none. */
export const noOptions: CheckedOptions = {
  signal: undefined,
  timeout: undefined,
  output: undefined,
  thread: undefined,
  returns: 'auto',
  schema: undefined,
  convert: undefined,
  highWaterMark: undefined,
}

/** The options of synchronous calls. */
export type SyncRules = Pick<CheckedOptions, 'returns' | 'schema' | 'convert'>

/** Those that are given where a handle is asked for by name. */
export const referenceRules: SyncRules = { returns: 'ref', schema: undefined, convert: undefined }

/**
 * The options of a call; those that are left out come from `base`.
 *
 * @param defaults what values become where neither says so
 */
export function checkedOptions(
  options: CallOptions | undefined,
  base: CheckedOptions = noOptions,
  defaults = environment.conversion,
): CheckedOptions {
  if (options === undefined) return base
  checkNames(options, callOptionNames)
  const signal = options.signal ?? base.signal
  if (signal !== undefined && !(typeof signal === 'object' && typeof signal.addEventListener === 'function')) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', '`signal` must be an AbortSignal')
  }
  const timeout = options.timeout ?? base.timeout
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`timeout\` must be a number of milliseconds, 0 or more, but got \`${String(timeout)}\``,
    )
  }
  const { highWaterMark = base.highWaterMark } = options
  if (
    highWaterMark !== undefined &&
    !(Number.isSafeInteger(highWaterMark) && highWaterMark >= 0 && highWaterMark <= mostAhead)
  ) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`highWaterMark\` must be a whole number of items from 0 to ${mostAhead}, but got ${described(highWaterMark)}`,
    )
  }
  const thread = options.thread === undefined ? base.thread : checkedThread(options.thread)
  const result = chosenResult(options.returns, base)
  const output = chosenOutput(options, base.output)
  const convert = chosenConversion(options, base.convert, defaults)
  return { signal, timeout, output, thread, ...result, convert, highWaterMark, killAfter: base.killAfter }
}

function chosenOutput(
  options: Pick<CallOptions, 'stdout' | 'stderr'>,
  base: OutputFunctions | undefined,
): OutputFunctions | undefined {
  if (options.stdout === undefined && options.stderr === undefined) return base
  const functionOf = (name: 'stdout' | 'stderr'): ((line: string) => void) | undefined => {
    const receive: unknown = options[name] === undefined ? base?.[name] : options[name]
    if (receive === undefined || (typeof receive === 'function' && handlerOf(receive) === undefined))
      return receive as (line: string) => void
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`${name}\` must be a JavaScript function that gets lines, but got ${described(receive)}`,
    )
  }
  return { stdout: functionOf('stdout'), stderr: functionOf('stderr') }
}

/** The options of a synchronous call; those that are left out come from `base`. */
export function checkedSyncOptions(options: SyncCallOptions | undefined, base: SyncRules = noOptions): SyncRules {
  if (options === undefined) return base
  checkNames(options, syncCallOptionNames)
  return {
    ...chosenResult(options.returns, base),
    convert: chosenConversion(options, base.convert, environment.conversion),
  }
}

const mostAhead = 2 ** 31 - 1

const conversions = {
  int: ['auto', 'number', 'bigint'],
  number: ['auto', 'float'],
  dict: ['auto', 'object', 'map'],
} as const
const conversionNames = [...Object.keys(conversions), 'datetime'] as readonly (keyof Conversion)[]
const convertOptionNames: ReadonlySet<string> = new Set(conversionNames)
const valueOptionNames: ReadonlySet<string> = new Set([...conversionNames, 'depth'])
/** The options of what has no result to choose a form for. */
export const runOptionNames: ReadonlySet<string> = new Set(['signal', 'timeout', 'thread', 'stdout', 'stderr'])
const callOptionNames: ReadonlySet<string> = new Set([
  ...runOptionNames,
  'returns',
  'highWaterMark',
  ...conversionNames,
])
const syncCallOptionNames: ReadonlySet<string> = new Set(['returns', ...conversionNames])

/** The choices of `options`, and for the others those of `base`. */
function chosenConversion(
  options: ConvertOptions,
  base: Conversion | undefined,
  defaults: Conversion,
): Conversion | undefined {
  return conversionNames.some((name) => options[name] !== undefined)
    ? mergedConversion(options, base ?? defaults)
    : base
}

function mergedConversion(options: ConvertOptions, base: Conversion): Conversion {
  for (const [name, known] of Object.entries(conversions) as [keyof typeof conversions, readonly string[]][]) {
    const value = options[name]
    if (value === undefined || known.includes(value)) continue
    const expected = known.map((one) => `'${one}'`).join(', ')
    throw new BridgeError('ERR_INVALID_ARGUMENT', `\`${name}\` must be one of ${expected}, but got ${described(value)}`)
  }
  const { int = base.int, number = base.number, dict = base.dict, datetime = base.datetime } = options
  if (datetime !== 'auto' && !isTemporal(datetime)) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`datetime\` must be 'auto' or a \`Temporal\` with its classes, but got ${described(datetime)}`,
    )
  }
  const isUsual = int === 'auto' && number === 'auto' && dict === 'auto' && datetime === 'auto'
  return isUsual ? asTheyAre : { int, number, dict, datetime }
}

/** The options of `$value`, and the arguments of the operation `value` that say how far it opens objects and which it leaves to rules. */
export function checkedValueOptions(
  options: ValueOptions | undefined,
  base: Pick<CheckedOptions, 'convert'>,
  defaults = environment.conversion,
): { readonly rules: SyncRules; readonly args: readonly unknown[] } {
  if (options !== undefined) checkNames(options, valueOptionNames)
  const depth = checkedDepth(options?.depth)
  const convert = options === undefined ? base.convert : chosenConversion(options, base.convert, defaults)
  // With a depth there are handles in the result, where objects lie deeper.
  const returns = depth === null || depth === Infinity ? 'value' : 'auto'
  return { rules: { returns, schema: undefined, convert }, args: rules.givesJs ? [depth, rules.types] : [depth] }
}

function checkedDepth(depth: unknown): number | null {
  if (depth === undefined) return null
  if (typeof depth === 'number' && (Number.isInteger(depth) || depth === Infinity) && depth >= 0) return depth
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `\`depth\` must be a whole number, 0 or more, or Infinity, but got ${described(depth)}`,
  )
}

/** The `convert` option of `python.start`. */
export function checkedConversion(options: ConvertOptions): Conversion {
  checkNames(options, convertOptionNames)
  return mergedConversion(options, asTheyAre)
}

/** A misspelt option would be ignored in silence. */
export function checkNames(options: unknown, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', `options must be an object, but got ${described(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `there is no option \`${name}\`; the options here are ${[...known].map((one) => `\`${one}\``).join(', ')}`,
    )
  }
}

/** The `returns` option, or that of `base`. */
function chosenResult(
  returns: Returns | undefined,
  base: Pick<CheckedOptions, 'returns' | 'schema'>,
): Pick<CheckedOptions, 'returns' | 'schema'> {
  if (returns === undefined) return { returns: base.returns, schema: base.schema }
  if (isStandardSchema(returns)) return { returns: 'value', schema: returns }
  if (returns === 'auto' || returns === 'value' || returns === 'ref') return { returns, schema: undefined }
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `\`returns\` must be 'auto', 'value', 'ref' or a Standard Schema, but got ${described(returns)}`,
  )
}
