/* Words for values that cannot cross: what was expected, what was got, and what would work. */
import { types } from 'node:util'

const expected =
  'null, a boolean, a number, a bigint, a string, an array, a plain object, a Map, a Set, a Uint8Array, a Date, a function, a promise, an iterator, an instance of a class or a Python object'

const longestText = 60
const longestMessage = 500
const registering = 'register a rule for its class with `python.register`'

/** Why a value cannot cross, from where its path is not known: whoever knows it makes the error. */
export class Refusal extends Error {}

/** The message for a value that has no counterpart in Python. */
export function unsupported(value: unknown): string {
  const hint = advice(value)
  return `expected ${expected}, got ${described(value)}${hint === undefined ? '' : `; ${hint}`}`
}

/** What a value is, for a message that refuses it. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string')
    return JSON.stringify(value.length > longestText ? `${value.slice(0, longestText)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} \`${String(value)}\``
  if (typeof value === 'bigint') return 'a bigint'
  if (typeof value === 'symbol') return `the symbol \`${String(value)}\``
  if (typeof value === 'function') {
    const name: unknown = value.name
    return typeof name === 'string' && name !== '' ? `the function \`${name}\`` : 'a function'
  }
  const name = className(value)
  return name === undefined ? 'an object with an unknown prototype' : `an instance of \`${name}\``
}

/** The name of an object's class, if it has one. */
export function className(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null) return undefined
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof constructor !== 'function') return undefined
  // A class may have a static property of that name.
  const { name } = constructor as { name: unknown }
  return typeof name === 'string' && name !== '' ? name : undefined
}

/** What was thrown, in words. */
export function messageOf(error: unknown): string {
  // An error of another realm is no instance of this realm's class.
  if (!types.isNativeError(error)) return typeof error
  const text = `${error.name}: ${error.message}`
  // An error that comes from one of its own kind, and so on, would repeat them all.
  return text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text
}

function advice(value: unknown): string | undefined {
  if (typeof value === 'symbol') return 'its `description` is a string'
  if (typeof value === 'function') return undefined
  if (types.isDate(value)) return `pass \`new Date(it)\`, or ${registering}`
  if (ArrayBuffer.isView(value))
    return 'pass `Array.from(it)` for a list, or `Buffer.from(it.buffer, it.byteOffset, it.byteLength)` for its bytes'
  if (types.isAnyArrayBuffer(value)) return 'pass `new Uint8Array(it)`'
  if (types.isBoxedPrimitive(value)) return 'pass its `valueOf()`'
  if (types.isWeakMap(value) || types.isWeakSet(value)) return 'its members cannot be listed'
  if (types.isMap(value)) return `pass \`new Map(it)\`, or ${registering}`
  if (types.isSet(value)) return `pass \`new Set(it)\`, or ${registering}`
  if (Array.isArray(value)) return `pass \`Array.from(it)\`, or ${registering}`
  return `pass a plain object, such as \`{ ...it }\`, or ${registering}`
}
