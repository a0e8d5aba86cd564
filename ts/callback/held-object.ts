/* JavaScript objects and functions that Python holds, or that are on their way to it. */
import type { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import type { ByteWriter } from '../codec/byte-writer'
import type { Conversion } from '../codec/conversion'
import { className } from '../codec/unsupported'
import { environment } from '../native/environment'
import type { ViewScope } from '../call/result-decoder'

/** What is to be known of the message that passed an object. One for all the objects in it. */
export interface Passage {
  /** Which views the handles among the arguments of a callback have. */
  readonly scope: ViewScope
  readonly convert: Conversion
  /** The asynchronous context in which the message was written. */
  readonly context: AsyncResource
}

/**
 * One object that crossed to Python.
 *
 * It is kept as long as a message that names it is under way, or the core says that Python holds it. What Python does with it has
 * the options of the last call that passed it.
 */
export class HeldObject {
  #pending = 0

  constructor(
    readonly id: number,
    readonly object: object,
    public passage: Passage,
  ) {}

  /** Its passage; after the end of a session as if it had been the pool, because calls of a session's views would fail. */
  get usablePassage(): Passage {
    const { passage } = this
    return passage.scope.ended === true ? { ...passage, scope: poolViews } : passage
  }

  /** A message that names the object is under way. */
  hold(): void {
    this.#pending += 1
  }

  /** A message that named the object is done. */
  letGo(): void {
    this.#pending -= 1
    this.forgetUnlessHeld()
  }

  /** Ends its life if nobody needs it. */
  forgetUnlessHeld(): void {
    if (this.#pending > 0 || environment.port.holdsObject(this.id)) return
    byId.delete(this.id)
    if (byObject.get(this.object) === this) byObject.delete(this.object)
  }

  /** Writes it as a value. */
  write(writer: ByteWriter): void {
    const { object } = this
    if (typeof object !== 'function') {
      writer.jsObject(this.id, undefined, className(object) ?? 'Object')
      return
    }
    const { name, length } = object as { name?: unknown; length?: unknown }
    const parameters = typeof length === 'number' && length >= 0 ? Math.min(Math.trunc(length), 255) : 0
    writer.jsObject(this.id, parameters, typeof name === 'string' ? name : '')
  }
}

const poolViews: ViewScope = { viewOf: (state) => state.asyncView }

const byId = new Map<number, HeldObject>()
const byObject = new WeakMap<object, HeldObject>()
const largestId = 0xffff_ffff
let lastId = 0
/** How many were added since the last look at what Python dropped: one long synchronous job never comes to the event loop. */
let added = 0
const mostAdded = 1000

/**
 * The entry of an object that is about to cross. Whoever asks holds it.
 *
 * @param isCall whether the passage counts also if Python knows the object already
 */
export function heldObject(object: object, passage: Passage, isCall: boolean): HeldObject {
  const known = byObject.get(object)
  if (known !== undefined) {
    if (isCall) known.passage = passage
    return known
  }
  added += 1
  if (added >= mostAdded) {
    added = 0
    environment.port.deliverForgotten()
  }
  do lastId = lastId === largestId ? 1 : lastId + 1
  while (byId.has(lastId))
  const held = new HeldObject(lastId, object, passage)
  byId.set(lastId, held)
  byObject.set(object, held)
  return held
}

/** The entry of that number; there is one as long as Python holds the object. */
export function heldById(id: number): HeldObject | undefined {
  return byId.get(id)
}

/** The object came back, or Python dropped it. */
export function forgetUnlessHeld(id: number): void {
  byId.get(id)?.forgetUnlessHeld()
}

/** An object that is to cross by reference whatever it is. */
export class ByReference {
  constructor(readonly object: object) {
    thrown.add(object)
  }
}

const thrown = new WeakSet<object>()

/** Whether the object crossed as itself although it may be plain data: what is in it is the program's. */
export function crossedAsItself(object: object): boolean {
  return thrown.has(object)
}

/**
 * Whether a value crosses by reference: a function, or an instance of a class. Not what has, or will have, a form of its own in Python, nor
 * what only looks like data.
 */
export function crossesByReference(value: object): boolean {
  if (typeof value === 'function') return true
  return !(
    types.isPromise(value) ||
    types.isDate(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isBoxedPrimitive(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    Array.isArray(value) ||
    isIterable(value)
  )
}

/** What is iterated for its items in JavaScript, and would be for its keys as a mapping. */
function isIterable(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value
}
