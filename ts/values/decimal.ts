/* A Python decimal in JavaScript: its exact text, and never a number in silence. */
import { equalDecimals, pythonSpelling } from './decimal-text'
import { defineValueClass, invalid, isOfClass, textOnly } from './value-class'

/**
 * A Python `decimal.Decimal`: exact, with its trailing zeros. Using it as a number throws a `TypeError`; `toNumber()` is explicit.
 *
 * Made from text as Python reads it (`'0.10'`, `'1e5'`, `'-Infinity'`, `'NaN'`), a safe integer or a `bigint`. Throws
 * `ERR_INVALID_ARGUMENT` for anything else; a number with a fraction is not taken, because it is rarely the decimal that it looks like.
 */
export class PyDecimal {
  /** The decimal as Python spells it: `1E+5` for `1e5`. */
  readonly text: string

  constructor(value: string | number | bigint) {
    const exact = typeof value === 'string' || typeof value === 'bigint' || Number.isSafeInteger(value)
    const text = exact ? pythonSpelling(String(value)) : undefined
    if (text === undefined) throw invalid("the text of a decimal, such as `'0.10'`, or an integer", value)
    this.text = text
    Object.freeze(this)
  }

  /** Whether Python's `==` holds: `0.10` equals `0.1`, and NaN equals nothing. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyDecimal') && equalDecimals(this.text, (other as PyDecimal).text)
  }

  /** The nearest number. */
  toNumber(): number {
    return Number(this.text)
  }

  /** The exact text. */
  toString(): string {
    return this.text
  }

  /** The exact text: a number in JSON would be read as a binary float. */
  toJSON(): string {
    return this.text
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a decimal is no number; use `toNumber()` for the nearest one')
  }

  static {
    defineValueClass(this.prototype, 'PyDecimal', ({ text }) => [text])
  }
}

/** The decimal that Python spells like that. */
export function decimalOf(text: string): PyDecimal {
  const decimal = Object.create(PyDecimal.prototype) as { text: string }
  decimal.text = text
  return Object.freeze(decimal) as PyDecimal
}
