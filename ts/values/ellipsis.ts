/* Python's `...` in JavaScript. */
import { defineValueClass, isOfClass } from './value-class'

let only: PyEllipsis | undefined

/** Python's `Ellipsis`, written `...` there. There is one: `new PyEllipsis()` gives it, as does `python.ellipsis`. */
export class PyEllipsis {
  constructor() {
    return (only ??= Object.freeze(this))
  }

  /** Whether it is the ellipsis, of whichever copy of this package. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyEllipsis')
  }

  /** As Python writes it: `Ellipsis`. */
  toString(): string {
    return 'Ellipsis'
  }

  /** The text `Ellipsis`. */
  toJSON(): string {
    return 'Ellipsis'
  }

  static {
    defineValueClass(this.prototype, 'PyEllipsis', () => [])
  }
}
