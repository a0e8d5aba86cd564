/* What `await` waits for, whoever made it: promises of this realm and others, and objects that only behave like one. */

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
