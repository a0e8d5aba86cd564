/* The classes for Python's own types, to bytes and back. A class of another copy of the package, or of another realm, is known by
   its brand, and what such an object holds is looked at before it is written. */
import { BridgeError } from '../errors/bridge-error'
import { PyComplex } from '../values/complex'
import { decimalOf, type PyDecimal } from '../values/decimal'
import { PyEllipsis } from '../values/ellipsis'
import type { PyFloat } from '../values/float'
import { fractionOf, type PyFraction } from '../values/fraction'
import type { PyInt } from '../values/int'
import { pathOf, type PyPath } from '../values/path'
import { PyRange } from '../values/range'
import { PySlice } from '../values/slice'
import { PyUUID } from '../values/uuid'
import { brandOf } from '../values/value-class'
import type { ByteWriter } from './byte-writer'
import { type DateKind, writeDateClass, writeInstant } from './dates'
import { Container, Extension } from './format'
import { writeTemporal } from './temporal-values'
import { described } from './unsupported'

/** What a class stands for in Python. */
export type ValueKind =
  'complex' | 'decimal' | 'fraction' | 'uuid' | 'path' | 'range' | 'slice' | 'ellipsis' | 'float' | 'int' | DateKind

/** What is written here: values of the classes, but for a slice, which is a container, and JavaScript's own dates and times. */
export type WrittenKind = Exclude<ValueKind, 'slice'> | 'instant' | 'temporal'

const brands: readonly (readonly [symbol, ValueKind])[] = [
  [brandOf('PyComplex'), 'complex'],
  [brandOf('PyDecimal'), 'decimal'],
  [brandOf('PyFraction'), 'fraction'],
  [brandOf('PyUUID'), 'uuid'],
  [brandOf('PyPath'), 'path'],
  [brandOf('PyRange'), 'range'],
  [brandOf('PySlice'), 'slice'],
  [brandOf('PyEllipsis'), 'ellipsis'],
  [brandOf('PyFloat'), 'float'],
  [brandOf('PyInt'), 'int'],
  [brandOf('PyDateTime'), 'datetime'],
  [brandOf('PyDate'), 'date'],
  [brandOf('PyTime'), 'time'],
  [brandOf('PyTimeDelta'), 'timedelta'],
]

/** As Python spells decimals. */
const decimalText = /^-?(?:\d+(?:\.\d+)?(?:E[+-]\d+)?|Infinity|s?NaN\d*)$/
const fractionText = /^(-?)([\da-f]+)\/([\da-f]+)$/
const uuidText = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const ellipsisPayload = Uint8Array.of(0)

/** What the instances of a prototype stand for. A subclass has no brand of its own, and is none of these. */
export function valueKindOf(prototype: object): ValueKind | undefined {
  return brands.find(([brand]) => Object.hasOwn(prototype, brand))?.[1]
}

/** Start, stop and step of a slice. */
export function sliceParts(value: object): unknown[] {
  const { start, stop, step } = value as PySlice
  return [start, stop, step]
}

/** Writes a value. */
export function writeValueClass(kind: WrittenKind, value: object, writer: ByteWriter): void {
  switch (kind) {
    case 'complex':
      return writeComplex(value as PyComplex, writer)
    case 'decimal':
      return writer.extension(Extension.decimal, Buffer.from(checkedText((value as PyDecimal).text, decimalText)))
    case 'fraction':
      return writeFraction(value as PyFraction, writer)
    case 'uuid': {
      const digits = checkedText((value as PyUUID).text, uuidText).replaceAll('-', '')
      return writer.extension(Extension.uuid, Buffer.from(digits, 'hex'))
    }
    case 'path':
      writer.container(Container.path)
      writer.arrayHeader(1)
      return writer.text(checkedText((value as PyPath).text, /^/))
    case 'range':
      return writeRange(value as PyRange, writer)
    case 'ellipsis':
      return writer.extension(Extension.ellipsis, ellipsisPayload)
    case 'float':
      return writer.float(checked((value as PyFloat).value, 'number'))
    case 'int':
      return writer.exactInteger(checked((value as PyInt).value, 'bigint'))
    case 'datetime':
    case 'date':
    case 'time':
    case 'timedelta':
      return writeDateClass(kind, value, writer)
    case 'instant':
      return writeInstant(value as Date, writer)
    case 'temporal':
      return writeTemporal(value, writer)
  }
}

function writeComplex({ re, im }: PyComplex, writer: ByteWriter): void {
  const payload = new DataView(new ArrayBuffer(16))
  payload.setFloat64(0, checked(re, 'number'), true)
  payload.setFloat64(8, checked(im, 'number'), true)
  writer.extension(Extension.complex, new Uint8Array(payload.buffer))
}

/** In hexadecimal digits, which both languages read and write in linear time. */
function writeFraction({ numerator, denominator }: PyFraction, writer: ByteWriter): void {
  if (!(checked(denominator, 'bigint') > 0n)) throw new TypeError('expected a denominator above zero')
  const text = `${checked(numerator, 'bigint').toString(16)}/${denominator.toString(16)}`
  writer.extension(Extension.fraction, Buffer.from(text, 'latin1'))
}

function writeRange({ start, stop, step }: PyRange, writer: ByteWriter): void {
  if (BigInt(step) === 0n) throw new TypeError('expected a step other than zero')
  writer.container(Container.range)
  writer.arrayHeader(3)
  for (const part of [start, stop, step]) writer.bigInteger(BigInt(part))
}

function checkedText(value: unknown, form: RegExp): string {
  const text = checked(value, 'string')
  if (form.test(text)) return text
  throw new TypeError(`expected text of the form ${String(form)}, got ${described(text)}`)
}

interface Primitives {
  readonly string: string
  readonly number: number
  readonly bigint: bigint
}

function checked<K extends keyof Primitives>(value: unknown, type: K): Primitives[K] {
  if (typeof value === type) return value as Primitives[K]
  throw new TypeError(`expected a ${type}, got ${described(value)}`)
}

/** The value of an extension; nothing if it is unknown or its payload is wrong. */
export function valueOfExtension(code: number, payload: Uint8Array): unknown {
  switch (code) {
    case Extension.complex: {
      if (payload.length !== 16) return undefined
      const parts = new DataView(payload.buffer, payload.byteOffset, 16)
      return new PyComplex(parts.getFloat64(0, true), parts.getFloat64(8, true))
    }
    case Extension.decimal: {
      const text = asciiOf(payload)
      return decimalText.test(text) ? decimalOf(text) : undefined
    }
    case Extension.fraction:
      return readFraction(asciiOf(payload))
    case Extension.uuid:
      return payload.length === 16 ? new PyUUID(Buffer.from(payload).toString('hex')) : undefined
    case Extension.ellipsis:
      return payload.length === 1 && payload[0] === 0 ? new PyEllipsis() : undefined
    default:
      return undefined
  }
}

/** What is not ASCII stays so, and is refused by whoever looks at the text. */
function asciiOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1')
}

function readFraction(text: string): PyFraction | undefined {
  const [, sign, numerator, denominator] = fractionText.exec(text) ?? []
  if (numerator === undefined || denominator === undefined) return undefined
  const [over, under] = [hexadecimal(numerator), hexadecimal(denominator)]
  return under === 0n ? undefined : fractionOf(sign === '-' ? -over : over, under)
}

function hexadecimal(digits: string): bigint {
  try {
    return BigInt(`0x${digits}`)
  } catch (cause) {
    const message = `expected an integer that a bigint can hold, got one of ${digits.length} hexadecimal digits; use returns \`'ref'\``
    throw new BridgeError('ERR_CONVERSION', message, { cause })
  }
}

/** The value of a range, slice or path, which are made of the values after their mark; nothing if those are wrong. */
export function compoundOf(kind: number, parts: unknown[]): unknown {
  const [first, second, third] = parts
  if (kind === Container.path) return parts.length === 1 && typeof first === 'string' ? pathOf(first) : undefined
  if (parts.length !== 3) return undefined
  if (kind === Container.slice) return new PySlice(first, second, third)
  const wellFormed = kind === Container.range && isInteger(first) && isInteger(second) && isInteger(third)
  return wellFormed && third !== 0 ? new PyRange(first, second, third) : undefined
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}
