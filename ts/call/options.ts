/* Checks the options of a call, where a wrong one is still near the code that wrote it. */
import { BridgeError } from '../errors/bridge-error'
import type { CallOptions, Returns } from '../types/options'

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
  if (typeof options !== 'object' || options === null) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', `options must be an object, but got ${typeof options}`)
  }
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

/** The `returns` option, or its default. */
export function checkedReturns(returns: Returns | undefined): Returns {
  if (returns === undefined) return 'auto'
  if (returns !== 'auto' && returns !== 'value' && returns !== 'ref') {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`returns\` must be 'auto', 'value' or 'ref', but got \`${String(returns)}\``,
    )
  }
  return returns
}
