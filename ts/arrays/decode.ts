/* Arrays that come from Python. */
import type { SharedArray } from '../codec/shared-array'
import type { TypedArray } from '../types/arrays'
import { stateOf } from '../handle/state'
import { environment } from '../native/environment'
import { NdArray, ndArrayOf } from '../values/ndarray'
import { elements, sizeOf, typeLetters } from './elements'
import { ArrayOrigin, memoryOf, rememberMemory, rememberOrigin } from './memory'

/** What becomes of an array. */
const View = { typed: 0, shaped: 1, bytes: 2 } as const

/** The array that a message describes. Takes over the crossings in it. */
export function arrayOf(message: SharedArray): object {
  const { id, typeKey, memory, address, bytes, offset } = message
  if (memory === 0) {
    const buffer = new ArrayBuffer(0)
    return arrayOver(message, buffer, new ArrayOrigin(buffer, id, typeKey, stateOf(id, typeKey)), 0)
  }
  const { port, sharesMemory } = environment
  if (!sharesMemory) {
    // The crossing of the memory ends with the copy; the object needs one of its own.
    if (memory === id) port.cross(id)
    const state = stateOf(id, typeKey)
    const buffer = port.memoryOf(memory, address, bytes, true)
    return arrayOver({ ...message, copied: true }, buffer, new ArrayOrigin(buffer, id, typeKey, state), offset)
  }
  const buffer = port.memoryOf(memory, address, bytes, false)
  const shared = memoryOf(buffer) ?? rememberMemory(buffer, { source: 'object', id: memory })
  if (memory !== id) {
    return arrayOver(message, buffer, new ArrayOrigin(buffer, id, typeKey, stateOf(id, typeKey)), offset)
  }
  const known = shared.array
  if (known !== undefined && isSame(known, message)) return known
  const counted = shared.source === 'object' && shared.id === id
  // Memory that another object brought here is not what counts this one.
  if (!counted) port.cross(id)
  const origin = new ArrayOrigin(buffer, id, typeKey, counted ? undefined : stateOf(id, typeKey))
  return (shared.array = arrayOver(message, buffer, origin, offset))
}

function arrayOver(message: SharedArray, buffer: ArrayBufferLike, origin: ArrayOrigin, offset: number): object {
  const { view, shape } = message
  const element = elements[message.element]!
  if (view === View.bytes) return rememberOrigin(new Uint8Array(buffer, offset, shape[0]), origin)
  const count = shape.reduce((product, length) => product * length, 1)
  const data = new element.array(buffer, offset, count * element.items)
  if (view === View.typed && element.items === 1) return rememberOrigin(data, origin)
  const dtype = message.bigEndian ? `>${typeLetters[element.code]}` : element.dtype
  const strides = message.strides.map((stride) => stride / element.itemSize)
  return ndArrayOf({ data, shape, strides, dtype, copied: message.copied, element }, origin)
}

/** Whether an array still looks as it does in Python, where its shape may change. */
function isSame(array: object, { view, element: code, shape, strides }: SharedArray): boolean {
  const element = elements[code]!
  if (!NdArray.isOne(array)) {
    const { length } = array as TypedArray
    return view === View.typed && length === shape[0] && array instanceof element.array
  }
  return (
    view === View.shaped &&
    array.dtype === element.dtype &&
    (array.data).byteLength === shape.reduce((product, length) => product * length, sizeOf(element)) &&
    array.shape.length === shape.length &&
    array.shape.every((length, index) => length === shape[index]) &&
    array.strides.every((stride, index) => stride * element.itemSize === strides[index])
  )
}
