/* The targets that all proxies of this package share. */
import { inspect, type InspectOptionsStylized } from 'node:util'
import { internal } from './internal'

/** What is behind a proxy says how it is printed. */
export interface Inspectable {
  inspected(depth: number, options: InspectOptionsStylized): string
}

const inspection = {
  value(this: { [internal]?: Inspectable }, depth: number, options: InspectOptionsStylized): string {
    // With `showProxy` it is the shared target itself that is printed.
    return this[internal]?.inspected(depth, options) ?? options.stylize('[Python handle, path or call]', 'special')
  },
  configurable: true,
}

/**
 * The target of handles and paths: a function, so that proxies are callable; an arrow function, so that it has no property that a
 * trap could not hide.
 *
 * The state of a proxy is in its handler: that makes a proxy cheaper than a closure of its own would. `util.inspect` looks past
 * proxies, at the target, but calls `inspect.custom` on the proxy. The name is what assertion libraries print when they
 * compare a handle with data without asking the handle.
 */
export const proxyTarget = Object.defineProperties((): void => undefined, {
  name: { value: 'Python handle, not data: compare a copy, $value()', configurable: true },
  [inspect.custom]: inspection,
})

/** The target of calls: a promise to `instanceof`, and not callable, because assertion libraries call what is `expected` to settle. */
export const callTarget: object = Object.create(Promise.prototype, { [inspect.custom]: inspection }) as object
