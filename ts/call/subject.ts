/* What an operation applies to: an object, or the outcome of a call, and the steps from there. */
import { handlerOf } from '../handle/internal'
import type { HandleState } from '../handle/state'

/** A handler that stands for an object which is there already. */
export interface HasState {
  readonly state: HandleState
}

/** Whether what is behind a proxy is a handle, of any view. */
export function hasState(handler: object | undefined): handler is HasState {
  return handler !== undefined && holdsState in handler
}

/** The handler of what was asked for as a handle. */
export function handleBehind(value: unknown): HasState {
  const handler = handlerOf(value)
  if (!hasState(handler)) throw new TypeError('what was asked for as a handle is always one')
  return handler
}

/** Marks the handlers of handles. A test for `state` itself would fetch that of a late-bound method. */
export const holdsState = Symbol('symphony.holds-state')
