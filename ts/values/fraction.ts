/* A Python fraction in JavaScript: two exact integers, and never a number in silence. */
import { nearestNumber } from './nearest-number'
import { defineValueClass, integer, invalid, isOfClass, textOnly } from './value-class'

/**
 * A Python `fractions.Fraction`: exact, in lowest terms. Using it as a number throws a `TypeError`; `toNumber()` is explicit.
 *
 * Made from two safe integers or bigints. Throws `ERR_INVALID_ARGUMENT` for anything else, and for a denominator of zero.
 */
export class PyFraction {
  /** Has the sign of the fraction. */
  readonly numerator: bigint
  /** Above zero. */
  readonly denominator: bigint

  constructor(numerator: number | bigint, denominator: number | bigint = 1n) {
    const over = BigInt(integer(numerator, 'the numerator'))
    const under = BigInt(integer(denominator, 'the denominator'))
    if (under === 0n) throw invalid('a denominator other than zero', denominator)
    const divisor = under < 0n ? -greatestCommonDivisor(over, under) : greatestCommonDivisor(over, under)
    this.numerator = over / divisor
    this.denominator = under / divisor
    Object.freeze(this)
  }

  /** Whether it is the same number. */
  equals(other: unknown): boolean {
    if (!isOfClass(other, 'PyFraction')) return false
    const { numerator, denominator } = other as PyFraction
    return numerator === this.numerator && denominator === this.denominator
  }

  /** The nearest number; an infinity beyond the largest one. */
  toNumber(): number {
    return nearestNumber(this.numerator, this.denominator)
  }

  /** As Python writes it: `1/3`, or `3` for a whole number. */
  toString(): string {
    return this.denominator === 1n ? String(this.numerator) : `${this.numerator}/${this.denominator}`
  }

  /** The text of `toString()`. */
  toJSON(): string {
    return this.toString()
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a fraction is no number; use `toNumber()` for the nearest one')
  }

  static {
    defineValueClass(this.prototype, 'PyFraction', ({ numerator, denominator }) => [numerator, denominator])
  }
}

/** The fraction of integers that are in lowest terms already. */
export function fractionOf(numerator: bigint, denominator: bigint): PyFraction {
  const fraction = Object.create(PyFraction.prototype) as { numerator: bigint; denominator: bigint }
  fraction.numerator = numerator
  fraction.denominator = denominator
  return Object.freeze(fraction) as PyFraction
}

/** Above zero, if not both are zero. */
function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b]
  return a < 0n ? -a : a
}
