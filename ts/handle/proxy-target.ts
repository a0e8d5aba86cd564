/* What is behind the proxies of this package: their targets, which share how they are printed. */
import { inspect, type InspectOptionsStylized } from 'node:util'
import { internal } from './internal'

/** What is behind a proxy says how it is printed. */
export interface Inspectable {
  inspected(depth: number, options: InspectOptionsStylized): string
}

function inspected(this: { [internal]?: Inspectable }, depth: number, options: InspectOptionsStylized): string {
  // With `showProxy` it is the target itself that is printed.
  return this[internal]?.inspected(depth, options) ?? options.stylize('[Python handle, path or call]', 'special')
}

const inspection = { value: inspected, configurable: true }

/**
 * The target of asynchronous handles and of paths: a function, so that proxies are callable; an arrow function, so that it has no
 * property that a trap could not hide.
 *
 * The state of a proxy is in its handler: that makes a proxy cheaper than a closure of its own would. `util.inspect` looks past
 * proxies, at the target, but calls `inspect.custom` on the proxy. The name is what assertion libraries print when they
 * compare a handle with data without asking the handle. What the function gives is never asked for, but its source is the beginning of
 * V8's message when somebody posts the proxy to another thread: `… could not be cloned`.
 */
export const proxyTarget = Object.defineProperties(
  (): string => 'a Python handle, path or call: post handle.$share() and python.adopt() that',
  {
    name: { value: 'Python handle, not data: compare a copy, $value()', configurable: true },
    [inspect.custom]: inspection,
  },
)

/** The target of calls: a promise to `instanceof`, and not callable, because assertion libraries call what is `expected` to settle. */
export const callTarget: object = Object.create(Promise.prototype, { [inspect.custom]: inspection }) as object

/** The function behind a proxy whose calls are worth a closure: without an `apply` trap they need no array of arguments. */
export type CallableTarget = (first?: unknown, second?: unknown, third?: unknown, ...rest: unknown[]) => unknown

/** The traps over such a target. `apply` says that it is not there, which V8 finds out sooner than by a search for it. */
export type Traps = Omit<ProxyHandler<CallableTarget>, 'apply'> & { readonly apply: CallTrap | undefined }

type CallTrap = NonNullable<ProxyHandler<CallableTarget>['apply']>

export function proxyOver(target: CallableTarget, traps: Traps): object {
  return new Proxy(target, traps as ProxyHandler<CallableTarget>)
}

/** What the targets below inherit from: own properties would cost each of them three times as much. */
const printed: object = Object.create(Function.prototype, { [inspect.custom]: inspection }) as object

/** Makes an arrow function a target like `proxyTarget`. Its name must be the same; as the key of an object literal it costs nothing. */
export function printable(target: CallableTarget): CallableTarget {
  Object.setPrototypeOf(target, printed)
  return target
}
