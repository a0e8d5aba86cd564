/* A Python tuple in JavaScript: an array that cannot be changed, and that goes back to Python as a tuple. */

/** Known to every copy of this module and to every realm of the process. */
export const tupleBrand: unique symbol = Symbol.for('symphony-python-bridge.PyTuple')

/**
 * A Python `tuple`. It reads like any array; what would change it throws a `TypeError`. Methods that make a new array, such
 * as `map` and `slice`, give plain arrays; `[...tuple]` is a copy that can be changed.
 */
export class PyTuple<T extends readonly unknown[] = readonly unknown[]> extends Array<T[number]> {
  /** `map`, `filter`, `slice` and the like give plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  /** A tuple of these items. Other than with `new Array(3)`, a single number is an item too. */
  constructor(...items: T) {
    super()
    for (let index = 0; index < items.length; index++) this[index] = items[index]
    Object.freeze(this)
  }

  /** A tuple of these items. */
  static override of<T extends unknown[]>(...items: T): PyTuple<T> {
    return tupleOf(items)
  }

  /** A tuple of the items of an iterable or array-like object. */
  static override from<T, U = T>(
    items: Iterable<T> | ArrayLike<T>,
    map?: (item: T, index: number) => U,
    receiver?: unknown,
  ): PyTuple<U[]> {
    return tupleOf(map === undefined ? (Array.from(items) as unknown[] as U[]) : Array.from(items, map, receiver))
  }

  override push(): never {
    return readOnly()
  }
  override pop(): never {
    return readOnly()
  }
  override shift(): never {
    return readOnly()
  }
  override unshift(): never {
    return readOnly()
  }
  override splice(): never {
    return readOnly()
  }
  override sort(): never {
    return readOnly()
  }
  override reverse(): never {
    return readOnly()
  }
  override fill(): never {
    return readOnly()
  }
  override copyWithin(): never {
    return readOnly()
  }

  static {
    Object.defineProperty(this.prototype, tupleBrand, { value: true })
  }
}

/** A tuple of the items of an array, however many there are: a call with arguments could hold some ten thousand only. */
export function tupleOf<T extends readonly unknown[]>(items: T): PyTuple<T> {
  const tuple = items.slice()
  Object.setPrototypeOf(tuple, PyTuple.prototype)
  return Object.freeze(tuple) as unknown as PyTuple<T>
}

function readOnly(): never {
  throw new TypeError('a Python tuple is read-only; copy it first: `[...tuple]`')
}
