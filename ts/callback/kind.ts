/* Which JavaScript values cross to Python by reference, and what each of them is there. */
import type { Readable } from 'node:stream'
import { types } from 'node:util'
import { JsKind } from '../codec/format'

/**
 * Whether a value crosses by reference: a function, a promise, an instance of a class. Not what has, or will have, a form of its own in
 * Python, nor what only looks like data.
 */
export function crossesByReference(value: object): boolean {
  if (typeof value === 'function') return true
  return !(
    types.isDate(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isBoxedPrimitive(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    Array.isArray(value)
  )
}

/** Whether `for` or `for await` runs over it. What has such a symbol is no plain data, whatever its prototype. */
export function isIterated(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value
}

/** What an object is for Python. A promise comes before what can be iterated, since that is what `await` would make of it. */
export function kindOf(object: object): JsKind {
  if (typeof object === 'function') return isAsyncFunction(object) ? JsKind.asyncFunction : JsKind.function
  const { then, next } = object as { then?: unknown; next?: unknown }
  if (typeof then === 'function') {
    // One that has another `then` may wait for somebody to call that before it does anything.
    return types.isPromise(object) && then === Promise.prototype.then ? JsKind.promise : JsKind.thenable
  }
  const isAsync = Symbol.asyncIterator in object
  if (typeof next === 'function') {
    if (isAsync) return JsKind.asyncIterator
    if (Symbol.iterator in object) return JsKind.iterator
  }
  if (Symbol.iterator in object) return JsKind.iterable
  if (!isAsync) return JsKind.object
  return isByteStream(object) ? JsKind.readable : JsKind.asyncIterable
}

/** An asynchronous generator function gives an iterator, and no promise. */
function isAsyncFunction(object: object): boolean {
  return types.isAsyncFunction(object) && !types.isGeneratorFunction(object)
}

/** A `Readable` that gives buffers, or a `ReadableStream`, of which only its chunks say what it gives. */
function isByteStream(object: object): boolean {
  if (isWebStream(object)) return true
  const { readableObjectMode, readableEncoding } = object as Partial<Readable>
  return isNodeStream(object) && readableObjectMode === false && readableEncoding === null
}

/** A `Readable`, of whichever copy of the module. */
export function isNodeStream(object: object): object is Readable {
  const { pipe, read, on } = object as Partial<Readable>
  return typeof pipe === 'function' && typeof read === 'function' && typeof on === 'function'
}

/** A `ReadableStream`, of whichever realm. */
export function isWebStream(object: object): boolean {
  return Object.prototype.toString.call(object) === '[object ReadableStream]'
}
