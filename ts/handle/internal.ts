/* How the bridge reaches what is behind one of its proxies. */

/**
 * A proxy of this package answers this symbol with its handler. Registered for the whole process, so that a handle of another copy of the
 * package is known to be one; `hasState` is true for those of this copy only.
 */
export const internal = Symbol.for('symphony-python-bridge.internal')

/** What is behind a proxy of this package, or `undefined` for every other value. */
export function handlerOf(value: unknown): object | undefined {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return undefined
  return (value as { [internal]?: object })[internal]
}
