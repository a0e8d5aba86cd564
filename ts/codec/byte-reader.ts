/* Reads lengths, numbers and strings out of a message. Never reads past its end. */
import { BridgeError } from '../errors/bridge-error'
import { KeyCache } from './key-cache'

/** Strings up to this length are read in JavaScript; a call into Node costs more than it saves. */
const shortText = 24

const twoTo32 = 0x1_0000_0000
/** Memory of a message that is larger than this is not kept for the next one. */
const largestKept = 4 * 1024 * 1024
const nothing = new Uint8Array(0)
/** V8's limit on the size of a bigint. */
const longestInteger = 2 ** 27

/** What `Buffer#toString` calls after it has looked at its arguments, which takes longer than a short string. */
interface BufferSlices {
  utf8Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
}

/** A position in a message. */
export class ByteReader {
  /** The next byte to read. */
  position = 0
  protected end = 0
  protected bytes: Uint8Array = new Uint8Array(0)
  #buffer = Buffer.alloc(0) as Buffer & BufferSlices
  #view: DataView = new DataView(new ArrayBuffer(0))
  readonly #keys = new KeyCache()

  protected open(bytes: Uint8Array, start: number, end: number): void {
    // Most messages come in the same memory.
    if (this.bytes !== bytes) {
      this.bytes = bytes
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as Buffer & BufferSlices
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.position = start
    this.end = Math.min(end, bytes.length)
  }

  /** Lets go of a message whose memory is large, and would live until the next one. */
  protected close(): void {
    if (this.bytes.length > largestKept) this.open(nothing, 0, 0)
  }

  /** Moves on by this many bytes; gives where they begin. */
  protected take(length: number): number {
    const start = this.position
    if (start + length > this.end) throw this.malformed('the message ends too early')
    this.position = start + length
    return start
  }

  protected byte(): number {
    return this.bytes[this.take(1)]!
  }

  protected uint16(): number {
    return this.#view.getUint16(this.take(2))
  }

  protected uint32(): number {
    return this.#view.getUint32(this.take(4))
  }

  protected int8(): number {
    return this.#view.getInt8(this.take(1))
  }

  protected int16(): number {
    return this.#view.getInt16(this.take(2))
  }

  protected int32(): number {
    return this.#view.getInt32(this.take(4))
  }

  protected float64(): number {
    return this.#view.getFloat64(this.take(8))
  }

  protected uint64(): number | bigint {
    const at = this.take(8)
    const high = this.#view.getUint32(at)
    return high < 0x20_0000 ? high * twoTo32 + this.#view.getUint32(at + 4) : this.#view.getBigUint64(at)
  }

  protected int64(): number | bigint {
    const at = this.take(8)
    const value = this.#view.getInt32(at) * twoTo32 + this.#view.getUint32(at + 4)
    return Number.isSafeInteger(value) ? value : this.#view.getBigInt64(at)
  }

  /** A packed list of floats, or of integers and floats. */
  protected packedNumbers(start: number, length: number): number[] {
    const bytes = this.#packed(start, length, 8)
    return listOf(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8))
  }

  /** A packed list of integers of 32 bits. */
  protected packedIntegers(start: number, length: number): number[] {
    const bytes = this.#packed(start, length, 4)
    return listOf(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4))
  }

  /** The bytes of the items, aligned: behind a byte that says how many bytes of padding it is followed by. */
  #packed(start: number, length: number, size: 4 | 8): Uint8Array {
    const padding = this.bytes[start]!
    const first = start + 1 + padding
    if (length === 0 || padding > 7 || first > start + length || (start + length - first) % size !== 0) {
      throw this.malformed('a packed list of broken items')
    }
    const items = this.bytes.subarray(first, start + length)
    // A copy where the memory is not aligned.
    return items.byteOffset % size === 0 ? items : new Uint8Array(items)
  }

  /** The message as numbers. */
  protected get view(): DataView {
    return this.#view
  }

  /** A little-endian number inside a payload. */
  protected payloadUint32(at: number): number {
    return this.#view.getUint32(at, true)
  }

  /** Two's complement, little-endian. */
  protected hugeInteger(start: number, length: number): bigint {
    if (length > longestInteger) {
      const message = `expected an integer that a bigint can hold, got one of ${length} bytes; use returns \`'ref'\``
      throw new BridgeError('ERR_CONVERSION', message)
    }
    const digits = Buffer.from(this.bytes.subarray(start, start + length))
      .reverse()
      .toString('hex')
    const value = BigInt(`0x${digits}`)
    return this.bytes[start + length - 1]! < 0x80 ? value : BigInt.asIntN(8 * length, value)
  }

  protected text(length: number): string {
    const start = this.take(length)
    if (length <= shortText) {
      const text = shortAscii(this.bytes, start, start + length)
      if (text !== undefined) return text
    }
    return this.#longText(start, length)
  }

  /** A string that is likely to come again. */
  protected knownText(length: number): string {
    if (length > KeyCache.longest) return this.text(length)
    const start = this.take(length)
    return (
      this.#keys.find(this.bytes, start, length) ?? this.#keys.add(this.bytes, start, this.#longText(start, length))
    )
  }

  #longText(start: number, length: number): string {
    const text = this.#slice('utf8Slice', start, length)
    // Bytes that are not UTF-8 become replacement characters, so only a text that has one is worth a closer look.
    if (text.includes('\ufffd') && !Buffer.from(text).equals(this.bytes.subarray(start, start + length))) {
      throw this.malformed('a string is not UTF-8')
    }
    return text
  }

  protected utf16(start: number, length: number): string {
    return this.#slice('ucs2Slice', start, length)
  }

  #slice(method: keyof BufferSlices, start: number, length: number): string {
    try {
      return this.#buffer[method](start, start + length)
    } catch (cause) {
      const message = `expected a string that JavaScript can hold, got one of ${length} bytes; use returns \`'ref'\``
      throw new BridgeError('ERR_CONVERSION', message, { cause })
    }
  }

  protected malformed(message: string): BridgeError {
    const advice = 'this is a bug in symphony-python-bridge'
    return new BridgeError('ERR_PROTOCOL', `${message} (at byte ${this.position}); ${advice}`)
  }
}

/** V8 makes a hash table of an array that is made longer than this. */
const longestAtOnce = 2 ** 25

/** From this length on it is worth a call to say of what kind the items will be. */
const longList = 8192

/** `Array.from` asks an iterator for each item, which takes ten times as long. */
function listOf(items: Float64Array | Int32Array): number[] {
  const { length } = items
  const list = length < longestAtOnce ? emptyList(items, length) : []
  if (length < longestAtOnce) for (let index = 0; index < length; index++) list[index] = items[index]!
  else for (const item of items) list.push(item)
  return list
}

/** With room for the items. V8 makes room for integers, and at the first float new room; unless the array holds one from the beginning. */
function emptyList(items: Float64Array | Int32Array, length: number): number[] {
  if (length < longList || items instanceof Int32Array) return new Array<number>(length)
  const list = [0.5]
  list.length = length
  return list
}

/** The string, if all its bytes are ASCII. Eight at a time, because every concatenation makes a string. */
function shortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = ''
  let at = start
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at]!
    const b = bytes[at + 1]!
    const c = bytes[at + 2]!
    const d = bytes[at + 3]!
    const e = bytes[at + 4]!
    const f = bytes[at + 5]!
    const g = bytes[at + 6]!
    const h = bytes[at + 7]!
    if ((a | b | c | d | e | f | g | h) >= 0x80) return undefined
    text += String.fromCharCode(a, b, c, d, e, f, g, h)
  }
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}
