/* Options of one call. */

/**
 * What a call gives back.
 *
 * - `'auto'`: plain data is copied, everything else is a handle.
 * - `'value'`: plain data only; a result that holds anything else rejects with `ERR_CONVERSION` and its path.
 * - `'ref'`: always a handle, even for a number or a list.
 */
export type Returns = 'auto' | 'value' | 'ref'

/** Options of one asynchronous call. */
export interface CallOptions {
  /**
   * Cancels the call. A call that has not started never starts; one that runs in Python goes on there, and its outcome is thrown
   * away. Either way the promise rejects at once with `ERR_CANCELLED`, name `'AbortError'`, and the reason of the signal as `cause`.
   * @default no signal
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds from the moment of the call, waiting time included, after which the promise rejects with `ERR_TIMEOUT`. What runs
   * in Python goes on there, as with `signal`.
   * @default no limit
   */
  readonly timeout?: number | undefined
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
}

/** Options of a synchronous view: a synchronous call cannot be cancelled. */
export interface SyncCallOptions {
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
}
