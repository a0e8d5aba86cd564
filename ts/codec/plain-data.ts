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
const promises = new WeakMap<object, Promised | null>()

/** A class derived from `Date` without members of its own promises dates too, if its instances have nothing of their own either. */
type Promised = PlainKind | 'bare instant'

/** What the object is, or `undefined` if it is not plain data. */
export function plainKind(value: object): PlainKind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return 'object'
  if (prototype === Array.prototype) return Array.isArray(value) ? 'array' : undefined
  if (types.isUint8Array(value)) return 'bytes'
  let promised = promises.get(prototype)
  if (promised === undefined) promises.set(prototype, (promised = promiseOf(prototype)))
  if (promised === null || !keeps(promised, value)) return undefined
  return promised === 'bare instant' ? 'instant' : promised
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
function keeps(kind: Promised, value: object): boolean {
  if (kind === 'array' || kind === 'tuple') return Array.isArray(value)
  if (kind === 'set' || kind === 'frozenset') return types.isSet(value)
  if (kind === 'map') return types.isMap(value)
  if (kind === 'instant') return types.isDate(value)
  // What it holds beside its time would be lost.
  if (kind === 'bare instant') return types.isDate(value) && Object.keys(value).length === 0
  return true
}

function promiseOf(prototype: object): Promised | null {
  if (Object.hasOwn(prototype, tupleBrand)) return 'tuple'
  if (Object.hasOwn(prototype, frozenSetBrand)) return 'frozenset'
  const valueKind = valueKindOf(prototype)
  if (valueKind !== undefined) return valueKind
  if (temporalTag(prototype) !== undefined) return 'temporal'
  const name = builtInName(prototype)
  if (name === 'Date') return 'instant'
  if (derivesBarely(prototype)) return 'bare instant'
  const parent = Object.getPrototypeOf(prototype) as object | null
  if (name === 'Object') return parent === null ? 'object' : null
  if (parent === null || builtInName(parent) !== 'Object') return null
  if (name === 'Array') return 'array'
  if (name === 'Set') return 'set'
  if (name === 'Map') return 'map'
  return null
}

/**
 * Whether a class is derived from `Date` and has nothing of its own. Such is the `Date` of fake timers, which tests put in the place of the
 * real one.
 */
function derivesBarely(prototype: object): boolean {
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
