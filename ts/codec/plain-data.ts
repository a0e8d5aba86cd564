/* Decides which objects are plain data. An object is what its prototype says, in whichever realm that was made: Jest's
   sandboxes and `vm` contexts have their own `Object.prototype`. Subclasses are not plain. */
import { types } from 'node:util'

import { frozenSetBrand } from '../values/frozen-set'
import { tupleBrand } from '../values/tuple'
import { temporalTag } from './temporal-values'
import { valueKindOf, type WrittenKind } from './value-classes'

/** What a plain object becomes in Python: dict, list, tuple, set, frozenset, dict, bytes, or what its class stands for. */
export type PlainKind = 'object' | 'array' | 'tuple' | 'set' | 'frozenset' | 'map' | 'bytes' | 'slice' | WrittenKind

/** The kind that a prototype promises; `null` if it is none of them. */
const promises = new WeakMap<object, PlainKind | null>()

/** What the object is, or `undefined` if it is not plain data. */
export function plainKind(value: object): PlainKind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return 'object'
  if (prototype === Array.prototype) return Array.isArray(value) ? 'array' : undefined
  if (types.isUint8Array(value)) return 'bytes'
  let promised = promises.get(prototype)
  if (promised === undefined) promises.set(prototype, (promised = promiseOf(prototype)))
  if (promised === null) return undefined
  return keeps(promised, value) ? promised : undefined
}

/** Whether objects made with this prototype are plain data. */
export function isPlainPrototype(prototype: object): boolean {
  for (let one: object | null = prototype; one !== null; one = Object.getPrototypeOf(one) as object | null) {
    // Subclasses of this one are plain data too, `Buffer` among them.
    if (builtInName(one) === 'Uint8Array') return true
  }
  return promiseOf(prototype) !== null
}

/** Whether the object really is what its prototype promises: `Object.create(Map.prototype)` is not a map. */
function keeps(kind: PlainKind, value: object): boolean {
  if (kind === 'array' || kind === 'tuple') return Array.isArray(value)
  if (kind === 'set' || kind === 'frozenset') return types.isSet(value)
  if (kind === 'map') return types.isMap(value)
  // What an object of a class without members of its own holds beside its time would be lost.
  if (kind === 'instant') return types.isDate(value) && (isBuiltInDate(value) || Object.keys(value).length === 0)
  return true
}

function promiseOf(prototype: object): PlainKind | null {
  if (Object.hasOwn(prototype, tupleBrand)) return 'tuple'
  if (Object.hasOwn(prototype, frozenSetBrand)) return 'frozenset'
  const valueKind = valueKindOf(prototype)
  if (valueKind !== undefined) return valueKind
  if (temporalTag(prototype) !== undefined) return 'temporal'
  if (isDatePrototype(prototype)) return 'instant'
  const name = builtInName(prototype)
  const parent = Object.getPrototypeOf(prototype) as object | null
  if (name === 'Object') return parent === null ? 'object' : null
  if (parent === null || builtInName(parent) !== 'Object') return null
  if (name === 'Array') return 'array'
  if (name === 'Set') return 'set'
  if (name === 'Map') return 'map'
  return null
}

function isBuiltInDate(value: object): boolean {
  return builtInName(Object.getPrototypeOf(value) as object) === 'Date'
}

/**
 * Of `Date`, or of a class derived from it that has nothing of its own: such is the `Date` of fake timers, which tests put in the place
 * of the real one.
 */
function isDatePrototype(prototype: object): boolean {
  for (let one: object | null = prototype; one !== null; one = Object.getPrototypeOf(one) as object | null) {
    if (builtInName(one) === 'Date') return true
    if (Reflect.ownKeys(one).some((key) => key !== 'constructor')) return false
  }
  return false
}

/** The name of the built-in class whose prototype this is. */
function builtInName(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof constructor !== 'function' || constructor.prototype !== prototype) return undefined
  return /^function (\w+)\(\) \{\s*\[native code\]\s*\}$/.exec(Function.prototype.toString.call(constructor))?.[1]
}
