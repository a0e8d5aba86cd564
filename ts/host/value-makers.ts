/* What `python` offers to make values with exactly the type that Python is to get. */
import { types } from 'node:util'

import { borrow } from '../arrays/borrow'
import { memoryview, ndarray } from '../arrays/make'
import { PyComplex } from '../values/complex'
import { PyDate } from '../values/date'
import { PyDateTime } from '../values/datetime'
import { PyDecimal } from '../values/decimal'
import { PyEllipsis } from '../values/ellipsis'
import { PyFloat } from '../values/float'
import { PyFraction } from '../values/fraction'
import { PyInt } from '../values/int'
import { PyPath } from '../values/path'
import { PyRange } from '../values/range'
import { PySlice } from '../values/slice'
import { PyTime } from '../values/time'
import { PyTimeDelta } from '../values/timedelta'
import { PyTuple } from '../values/tuple'
import { PyUUID } from '../values/uuid'
import { invalid } from '../values/value-class'
import type { ValueMakers } from '../types/values'

export const valueMakers: ValueMakers = {
  float: (value) => new PyFloat(value),
  int: (value) => new PyInt(value),
  tuple: (...items) => PyTuple.of(...items),
  set: (items = []) => new Set(items),
  bytes,
  complex: (re, im) => new PyComplex(re, im),
  decimal: (value) => new PyDecimal(value),
  fraction: (numerator, denominator) => new PyFraction(numerator, denominator),
  uuid: (text) => new PyUUID(text),
  path: (text) => new PyPath(text),
  // One argument or up to three: what they mean is decided where the values are made.
  range: (...args: [number]) => new PyRange(...args),
  slice: (...args: [unknown]) => new PySlice(...args),
  datetime: (...args: [never]) => new PyDateTime(...args),
  date: (...args: [never]) => new PyDate(...args),
  time: (...args: [never]) => new PyTime(...args),
  timedelta: (...args: [never]) => new PyTimeDelta(...args),
  ellipsis: new PyEllipsis(),
  ndarray,
  memoryview: memoryview as ValueMakers['memoryview'],
  borrow,
}

/** A copy in memory of its own: `bytes` do not change. */
function bytes(data: Uint8Array | ArrayBufferLike): Buffer {
  const view = isArrayBuffer(data) ? new Uint8Array(data) : data
  if (!types.isUint8Array(view)) throw invalid('a Uint8Array or an ArrayBuffer', data)
  const copy = Buffer.allocUnsafeSlow(view.length)
  copy.set(view)
  return copy
}

/** Of any realm. */
function isArrayBuffer(data: unknown): data is ArrayBufferLike {
  return types.isAnyArrayBuffer(data)
}
