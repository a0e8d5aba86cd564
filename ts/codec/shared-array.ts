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
  /** Whether `memory` is the number of a block instead, which this process has and another one uses. */
  readonly ofBlock?: boolean
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
  /** Whether it came with its items: in the message, or in memory of which `memory` is the number. */
  readonly travels?: boolean
  readonly items?: Uint8Array | undefined
}

/** Reads the payload at a place of a message; nothing if it is none. */
export function readSharedArray(
  bytes: Uint8Array,
  message: DataView,
  start: number,
  length: number,
): SharedArray | undefined {
  if (length < dimensionsStart || bytes[start] !== 0) return undefined
  const at = start + head
  const view = bytes[at + 12]!
  const element = bytes[at + 13]!
  const flags = bytes[at + 14]!
  const dimensions = bytes[at + 15]!
  if (view >= views || element >= elementKinds || flags > 7 || length !== dimensionsStart + 16 * dimensions) {
    return undefined
  }
  const shape: number[] = []
  const strides: number[] = []
  const end = start + length
  for (let place = start + dimensionsStart; place < end; place += 16) {
    shape.push(wordAt(message, place))
    strides.push(signedWordAt(message, place + 8))
  }
  return {
    id: message.getUint32(at, true),
    typeKey: message.getUint32(at + 4, true),
    memory: message.getUint32(at + 8, true),
    view,
    element,
    copied: (flags & 1) !== 0,
    bigEndian: (flags & 2) !== 0,
    ofBlock: (flags & 4) !== 0,
    address: wordAt(message, at + 16),
    bytes: wordAt(message, at + 24),
    offset: wordAt(message, at + 32),
    shape,
    strides,
  }
}

// Most are small. What multiplies is a float to V8, and arrays of floats are another kind of array.
function wordAt(message: DataView, at: number): number {
  const high = message.getUint32(at + 4, true)
  const low = message.getUint32(at, true)
  return high === 0 ? low : low + two32 * high
}

function signedWordAt(message: DataView, at: number): number {
  const high = message.getInt32(at + 4, true)
  const low = message.getUint32(at, true)
  return high === 0 ? low : low + two32 * high
}
