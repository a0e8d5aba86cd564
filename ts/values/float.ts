/* A number that is a float in Python even if it is integral. */
import { defineValueClass, invalid, isOfClass } from './value-class'

/**
 * A number on its way to Python that is a `float` there, although it may be integral. What comes back is a plain `number`.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but a number.
 */
export class PyFloat {
  /** The number. */
  readonly value: number

  constructor(value: number) {
    if (typeof value !== 'number') throw invalid('a number', value)
    this.value = value
    Object.freeze(this)
  }

  /** Whether it is the same number; NaN equals nothing. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyFloat') && (other as PyFloat).value === this.value
  }

  /** The number. */
  valueOf(): number {
    return this.value
  }

  /** The number's text. */
  toString(): string {
    return String(this.value)
  }

  /** The number. */
  toJSON(): number {
    return this.value
  }

  static {
    defineValueClass(this.prototype, 'PyFloat', ({ value }) => [value])
  }
}
