/* Arrays over memory that the bridge allocates, which Python uses without a copy. */
import { types } from 'node:util'
import { checkedOptions, referenceRules } from '../call/options'
import { Operation } from '../call/operation'
import { operateSync } from '../call/sync-call'
import { environment } from '../native/environment'
import type { ArrayType, ArrayTypes, TypedArray } from '../types/arrays'
import { makeViewsWith, type NdArray, ndArrayOf } from '../values/ndarray'
import { invalid } from '../values/value-class'
import { elementOfDtype, sizeOf } from './elements'
import { newMemory } from './own-memory'

makeViewsWith({
  sync: (array) => operateSync(undefined, Operation.eval, ['array', { array }], undefined, referenceRules) as object,
  async: (array) => {
    const context = environment.pool.with(checkedOptions({ returns: 'ref' }))
    return context.start(Operation.eval, undefined, [], ['array', { array }]).proxy
  },
})

/** `python.ndarray`. */
export function ndarray<D extends ArrayType>(
  shape: number | readonly number[],
  dtype: D = 'float64' as D,
): NdArray<ArrayTypes[D]> {
  const lengths = typeof shape === 'number' ? [shape] : [...shape]
  if (!lengths.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw invalid('a length, or an array of lengths that are whole and not negative', shape)
  }
  if (lengths.length > 64) throw invalid('at most 64 dimensions', lengths.length)
  const element = elementOfDtype(dtype)
  if (element === undefined) throw invalid('the name of an element type, such as `float64`,', dtype)
  // Without items as soon as one dimension is, however long the others are.
  const count = lengths.includes(0) ? 0 : lengths.reduce((product, length) => product * length, 1)
  const bytes = count * sizeOf(element)
  if (!Number.isSafeInteger(bytes)) throw invalid('a shape of fewer than 2^53 bytes', shape)
  const { buffer, isShared } = newMemory(bytes)
  const data = new element.array(buffer, 0, count * element.items)
  let stride = element.items
  const strides: number[] = []
  for (const length of lengths.toReversed()) {
    strides.unshift(stride)
    stride *= length
  }
  return ndArrayOf({ data, shape: lengths, strides, dtype, copied: !isShared, element }, undefined) as NdArray<
    ArrayTypes[D]
  >
}

/** `python.memoryview`. */
export function memoryview(source: number | TypedArray | ArrayBufferLike): TypedArray {
  if (typeof source === 'number') {
    if (!Number.isSafeInteger(source) || source < 0) throw invalid('a number of bytes', source)
    return new Uint8Array(newMemory(source).buffer)
  }
  const array: unknown = types.isAnyArrayBuffer(source) ? new Uint8Array(source) : source
  if (!types.isTypedArray(array)) throw invalid('a number of bytes, a typed array or an ArrayBuffer', source)
  const copy = new Uint8Array(newMemory(array.byteLength).buffer)
  copy.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  // A `Buffer` is made by a function of its own, and is a `Uint8Array` like any other here.
  const Kind = (types.isUint8Array(array) ? Uint8Array : array.constructor) as new (buffer: ArrayBuffer) => TypedArray
  return new Kind(copy.buffer)
}
