/* Iterates over a Python object on the JavaScript thread. */
import { referenceRules, type SyncRules } from '../call/options'
import { Operation } from '../call/operation'
import { validateSync } from '../call/schema'
import { operateSync } from '../call/sync-call'
import { hasState } from '../call/subject'
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
    if (this.#iterator === undefined) return { done: true, value: undefined }
    const item = operateSync(this.#iterator, Operation.next, [], undefined, {
      ...this.rules,
      returns: 'auto',
    }) as unknown[]
    const { schema } = this.rules
    if (item.length > 0) return { done: false, value: schema === undefined ? item[0] : validateSync(schema, item[0]) }
    this.#finish()
    return { done: true, value: undefined }
  }

  return(): IteratorResult<unknown, void> {
    if (this.#iterator !== undefined) {
      operateSync(this.#iterator, Operation.close)
      this.#finish()
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.return()
  }

  #finish(): void {
    this.#iterator?.dispose()
    this.#iterator = undefined
  }
}
