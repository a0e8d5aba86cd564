/* Wire values to JavaScript values. Builds with a stack of its own, so that depth is bounded by memory. */
import { BridgeError } from '../errors/bridge-error'
import { PyFrozenSet } from '../values/frozen-set'
import { tupleOf } from '../values/tuple'
import { ByteReader } from './byte-reader'
import { dateOfExtension } from './dates'
import { Container, Extension, Lead } from './format'
import { RecordShape, setProperty } from './shapes'
import { readInlineArray } from './inline-array'
import { readSharedArray, type SharedArray } from './shared-array'
import { compoundOf, valueOfExtension } from './value-classes'

export interface DecodeHooks {
  /** The JavaScript side of a handle, to which this adds one crossing. */
  handle(id: number, typeKey: number): unknown
  /** The JavaScript object that Python held under this id; one crossing, which this gives back. */
  jsObject(id: number): unknown
  /** The array for what describes it, of which it takes over the crossings. */
  array(array: SharedArray): unknown
  /** The error for the error value that describes an exception. */
  exception(description: unknown): unknown
}

/** Containers that lie deeper are read with a stack of the decoder's own; up to here the engine's is faster. */
const deepestRecursion = 64

/** Stands for a container that was put on the stack instead of being returned. */
const entered = Symbol('entered')

/** What becomes of the parts of a container. */
export type Finish = (parts: unknown[]) => unknown

/** A container whose parts are being read. */
interface Frame {
  readonly finish: Finish
  readonly items: unknown[]
  left: number
}

/** Reads values. One decoder reads one value at a time: a hook must not use the same decoder. */
export class Decoder extends ByteReader {
  readonly #hooks: DecodeHooks
  #stack: Frame[] = []
  /** How many containers are being read by recursion. */
  #depth = 0
  readonly #shapes: RecordShape[] = []
  readonly #next = (): unknown => this.value()

  constructor(hooks: DecodeHooks) {
    super()
    this.#hooks = hooks
  }

  /** The value that begins at `start`; `position` is then behind it. `end` is where the message ends. */
  decode(bytes: Uint8Array, start: number, end: number): unknown {
    this.open(bytes, start, end)
    this.#depth = 0
    if (this.#shapes.length > 0) this.#shapes.length = 0
    try {
      return this.value()
    } finally {
      if (this.#stack.length > 0) this.#stack = []
      this.close()
    }
  }

  /** Whether what is being read lies deeper than recursion goes. */
  protected get isDeep(): boolean {
    return this.#stack.length > 0
  }

  /** A whole value. */
  protected value(): unknown {
    const below = this.#stack.length
    const value = this.begin()
    return value === entered ? this.#contents(below) : value
  }

  /** Reads the containers on the stack to their end, down to those that were there before. */
  #contents(below: number): unknown {
    for (;;) {
      const frame = this.#stack[this.#stack.length - 1]!
      if (this.#nextItems(frame)) continue
      this.#stack.pop()
      const value = frame.finish(frame.items)
      if (this.#stack.length === below) return value
      this.#stack[this.#stack.length - 1]!.items.push(value)
    }
  }

  /** Reads items up to the next container: `true`, or to the end: `false`. */
  #nextItems(frame: Frame): boolean {
    const { items } = frame
    while (frame.left > 0) {
      frame.left--
      const value = this.begin()
      if (value === entered) return true
      items.push(value)
    }
    return false
  }

  protected key(): string {
    const lead = this.byte()
    if (lead >= Lead.fixstr && lead < Lead.nil) return this.knownText(lead & 0x1f)
    if (lead >= Lead.str8 && lead <= Lead.str32) return this.knownText(this.#length(lead - Lead.str8))
    this.position--
    const value = this.begin()
    if (typeof value === 'string') return value
    throw this.malformed('expected a string as key')
  }

  /** A simple value, or `entered`. */
  protected begin(): unknown {
    const lead = this.byte()
    if (lead < Lead.fixmap) return lead
    if (lead >= Lead.negativeFixint) return lead - 0x100
    if (lead < Lead.fixarray) return this.#enterProperties(lead & 0x0f)
    if (lead < Lead.fixstr) return this.#enterItems(lead & 0x0f, asList)
    if (lead < Lead.nil) return this.text(lead & 0x1f)
    switch (lead) {
      case Lead.nil:
        return null
      case Lead.false:
        return false
      case Lead.true:
        return true
      case Lead.float64:
        return this.float64()
      case Lead.uint8:
        return this.byte()
      case Lead.uint16:
        return this.uint16()
      case Lead.uint32:
        return this.uint32()
      case Lead.uint64:
        return this.uint64()
      case Lead.int8:
        return this.int8()
      case Lead.int16:
        return this.int16()
      case Lead.int32:
        return this.int32()
      case Lead.int64:
        return this.int64()
      case Lead.str8:
      case Lead.str16:
      case Lead.str32:
        return this.text(this.#length(lead - Lead.str8))
      case Lead.bin8:
      case Lead.bin16:
      case Lead.bin32:
        return this.#bytes(this.#length(lead - Lead.bin8))
      case Lead.array16:
      case Lead.array32:
        return this.#enterItems(this.#length(lead - Lead.array16 + 1), asList)
      case Lead.map16:
      case Lead.map32:
        return this.#enterProperties(this.#length(lead - Lead.map16 + 1))
      case Lead.ext8:
      case Lead.ext16:
      case Lead.ext32:
        return this.#extension(this.#length(lead - Lead.ext8))
      case Lead.fixext1:
      case Lead.fixext2:
      case Lead.fixext4:
      case Lead.fixext8:
      case Lead.fixext16:
        return this.#extension(1 << (lead - Lead.fixext1))
      default:
        throw this.malformed(`no value begins with the byte 0x${lead.toString(16)}`)
    }
  }

  #length(size: number): number {
    return size === 0 ? this.byte() : size === 1 ? this.uint16() : this.uint32()
  }

  /** Memory of its own, also for a few bytes: the pool that `Buffer.from` uses would be shared with strangers. */
  #bytes(length: number): Buffer {
    const start = this.take(length)
    const copy = Buffer.allocUnsafeSlow(length)
    copy.set(this.bytes.subarray(start, start + length))
    return copy
  }

  #extension(length: number): unknown {
    const code = this.byte()
    const start = this.take(length)
    if (code === Extension.container && length === 1) return this.#container(this.bytes[start]!)
    if (code === Extension.handle && length === 8) {
      return this.#hooks.handle(this.payloadUint32(start), this.payloadUint32(start + 4))
    }
    if (code === Extension.jsObject && length === 4) return this.#hooks.jsObject(this.payloadUint32(start))
    if (code === Extension.record && length === 1) return this.#enterRecord(this.#shapes[this.bytes[start]!])
    if (code === Extension.shape && length === 1) return this.#enterShape(this.bytes[start]!)
    if (code === Extension.floats || code === Extension.numbers) return this.packedNumbers(start, length)
    if (code === Extension.integers) return this.packedIntegers(start, length)
    if (code === Extension.bigInteger && length > 0) return this.hugeInteger(start, length)
    if (code === Extension.utf16 && length % 2 === 0) return this.utf16(start, length)
    if (code === Extension.byteArray) {
      const copy = new Uint8Array(length)
      copy.set(this.bytes.subarray(start, start + length))
      return copy
    }
    if (code === Extension.array) {
      const array = readSharedArray(this.bytes, this.view, start, length) ?? readInlineArray(this.bytes, start, length)
      if (array !== undefined) return this.#hooks.array(array)
    }
    if (code >= Extension.dateTime) {
      const value = this.date(code, start, length)
      if (value !== undefined) return value
    } else if (code >= Extension.complex) {
      const value = valueOfExtension(code, this.bytes.subarray(start, start + length))
      if (value !== undefined) return value
    }
    throw this.malformed(`unknown extension 0x${code.toString(16)} of ${length} bytes`)
  }

  /** A value of Python's module `datetime`; nothing if its payload is wrong. */
  protected date(code: number, start: number, length: number): unknown {
    return dateOfExtension(code, this.bytes, start, length)
  }

  /** What a mark says the header right after it stands for. */
  #container(kind: number): unknown {
    switch (kind) {
      case Container.tuple:
        return this.#enterItems(this.#arrayHeader(), tupleOf)
      case Container.set:
        return this.#enterItems(collectionSize(this.#arrayHeader()), asSet)
      case Container.frozenSet:
        return this.#enterItems(collectionSize(this.#arrayHeader()), asFrozenSet)
      case Container.map:
        return this.#enterItems(2 * collectionSize(this.#mapHeader()), this.finishMap)
      case Container.exception:
        return this.#enterItems(this.#arrayHeader(), (parts) => {
          if (parts.length !== 1) throw this.malformed('an exception without its description')
          return this.#hooks.exception(parts[0])
        })
      default:
        // A range, slice or path, or a kind that there is not.
        return this.#enterItems(this.#arrayHeader(), (parts) => {
          const value = compoundOf(kind, parts)
          if (value === undefined) throw this.malformed(`bad parts of a container ${kind}`)
          return value
        })
    }
  }

  #arrayHeader(): number {
    const lead = this.byte()
    if (lead >= Lead.fixarray && lead < Lead.fixstr) return lead & 0x0f
    if (lead === Lead.array16 || lead === Lead.array32) return this.#length(lead - Lead.array16 + 1)
    throw this.malformed('a mark without the array that it is about')
  }

  #mapHeader(): number {
    const lead = this.byte()
    if (lead >= Lead.fixmap && lead < Lead.fixarray) return lead & 0x0f
    if (lead === Lead.map16 || lead === Lead.map32) return this.#length(lead - Lead.map16 + 1)
    throw this.malformed('a mark without the map that it is about')
  }

  #enterItems(left: number, finish: Finish): unknown {
    // Every part takes a byte at least. Nothing is allocated by what a header claims.
    if (left > this.end - this.position) throw this.malformed('the message ends too early')
    if (this.#depth < deepestRecursion) {
      this.#depth += 1
      const items = this.items(left, finish)
      this.#depth -= 1
      return finish(items)
    }
    this.#stack.push({ finish, items: [], left })
    return entered
  }

  #enterProperties(left: number): unknown {
    if (2 * left > this.end - this.position) throw this.malformed('the message ends too early')
    if (this.#depth < deepestRecursion) {
      this.#depth += 1
      const object = this.properties(left)
      this.#depth -= 1
      return object
    }
    return this.#enterItems(2 * left, this.finishProperties)
  }

  /** The parts of a container, by recursion. */
  protected items(left: number, _finish: Finish): unknown[] {
    const items: unknown[] = []
    for (let index = 0; index < left; index++) items.push(this.value())
    return items
  }

  /** An object of so many names and values, by recursion. */
  protected properties(left: number): unknown {
    const object: Record<string, unknown> = {}
    for (let index = 0; index < left; index++) {
      const key = this.key()
      setProperty(object, key, this.value())
    }
    return object
  }

  /** An object of a shape, by recursion. */
  protected record(shape: RecordShape): unknown {
    return shape.make(this.#next)
  }

  /** An object of names and values in turn. */
  protected finishProperties: Finish = (parts) => {
    const object: Record<string, unknown> = {}
    for (let index = 0; index < parts.length; index += 2) {
      const name = parts[index]
      if (typeof name !== 'string') throw this.malformed('expected a string as key')
      setProperty(object, name, parts[index + 1])
    }
    return object
  }

  /** A dict of keys and values in turn. */
  protected finishMap: Finish = asMap

  /** The names of a shape and its first object. */
  #enterShape(number: number): unknown {
    if (number !== this.#shapes.length) throw this.malformed('a shape out of order')
    const count = this.#arrayHeader()
    // Each name takes a byte at least. Nothing is allocated by what a header claims.
    if (count > this.end - this.position) throw this.malformed('the message ends too early')
    const names = Array.from({ length: count }, () => this.key())
    const shape = new RecordShape(names)
    this.#shapes.push(shape)
    return this.#enterRecord(shape)
  }

  #enterRecord(shape: RecordShape | undefined): unknown {
    if (shape === undefined) throw this.malformed('a record of an unknown shape')
    if (shape.names.length > this.end - this.position) throw this.malformed('the message ends too early')
    if (this.#depth < deepestRecursion) {
      this.#depth += 1
      const object = this.record(shape)
      this.#depth -= 1
      return object
    }
    const { names } = shape
    return this.#enterItems(names.length, (values) =>
      this.finishProperties(names.flatMap((name, index) => [name, values[index]])),
    )
  }
}

/** How many entries V8 allows a `Set` or `Map`. */
const largestCollection = 2 ** 24

/** Said before anything is read: filling a collection to its limit takes seconds. */
function collectionSize(count: number): number {
  if (count <= largestCollection) return count
  const message = `expected at most ${largestCollection} items or keys, which a Set or Map can hold, got ${count}; use returns \`'ref'\``
  throw new BridgeError('ERR_CONVERSION', message)
}

function asList(items: unknown[]): unknown[] {
  return items
}

function asSet(items: unknown[]): Set<unknown> {
  return complete(new Set(items), items.length)
}

function asFrozenSet(items: unknown[]): PyFrozenSet {
  return complete(new PyFrozenSet(items), items.length)
}

export function asMap(parts: unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let index = 0; index < parts.length; index += 2) map.set(parts[index], parts[index + 1])
  return complete(map, parts.length / 2)
}

/** Python tells two `nan` objects apart, and a handle may come twice; JavaScript would keep one of them in silence. */
function complete<T extends { readonly size: number }>(collection: T, count: number): T {
  if (collection.size === count) return collection
  const message = `expected ${count} distinct keys or items, but some are equal in JavaScript; use returns \`'ref'\``
  throw new BridgeError('ERR_CONVERSION', message)
}
