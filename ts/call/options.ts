/* Checks the options of a call, where a wrong one is still near the code that wrote it. */
import { BridgeError } from '../errors/bridge-error'
import { described } from '../codec/unsupported'
import type { CallOptions, Returns, SyncCallOptions } from '../types/options'

/** Options without anything left to check. */
export interface CheckedOptions {
  readonly signal: AbortSignal | undefined
  readonly timeout: number | undefined
  readonly returns: Returns
}

/** The options of a call that was given none. */
export const noOptions: CheckedOptions = { signal: undefined, timeout: undefined, returns: 'auto' }

/** The options of a call; those that are left out come from `base`. */
export function checkedOptions(options: CallOptions | undefined, base: CheckedOptions = noOptions): CheckedOptions {
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
  return { signal, timeout, returns: options.returns === undefined ? base.returns : checkedReturns(options.returns) }
}

/** The options of a synchronous call; the only one is `returns`. */
export function checkedSyncOptions(options: SyncCallOptions | undefined): Returns {
  if (options === undefined) return 'auto'
  checkNames(options, syncCallOptionNames)
  return checkedReturns(options.returns)
}

const callOptionNames: ReadonlySet<string> = new Set(['signal', 'timeout', 'returns'])
const syncCallOptionNames: ReadonlySet<string> = new Set(['returns'])

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

/** The `returns` option, or its default. */
function checkedReturns(returns: Returns | undefined): Returns {
  if (returns === undefined) return 'auto'
  if (returns !== 'auto' && returns !== 'value' && returns !== 'ref') {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`returns\` must be 'auto', 'value' or 'ref', but got \`${String(returns)}\``,
    )
  }
  return returns
}
