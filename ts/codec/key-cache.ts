/* Remembers the strings of property names by their bytes: the rows of a table have the same few. */

const size = 512

interface Entry {
  readonly bytes: Uint8Array
  readonly text: string
}

/** A table with one place for each hash; a newcomer takes the place of an older key. */
export class KeyCache {
  /** Longer keys are not kept. */
  static readonly longest = 32

  readonly #entries: (Entry | undefined)[] = new Array<Entry | undefined>(size).fill(undefined)

  /** The string of these bytes, if it is known. */
  find(bytes: Uint8Array, start: number, length: number): string | undefined {
    const entry = this.#entries[hash(bytes, start, length)]
    if (entry === undefined || entry.bytes.length !== length) return undefined
    const known = entry.bytes
    for (let index = 0; index < length; index++) {
      if (known[index] !== bytes[start + index]) return undefined
    }
    return entry.text
  }

  /** Remembers a string, whose bytes begin at `start`. */
  add(bytes: Uint8Array, start: number, text: string): string {
    const length = Buffer.byteLength(text)
    const copy = new Uint8Array(length)
    copy.set(bytes.subarray(start, start + length))
    this.#entries[hash(bytes, start, length)] = { bytes: copy, text }
    return text
  }
}

/** By length and at most the first and last four bytes: names differ there, and a longer look would cost what is saved. */
function hash(bytes: Uint8Array, start: number, length: number): number {
  let value = length
  const end = start + length
  for (let index = start; index < Math.min(start + 4, end); index++) value = (value * 31 + bytes[index]!) | 0
  for (let index = Math.max(start, end - 4); index < end; index++) value = (value * 31 + bytes[index]!) | 0
  return (value ^ (value >>> 9)) & (size - 1)
}
