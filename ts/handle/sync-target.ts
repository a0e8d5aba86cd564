/* The functions behind synchronous views and methods: what a call of one of these proxies runs. */
import { callLong, callMethodLong, callMethodShort, callShort, failed, takeFailure } from '../call/sync-call'
import { printable, type CallableTarget } from './proxy-target'
import type { HandleState } from './state'

/* The strings in these functions do nothing. V8 quotes a function that it cannot post to another thread. */

/** The target of a synchronous view: calls the object. */
export function objectTarget(state: HandleState): CallableTarget {
  const { 'Python handle, not data: compare a copy, $value()': target } = {
    'Python handle, not data: compare a copy, $value()': (
      first?: unknown,
      second?: unknown,
      third?: unknown,
      ...rest: unknown[]
    ): unknown => {
      'a Python handle: post handle.$share() and python.adopt() that'
      const result =
        rest.length === 0 ? callShort(state, first, second, third) : callLong(state, [first, second, third, ...rest])
      if (result === failed) throw takeFailure(target)
      return result
    },
  }
  return printable(target)
}

/** The target of a method: calls the method that has the name now. */
export function methodTarget(owner: HandleState, name: string, number: number): CallableTarget {
  const { 'Python handle, not data: compare a copy, $value()': target } = {
    'Python handle, not data: compare a copy, $value()': (
      first?: unknown,
      second?: unknown,
      ...rest: unknown[]
    ): unknown => {
      'a Python handle: post handle.$share() and python.adopt() that'
      const result =
        rest.length === 0
          ? callMethodShort(owner, name, number, first, second)
          : callMethodLong(owner, name, number, [first, second, ...rest])
      if (result === failed) throw takeFailure(target)
      return result
    },
  }
  return printable(target)
}
