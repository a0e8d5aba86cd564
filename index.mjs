// The ECMAScript-module face: the same objects as the CommonJS build, so that a process has one copy of the state.
import { python } from './dist/index.js'

// A program that imports this package imports others as well, and gets objects of their ECMAScript copies.
python[Symbol.for('symphony-python-bridge.resolveImportsWith')]((name) => import.meta.resolve(name))

export {
  BridgeError,
  Conductor,
  NdArray,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyEllipsis,
  PyFloat,
  PyFraction,
  PyFrozenSet,
  PyInt,
  PyPath,
  PyRange,
  PySlice,
  PyTime,
  PyTimeDelta,
  PyTuple,
  PyUUID,
  PythonError,
  WorkerPool,
  isBridgeError,
  isPythonError,
  isPythonHandle,
  kw,
  python,
} from './dist/index.js'
