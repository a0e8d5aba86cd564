/* Answers what Python asks of JavaScript: it calls a function, or looks at an object. native-interface.md describes the questions. */
import { types } from 'node:util'
import { asTheyAre } from '../codec/conversion'
import { BridgeError, isBridgeError } from '../errors/bridge-error'
import { exceptionState } from '../errors/python-error'
import { kw } from '../call/keywords'
import { RequestWriter, type Named } from '../call/request-writer'
import { decodeValue, syncScope } from '../call/result-decoder'
import { described, messageOf } from '../codec/unsupported'
import { environment, largeBytes } from '../native/environment'
import { valueStart } from '../native/mailbox'
import { PyTuple } from '../values/tuple'
import { ByReference, heldById, type HeldObject } from './held-object'

/** What Python asks; `crates/symphony-python-bridge/src/javascript/question.rs` has the same. */
const Operation = { attribute: 0, call: 1, keys: 2, item: 3, contains: 4, items: 5, names: 6 } as const

/** The first byte of an answer. */
const Status = { value: 0, thrown: 1, missing: 2 } as const

/** There is no such attribute or key. */
const missing = Symbol('missing')

type Properties = Readonly<Record<string, unknown>>

/** Writers by depth: answering one question may ask Python, which asks again. */
const writers: RequestWriter[] = []
let depth = 0

/** What answers name, by the number of the question, until Python has read them. */
const pinned = new Map<number, Named>()

/**
 * Answers one question. The answer is in the outbox: gives its length, negative if it names something that must live until Python
 * has read it. Never throws.
 *
 * @param large whether the question is in `takeLarge` rather than in the mailbox
 * @param outboxInUse whether a request in the outbox is still being read
 * @param ownTurn whether the event loop runs this, rather than a synchronous call in the middle of the program's own code
 */
export function answerQuestion(
  large: boolean,
  length: number,
  number: number,
  outboxInUse: boolean,
  ownTurn: boolean,
): number {
  if (outboxInUse) environment.leaveOutbox()
  const writer = (writers[depth] ??= new RequestWriter({ mayWait: false }))
  depth += 1
  try {
    // Answers that were read in the middle of one long synchronous job.
    if (pinned.size >= mostPinned) environment.port.deliverForgotten()
    writeAnswer(writer, large, length, ownTurn)
    return send(writer, number)
  } catch (error) {
    // Memory ran out, or Python was stopped meanwhile: this much has a place.
    writer.letGo()
    return sendShortly(messageOf(error))
  } finally {
    depth -= 1
    writer.clear()
  }
}

function send(writer: RequestWriter, number: number): number {
  const { bytes, position } = writer.encoder
  const size = environment.fillOutbox(bytes, position)
  if (size > largeBytes) trimLater()
  const named = writer.takeNamed()
  if (named === undefined) return size
  pinned.set(number, named)
  return -size
}

let trims = false

/** Gives back the memory of a large answer when Python has it. */
function trimLater(): void {
  if (trims) return
  trims = true
  queueMicrotask(() => {
    trims = false
    try {
      environment.trimOutbox()
    } catch {
      // There is no memory for a small one; the large one stays.
    }
  })
}

/** An error whose message takes no more than the memory that there is; nothing, if there is none. */
function sendShortly(message: string): number {
  try {
    const writer = new RequestWriter({ mayWait: false })
    const thrown = PyTuple.of('Error', message.slice(0, longestShort), '')
    writer.writeAnswer(Status.thrown, thrown, undefined)
    const { bytes, position } = writer.encoder
    return environment.fillOutbox(bytes, position)
  } catch {
    return 0
  }
}

/** Python has read the answer to a question. */
export function answerWasRead(number: number): void {
  const named = pinned.get(number)
  pinned.delete(number)
  if (named instanceof Array) for (const one of named) one.letGo()
  else named?.letGo()
}

const mostPinned = 256
const longestShort = 1000

function writeAnswer(writer: RequestWriter, large: boolean, length: number, ownTurn: boolean): void {
  let held: HeldObject | undefined
  try {
    const question = readQuestion(large, length)
    held = question.held
    if (held === undefined) throw new BridgeError('ERR_PROTOCOL', 'Python asked for an object that it does not hold')
    const { object, passage } = held
    // In a synchronous call the context is that of whoever made it. To enter one there is what a stack overflow may not leave again.
    const value = ownTurn
      ? passage.context.runInAsyncScope(answer, undefined, object, question)
      : answer(object, question)
    if (types.isPromise(value)) throw promised(object, question.operation, value)
    const isMissing = value === missing
    writer.writeAnswer(isMissing ? Status.missing : Status.value, isMissing ? null : value, held.usablePassage)
  } catch (error) {
    writeThrown(writer, error, held)
  }
}

interface Question {
  readonly operation: number
  /** The object that it is about. */
  readonly held: HeldObject | undefined
  /** What is `this` in a call. */
  readonly receiver: object | undefined
  readonly parts: readonly unknown[]
}

/** The operation, the number of the object and that of `this`. */
const headBytes = 9

/** Decodes the whole question. That runs rules of the program, if there are any for what Python passes. */
function readQuestion(large: boolean, length: number): Question {
  const bytes = large ? new Uint8Array(environment.port.takeLarge()) : environment.mailbox
  const start = large ? 0 : valueStart
  const head = new DataView(bytes.buffer, bytes.byteOffset + start, headBytes)
  // Before anything else: a rule for one of the parts may run any code, which uses the same memory.
  const operation = head.getUint8(0)
  const held = heldById(head.getUint32(1, true))
  const receiver = heldById(head.getUint32(5, true))?.object
  const { scope, convert } = held?.usablePassage ?? { scope: syncScope, convert: asTheyAre }
  try {
    const parts = decodeValue(bytes, start + headBytes, start + length, scope, convert, 'auto') as unknown[]
    return { operation, held, receiver, parts }
  } catch (error) {
    throw inWordsOfTheCall(error)
  }
}

/** The first part of a call is its arguments. */
function inWordsOfTheCall(error: unknown): unknown {
  if (!isBridgeError(error) || error.path === undefined) return error
  const path = error.path.replace(/^\[0\](?=\[)/, 'args')
  return new BridgeError(error.code, error.message.replace(error.path, path), { path, cause: error.cause })
}

function answer(object: object, { operation, receiver, parts }: Question): unknown {
  switch (operation) {
    case Operation.attribute:
      return (parts[0] as string) in object ? (object as Properties)[parts[0] as string] : missing
    case Operation.call:
      return call(object, receiver, parts)
    case Operation.keys:
      return entriesOf(object).map(([key]) => key)
    case Operation.item:
      return itemOf(object, parts[0])
    case Operation.contains:
      return itemOf(object, parts[0]) !== missing
    case Operation.items:
      return entriesOf(object)
    case Operation.names:
      return namesOf(object)
    default:
      throw new BridgeError('ERR_PROTOCOL', `Python asked for the unknown operation ${operation}`)
  }
}

/** What is `undefined` is absent, as in plain objects. */
function entriesOf(object: object): [string, unknown][] {
  return Object.entries(object).filter(([, value]) => value !== undefined)
}

function itemOf(object: object, key: unknown): unknown {
  if (typeof key !== 'string' || !Object.prototype.propertyIsEnumerable.call(object, key)) return missing
  const value = (object as Properties)[key]
  return value === undefined ? missing : value
}

function promised(object: object, operation: number, promise: Promise<unknown>): BridgeError {
  if (operation !== Operation.call)
    return new BridgeError('ERR_CONVERSION', 'expected a value, got a promise; await it first')
  // Nobody else can handle what becomes of it.
  promise.catch(() => undefined)
  return new BridgeError(
    'ERR_CONVERSION',
    `expected a value from ${described(object)}, got a promise; a function that Python calls has to return its result at once`,
  )
}

function call(callee: object, receiver: object | undefined, [positional, named]: readonly unknown[]): unknown {
  const args = positional as unknown[]
  const pairs = named as unknown[] | null
  if (pairs !== null) {
    const keywords: Record<string, unknown> = {}
    for (let index = 0; index < pairs.length; index += 2) {
      const value = { value: pairs[index + 1], enumerable: true, writable: true, configurable: true }
      Object.defineProperty(keywords, pairs[index] as string, value)
    }
    args.push(kw(keywords))
  }
  return Reflect.apply(callee as (...args: unknown[]) => unknown, receiver, args)
}

/** What a person would look for: properties of the object and of its class. */
function namesOf(object: object): string[] {
  const names = new Set<string>()
  for (let level: object | null = object; level !== null && level !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(level))
      if (/^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(name)) names.add(name)
    level = Object.getPrototypeOf(level) as object | null
  }
  names.delete('constructor')
  return [...names]
}

/** What was thrown: Python's own exception as itself, anything else as name, message, stack and the object. */
function writeThrown(writer: RequestWriter, thrown: unknown, held: HeldObject | undefined): void {
  const passage = held?.usablePassage
  const exception = typeof thrown === 'object' && thrown !== null ? exceptionState(thrown) : undefined
  try {
    writer.writeAnswer(Status.thrown, exception === undefined ? partsOf(thrown) : thrown, passage)
  } catch {
    // A value that cannot cross, or an error whose properties throw: what can be said of it is that it was thrown.
    writer.writeAnswer(
      Status.thrown,
      PyTuple.of('Error', 'JavaScript threw a value that cannot be described', ''),
      passage,
    )
  }
}

function partsOf(thrown: unknown): PyTuple {
  const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
  if (!isObject) return PyTuple.of('Error', String(thrown), '', thrown)
  const { name, message, stack } = thrown as { name?: unknown; message?: unknown; stack?: unknown }
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
  return PyTuple.of(text(name, 'Error'), text(message, ''), text(stack, ''), new ByReference(thrown))
}
