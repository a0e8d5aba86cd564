/* Writes requests into memory, and collects what must stay alive until each is done. */
import { AsyncResource } from 'node:async_hooks'
import { writeArray, writeBytes, type ArrayRequest, type Kept } from '../arrays/encode'
import { asTheyAre, type Conversion } from '../codec/conversion'
import { ByReference, type HeldObject, type Passage } from '../callback/held-object'
import { crossesByReference } from '../callback/kind'
import type { ByteWriter } from '../codec/byte-writer'
import { Encoder } from '../codec/encoder'
import type { JsKind } from '../codec/format'
import { BridgeError } from '../errors/bridge-error'
import { exceptionState } from '../errors/python-error'
import { handlerOf } from '../handle/internal'
import { HandleState } from '../handle/state'
import { largeBytes, type Connection } from '../native/connection'
import { replacementOf } from '../rules/arguments'
import { Call } from './call'
import { keywordsOf } from './keywords'
import { Operation, type OperationNumber } from './operation'
import { Path, type Step } from './path'
import { ofAnotherPython, type ForeignThing } from './foreign-thing'
import type { ViewScope } from './result-decoder'
import { hasState } from './subject'

/** One request, before it is bytes. */
export interface Request {
  readonly id: number
  readonly session: number
  readonly operation: OperationNumber
  /** 0 auto, 1 value, 2 ref. */
  readonly returns: number
  readonly target: HandleState | Call | undefined
  readonly steps: readonly Step[]
  readonly args: readonly unknown[]
  readonly named: object | undefined
  readonly convert: Conversion
  /** The streams whose text it wants for itself: 1 for `stdout`, 2 for `stderr`. */
  readonly streams?: number
  /** Which views a function among the arguments gets of what Python passes to it. */
  readonly scope: ViewScope
}

/** Operations whose first argument is a key, an index or a depth, and keeps its type whatever the options say. */
const exactFirst: ReadonlySet<OperationNumber> = new Set([
  Operation.value,
  Operation.getItem,
  Operation.setItem,
  Operation.deleteItem,
])

/** Where the flags are, counted from the start of a request, and the flag that says that the outcome is to be converted. */
export const flagsOffset = 14
export const convertFlag = 1
/** That the result is to be bytes, also of a primitive: what it becomes is for the decoder to decide. */
const spelledFlag = 2

const headerBytes = 16
const initialBytes = 4096

/** What may be among the arguments. */
export interface ReferenceRules {
  /** Whether a call under way may be named; a synchronous request would wait for it for ever. */
  readonly mayWait: boolean
}

/** The states and calls that a request names. */
export type Named = NamedOne | readonly NamedOne[] | undefined
export type NamedOne = HandleState | Call | HeldObject | Kept

/** An encoder for the requests of one connection. */
export class RequestWriter {
  encoder: Encoder
  /**
   * What the last request names, held from the moment it is written: a getter of a later argument may dispose it. Whoever wrote
   * the request takes it over with `takeNamed`, or ends it with `letGo`.
   */
  readonly #named: (NamedOne | undefined)[] = []
  #namedCount = 0
  readonly #rules: ReferenceRules
  #scope: ViewScope
  #convert = asTheyAre
  /** An answer is no call with the objects in it: those that Python knows stay what the last call made them. */
  #isAnswer = false
  #passage: Passage | undefined

  constructor(
    readonly connection: Connection,
    rules: ReferenceRules,
  ) {
    this.#rules = rules
    this.#scope = connection.scope
    this.encoder = this.#newEncoder()
  }

  /** Appends a request. When it throws, the writer is as it was before. */
  write(request: Request): void {
    const { encoder } = this
    const start = encoder.position
    this.#scope = request.scope
    this.#convert = request.convert
    this.#isAnswer = false
    this.#passage = undefined
    try {
      encoder.reserve(headerBytes)
      encoder.position = start + headerBytes
      encoder.beginMessage(request.convert.number === 'float')
      this.#target(request.target)
      this.#steps(request.steps)
      this.#arguments(request.args, exactFirst.has(request.operation))
      this.#keywords(request.named)
      const { view } = encoder
      view.setUint32(start, encoder.position - start - 4, true)
      view.setUint32(start + 4, request.id, true)
      view.setUint32(start + 8, request.session, true)
      const flags = request.convert === asTheyAre ? convertFlag : convertFlag | spelledFlag
      view.setUint32(
        start + 12,
        request.operation | (request.returns << 8) | (flags << 16) | ((request.streams ?? 0) << 24),
        true,
      )
    } catch (error) {
      encoder.position = start
      this.letGo()
      throw error
    }
  }

  /**
   * Writes an answer to Python: a status and a value. When it throws, the writer is as it was before. `passage` is that of the object
   * which was asked, and holds for the functions in the answer too.
   */
  writeAnswer(status: number, value: unknown, passage: Passage | undefined): void {
    const { encoder } = this
    const start = encoder.position
    this.#scope = passage?.scope ?? this.connection.scope
    this.#convert = passage?.convert ?? asTheyAre
    this.#isAnswer = true
    this.#passage = passage
    try {
      encoder.reserve(1)
      encoder.bytes[start] = status
      encoder.position = start + 1
      encoder.beginMessage(this.#convert.number === 'float')
      encoder.value(settled(value), 'result')
    } catch (error) {
      encoder.position = start
      this.letGo()
      throw error
    }
  }

  /** The core is done with the last request. */
  letGo(): void {
    const named = this.#named
    this.#passage = undefined
    for (let index = 0; index < this.#namedCount; index += 1) {
      named[index]?.letGo()
      named[index] = undefined
    }
    this.#namedCount = 0
  }

  /** Hands over what the last request names, still held. Most name one thing, which then needs no array. */
  takeNamed(): Named {
    this.#passage = undefined
    const count = this.#namedCount
    if (count === 0) return undefined
    const named = count === 1 ? this.#named[0] : (this.#named.slice(0, count) as NamedOne[])
    for (let index = 0; index < count; index += 1) this.#named[index] = undefined
    this.#namedCount = 0
    return named
  }

  /** Makes room for the next requests, and gives back the memory of a large one. */
  clear(): void {
    if (this.encoder.bytes.length > largeBytes) this.encoder = this.#newEncoder()
    else this.encoder.position = 0
  }

  #newEncoder(): Encoder {
    return new Encoder(new ArrayBuffer(initialBytes), (bytes) => new ArrayBuffer(bytes), {
      reference: (value, writer, path) => this.#reference(value, writer, path),
      replacement: replacementOf,
      byReference: (value, writer) => this.#byReference(value, writer),
      bytes: (value, writer, path) => writeBytes(value, this.#arrays(writer, path)),
    })
  }

  #target(target: HandleState | Call | undefined): void {
    if (target === undefined) this.encoder.nil()
    else if (target instanceof HandleState) this.encoder.handle(this.#state(target, targetPath))
    else this.encoder.request(this.#request(target, targetPath))
  }

  #steps(steps: readonly Step[]): void {
    const { encoder } = this
    encoder.arrayHeader(steps.length)
    for (const step of steps) {
      if (typeof step !== 'string') {
        encoder.arrayHeader(1)
        encoder.exactValue(step.key, 'key')
        continue
      }
      const number = this.connection.names.numberOf(step)
      if (number === undefined) encoder.text(step)
      else encoder.integer(number)
    }
  }

  /** @param exact whether the first one keeps its type */
  #arguments(args: readonly unknown[], exact: boolean): void {
    const { encoder } = this
    encoder.arrayHeader(args.length)
    for (let index = 0; index < args.length; index += 1) {
      const value = args[index]
      if (typeof value === 'object' && keywordsOf(value) !== undefined) throw misplacedKeywords(index)
      const path = argumentPaths[index] ?? `args[${index}]`
      if (exact && index === 0) encoder.exactValue(settled(value), path)
      else this.#argument(value, path)
    }
  }

  #keywords(named: object | undefined): void {
    const { encoder } = this
    if (named === undefined) {
      encoder.nil()
      return
    }
    const entries = Object.entries(named).filter(([, value]) => value !== undefined)
    encoder.mapHeader(entries.length)
    for (const [name, value] of entries) {
      encoder.text(name)
      this.#argument(value, `kwargs.${name}`)
    }
  }

  /** A parameter may want a `float` for a number, but never for a bigint. */
  #argument(value: unknown, path: string): void {
    const known = settled(value)
    if (typeof known === 'bigint') this.encoder.exactInteger(known)
    else this.encoder.value(known, path)
  }

  /** Called by the encoder for everything that is not plain data. */
  #reference(value: object, writer: ByteWriter, path: () => string): boolean {
    const handler = handlerOf(value)
    if (hasState(handler)) {
      writer.handle(this.#state(handler.state, path))
    } else if (handler instanceof Call) {
      this.#call(handler, writer, path)
    } else if (handler instanceof Path) {
      this.#mayWait(path)
      // Before it is read, which sends a request.
      this.#checkOwn(handler.context.connection, 'path', path)
      this.#call(handler.read(), writer, path)
    } else if (handler !== undefined) {
      throw foreignHandle(path())
    } else {
      return this.#object(value, writer, path)
    }
    return true
  }

  /** What is not behind a proxy of ours. */
  #object(value: object, writer: ByteWriter, path: () => string): boolean {
    if (keywordsOf(value) !== undefined) throw nestedKeywords(path())
    const exception = exceptionState(value)
    if (exception !== undefined) writer.handle(this.#state(exception, path, 'exception'))
    else if (value instanceof ByReference) this.#hold(value.object, value.kind).write(writer)
    else return writeArray(value, this.#arrays(writer, path))
    return true
  }

  /** Called by the encoder for what no rule is for either. */
  #byReference(value: object, writer: ByteWriter): boolean {
    if (!crossesByReference(value)) return false
    this.#hold(value).write(writer)
    return true
  }

  #arrays(writer: ByteWriter, path: () => string): ArrayRequest {
    const isSync = !this.#rules.mayWait && !this.#isAnswer
    return { connection: this.connection, writer, isSync, keep: (kept) => this.#keep(kept), path }
  }

  #keep(kept: Kept): void {
    this.#named[this.#namedCount++] = kept
  }

  #call(call: Call, writer: ByteWriter, path: () => string): void {
    this.#checkOwn(call.context.connection, 'call', path)
    const reference = call.reference(path)
    if (reference instanceof HandleState) {
      writer.handle(this.#state(reference, path))
      return
    }
    this.#mayWait(path)
    writer.request(this.#request(reference, path))
  }

  #hold(object: object, kind?: JsKind): HeldObject {
    // One for the whole message, and only if there is anything that needs it.
    this.#passage ??= { scope: this.#scope, convert: this.#convert, context: newContext() }
    const held = this.connection.heldObjects.entryOf(object, this.#passage, !this.#isAnswer, kind)
    held.hold()
    this.#named[this.#namedCount++] = held
    return held
  }

  #state(state: HandleState, path: () => string, what: ForeignThing = 'handle'): number {
    this.#checkOwn(state.connection, what, path)
    const id = state.use()
    state.hold()
    this.#named[this.#namedCount++] = state
    return id
  }

  #request(call: Call, path: () => string): number {
    this.#checkOwn(call.context.connection, 'call', path)
    call.hold()
    this.#named[this.#namedCount++] = call
    return call.id
  }

  /** Numbers of one Python mean other things in another one. */
  #checkOwn(connection: Connection, what: ForeignThing, path: () => string): void {
    if (connection === this.connection) return
    // That it is gone says more than that it was another one.
    if (connection.closed) connection.port.submit(0)
    throw ofAnotherPython(path(), what, connection, this.connection)
  }

  #mayWait(path: () => string): void {
    if (!this.#rules.mayWait) throw this.#isAnswer ? notAwaitedAnswer(path()) : notAwaited(path())
  }
}

function newContext(): AsyncResource {
  return new AsyncResource('PythonCallback', { requireManualDestroy: true })
}

/** A call that has its value stands for it; nothing in the core remembers that value. */
function settled(value: unknown): unknown {
  const handler = handlerOf(value)
  return handler instanceof Call ? handler.settledValueOr(value) : value
}

const targetPath = (): string => 'target'
const argumentPaths = Array.from({ length: 8 }, (_, index) => `args[${index}]`)

function foreignHandle(path: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: the handle is one of another copy of symphony-python-bridge in this process, or of another sandbox, and can only be used there`,
    { path },
  )
}

function misplacedKeywords(index: number): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `\`kw(…)\` must be the last argument, but it is argument ${index + 1}`)
}

function nestedKeywords(path: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: \`kw(…)\` must be the last argument of the call itself, not a part of another value`,
    { path },
  )
}

function notAwaitedAnswer(path: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: a function that Python called gave a path or call that has not been awaited, inside of its result; ` +
      "await it in an `async` function, or use the handle's `$sync` view",
    { path },
  )
}

function notAwaited(path: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: a synchronous call got a path or call that has not been awaited, and cannot wait for it; use \`await\` first`,
    { path },
  )
}
