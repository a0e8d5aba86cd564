/* The byte vectors that the Rust half is tested against too. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { Decoder } from '../ts/codec/decoder'
import { Encoder } from '../ts/codec/encoder'
import { type JsKind, wireVersion } from '../ts/codec/format'
import { PyComplex } from '../ts/values/complex'
import { PyDate, parsedDate } from '../ts/values/date'
import { PyDateTime, type DateTimeFields } from '../ts/values/datetime'
import { PyDecimal } from '../ts/values/decimal'
import { PyEllipsis } from '../ts/values/ellipsis'
import { PyFraction } from '../ts/values/fraction'
import { PyFrozenSet } from '../ts/values/frozen-set'
import { PyPath } from '../ts/values/path'
import { PyRange } from '../ts/values/range'
import { PySlice } from '../ts/values/slice'
import { PyTime } from '../ts/values/time'
import { PyTimeDelta } from '../ts/values/timedelta'
import { PyTuple } from '../ts/values/tuple'
import { PyUUID } from '../ts/values/uuid'

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what the content is depends on the kind
type Notation = null | boolean | Readonly<Record<string, any>>

interface Vector {
  readonly name: string
  readonly hex: string
  readonly value: Notation
}

const fixture = JSON.parse(readFileSync(join(__dirname, '../crates/symphony-wire/tests/vectors.json'), 'utf8')) as {
  version: number
  vectors: Vector[]
  malformed: Vector[]
}

/** A reference as the hooks of this test know it. */
class Reference {
  constructor(
    readonly kind: string,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what it is depends on the kind
    readonly content: any,
    readonly typeKey?: number,
  ) {}
}

function valueOf(notation: Notation): unknown {
  if (notation === null || typeof notation === 'boolean') return notation
  // There is one key.
  const kind = Object.keys(notation).join()
  const content = notation[kind]
  const items = (): unknown[] => content.map(valueOf)
  switch (kind) {
    case 'int':
      return Number.isSafeInteger(Number(content)) ? Number(content) : BigInt(content)
    case 'float':
      return doubleOf(content)
    case 'text':
      return content
    case 'utf16':
      return String.fromCharCode(...content)
    case 'bytes':
      return Buffer.from(content, 'hex')
    case 'bytearray':
      return Uint8Array.from(Buffer.from(content, 'hex'))
    case 'list':
      return items()
    case 'tuple':
      return PyTuple.from(items())
    case 'set':
      return new Set(items())
    case 'frozenset':
      return new PyFrozenSet(items())
    case 'floats':
    case 'numbers':
    case 'integers':
      return content.map(Number)
    case 'record':
      return { [content[1]]: valueOf(content[2]) }
    case 'shape':
    case 'dict': {
      const object = {}
      for (const [key, value] of content) {
        Object.defineProperty(object, key, {
          value: valueOf(value),
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
      return object
    }
    case 'map':
      return new Map(content.map(([key, value]: [Notation, Notation]) => [valueOf(key), valueOf(value)]))
    case 'complex':
      return new PyComplex(doubleOf(content[0]), doubleOf(content[1]))
    case 'decimal':
      return new PyDecimal(content)
    case 'fraction': {
      const [numerator, denominator] = content.replace('-', '').split('/')
      return new PyFraction(BigInt(`0x${numerator}`) * (content.startsWith('-') ? -1n : 1n), BigInt(`0x${denominator}`))
    }
    case 'uuid':
      return new PyUUID(content)
    case 'ellipsis':
      return new PyEllipsis()
    case 'datetime':
      return new PyDateTime({ ...parsedDate(content[0]), ...clockOf(content[1]) } as unknown as DateTimeFields)
    case 'date':
      return new PyDate(content)
    case 'time':
      return new PyTime(clockOf(content))
    case 'timedelta':
      return new PyTimeDelta(content[0], content[1], content[2])
    case 'range':
      return new PyRange(...(items() as [number, number, number]))
    case 'slice':
      return new PySlice(...(items() as [unknown, unknown, unknown]))
    case 'path':
      return new PyPath(valueOf(content) as string)
    case 'exception':
      return new Reference(kind, valueOf(content))
    case 'handle':
      return new Reference(kind, content[0], content[1])
    default:
      return new Reference(kind, content)
  }
}

/** Microseconds since midnight, fold, offset in microseconds, its name, key of a zone. */
function clockOf([time, fold, offset, offsetName, zone]: [number, 0 | 1, number | null, string | null, string | null]) {
  const [hour, minute, second] = [Math.floor(time / 3600e6), Math.floor(time / 60e6) % 60, Math.floor(time / 1e6) % 60]
  return { hour, minute, second, microsecond: time % 1e6, fold, offset: offset && offset / 1e6, offsetName, zone }
}

const doubleOf = (bits: string): number => Buffer.from(bits, 'hex').readDoubleBE()

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const encoder = new Encoder(new ArrayBuffer(16), (bytes) => new ArrayBuffer(bytes), {
  reference(value, writer) {
    if (!(value instanceof Reference)) return false
    if (value.kind === 'request') writer.request(value.content)
    else if (value.kind === 'jsObject')
      writer.jsObject(...(value.content as unknown as [number, JsKind, number, string]))
    else writer.handle(value.content)
    return true
  },
})
const decoder = new Decoder({
  handle: (id, typeKey) => new Reference('handle', id, typeKey),
  jsObject: (id) => new Reference('jsObjectReference', id),
  exception: (description) => new Reference('exception', description),
  array(array) {
    const { id, typeKey, memory, view, element, copied, bigEndian, address, bytes, offset, shape, strides } = array
    if (array.travels === true) {
      const items = Buffer.from(array.items ?? []).toString('hex')
      return new Reference('inlineArray', [id, typeKey, view, element, bigEndian, shape, items, memory])
    }
    const flags = Number(copied) + 2 * Number(bigEndian) + 4 * Number(array.ofBlock)
    const dimensions = shape.map((length, index) => [length, strides[index]])
    return new Reference('sharedArray', [id, typeKey, memory, view, element, flags, address, bytes, offset, dimensions])
  },
})

const holds = (vector: Vector, ...kinds: string[]): boolean => {
  const text = JSON.stringify(vector.value)
  return kinds.some((kind) => text.includes(`"${kind}"`))
}

test('the fixture is of this version', () => {
  expect(fixture.version).toBe(wireVersion)
})

describe('every value that JavaScript can send is written to its bytes', () => {
  // A bytearray comes to JavaScript only, as does a crossing of a handle or of an object of JavaScript's, and a list that is known to be of one type.
  const sent = fixture.vectors.filter(
    (vector) =>
      !holds(
        vector,
        'sharedArray',
        'arrayReference',
        'copiedArray',
        'inlineArray',
        'messageArray',
        'bytearray',
        'handle',
        'floats',
        'integers',
        'jsObjectReference',
        'exception',
      ),
  )
  test.each(sent.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const value = valueOf(vector.value)
    // JavaScript has one number type: an integral float is an int, and an int in float's range stays one.
    if (Object.is(value, 0) && holds(vector, 'float')) return
    encoder.position = 0
    encoder.beginMessage()
    encoder.value(value, 'value')
    expect(Buffer.from(encoder.bytes.subarray(0, encoder.position)).toString('hex')).toBe(
      bytesOf(vector.hex).toString('hex'),
    )
  })
})

describe('every value that JavaScript can receive is read from its bytes', () => {
  const received = fixture.vectors.filter(
    (vector) =>
      !holds(vector, 'handleReference', 'request', 'jsObject', 'arrayReference', 'copiedArray', 'messageArray'),
  )
  test.each(received.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const bytes = bytesOf(vector.hex)
    const value = decoder.decode(bytes, 0, bytes.length)
    // Jest would count out a range to compare it, and compares of dates the time only.
    if (value instanceof PyRange || value instanceof PyDateTime)
      expect(isDeepStrictEqual(value, valueOf(vector.value))).toBe(true)
    else expect(value).toStrictEqual(valueOf(vector.value))
    expect(decoder.position).toBe(bytes.length)
  })
})

describe('every malformed message is refused', () => {
  test.each(fixture.malformed.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    // What follows a message in the same memory is not read.
    const bytes = Buffer.concat([bytesOf(vector.hex), Buffer.alloc(64)])
    const end = bytes.length - 64
    expect(() => decoder.decode(bytes, 0, end)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }))
  })
})
