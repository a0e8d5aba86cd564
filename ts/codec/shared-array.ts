/* The payload of an array over memory of Python's. */

const two32 = 2 ** 32
/** Where the numbers begin, behind the byte that tells the directions apart. */
const head = 1
const dimensionsStart = head + 40
const views = 4
const elementKinds = 14
/** Bytes of one, by the number of its element type. */
export const elementSizes = [1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 1, 8, 16] as const

/** An array on its way to JavaScript; docs/internal/wire-format.md describes each part. */
export interface SharedArray {
  readonly id: number
  readonly typeKey: number
  /** The handle of the object whose memory it is; 0 if none is shared. */
  readonly memory: number
  /** 0 typed array, 1 array with a shape, 2 bytes, 3 a copy of bytes. */
  readonly view: number
  /** The number of its element type. */
  readonly element: number
  readonly copied: boolean
  readonly bigEndian: boolean
  readonly address: number
  readonly bytes: number
  readonly offset: number
  readonly shape: readonly number[]
  /** In bytes. */
  readonly strides: readonly number[]
  /** What is in it, where it came with its items. */
  readonly items?: Uint8Array
}

/** Reads a payload; nothing if it is none. */
export function readSharedArray(bytes: Uint8Array, start: number, length: number): SharedArray | undefined {
  if (length < dimensionsStart || bytes[start] !== 0) return undefined
  const payload = new DataView(bytes.buffer, bytes.byteOffset + start, length)
  const word = (at: number): number => payload.getUint32(at, true) + two32 * payload.getUint32(at + 4, true)
  const view = bytes[start + head + 12]!
  const element = bytes[start + head + 13]!
  const flags = bytes[start + head + 14]!
  const dimensions = bytes[start + head + 15]!
  if (view >= views || element >= elementKinds || flags > 3 || length !== dimensionsStart + 16 * dimensions) {
    return undefined
  }
  const shape: number[] = []
  const strides: number[] = []
  for (let at = dimensionsStart; at < length; at += 16) {
    shape.push(word(at))
    strides.push(payload.getUint32(at + 8, true) + two32 * payload.getInt32(at + 12, true))
  }
  return {
    id: payload.getUint32(head, true),
    typeKey: payload.getUint32(head + 4, true),
    memory: payload.getUint32(head + 8, true),
    view,
    element,
    copied: (flags & 1) !== 0,
    bigEndian: (flags & 2) !== 0,
    address: word(head + 16),
    bytes: word(head + 24),
    offset: word(head + 32),
    shape,
    strides,
  }
}
