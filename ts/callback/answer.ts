/* Answers what Python asks of JavaScript: it calls a function, or looks at an object. native-interface.md describes the questions. */
import { refuseWhileBorrowing } from '../arrays/borrow'
import { asTheyAre } from '../codec/conversion'
import { JsKind } from '../codec/format'
import { BridgeError, isBridgeError } from '../errors/bridge-error'
import { Call } from '../call/call'
import { kw } from '../call/keywords'
import { Path } from '../call/path'
import type { RequestWriter } from '../call/request-writer'
import { decodeValue } from '../call/result-decoder'
import { isThenable } from '../call/thenable'
import { plainKind } from '../codec/plain-data'
import { handlerOf } from '../handle/internal'
import type { Connection } from '../native/connection'
import { valueStart } from '../native/mailbox'
import { Status, writeThrown } from './answer-writer'
import { ByReference, type HeldObject } from './held-object'
import { asyncIteratorOf, asyncStep, endStream, iteratorOf, step } from './iteration'
import { missing, settleQuestion } from './settlement'

/** What Python asks; `crates/symphony-python-bridge/src/javascript/question.rs` has the same. Nobody waits for those from `watch` on. */
const Operation = {
  attribute: 0,
  call: 1,
  keys: 2,
  item: 3,
  contains: 4,
  items: 5,
  names: 6,
  iterate: 7,
  step: 8,
  watch: 9,
  asyncIterate: 10,
  asyncStep: 11,
  endStream: 12,
} as const

type Properties = Readonly<Record<string, unknown>>

/**
 * Answers one question. The answer is in the outbox: gives its length, negative if it names something that must live until Python
 * has read it. Never throws.
 *
 * @param large whether the question is in `takeLarge` rather than in the mailbox
 * @param outboxInUse whether a request in the outbox is still being read
 * @param ownTurn whether the event loop runs this, rather than a synchronous call in the middle of the program's own code
 */
export function answerQuestion(
  connection: Connection,
  large: boolean,
  length: number,
  number: number,
  outboxInUse: boolean,
  ownTurn: boolean,
): number {
  if (outboxInUse) connection.leaveOutbox()
  return connection.answers.send(
    (writer) => writeAnswer(writer, large, length, number, ownTurn),
    (size, named) => {
      if (named === undefined) return size
      connection.answers.pin(number, named)
      return -size
    },
  )
}

function writeAnswer(writer: RequestWriter, large: boolean, length: number, number: number, ownTurn: boolean): void {
  let held: HeldObject | undefined
  const { connection } = writer
  const bytes = large ? new Uint8Array(connection.port.takeLarge()) : connection.mailbox
  const start = large ? 0 : valueStart
  const isPosted = bytes[start]! >= Operation.watch
  try {
    const question = readQuestion(connection, bytes, start, length, number)
    held = question.held
    if (held === undefined) throw new BridgeError('ERR_PROTOCOL', 'Python asked for an object that it does not hold')
    refuseWhileBorrowing()
    const { object, passage } = held
    // In a synchronous call the context is that of whoever made it. To enter one there is what a stack overflow may not leave again.
    const value = ownTurn
      ? passage.context.runInAsyncScope(answer, undefined, object, question, connection)
      : answer(object, question, connection)
    const isMissing = value === missing
    writer.writeAnswer(isMissing ? Status.missing : Status.value, isMissing ? null : value, held.usablePassage)
  } catch (error) {
    if (isPosted) settleQuestion(connection, number, rejected(error), held)
    writeThrown(writer, error, held)
  }
  // Nobody who waits keeps the object of such a question, so the question itself did.
  if (isPosted && held !== undefined) {
    connection.port.objectArrived(held.id)
    held.forgetUnlessHeld()
  }
}

/** A promise of its own for what was thrown, which need not be an error. */
async function rejected(thrown: unknown): Promise<never> {
  await Promise.resolve()
  throw thrown
}

interface Question {
  readonly operation: number
  readonly number: number
  /** The object that it is about. */
  readonly held: HeldObject | undefined
  /** What is `this` in a call. */
  readonly receiver: object | undefined
  readonly parts: readonly unknown[]
}

/** The operation, the number of the object and that of `this`. */
const headBytes = 9

/** Decodes the whole question. That runs rules of the program, if there are any for what Python passes. */
function readQuestion(
  connection: Connection,
  bytes: Uint8Array,
  start: number,
  length: number,
  number: number,
): Question {
  const head = new DataView(bytes.buffer, bytes.byteOffset + start, headBytes)
  // Before anything else: a rule for one of the parts may run any code, which uses the same memory.
  const operation = head.getUint8(0)
  const { heldObjects } = connection
  const held = heldObjects.get(head.getUint32(1, true))
  const receiver = heldObjects.get(head.getUint32(5, true))?.object
  const { scope, convert } = held?.usablePassage ?? { scope: connection.scope, convert: asTheyAre }
  try {
    const parts = decodeValue(bytes, start + headBytes, start + length, scope, convert, 'auto') as unknown[]
    return { operation, number, held, receiver, parts }
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

function answer(
  object: object,
  { operation, number, held, receiver, parts }: Question,
  connection: Connection,
): unknown {
  const later = (action: () => unknown): null => {
    // In a function of its own, so that what it throws is what the promise is rejected with.
    settleQuestion(connection, number, (async () => await action())(), held)
    return null
  }
  switch (operation) {
    case Operation.attribute:
      return (parts[0] as string) in object ? (object as Properties)[parts[0] as string] : missing
    case Operation.call:
      return awaitable(call(object, receiver, parts))
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
    case Operation.iterate:
      return new ByReference(iteratorOf(object), JsKind.iterator)
    case Operation.step:
      return step(object, parts[0] as string, parts.slice(1))
    case Operation.watch:
      held?.watch()
      return null
    case Operation.asyncIterate:
      return later(() => new ByReference(asyncIteratorOf(object), JsKind.asyncIterator))
    case Operation.asyncStep:
      return later(() => asyncStep(object, parts[0] as string, parts.slice(1)))
    case Operation.endStream:
      return later(() => endStream(object))
    default:
      throw new BridgeError('ERR_PROTOCOL', `Python asked for the unknown operation ${operation}`)
  }
}

/** What a function gives to be awaited: by reference also where it looks like data, or stands for a call of Python's. */
export function awaitable(value: unknown): unknown {
  const handler = handlerOf(value)
  if (handler instanceof Call || handler instanceof Path) return Promise.resolve(value)
  return isThenable(value) && plainKind(value) !== undefined ? new ByReference(value) : value
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
