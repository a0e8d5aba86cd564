/* Rejections whose errors know who awaits them. */
import type { StackBoundary } from './from-native'

/** Makes the error of a call, with a stack that begins at the caller of `boundary`. */
export type MakeError = (boundary: StackBoundary) => Error

const resolved = Promise.resolve()

/**
 * A promise that rejects two microtasks from now with an error made then. The promise that is resolved with it has by then
 * subscribed, and V8 finds the awaiting functions through that subscription when the error captures its stack.
 */
export function inMicrotaskOfAwaiter(makeError: MakeError): Promise<never> {
  return resolved.then(ignore).then(function rejection() {
    throw makeError(rejection)
  })
}

function ignore(): void {}
