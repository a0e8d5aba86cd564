/* JavaScript objects and functions that Python holds, or that are on their way to it. */
import type { AsyncResource } from 'node:async_hooks'
import type { Readable } from 'node:stream'
import { types } from 'node:util'
import type { ByteWriter } from '../codec/byte-writer'
import type { Conversion } from '../codec/conversion'
import { JsKind } from '../codec/format'
import { className } from '../codec/unsupported'
import type { Connection } from '../native/connection'
import type { ViewScope } from '../call/result-decoder'
import { isNodeStream, kindOf } from './kind'

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
  /** Whether the core will hear, or has heard, what became of a promise. */
  #watched = false
  /** Whether a stream has a listener of ours for errors. */
  #guarded = false

  constructor(
    readonly connection: Connection,
    readonly id: number,
    readonly object: object,
    readonly kind: JsKind,
    public passage: Passage,
  ) {}

  /** Its passage; after the end of a session as if it had been the pool, because calls of a session's views would fail. */
  get usablePassage(): Passage {
    const { passage } = this
    return passage.scope.ended === true ? { ...passage, scope: this.connection.pool.scope } : passage
  }

  /** Whether it still is the entry of its object: Python, or a message under way, has it. */
  get isHeld(): boolean {
    return this.connection.heldObjects.get(this.id) === this
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
    const { port, heldObjects } = this.connection
    if (this.#pending > 0 || port.holdsObject(this.id)) return
    heldObjects.forget(this)
    if (this.#watched) port.forgetPromise(this.id)
    if (this.#guarded) (this.object as Readable).off('error', ignore)
  }

  /** The core is to hear what becomes of a promise. Watching it also says that its rejection is handled. */
  watch(): void {
    this.#watched = true
    watchPromise(this)
  }

  /** A stream that fails before Python has begun to read gives its error then, rather than to nobody. */
  #guard(object: object): void {
    if (!isNodeStream(object)) return
    this.#guarded = true
    object.on('error', ignore)
  }

  /** Writes it as a value. */
  write(writer: ByteWriter): void {
    const { object, kind } = this
    if (kind === JsKind.function || kind === JsKind.asyncFunction) {
      const { name, length } = object as { name?: unknown; length?: unknown }
      const parameters = typeof length === 'number' && length >= 0 ? Math.min(Math.trunc(length), 255) : 0
      writer.jsObject(this.id, kind, parameters, typeof name === 'string' ? name : '')
      return
    }
    if (kind === JsKind.promise && !this.#watched) this.watch()
    // Python may drop it without a look, and then nobody else handles its rejection.
    else if (kind === JsKind.thenable && types.isPromise(object))
      void (Reflect.apply(Promise.prototype.then, object, [undefined, ignore]) as unknown)
    else if ((kind === JsKind.readable || kind === JsKind.asyncIterable) && !this.#guarded) this.#guard(object)
    writer.jsObject(this.id, kind, 0, className(object) ?? 'Object')
  }
}

const ignore = (): void => undefined

/** Tells the core what becomes of a promise; set by the module that writes to it, which depends on this one. */
let watchPromise: (held: HeldObject) => void = ignore
export function watchPromisesWith(watch: (held: HeldObject) => void): void {
  watchPromise = watch
}

const largestId = 0xffff_ffff
/** So many are added before one looks what Python has dropped: one long synchronous job never comes to the event loop. */
const mostAdded = 1000

/** The JavaScript objects that one Python holds, by their numbers. An object that two of them hold has an entry for each. */
export class HeldObjects {
  readonly #connection: Connection
  readonly #byId = new Map<number, HeldObject>()
  readonly #byObject = new WeakMap<object, HeldObject>()
  #lastId = 0
  /** How many were added since the last look at what Python dropped. */
  #added = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * The entry of an object that is about to cross. Whoever asks holds it.
   *
   * @param isCall whether the passage counts also if Python knows the object already
   * @param kind what it is for Python, if it is not for itself to say
   */
  entryOf(object: object, passage: Passage, isCall: boolean, kind?: JsKind): HeldObject {
    const known = this.#byObject.get(object)
    if (known !== undefined) {
      if (isCall) known.passage = passage
      return known
    }
    this.#added += 1
    if (this.#added >= mostAdded) {
      this.#added = 0
      this.#connection.port.deliverForgotten()
    }
    // Before it has a number: looking at a proxy may run any code, which may pass objects too.
    const itsKind = kind ?? kindOf(object)
    do this.#lastId = this.#lastId === largestId ? 1 : this.#lastId + 1
    while (this.#byId.has(this.#lastId))
    const held = new HeldObject(this.#connection, this.#lastId, object, itsKind, passage)
    this.#byId.set(held.id, held)
    this.#byObject.set(object, held)
    return held
  }

  /** The entry of that number; there is one as long as Python holds the object. */
  get(id: number): HeldObject | undefined {
    return this.#byId.get(id)
  }

  /** Ends the life of an entry. */
  forget(held: HeldObject): void {
    this.#byId.delete(held.id)
    if (this.#byObject.get(held.object) === held) this.#byObject.delete(held.object)
  }
}

/** An object that is to cross by reference whatever it is. */
export class ByReference {
  constructor(
    readonly object: object,
    readonly kind?: JsKind,
  ) {
    thrown.add(object)
  }
}

const thrown = new WeakSet<object>()

/** Whether the object crossed as itself although it may be plain data: what is in it is the program's. */
export function crossedAsItself(object: object): boolean {
  return thrown.has(object)
}
