/* The types of arrays and of what makes them. */

/** Any of JavaScript's typed arrays. */
export type TypedArray =
  | Int8Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>
  | Uint8ClampedArray<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>

/** The element types, as NumPy calls them, and the typed array that each has in JavaScript. */
export interface ArrayTypes {
  int8: Int8Array<ArrayBuffer>
  uint8: Uint8Array<ArrayBuffer>
  int16: Int16Array<ArrayBuffer>
  uint16: Uint16Array<ArrayBuffer>
  int32: Int32Array<ArrayBuffer>
  uint32: Uint32Array<ArrayBuffer>
  int64: BigInt64Array<ArrayBuffer>
  uint64: BigUint64Array<ArrayBuffer>
  /** A `Float16Array` where JavaScript has it, else the bits. */
  float16: Uint16Array<ArrayBuffer>
  float32: Float32Array<ArrayBuffer>
  float64: Float64Array<ArrayBuffer>
  /** One byte each, 0 or 1. */
  bool: Uint8Array<ArrayBuffer>
  /** Real and imaginary part in turn. */
  complex64: Float32Array<ArrayBuffer>
  /** Real and imaginary part in turn. */
  complex128: Float64Array<ArrayBuffer>
}

/** The name of an element type. */
export type ArrayType = keyof ArrayTypes

/** Memory that JavaScript lends to Python for one synchronous call; see `python.borrow`. */
export interface Borrowed<A extends TypedArray = TypedArray> {
  /** What is lent. */
  readonly array: A
}
