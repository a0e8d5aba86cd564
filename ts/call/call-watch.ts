/* Watches a call's signal and timeout, and stops watching when the call settles. */
import { BridgeError, type CallState } from '../errors/bridge-error'
import type { ExitReport } from '../types/conductor'
import type { CheckedOptions } from './options'

/** Makes the error of a call that is not wanted any more, once it is known what became of it. */
export type MakeWatchError = (state: CallState | undefined, exit?: ExitReport) => BridgeError

/** Told at most once that a call is not wanted any more, and whether that is because its time is over. */
export type GiveUp = (makeError: MakeWatchError, isOverdue: boolean) => void

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
      giveUp((state, exit) => cancelled(signal, state, exit), false)
    }
    if (signal !== undefined) listen(signal, this.#aborted)
    if (timeout !== undefined && timeout <= longestTimer) {
      this.#timer = setTimeout(() => {
        this.end()
        giveUp((state, exit) => timedOut(timeout, state, exit), true)
      }, timeout)
    }
  }

  /** Nothing is watched, and nothing is paid, without a signal and a timeout. */
  static start(options: CheckedOptions, giveUp: GiveUp): CallWatch | undefined {
    return options.signal === undefined && options.timeout === undefined ? undefined : new CallWatch(options, giveUp)
  }

  end(): void {
    if (this.#signal !== undefined) stopListening(this.#signal, this.#aborted)
    clearTimeout(this.#timer)
  }
}

/** One listener a signal, however many calls share it: Node takes many for a leak. */
interface Listening {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}
const listening = new WeakMap<AbortSignal, Listening>()

function listen(signal: AbortSignal, callback: () => void): void {
  let known = listening.get(signal)
  if (known === undefined) {
    const callbacks = new Set<() => void>()
    const listener = (): void => {
      // One may end another's wait.
      for (const one of [...callbacks]) if (callbacks.has(one)) one()
    }
    known = { callbacks, listener }
    listening.set(signal, known)
    signal.addEventListener('abort', listener, { once: true })
  }
  known.callbacks.add(callback)
}

function stopListening(signal: AbortSignal, callback: () => void): void {
  const known = listening.get(signal)
  if (known === undefined || !known.callbacks.delete(callback) || known.callbacks.size > 0) return
  listening.delete(signal)
  signal.removeEventListener('abort', known.listener)
}

/** The error of a call that its signal cancelled. */
export function cancelled(
  signal: AbortSignal | undefined,
  callState: CallState | undefined,
  exit?: ExitReport,
): BridgeError {
  const message = `the call was cancelled by its signal${explained(callState)}`
  return new BridgeError('ERR_CANCELLED', message, { cause: signal?.reason as unknown, callState, exit })
}

function timedOut(timeout: number, callState: CallState | undefined, exit: ExitReport | undefined): BridgeError {
  const message = `the call did not finish within ${timeout} ms${explained(callState)}`
  return new BridgeError('ERR_TIMEOUT', message, { callState, exit })
}

function explained(callState: CallState | undefined): string {
  if (callState === 'not started') return ' and has not started'
  if (callState === 'killed') return ', and its process ended before it did'
  return callState === 'still running' ? ' and is still running in Python, which cannot interrupt it now' : ''
}

/** Node turns longer timers into immediate ones. */
const longestTimer = 2 ** 31 - 1
