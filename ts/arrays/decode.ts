/* Arrays that come from Python. */
import type { SharedArray } from '../codec/shared-array'
import type { TypedArray } from '../types/arrays'
import { types } from 'node:util'
import { stateOf } from '../handle/state'
import type { Connection } from '../native/connection'
import { detailWord } from '../native/mailbox'
import { NdArray, ndArrayOf } from '../values/ndarray'
import { elements, sizeOf, typeLetters } from './elements'
import { ArrayOrigin, rememberMemory, rememberOrigin } from './memory'
import { rememberOwnMemory } from './own-memory'

/** What becomes of an array. */
const View = { typed: 0, shaped: 1, bytes: 2, copy: 3 } as const

/** The array that a message describes. Takes over the crossings in it. */
export function arrayOf(connection: Connection, message: SharedArray): object {
  const { id, typeKey, memory, address, bytes, offset } = message
  const { port, sharesMemory } = connection
  if (message.ofBlock === true) {
    const buffer = port.blockMemory(memory)
    rememberOwnMemory(buffer)
    const state = stateOf(connection, id, typeKey)
    if (state.array !== undefined && isSame(state.array, buffer, message)) return state.array
    return (state.array = arrayOver(message, buffer, new ArrayOrigin(connection, buffer, id, typeKey, state), offset))
  }
  if (message.travels === true) {
    const buffer = message.items?.buffer ?? port.memoryOf(memory, 0, bytes, false)
    const state = stateOf(connection, id, typeKey)
    if (message.view === View.copy) return Buffer.from(buffer as ArrayBuffer)
    return arrayOver(message, buffer, new ArrayOrigin(connection, buffer, id, typeKey, state), 0)
  }
  if (message.view === View.copy) {
    // Memory of V8's, which the collector frees also in the middle of a long job.
    const copy = Buffer.allocUnsafeSlow(bytes)
    port.copyOut(id, address, copy)
    return copy
  }
  if (memory === 0) {
    const state = stateOf(connection, id, typeKey)
    const known = state.array
    if (known !== undefined && isSame(known, dataOf(known).buffer, message)) return known
    const buffer = new ArrayBuffer(0)
    return (state.array = arrayOver(message, buffer, new ArrayOrigin(connection, buffer, id, typeKey, state), 0))
  }
  if (!sharesMemory) {
    // The crossing of the memory ends with the copy; the object needs one of its own.
    if (memory === id) port.cross(id)
    const state = stateOf(connection, id, typeKey)
    const buffer = port.memoryOf(memory, address, bytes, true)
    return arrayOver(
      { ...message, copied: true },
      buffer,
      new ArrayOrigin(connection, buffer, id, typeKey, state),
      offset,
    )
  }
  const buffer = port.memoryOf(memory, address, bytes, false)
  const wasThere = connection.words[detailWord] === 1
  const array = arrayIn(connection, buffer, message)
  // Not before, because the object may be counted by this crossing only: one of its own is added by now.
  if (wasThere) port.giveBackMemory()
  return array
}

/** The array over the memory of this process. */
function arrayIn(connection: Connection, buffer: ArrayBufferLike, message: SharedArray): object {
  const { id, typeKey, memory, offset } = message
  const { port } = connection
  if (memory !== id) {
    // Memory that JavaScript lent comes back as what it is.
    if (!types.isSharedArrayBuffer(buffer)) rememberMemory(buffer, { connection, source: 'object', id: memory })
    const state = stateOf(connection, id, typeKey)
    // A copy is of its moment.
    if (!message.copied && state.array !== undefined && isSame(state.array, buffer, message)) return state.array
    return (state.array = arrayOver(message, buffer, new ArrayOrigin(connection, buffer, id, typeKey, state), offset))
  }
  const shared = rememberMemory(buffer, { connection, source: 'object', id: memory })
  const known = shared.array
  if (known !== undefined && isSame(known, buffer, message)) return known
  const counted = shared.source === 'object' && shared.id === id
  // Memory that another object brought here is not what counts this one.
  if (!counted) port.cross(id)
  const origin = new ArrayOrigin(
    connection,
    buffer,
    id,
    typeKey,
    counted ? undefined : stateOf(connection, id, typeKey),
  )
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
function isSame(
  array: object,
  buffer: ArrayBufferLike,
  { view, element: code, offset, shape, strides }: SharedArray,
): boolean {
  const element = elements[code]!
  const data = dataOf(array)
  const bytes = shape.reduce((product, length) => product * length, sizeOf(element))
  if (data.buffer !== buffer || data.byteOffset !== offset || data.byteLength !== bytes) return false
  if (!NdArray.isOne(array)) return view === View.typed && array instanceof element.array
  return (
    view === View.shaped &&
    array.dtype === element.dtype &&
    array.shape.length === shape.length &&
    array.shape.every((length, index) => length === shape[index]) &&
    array.strides.every((stride, index) => stride * element.itemSize === strides[index])
  )
}

function dataOf(array: object): TypedArray {
  return NdArray.isOne(array) ? array.data : (array as TypedArray)
}
