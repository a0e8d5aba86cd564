/* A Python path in JavaScript. */
import { defineValueClass, invalid, isOfClass } from './value-class'

/**
 * A Python `pathlib.Path` of this platform, spelled as Python spells it: without `.` parts, doubled slashes and one at the end.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but a string.
 */
export class PyPath {
  /** The path. A byte of a file name that is not UTF-8 is a lone surrogate, as in Python. */
  readonly text: string

  constructor(text: string) {
    if (typeof text !== 'string') throw invalid('the text of a path', text)
    this.text = process.platform === 'win32' ? text : posixSpelling(text)
    Object.freeze(this)
  }

  /** Whether it is the same path, letter by letter. The file system is not asked. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyPath') && (other as PyPath).text === this.text
  }

  /** The path. */
  toString(): string {
    return this.text
  }

  /** The path. */
  toJSON(): string {
    return this.text
  }

  static {
    defineValueClass(this.prototype, 'PyPath', ({ text }) => [text])
  }
}

/** The path that Python spells like that. */
export function pathOf(text: string): PyPath {
  const path = Object.create(PyPath.prototype) as { text: string }
  path.text = text
  return Object.freeze(path) as PyPath
}

/** POSIX lets a system give a meaning of its own to exactly two slashes at the beginning, so Python keeps them. */
function posixSpelling(text: string): string {
  const root = /^\/\/(?!\/)/.test(text) ? '//' : text.startsWith('/') ? '/' : ''
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  return root + parts.join('/') || '.'
}
