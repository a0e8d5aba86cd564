/* Iterates over a Python object on the JavaScript thread. */
import { referenceRules, type SyncRules } from '../call/options'
import { Operation } from '../call/operation'
import { validateSync } from '../call/schema'
import { operateSync } from '../call/sync-call'
import { hasState } from '../call/subject'
import { wasRaised } from '../errors/bridge-error'
import { handlerOf } from './internal'
import type { HandleState } from './state'

/** A JavaScript iterator over a Python iterator. Leaving a loop early closes it in Python, as leaving Python's `for` would. */
export class SyncIterator implements IterableIterator<unknown, void, undefined> {
  #iterator: HandleState | undefined

  constructor(
    iterable: HandleState,
    private readonly rules: SyncRules,
  ) {
    const iterator = handlerOf(operateSync(iterable, Operation.iterator, [], undefined, referenceRules))
    if (hasState(iterator)) this.#iterator = iterator.state
  }

  next(): IteratorResult<unknown, void> {
    const iterator = this.#iterator
    if (iterator === undefined) return { done: true, value: undefined }
    try {
      const rules: SyncRules = { ...this.rules, returns: 'auto' }
      const item = operateSync(iterator, Operation.next, [], undefined, rules) as unknown[]
      const { schema } = this.rules
      if (item.length > 0) return { done: false, value: schema === undefined ? item[0] : validateSync(schema, item[0]) }
    } catch (error) {
      // What Python raised ends a generator by itself; other iterators may go on.
      if (!wasRaised(error)) this.#closeAfterFailure(iterator)
      throw error
    }
    this.#finish()
    return { done: true, value: undefined }
  }

  return(): IteratorResult<unknown, void> {
    if (this.#iterator !== undefined) {
      try {
        operateSync(this.#iterator, Operation.close)
      } finally {
        this.#finish()
      }
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.return()
  }

  /** An item that cannot be converted ends the loop as leaving it early would: Python's `finally` runs. */
  #closeAfterFailure(iterator: HandleState): void {
    try {
      operateSync(iterator, Operation.close)
    } catch {
      // What matters is why it had to be closed.
    }
    this.#finish()
  }

  #finish(): void {
    this.#iterator?.dispose()
    this.#iterator = undefined
  }
}
