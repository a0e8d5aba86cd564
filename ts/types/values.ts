/* How `python` makes values of exactly the type that Python is to get. */
import type { NdArray } from '../values/ndarray'
import type { ArrayType, ArrayTypes, Borrowed, TypedArray } from './arrays'
import type { PyComplex } from '../values/complex'
import type { Clock } from '../values/clock'
import type { DateFields, PyDate } from '../values/date'
import type { DateTimeFields, PyDateTime } from '../values/datetime'
import type { PyDecimal } from '../values/decimal'
import type { PyEllipsis } from '../values/ellipsis'
import type { PyFloat } from '../values/float'
import type { PyFraction } from '../values/fraction'
import type { PyInt } from '../values/int'
import type { PyPath } from '../values/path'
import type { PyRange } from '../values/range'
import type { PySlice } from '../values/slice'
import type { PyTime } from '../values/time'
import type { PyTimeDelta, TimeDeltaFields } from '../values/timedelta'
import type { PyTuple } from '../values/tuple'
import type { PyUUID } from '../values/uuid'

/**
 * Values for Python types that JavaScript has no word for. None of them needs a running Python. Each throws `ERR_INVALID_ARGUMENT` for
 * what it cannot take.
 */
export interface ValueMakers {
  /** A number that is a `float` in Python, also if it is integral. */
  float(value: number): PyFloat
  /** An integral number or a bigint that is an `int` in Python, of any size. */
  int(value: number | bigint): PyInt
  /** A `tuple` of the arguments. */
  tuple<T extends unknown[]>(...items: T): PyTuple<T>
  /** A `set` of the items. */
  set<T>(items?: Iterable<T>): Set<T>
  /** `bytes`: a copy of the data. */
  bytes(data: Uint8Array | ArrayBufferLike): Uint8Array
  /** A `complex`. @default `im`: 0 */
  complex(re: number, im?: number): PyComplex
  /** A `decimal.Decimal` of its exact text or of an integer. */
  decimal(value: string | number | bigint): PyDecimal
  /** A `fractions.Fraction`. @default `denominator`: 1 */
  fraction(numerator: number | bigint, denominator?: number | bigint): PyFraction
  /** A `uuid.UUID` of its text. */
  uuid(text: string): PyUUID
  /** A `pathlib.Path`. */
  path(text: string): PyPath
  /** A `range` up to `stop`, without it. */
  range(stop: number | bigint): PyRange
  /** A `range` from `start` up to `stop`, without it. @default `step`: 1 */
  range(start: number | bigint, stop: number | bigint, step?: number | bigint): PyRange
  /** A `slice` up to `stop`, without it; `null` is `None`. */
  slice(stop: unknown): PySlice
  /** A `slice` from `start` up to `stop`, without it; `null` is `None`. */
  slice(start: unknown, stop: unknown, step?: unknown): PySlice
  /**
   * A new array of zeros over memory that the bridge allocates and that Python uses without a copy: a `numpy.ndarray` there, or a
   * `memoryview` where there is no NumPy. Processes of Conductors use the same memory, on Linux. Starts Python if nobody has, unless a Conductor was started.
   *
   * @param shape the length of each dimension, or that of the only one
   * @param dtype the element type as NumPy calls it. @default `float64`
   */
  ndarray<D extends ArrayType = 'float64'>(shape: number | readonly number[], dtype?: D): NdArray<ArrayTypes[D]>
  /** So many bytes of zeros that Python uses without a copy, as a `memoryview`. As `ndarray` otherwise. */
  memoryview(bytes: number): Uint8Array<ArrayBuffer>
  /** A copy of the array, of the same type, that Python uses without a further copy, as a `memoryview`. As `ndarray` otherwise. */
  memoryview<A extends TypedArray>(array: A): A
  /** The same of all the bytes. */
  memoryview(buffer: ArrayBufferLike): Uint8Array<ArrayBuffer>
  /**
   * Lends an array to one synchronous call, without a copy: Python gets a `memoryview` of it, and what it writes there is in the array.
   *
   * While the call runs Python cannot call JavaScript. If a view of the memory, or an array over it, is left after the call, the call
   * throws `ERR_CONVERSION`, and the memory stays where it is until the process ends. An asynchronous call refuses what is lent.
   */
  borrow<A extends TypedArray>(array: A): Borrowed<A>
  /** A `datetime.datetime` of the parts that are given; the others are 0. It is naive. */
  datetime(
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    microsecond?: number,
  ): PyDateTime
  /** A `datetime.datetime` of parts by name, naive or with an `offset` in seconds or a `zone`; or of text such as `2025-03-14T15:09+01:00`. */
  datetime(value: DateTimeFields | string, more?: Partial<DateTimeFields>): PyDateTime
  /** A `datetime.date`. */
  date(year: number, month: number, day: number): PyDate
  /** A `datetime.date` of parts by name, or of text such as `2025-03-14`. */
  date(value: DateFields | string): PyDate
  /** A `datetime.time` of the parts that are given; the others are 0. It is naive. */
  time(hour: number, minute?: number, second?: number, microsecond?: number): PyTime
  /** A `datetime.time` of parts by name, or of text such as `15:09:26`. */
  time(value: Partial<Clock> | string, more?: Partial<Clock>): PyTime
  /** A `datetime.timedelta` of the sum of parts by name. */
  timedelta(value: TimeDeltaFields): PyTimeDelta
  /** A `datetime.timedelta`. @default 0 */
  timedelta(days: number, seconds?: number, microseconds?: number): PyTimeDelta
  /** Python's `...`. */
  readonly ellipsis: PyEllipsis
}
