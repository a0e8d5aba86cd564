/* A Python complex number in JavaScript. */
import { defineValueClass, invalid, isOfClass, textOnly } from './value-class'

/**
 * A Python `complex`. It is no `number`: using it as one throws a `TypeError`.
 *
 * Throws `ERR_INVALID_ARGUMENT` if a part is not a number.
 */
export class PyComplex {
  /** The real part. */
  readonly re: number
  /** The imaginary part. */
  readonly im: number

  constructor(re: number, im = 0) {
    if (typeof re !== 'number') throw invalid('a number as the real part', re)
    if (typeof im !== 'number') throw invalid('a number as the imaginary part', im)
    this.re = re
    this.im = im
    Object.freeze(this)
  }

  /** Whether Python's `==` holds: NaN equals nothing, and the sign of a zero does not count. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyComplex') && (other as PyComplex).re === this.re && (other as PyComplex).im === this.im
  }

  /** As Python writes it, such as `(1-2j)`. */
  toString(): string {
    const sign = this.im < 0 || Object.is(this.im, -0) ? '' : '+'
    return Object.is(this.re, 0) ? `${spelled(this.im)}j` : `(${spelled(this.re)}${sign}${spelled(this.im)}j)`
  }

  /** The parts as an object. */
  toJSON(): { re: number; im: number } {
    return { re: this.re, im: this.im }
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a complex number is no number; use its `re` and `im`')
  }

  static {
    defineValueClass(this.prototype, 'PyComplex', ({ re, im }) => [re, im])
  }
}

function spelled(part: number): string {
  if (Number.isNaN(part)) return 'nan'
  if (Object.is(part, -0)) return '-0'
  return String(part).replace('Infinity', 'inf')
}
