/* What arrays consist of, as the wire format numbers it. */
import type { TypedArray } from '../types/arrays'

type Constructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray

/** One kind of element. */
export interface Element {
  /** Its number in the format. */
  readonly code: number
  /** As NumPy calls it. */
  readonly dtype: string
  /** The array of JavaScript's whose memory looks the same; of complex numbers it has two items each. */
  readonly array: Constructor
  /** Bytes of one item of that array. */
  readonly itemSize: number
  /** How many items of that array make one element. */
  readonly items: number
}

/** From V8 13.6 on; before, the bits as integers. */
const Float16 = (globalThis as { Float16Array?: Constructor }).Float16Array

function element(code: number, dtype: string, array: Constructor, itemSize: number, items = 1): Element {
  return { code, dtype, array, itemSize, items }
}

/** All of them, by number. */
export const elements: readonly Element[] = [
  element(0, 'int8', Int8Array, 1),
  element(1, 'uint8', Uint8Array, 1),
  element(2, 'int16', Int16Array, 2),
  element(3, 'uint16', Uint16Array, 2),
  element(4, 'int32', Int32Array, 4),
  element(5, 'uint32', Uint32Array, 4),
  element(6, 'int64', BigInt64Array, 8),
  element(7, 'uint64', BigUint64Array, 8),
  element(8, 'float16', Float16 ?? Uint16Array, 2),
  element(9, 'float32', Float32Array, 4),
  element(10, 'float64', Float64Array, 8),
  element(11, 'bool', Uint8Array, 1),
  element(12, 'complex64', Float32Array, 4, 2),
  element(13, 'complex128', Float64Array, 8, 2),
]

/** Bytes of one element. */
export function sizeOf(element: Element): number {
  return element.itemSize * element.items
}

/** NumPy's letters, for the names of arrays with the most significant byte first. */
export const typeLetters = [
  'i1',
  'u1',
  'i2',
  'u2',
  'i4',
  'u4',
  'i8',
  'u8',
  'f2',
  'f4',
  'f8',
  'b1',
  'c8',
  'c16',
] as const

const byDtype: ReadonlyMap<string, Element> = new Map(elements.map((one) => [one.dtype, one]))

/** The element of a NumPy name. */
export function elementOfDtype(dtype: string): Element | undefined {
  return byDtype.get(dtype)
}

/** By the name of the class, which is the same in every realm. */
const byClass: ReadonlyMap<string, Element> = new Map([
  ...elements.filter(({ code }) => code < 11 && code !== 8).map((one) => [one.array.name, one] as const),
  ['Uint8ClampedArray', elements[1]!],
  ['Float16Array', elements[8]!],
])

/** What a typed array consists of. */
export function elementOfArray(array: TypedArray): Element | undefined {
  return byClass.get(array[Symbol.toStringTag])
}
