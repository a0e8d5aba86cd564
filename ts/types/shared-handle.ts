/* What stands for a handle in a message to another thread. */

/**
 * What `$share()` gives: plain data for `postMessage`, `workerData` or a `BroadcastChannel`, to be given to `python.adopt` by the
 * thread that gets it. Each can be adopted once. Its content is for printing only; what it holds may change in any release.
 */
export interface SharedHandle {
  readonly symphony: 'handle'
  /** The qualified name of the object's type, such as `pandas.DataFrame`. */
  readonly type: string
  readonly key: string
}
