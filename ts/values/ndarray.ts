/* An array with a shape, over memory that Python uses too. */
import type { Element } from '../arrays/elements'
import type { ArrayOrigin } from '../arrays/memory'
import type { Handle } from '../types/handle'
import type { SyncHandle } from '../types/sync-handle'
import type { TypedArray } from '../types/arrays'
import type { Untyped } from '../types/untyped'
import { PyComplex } from './complex'
import { invalid } from './value-class'

/** What an array is made of. */
export interface NdArrayParts {
  readonly data: TypedArray
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly dtype: string
  readonly copied: boolean
  readonly element: Element
}

/** Says that the constructor was called from here. */
const own = Symbol('own')
/** What Node's `inspect` looks for. */
const shownBy = Symbol.for('nodejs.util.inspect.custom')

/** The views of an array that JavaScript made; set by the module that asks Python, which depends on this one. */
let viewsOf: { sync(array: NdArray): object; async(array: NdArray): object } | undefined
export function makeViewsWith(views: typeof viewsOf): void {
  viewsOf = views
}

/**
 * A `numpy.ndarray`, or another Python object with a buffer of several dimensions.
 *
 * `data` is the very memory that Python uses, unless `copied` says otherwise: what one language writes the other one reads. Going back,
 * it is the object it came from. `python.ndarray` makes one.
 *
 * It can be used on the thread that got it. Other threads of Python's may write to the memory at any time, as with any array that two
 * threads use.
 */
export class NdArray<A extends TypedArray = TypedArray> {
  /** The items, in the order in which they lie in memory. Complex numbers are two items each, booleans bytes of 0 and 1. */
  readonly data: A
  /** The length of each dimension; empty for a single value. */
  readonly shape: readonly number[]
  /** How many items of `data` lie between the neighbours of each dimension. The element of indices `i` and `j` begins at `i * strides[0] + j * strides[1]`. */
  readonly strides: readonly number[]
  /** The element type as NumPy calls it, such as `float64`; `>f8` and the like if Python has the most significant byte first. */
  readonly dtype: string
  /** Whether `data` is a copy, because Python's array is read-only, has gaps, has the most significant byte first or an odd address, or because this runtime forbids shared memory. */
  readonly copied: boolean
  readonly #element: Element
  readonly #origin: ArrayOrigin | undefined

  /** Not for programs: `python.ndarray` makes arrays. Throws `ERR_INVALID_ARGUMENT`. */
  private constructor(parts: NdArrayParts, origin: ArrayOrigin | undefined, caller?: symbol) {
    if (caller !== own) throw invalid('to be made by `python.ndarray`', parts)
    this.data = parts.data as A
    this.shape = parts.shape
    this.strides = parts.strides
    this.dtype = parts.dtype
    this.copied = parts.copied
    this.#element = parts.element
    this.#origin = origin
  }

  /** How many elements it has. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1)
  }

  /** The Python array as a handle whose calls give promises. */
  get $async(): Handle {
    return (this.#origin === undefined ? viewsOf!.async(this) : this.#origin.state.asyncView) as Handle
  }

  /** The Python array as a handle whose calls are synchronous. */
  get $sync(): SyncHandle {
    return (this.#origin === undefined ? viewsOf!.sync(this) : this.#origin.state.syncView) as SyncHandle
  }

  /**
   * The elements as nested arrays, one level a dimension; the element itself if there is no dimension. Integers of 64 bits are bigints,
   * booleans booleans, and complex numbers `PyComplex`.
   */
  toArray<T = Untyped>(): T {
    return this.#nested(0, 0) as T
  }

  /** The nested arrays. */
  toJSON(): unknown {
    return this.toArray()
  }

  #nested(dimension: number, offset: number): unknown {
    const { shape, strides } = this
    if (dimension === shape.length) return this.#elementAt(offset)
    const items: unknown[] = []
    const stride = strides[dimension]!
    const length = shape[dimension]!
    for (let index = 0; index < length; index++) items.push(this.#nested(dimension + 1, offset + index * stride))
    return items
  }

  #elementAt(offset: number): unknown {
    const item = this.data[offset]
    const { items, dtype, array } = this.#element
    if (items === 2) return new PyComplex(item as number, this.data[offset + 1] as number)
    if (dtype === 'bool') return item !== 0
    return dtype === 'float16' && array.name === 'Uint16Array' ? halfOf(item as number) : item
  }

  /** @internal Of a live array only. */
  static parts(array: NdArray): { readonly element: Element; readonly origin: ArrayOrigin | undefined } {
    return { element: array.#element, origin: array.#origin }
  }

  /** @internal */
  static isOne(value: object): value is NdArray {
    return #element in value
  }

  /** @internal */
  static of(parts: NdArrayParts, origin: ArrayOrigin | undefined): NdArray {
    return new NdArray(parts, origin, own)
  }

  static {
    Object.defineProperty(this.prototype, shownBy, {
      value(
        this: NdArray,
        _depth: number,
        options: object,
        inspect: (part: unknown, options: object) => string,
      ): string {
        const copied = this.copied ? ', copied' : ''
        return `NdArray(${inspect(this.shape, options)}, ${this.dtype}${copied}) ${inspect(this.data, options)}`
      },
    })
  }
}

/** @internal */
export function ndArrayOf(parts: NdArrayParts, origin: ArrayOrigin | undefined): NdArray {
  return NdArray.of(parts, origin)
}

/** The number of 16 bits of IEEE 754. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}
