/* How the bridge reaches what is behind one of its proxies. */

/** A proxy of this package answers this symbol with its handler; nothing outside of the package has the symbol. */
export const internal = Symbol('symphony.internal')

/** What is behind a proxy of this package, or `undefined` for every other value. */
export function handlerOf(value: unknown): object | undefined {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return undefined
  return (value as { [internal]?: object })[internal]
}
