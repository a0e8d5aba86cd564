/* A Python frozenset in JavaScript: a set that cannot be changed, and that goes back to Python as a frozenset. */

/** Known to every copy of this module and to every realm of the process. */
export const frozenSetBrand: unique symbol = Symbol.for('symphony-python-bridge.PyFrozenSet')

/** A Python `frozenset`. It reads like any `Set`; what would change it throws a `TypeError`. `new Set(it)` is a copy that can be changed. */
export class PyFrozenSet<T = unknown> extends Set<T> {
  constructor(items: Iterable<T> = []) {
    super()
    for (const item of items) super.add(item)
  }

  override add(): never {
    return readOnly()
  }
  override delete(): never {
    return readOnly()
  }
  override clear(): never {
    return readOnly()
  }

  static {
    Object.defineProperty(this.prototype, frozenSetBrand, { value: true })
  }
}

function readOnly(): never {
  throw new TypeError('a Python frozenset is read-only; copy it first: `new Set(it)`')
}
