// The ECMAScript-module face: the same objects as the CommonJS build, so that a process has one copy of the state.
export {
  BridgeError,
  PyFrozenSet,
  PyTuple,
  PythonError,
  isBridgeError,
  isPythonError,
  isPythonHandle,
  kw,
  python,
} from './dist/index.js'
