/* Watches a call's signal and timeout, and stops watching when the call settles. */
import { BridgeError } from '../errors/bridge-error'
import type { CheckedOptions } from './options'

/** Told at most once that a call is not wanted any more. */
export type GiveUp = (makeError: () => BridgeError) => void

/** The signal and the timer of one call. */
export class CallWatch {
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout | undefined
  readonly #aborted: () => void

  private constructor(options: CheckedOptions, giveUp: GiveUp) {
    const { signal, timeout } = options
    this.#signal = signal
    this.#aborted = () => {
      this.end()
      giveUp(() => cancelled(signal))
    }
    signal?.addEventListener('abort', this.#aborted, { once: true })
    if (timeout !== undefined && timeout <= longestTimer) {
      this.#timer = setTimeout(() => {
        this.end()
        giveUp(() => new BridgeError('ERR_TIMEOUT', `the call did not finish within ${timeout} ms`))
      }, timeout)
    }
  }

  /** Nothing is watched, and nothing is paid, without a signal and a timeout. */
  static start(options: CheckedOptions, giveUp: GiveUp): CallWatch | undefined {
    return options.signal === undefined && options.timeout === undefined ? undefined : new CallWatch(options, giveUp)
  }

  end(): void {
    this.#signal?.removeEventListener('abort', this.#aborted)
    clearTimeout(this.#timer)
  }
}

/** The error of a call that its signal cancelled. */
export function cancelled(signal: AbortSignal | undefined): BridgeError {
  return new BridgeError('ERR_CANCELLED', 'the call was cancelled by its signal', { cause: signal?.reason as unknown })
}

/** Node turns longer timers into immediate ones. */
const longestTimer = 2 ** 31 - 1
