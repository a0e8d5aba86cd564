/* Appends single values and container headers to memory that grows. Knows the format and nothing about JavaScript objects. */
import { type Container, Extension, type JsKind, Lead } from './format'

/** Strings up to this length are written in JavaScript; a call into Node costs more than it saves. */
const shortText = 60

const twoTo32 = 0x1_0000_0000

/** What `Buffer#write` calls after it has looked at its arguments, which takes longer than a short string. */
interface BufferWrites {
  latin1Write(text: string, offset: number, length: number): number
  utf8Write(text: string, offset: number, length: number): number
  ucs2Write(text: string, offset: number, length: number): number
}

/** Where the next value goes, and how. All values are written in their shortest form. */
export class ByteWriter {
  bytes: Uint8Array
  view: DataView
  /** Where the next value goes. Whoever begins a new message, or takes one back, sets it. */
  position = 0
  readonly #grow: (bytes: number) => ArrayBuffer
  #buffer: Buffer & BufferWrites
  /** The same memory as numbers, as far as it holds whole ones. */
  #numbers: Float64Array

  /** `grow` gives new memory at least that large; the old may be gone afterwards. */
  constructor(buffer: ArrayBuffer, grow: (bytes: number) => ArrayBuffer) {
    this.#grow = grow
    this.bytes = this.#buffer = Buffer.from(buffer) as Buffer & BufferWrites
    this.view = new DataView(buffer)
    this.#numbers = numbersOf(buffer)
  }

  /** Makes sure that this many bytes can be written. */
  reserve(bytes: number): void {
    const needed = this.position + bytes
    if (needed > this.bytes.length) this.#enlarge(needed)
  }

  #enlarge(needed: number): void {
    // A copy first: new memory may end the life of the old one.
    const written = new Uint8Array(this.bytes.subarray(0, this.position))
    const buffer = this.#grow(Math.max(needed, 2 * this.bytes.length))
    this.bytes = this.#buffer = Buffer.from(buffer) as Buffer & BufferWrites
    this.view = new DataView(buffer)
    this.#numbers = numbersOf(buffer)
    this.bytes.set(written)
  }

  nil(): void {
    this.#byte(Lead.nil)
  }

  boolean(value: boolean): void {
    this.#byte(value ? Lead.true : Lead.false)
  }

  /** An integer of magnitude below 2^53. */
  integer(value: number): void {
    this.reserve(9)
    const { bytes, view, position } = this
    if (value >= 0) {
      if (value < 0x80) {
        bytes[position] = value
        this.position = position + 1
      } else if (value < 0x100) {
        bytes[position] = Lead.uint8
        bytes[position + 1] = value
        this.position = position + 2
      } else if (value < 0x1_0000) {
        bytes[position] = Lead.uint16
        view.setUint16(position + 1, value)
        this.position = position + 3
      } else if (value < twoTo32) {
        bytes[position] = Lead.uint32
        view.setUint32(position + 1, value)
        this.position = position + 5
      } else {
        this.#integer64(Lead.uint64, value)
      }
    } else if (value >= -0x20) {
      view.setInt8(position, value)
      this.position = position + 1
    } else if (value >= -0x80) {
      bytes[position] = Lead.int8
      view.setInt8(position + 1, value)
      this.position = position + 2
    } else if (value >= -0x8000) {
      bytes[position] = Lead.int16
      view.setInt16(position + 1, value)
      this.position = position + 3
    } else if (value >= -0x8000_0000) {
      bytes[position] = Lead.int32
      view.setInt32(position + 1, value)
      this.position = position + 5
    } else {
      this.#integer64(Lead.int64, value)
    }
  }

  #integer64(lead: number, value: number): void {
    const { view, position } = this
    const high = Math.floor(value / twoTo32)
    view.setUint8(position, lead)
    view.setInt32(position + 1, high)
    view.setUint32(position + 5, value - high * twoTo32)
    this.position = position + 9
  }

  /** An integer of any size. */
  bigInteger(value: bigint): void {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) {
      this.integer(Number(value))
    } else if (BigInt.asUintN(64, value) === value) {
      this.reserve(9)
      this.bytes[this.position] = Lead.uint64
      this.view.setBigUint64(this.position + 1, value)
      this.position += 9
    } else if (BigInt.asIntN(64, value) === value) {
      this.reserve(9)
      this.bytes[this.position] = Lead.int64
      this.view.setBigInt64(this.position + 1, value)
      this.position += 9
    } else {
      this.#hugeInteger(value)
    }
  }

  /** A bigint in a form that tells it from a number, whatever its size. */
  exactInteger(value: bigint): void {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) this.#hugeInteger(value)
    else this.bigInteger(value)
  }

  /** Two's complement, little-endian. A negative number is the complement of -n - 1, which saves the arithmetic. */
  #hugeInteger(value: bigint): void {
    const negative = value < 0n
    const digits = (negative ? -value - 1n : value).toString(16)
    const padded = digits.length % 2 === 1 ? `0${digits}` : digits
    const payload = Buffer.from(padded >= '8' ? `00${padded}` : padded, 'hex').reverse()
    this.extensionHeader(Extension.bigInteger, payload.length)
    this.bytes.set(payload, this.position)
    if (negative) {
      const end = this.position + payload.length
      for (let index = this.position; index < end; index++) this.bytes[index] = ~this.bytes[index]!
    }
    this.position += payload.length
  }

  /** A number as a float, bit for bit. */
  float(value: number): void {
    this.reserve(9)
    this.bytes[this.position] = Lead.float64
    this.view.setFloat64(this.position + 1, value)
    this.position += 9
  }

  text(text: string): void {
    const { length } = text
    if (length > shortText) return this.#longText(text)
    this.reserve(length + 2)
    const { bytes, position } = this
    let next = position + 1
    if (length < 32) {
      bytes[position] = Lead.fixstr | length
    } else {
      bytes[position] = Lead.str8
      bytes[next++] = length
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index)
      if (unit >= 0x80) return this.#shortUnicode(text)
      bytes[next++] = unit
    }
    this.position = next
  }

  #shortUnicode(text: string): void {
    const size = utf8Length(text)
    if (size < 0) return this.#utf16(text)
    this.reserve(size + 2)
    if (size < 32) this.#byte(Lead.fixstr | size)
    else this.#sized(size, Lead.str8, Lead.str16, Lead.str32)
    const { bytes } = this
    let next = this.position
    for (let index = 0; index < text.length; index++) {
      let unit = text.charCodeAt(index)
      if (unit < 0x80) {
        bytes[next++] = unit
        continue
      }
      if (unit < 0x800) {
        bytes[next++] = 0xc0 | (unit >> 6)
      } else {
        if (isHigh(unit)) {
          unit = 0x1_0000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++index) & 0x3ff)
          bytes[next++] = 0xf0 | (unit >> 18)
          bytes[next++] = 0x80 | ((unit >> 12) & 0x3f)
        } else {
          bytes[next++] = 0xe0 | (unit >> 12)
        }
        bytes[next++] = 0x80 | ((unit >> 6) & 0x3f)
      }
      bytes[next++] = 0x80 | (unit & 0x3f)
    }
    this.position = next
  }

  #longText(text: string): void {
    const size = Buffer.byteLength(text)
    const ascii = size === text.length
    if (!ascii && !isWellFormed(text)) return this.#utf16(text)
    this.reserve(size + 5)
    this.#sized(size, Lead.str8, Lead.str16, Lead.str32)
    if (ascii) this.#buffer.latin1Write(text, this.position, size)
    else this.#buffer.utf8Write(text, this.position, size)
    this.position += size
  }

  #utf16(text: string): void {
    const size = 2 * text.length
    this.extensionHeader(Extension.utf16, size)
    this.#buffer.ucs2Write(text, this.position, size)
    this.position += size
  }

  /** `bytes`. */
  binary(data: Uint8Array): void {
    const { length } = data
    this.reserve(length + 5)
    this.#sized(length, Lead.bin8, Lead.bin16, Lead.bin32)
    this.bytes.set(data, this.position)
    this.position += length
  }

  arrayHeader(count: number): void {
    this.reserve(5)
    if (count < 16) this.#byte(Lead.fixarray | count)
    else this.#sized(count, undefined, Lead.array16, Lead.array32)
  }

  mapHeader(count: number): void {
    this.reserve(5)
    if (count < 16) this.#byte(Lead.fixmap | count)
    else this.#sized(count, undefined, Lead.map16, Lead.map32)
  }

  /** Lowers the count of a map header that was written with an upper bound, and keeps its length. */
  patchMapHeader(position: number, count: number): void {
    const lead = this.bytes[position]
    if (lead === Lead.map16) this.view.setUint16(position + 1, count)
    else if (lead === Lead.map32) this.view.setUint32(position + 1, count)
    else this.bytes[position] = Lead.fixmap | count
  }

  /** What the array or map header right after it stands for. */
  container(kind: (typeof Container)[keyof typeof Container]): void {
    this.#mark(Extension.container, kind)
  }

  /** The keys of a shape and the values of its first object follow. */
  shape(number: number, names: readonly string[]): void {
    this.#mark(Extension.shape, number)
    this.arrayHeader(names.length)
    for (const name of names) this.text(name)
  }

  /** The values of an object of this shape follow. */
  record(number: number): void {
    this.#mark(Extension.record, number)
  }

  #mark(code: number, payload: number): void {
    this.reserve(3)
    this.bytes[this.position] = Lead.fixext1
    this.bytes[this.position + 1] = code
    this.bytes[this.position + 2] = payload
    this.position += 3
  }

  /** A list of numbers, if all of them are, or of floats; else nothing is written. */
  packedNumbers(items: readonly unknown[], length: number, floats: boolean): boolean {
    if (!(length < 2 ** 29)) return false
    // A look first, since a sparse array promises far more than it has.
    for (let index = 0; index < length; index++) if (typeof items[index] !== 'number') return false
    const header = 7
    this.reserve(header + 7 + 8 * length)
    const { position } = this
    const padding = -(position + header) & 7
    const numbers = this.#numbers
    let next = (position + header + padding) / 8
    for (let index = 0; index < length; index++) {
      const item = items[index]
      if (typeof item !== 'number') return false
      numbers[next++] = item
    }
    this.bytes[position] = Lead.ext32
    this.view.setUint32(position + 1, 1 + padding + 8 * length)
    this.bytes[position + 5] = floats ? Extension.floats : Extension.numbers
    this.bytes[position + 6] = padding
    this.bytes.fill(0, position + header, position + header + padding)
    this.position = position + header + padding + 8 * length
    return true
  }

  /** A handle on its way back to Python. */
  handle(id: number): void {
    this.#reference(Extension.handle, id)
  }

  /** The outcome of a request. */
  request(id: number): void {
    this.#reference(Extension.request, id)
  }

  /** A JavaScript object for Python to hold. `parameters` is the number of a function's, and 0 of any other object's. */
  jsObject(id: number, kind: JsKind, parameters: number, name: string): void {
    const text = Buffer.from(name)
    const payload = new Uint8Array(6 + text.length)
    new DataView(payload.buffer).setUint32(0, id, true)
    payload[4] = kind
    payload[5] = Math.min(parameters, 255)
    payload.set(text, 6)
    this.extension(Extension.jsObject, payload)
  }

  #reference(code: number, id: number): void {
    this.reserve(6)
    this.bytes[this.position] = Lead.fixext4
    this.bytes[this.position + 1] = code
    this.view.setUint32(this.position + 2, id, true)
    this.position += 6
  }

  /** A value type with a code of its own. */
  extension(code: number, payload: Uint8Array): void {
    this.extensionHeader(code, payload.length)
    this.bytes.set(payload, this.position)
    this.position += payload.length
  }

  /** What comes before a payload of this length, for which there is room then. */
  extensionHeader(code: number, length: number): void {
    this.reserve(length + 6)
    if (length === 1) this.#byte(Lead.fixext1)
    else if (length === 2) this.#byte(Lead.fixext2)
    else if (length === 4) this.#byte(Lead.fixext4)
    else if (length === 8) this.#byte(Lead.fixext8)
    else if (length === 16) this.#byte(Lead.fixext16)
    else this.#sized(length, Lead.ext8, Lead.ext16, Lead.ext32)
    this.#byte(code)
  }

  /** A lead byte and the length in one, two or four bytes. */
  #sized(length: number, one: number | undefined, two: number, four: number): void {
    const { view, position } = this
    if (one !== undefined && length < 0x100) {
      view.setUint8(position, one)
      view.setUint8(position + 1, length)
      this.position = position + 2
    } else if (length < 0x1_0000) {
      view.setUint8(position, two)
      view.setUint16(position + 1, length)
      this.position = position + 3
    } else if (length < twoTo32) {
      view.setUint8(position, four)
      view.setUint32(position + 1, length)
      this.position = position + 5
    } else {
      throw new RangeError('more than 2^32 - 1 elements')
    }
  }

  #byte(byte: number): void {
    this.reserve(1)
    this.bytes[this.position++] = byte
  }
}

function numbersOf(buffer: ArrayBuffer): Float64Array {
  return new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8))
}

/** How many bytes a short string takes; -1 if it has a lone surrogate. */
function utf8Length(text: string): number {
  let size = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    size += unit < 0x800 ? 1 : 2
    if (unit >= 0xd800 && unit < 0xe000) {
      if (!isHigh(unit) || (text.charCodeAt(++index) & 0xfc00) !== 0xdc00) return -1
    }
  }
  return size
}

function isHigh(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}

/** `String.prototype.isWellFormed` is newer than the language level that this package is compiled for. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}
