/* The payload of an array that brings its items. */
import { elementSizes, type SharedArray } from './shared-array'

const two32 = 2 ** 32
/** Where the lengths of the dimensions begin, behind the byte that tells the forms apart and the head. */
const shapeStart = 1 + 12
/** A typed array, an array with a shape, bytes over the memory, a copy of bytes. */
const views = 4
/** The flags of the head. */
const bigEndianFlag = 1
const inMemoryFlag = 2

/** Reads a payload; nothing if it is none. Items in the message are copied, so that they begin where any element may. */
export function readInlineArray(bytes: Uint8Array, start: number, length: number): SharedArray | undefined {
  if (length < shapeStart || bytes[start] !== 2) return undefined
  const payload = new DataView(bytes.buffer, bytes.byteOffset + start, length)
  const view = payload.getUint8(9)
  const element = payload.getUint8(10)
  const itemSize = elementSizes[element]
  const flags = payload.getUint8(11)
  const dimensions = payload.getUint8(12)
  const itemsStart = shapeStart + 8 * dimensions
  if (view >= views || itemSize === undefined || flags > 3 || length < itemsStart) return undefined
  const shape: number[] = []
  for (let at = shapeStart; at < itemsStart; at += 8) {
    shape.push(payload.getUint32(at, true) + two32 * payload.getUint32(at + 4, true))
  }
  const size = shape.reduce((product, count) => product * count, itemSize)
  const inMemory = (flags & inMemoryFlag) !== 0
  if (length - itemsStart !== (inMemory ? 4 : size)) return undefined
  const strides: number[] = []
  let stride = itemSize
  for (let index = dimensions - 1; index >= 0; index -= 1) {
    strides[index] = stride
    stride *= shape[index]!
  }
  return {
    id: payload.getUint32(1, true),
    typeKey: payload.getUint32(5, true),
    memory: inMemory ? payload.getUint32(itemsStart, true) : 0,
    view,
    element,
    copied: true,
    bigEndian: (flags & bigEndianFlag) !== 0,
    address: 0,
    bytes: size,
    offset: 0,
    shape,
    strides,
    items: inMemory ? undefined : new Uint8Array(bytes.subarray(start + itemsStart, start + length)),
    travels: true,
  }
}
