/* The items of an array in the order in which an array without strides has them. */
import type { TypedArray } from '../types/arrays'
import type { NdArray } from '../values/ndarray'
import type { Element } from './elements'

/** The data of an array if it lies in the order of its indices, the last of which changes first; else a copy that does. */
export function inRowOrder({ data, shape, strides }: NdArray, { items }: Element): TypedArray {
  if (isInRowOrder(shape, strides, items)) return data
  const copy = data.slice()
  const indices = shape.map(() => 0)
  for (let to = 0; to < copy.length; to += items) {
    const from = indices.reduce((offset, index, dimension) => offset + index * strides[dimension]!, 0)
    for (let item = 0; item < items; item++) copy[to + item] = data[from + item]!
    // Counts up, as an odometer does.
    for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
      indices[dimension]! += 1
      if (indices[dimension]! < shape[dimension]!) break
      indices[dimension] = 0
    }
  }
  return copy
}

function isInRowOrder(shape: readonly number[], strides: readonly number[], items: number): boolean {
  let expected = items
  for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
    // The stride of a dimension of one is never used.
    if (shape[dimension] !== 1 && strides[dimension] !== expected) return false
    expected *= shape[dimension]!
  }
  return true
}
