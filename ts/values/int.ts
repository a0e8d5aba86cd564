/* An integer that is an int in Python however large it is. */
import { defineValueClass, integer, integerJson, invalid, isOfClass } from './value-class'

/**
 * An integer on its way to Python that is an `int` there: also an integral number of magnitude 2^53 or more, which alone would be a
 * `float`. What comes back is a `number` if it is safe, else a `bigint`.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but an integral number or a `bigint`.
 */
export class PyInt {
  /** The integer. */
  readonly value: bigint

  constructor(value: number | bigint) {
    if (typeof value !== 'bigint' && !Number.isInteger(value)) throw invalid('an integral number or a bigint', value)
    this.value = BigInt(value)
    Object.freeze(this)
  }

  /** Whether it is the same integer. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyInt') && (other as PyInt).value === this.value
  }

  /** The integer. */
  valueOf(): bigint {
    return this.value
  }

  /** The integer's digits. */
  toString(): string {
    return String(this.value)
  }

  /** A number if it is a safe integer, else its digits. */
  toJSON(): number | string {
    return integerJson(integer(this.value, 'a value'))
  }

  static {
    defineValueClass(this.prototype, 'PyInt', ({ value }) => [value])
  }
}
