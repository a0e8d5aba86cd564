/* A Python UUID in JavaScript. */
import { defineValueClass, invalid, isOfClass } from './value-class'

const spelling = /^(?:urn:uuid:)?(\{?)([\da-f]{8})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{12})(\}?)$/i

/**
 * A Python `uuid.UUID`.
 *
 * Made from its 32 hexadecimal digits, with or without hyphens, braces or `urn:uuid:`. Throws `ERR_INVALID_ARGUMENT` for anything else.
 */
export class PyUUID {
  /** 32 lower-case hexadecimal digits in five groups. */
  readonly text: string

  constructor(text: string) {
    const match = typeof text === 'string' ? spelling.exec(text) : null
    // Both braces or none.
    if (match === null || match[1]!.length !== match[7]!.length) throw invalid('the text of a UUID', text)
    this.text = match.slice(2, 7).join('-').toLowerCase()
    Object.freeze(this)
  }

  /** Whether it is the same UUID. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyUUID') && (other as PyUUID).text === this.text
  }

  /** The usual text, such as `12345678-1234-5678-1234-567812345678`. */
  toString(): string {
    return this.text
  }

  /** The text. */
  toJSON(): string {
    return this.text
  }

  static {
    defineValueClass(this.prototype, 'PyUUID', ({ text }) => [text])
  }
}
