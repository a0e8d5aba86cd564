/* Arrays on their way to Python: which memory Python gets, and what of it is copied. */
import { types } from 'node:util'
import type { ByteWriter } from '../codec/byte-writer'
import { Extension } from '../codec/format'
import { BridgeError } from '../errors/bridge-error'
import type { HandleState } from '../handle/state'
import type { Connection } from '../native/connection'
import type { TypedArray } from '../types/arrays'
import { NdArray } from '../values/ndarray'
import { Borrow, BorrowElsewhere, borrowedArray } from './borrow'
import { elementOfArray, elements, sizeOf, type Element } from './elements'
import { memoryFor, newMemory } from './own-memory'
import { inRowOrder } from './row-order'
import {
  HeldBlock,
  HeldBuffer,
  HeldObjectId,
  originOf,
  transferred,
  type ArrayOrigin,
  type SharedMemory,
} from './memory'

/** What a request keeps until it is done. */
export type Kept = HeldBlock | HeldBuffer | HeldObjectId | Borrow | BorrowElsewhere | ArrayOrigin | HandleState

/** Who writes. */
export interface ArrayRequest {
  /** To which Python. */
  readonly connection: Connection
  readonly writer: ByteWriter
  /** Whether JavaScript waits until Python has read the request, and for the outcome. */
  readonly isSync: boolean
  keep(kept: Kept): void
  path(): string
}

const Source = { object: 0, block: 1 } as const
/** What becomes of an array in Python. */
const Target = { memoryView: 0, ndArray: 1, bytes: 2 } as const
type Target = (typeof Target)[keyof typeof Target]

/** From here on a copy of its own costs less than to copy the bytes from message to message. */
const largeBytes = 32 * 1024
/** From here on an array travels to another process in memory of its own: below, the socket costs less. */
const hugeBytes = 128 * 1024
const two32 = 2 ** 32
/** Bytes of a reference before the length of its first dimension. */
const referenceHead = 25
const uint8 = elements[1]!

/** Writes anything that is an array, or the memory of one; `false` if it is none. */
export function writeArray(value: object, request: ArrayRequest): boolean {
  if (NdArray.isOne(value)) {
    writeNdArray(value, request)
  } else if (types.isTypedArray(value)) {
    writeTypedArray(value, request)
  } else if (types.isAnyArrayBuffer(value)) {
    writeMemory(value, 0, value.byteLength, uint8, request)
  } else if (types.isDataView(value)) {
    checkMemory(value.buffer, request)
    writeMemory(value.buffer, value.byteOffset, value.byteLength, uint8, request)
  } else {
    const borrowed = borrowedArray(value)
    if (borrowed === undefined) return false
    writeBorrowed(borrowed, request)
  }
  return true
}

/** Writes a `Uint8Array`: as `bytes`, unless its memory is one that Python may have. */
export function writeBytes(value: Uint8Array, request: ArrayRequest): void {
  const origin = ownOrigin(value, request)
  if (origin !== undefined) {
    writeOrigin(origin, request)
    return
  }
  const { buffer } = value
  checkMemory(buffer, request)
  if (ownMemory(buffer, request) !== undefined || types.isSharedArrayBuffer(buffer)) {
    writeMemory(buffer, value.byteOffset, value.byteLength, uint8, request, value)
  } else if (goesInline(value.length, request.connection)) {
    request.writer.binary(value)
  } else {
    writeLargeBytes(value, request)
  }
}

/** Copied once, where JavaScript waits for Python anyway; else to a block first, so that the program can go on to change them. */
function writeLargeBytes(value: Uint8Array, request: ArrayRequest): void {
  if (!request.isSync || request.connection.isRemote) {
    writeCopied(value, uint8, Target.bytes, [value.length], request)
    return
  }
  const { connection } = request
  const id = connection.port.bytesObject(value)
  request.keep(new HeldObjectId(connection, id))
  request.writer.handle(id)
}

function writeNdArray(array: NdArray, request: ArrayRequest): void {
  const { element, origin } = NdArray.parts(array)
  if (origin?.connection === request.connection) {
    writeOrigin(origin, request)
    return
  }
  const { shape } = array
  // What another Python made may lie in any order.
  const data = origin === undefined ? array.data : inRowOrder(array, element)
  const memory = ownMemory(data.buffer, request)
  if (memory === undefined || data.buffer.byteLength === 0) {
    // Where the runtime forbids shared memory, or the program transferred it.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (bytes.length !== shape.reduce((product, length) => product * length, sizeOf(element))) throw detached(request)
    writeCopied(bytes, element, Target.ndArray, shape, request)
    return
  }
  request.keep(new HeldBuffer(data.buffer))
  writeReference(memory, data.byteOffset, data.byteLength, element, Target.ndArray, shape, request.writer)
}

function writeTypedArray(array: TypedArray, request: ArrayRequest): void {
  const element = elementOfArray(array)
  if (element === undefined) {
    throw failure(request, `expected a typed array that Python has elements for, got a ${array[Symbol.toStringTag]}`)
  }
  const origin = ownOrigin(array, request)
  if (origin !== undefined) writeOrigin(origin, request)
  else writeMemory(array.buffer, array.byteOffset, array.byteLength, element, request, array)
}

/** The object of the Python to which the request goes that an array stands for. */
function ownOrigin(array: TypedArray, { connection }: ArrayRequest): ArrayOrigin | undefined {
  const origin = originOf(array)
  return origin !== undefined && origin.connection === connection && isWhole(array, origin) ? origin : undefined
}

/** Whose memory a buffer is over, if the Python to which the request goes uses it. */
function ownMemory(buffer: ArrayBufferLike, { connection }: ArrayRequest): SharedMemory | undefined {
  return memoryFor(connection, buffer)
}

/** Not if its memory was transferred meanwhile: then it is empty, and Python's object is not. */
function isWhole(array: TypedArray, { buffer }: ArrayOrigin): boolean {
  return array.buffer === buffer && (buffer.byteLength > 0 || array.byteLength === 0)
}

function writeOrigin(origin: ArrayOrigin, request: ArrayRequest): void {
  if (origin.isLost) throw detached(request)
  const { counting } = origin
  // Its handle may have been disposed, and then the number is another object's.
  const id = counting === undefined ? origin.id : counting.use()
  request.keep(counting ?? origin)
  request.writer.handle(id)
}

function writeMemory(
  buffer: ArrayBufferLike,
  offset: number,
  length: number,
  element: Element,
  request: ArrayRequest,
  array?: TypedArray,
): void {
  checkMemory(buffer, request)
  const { connection } = request
  const shape = [length / sizeOf(element)]
  const memory = ownMemory(buffer, request)
  if (memory !== undefined && buffer.byteLength > 0) {
    request.keep(new HeldBuffer(buffer))
    writeReference(memory, offset, length, element, Target.memoryView, shape, request.writer)
    return
  }
  if (types.isSharedArrayBuffer(buffer) && buffer.byteLength > 0 && !connection.isRemote) {
    // The first call of all may have it.
    if (!connection.attached) connection.startNow()
    const number = connection.port.lend(buffer, array ?? new Uint8Array(buffer), buffer.byteLength)
    if (number !== 0) {
      request.keep(new HeldBlock(connection, number))
      writeReference(block(connection, number), offset, length, element, Target.memoryView, shape, request.writer)
      return
    }
  }
  const bytes = new Uint8Array(buffer, offset, length)
  if (goesInline(length, connection)) writeCopy(bytes, element, request.writer)
  else writeCopied(bytes, element, Target.memoryView, shape, request)
}

const cannotLend = 'this runtime cannot lend memory; use `python.memoryview`'

function writeBorrowed(array: TypedArray, request: ArrayRequest): void {
  if (!request.isSync) {
    throw failure(
      request,
      'memory can be borrowed for a synchronous call only; use `python.memoryview`, or pass the array for a copy',
    )
  }
  const element = elementOfArray(array)
  if (element === undefined) throw failure(request, 'expected a typed array that Python has elements for')
  const { connection } = request
  const { buffer, byteOffset, byteLength } = array
  checkMemory(buffer, request)
  if (ownMemory(buffer, request) !== undefined || types.isSharedArrayBuffer(buffer)) {
    writeMemory(buffer, byteOffset, byteLength, element, request, array)
    return
  }
  if ((buffer as { resizable?: boolean }).resizable === true) {
    throw failure(request, 'memory that can be resized cannot be borrowed; pass the array for a copy')
  }
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  if (connection.isRemote) {
    const same = BorrowElsewhere.sharing(bytes)
    if (same !== undefined) {
      if (!same.covers) throw failure(request, 'memory that overlaps with other borrowed memory must be a part of it')
      const { own, shared } = same.lent
      writeMemory(shared.buffer, byteOffset - own.byteOffset, byteLength, element, request)
      return
    }
    const { buffer: shared, isShared } = newMemory(byteLength)
    // What Python wrote to a copy would be lost.
    if (byteLength > 0 && !(isShared && memoryFor(connection, shared))) throw failure(request, cannotLend)
    request.keep(new BorrowElsewhere(bytes, new Uint8Array(shared)))
    writeMemory(shared, 0, byteLength, element, request)
    return
  }
  const number = connection.port.borrow(bytes)
  if (number === 0) throw failure(request, cannotLend)
  request.keep(new Borrow(number, request.path()))
  const shape = [byteLength / sizeOf(element)]
  writeReference(block(connection, number), 0, byteLength, element, Target.memoryView, shape, request.writer)
}

/** Whether so many bytes are copied into the message. All are, as long as Python is not there to have memory for them. */
function goesInline(bytes: number, connection: Connection): boolean {
  return bytes < largeBytes || !connection.attached
}

function block(connection: Connection, number: number): SharedMemory {
  return { connection, source: 'block', id: number }
}

/** Copies an array: into a block, or into the message where Python has no memory of this process. */
function writeCopied(
  bytes: Uint8Array,
  element: Element,
  target: Target,
  shape: readonly number[],
  request: ArrayRequest,
): void {
  const { connection, writer } = request
  if (!connection.isRemote || bytes.length >= hugeBytes) {
    const number = connection.port.copyIn(bytes)
    if (number !== 0) {
      writeBlock(number, bytes.length, element, target, shape, request)
      return
    }
  }
  if (target === Target.bytes) writer.binary(bytes)
  else writeItems(bytes, element, target, shape, writer)
}

/** An array with its items. */
function writeItems(
  bytes: Uint8Array,
  element: Element,
  target: Target,
  shape: readonly number[],
  writer: ByteWriter,
): void {
  const payload = new Uint8Array(5 + 8 * shape.length + bytes.length)
  const view = new DataView(payload.buffer)
  payload.set([3, target, element.code, shape.length, 0])
  shape.forEach((size, index) => putWord(view, 5 + 8 * index, size))
  payload.set(bytes, 5 + 8 * shape.length)
  writer.extension(Extension.array, payload)
}

function writeBlock(
  number: number,
  length: number,
  element: Element,
  target: Target,
  shape: readonly number[],
  request: ArrayRequest,
): void {
  request.keep(new HeldBlock(request.connection, number))
  writeReference(block(request.connection, number), 0, length, element, target, shape, request.writer)
}

function writeReference(
  { source, id }: SharedMemory,
  offset: number,
  length: number,
  element: Element,
  target: Target,
  shape: readonly number[],
  writer: ByteWriter,
): void {
  const dimensions = shape.length
  const size = referenceHead + 8 * dimensions
  writer.extensionHeader(Extension.array, size)
  const { bytes, view, position } = writer
  bytes[position] = 1
  view.setUint32(position + 1, id, true)
  bytes[position + 5] = Source[source]
  bytes[position + 6] = element.code
  bytes[position + 7] = target
  bytes[position + 8] = dimensions
  putWord(view, position + 9, offset)
  putWord(view, position + 17, length)
  for (let index = 0; index < dimensions; index++) putWord(view, position + referenceHead + 8 * index, shape[index]!)
  writer.position = position + size
}

function putWord(payload: DataView, at: number, value: number): void {
  payload.setUint32(at, value >>> 0, true)
  payload.setUint32(at + 4, Math.floor(value / two32), true)
}

function writeCopy(bytes: Uint8Array, element: Element, writer: ByteWriter): void {
  writer.extensionHeader(Extension.copiedArray, 1 + bytes.length)
  writer.bytes[writer.position] = element.code
  writer.bytes.set(bytes, writer.position + 1)
  writer.position += 1 + bytes.length
}

/** Whether the memory is still there: an array without it looks as one without items. */
function checkMemory(buffer: ArrayBufferLike, request: ArrayRequest): void {
  if (buffer.byteLength === 0 && isDetached(buffer)) throw detached(request)
}

function isDetached(buffer: ArrayBufferLike): boolean {
  // Node 20 has no such property.
  const { detached } = buffer as { readonly detached?: boolean }
  if (detached !== undefined || types.isSharedArrayBuffer(buffer)) return detached === true
  try {
    return new Uint8Array(buffer).length > 0
  } catch {
    return true
  }
}

function detached(request: ArrayRequest): BridgeError {
  return failure(request, transferred)
}

function failure(request: ArrayRequest, message: string): BridgeError {
  const path = request.path()
  return new BridgeError('ERR_CONVERSION', `${path}: ${message}`, { path })
}
