/* Memory of JavaScript's that Python may use for the length of one synchronous call. */
import { types } from 'node:util'
import { BridgeError } from '../errors/bridge-error'
import { environment } from '../native/environment'
import type { Borrowed, TypedArray } from '../types/arrays'
import { invalid } from '../values/value-class'

class BorrowedArray implements Borrowed {
  readonly #array: TypedArray

  constructor(array: TypedArray) {
    this.#array = array
    Object.freeze(this)
  }

  get array(): TypedArray {
    return this.#array
  }

  static of(value: object): TypedArray | undefined {
    return #array in value ? value.#array : undefined
  }
}

/** `python.borrow`. */
export function borrow<A extends TypedArray>(array: A): Borrowed<A> {
  if (!types.isTypedArray(array)) throw invalid('a typed array', array)
  return new BorrowedArray(array) as Borrowed as Borrowed<A>
}

/** What is lent, if it is that. */
export function borrowedArray(value: object): TypedArray | undefined {
  return BorrowedArray.of(value)
}

/** How many borrows are under way. */
let active = 0
/** Why the last call failed, if it kept what it had borrowed. */
let kept: BridgeError | undefined

/** Whether Python has memory that no code of JavaScript's may touch now. */
export function isBorrowing(): boolean {
  return active > 0
}

/** What to throw instead of a result: Python kept memory that was lent for the call. */
export function takeKept(): BridgeError | undefined {
  const error = kept
  kept = undefined
  return error
}

/** What Python's calls of JavaScript functions throw meanwhile. */
export function refuseWhileBorrowing(): void {
  if (active === 0) return
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    'Python cannot call JavaScript while it has borrowed memory, which JavaScript could free; pass `python.memoryview(…)` instead of `python.borrow(…)`',
  )
}

/** What is lent to another process. No callback runs meanwhile, so all of it belongs to one call. */
const lentElsewhere: BorrowElsewhere[] = []

/**
 * One array that is lent to another process, which has it in memory that both have. What Python wrote is there when the call ends. What is
 * lent more than once is one memory there, too, because the copies would overwrite each other.
 */
export class BorrowElsewhere {
  constructor(
    readonly own: Uint8Array,
    readonly shared: Uint8Array,
  ) {
    active += 1
    lentElsewhere.push(this)
    shared.set(own)
  }

  /** The one that has memory in common with an array; `covers` says whether it has all of it. */
  static sharing(array: Uint8Array): { readonly lent: BorrowElsewhere; readonly covers: boolean } | undefined {
    const begin = array.byteOffset
    const end = begin + array.byteLength
    for (const lent of lentElsewhere) {
      const { own } = lent
      const ownEnd = own.byteOffset + own.byteLength
      if (own.buffer !== array.buffer || begin >= ownEnd || end <= own.byteOffset) continue
      return { lent, covers: own.byteOffset <= begin && end <= ownEnd }
    }
    return undefined
  }

  hold(): void {
    // As below.
  }

  letGo(): void {
    active -= 1
    lentElsewhere.splice(lentElsewhere.indexOf(this), 1)
    this.own.set(this.shared)
  }
}

/** One array that is lent. Ends with the call. */
export class Borrow {
  constructor(
    readonly number: number,
    readonly path: string,
  ) {
    active += 1
    kept = undefined
  }

  hold(): void {
    // It is held from the moment it is made.
  }

  letGo(): void {
    active -= 1
    if (!environment.port.endBlock(this.number, true)) return
    kept = new BridgeError(
      'ERR_CONVERSION',
      `${this.path}: Python kept the memory that it borrowed for one call, in a view, an array or the frames of an exception; ` +
        'copy it in Python, or pass `python.memoryview(…)`. Until the process ends the memory stays where it is',
      { path: this.path },
    )
  }
}
