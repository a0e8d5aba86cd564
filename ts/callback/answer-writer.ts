/* Writes values and errors for Python into the outbox, and keeps what they name until Python has read them. */
import { RequestWriter, type Named } from '../call/request-writer'
import { exceptionState } from '../errors/python-error'
import { messageOf } from '../codec/unsupported'
import { environment, largeBytes } from '../native/environment'
import { PyTuple } from '../values/tuple'
import { ByReference, type HeldObject } from './held-object'

/** The first byte of an answer. */
export const Status = { value: 0, thrown: 1, missing: 2 } as const
export type Status = (typeof Status)[keyof typeof Status]

/** Writers by depth: answering one question may ask Python, which asks again. */
const writers: RequestWriter[] = []
let depth = 0

/** Whether an answer is being written, in the middle of which this code runs. */
export function isAnswering(): boolean {
  return depth > 0
}

/** What answers name, by their numbers, until Python has read them. */
const pinned = new Map<number, Named>()

/** So many answers wait to be read before one looks whether some were, in the middle of one long synchronous job. */
const mostPinned = 256
const longestShort = 1000

/**
 * Fills the outbox with what `write` writes, or with an error if there is no memory for it, and hands it over. Gives what `handOver`
 * gives.
 *
 * @param handOver gets the length, and whether the answer names anything that must live until Python has read it
 */
export function sendToPython(
  write: (writer: RequestWriter) => void,
  handOver: (length: number, named: Named) => number,
): number {
  const writer = (writers[depth] ??= new RequestWriter({ mayWait: false }))
  depth += 1
  try {
    if (pinned.size >= mostPinned) environment.port.deliverForgotten()
    write(writer)
    const { bytes, position } = writer.encoder
    const size = environment.fillOutbox(bytes, position)
    if (size > largeBytes) trimLater()
    return handOver(size, writer.takeNamed())
  } catch (error) {
    // Memory ran out, or Python was stopped meanwhile: this much has a place.
    writer.letGo()
    return handOver(fillShortly(messageOf(error)), undefined)
  } finally {
    depth -= 1
    writer.clear()
  }
}

/** Keeps what an answer names until `answerWasRead`. */
export function pin(number: number, named: Named): void {
  pinned.set(number, named)
}

/** Python has read the answer of that number. */
export function answerWasRead(number: number): void {
  const named = pinned.get(number)
  pinned.delete(number)
  letGo(named)
}

/** Ends the hold on what an answer named. */
export function letGo(named: Named): void {
  if (named instanceof Array) for (const one of named) one.letGo()
  else named?.letGo()
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
function fillShortly(message: string): number {
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

/** What was thrown: Python's own exception as itself, anything else as name, message, stack and the object. */
export function writeThrown(writer: RequestWriter, thrown: unknown, held: HeldObject | undefined): void {
  const passage = held?.usablePassage
  try {
    writer.writeAnswer(Status.thrown, asThrown(thrown), passage)
  } catch {
    // A value that cannot cross, or an error whose properties throw: what can be said of it is that it was thrown.
    writer.writeAnswer(
      Status.thrown,
      PyTuple.of('Error', 'JavaScript threw a value that cannot be described', ''),
      passage,
    )
  }
}

function asThrown(thrown: unknown): unknown {
  const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
  if (!isObject) return PyTuple.of('Error', String(thrown), '', thrown)
  if (exceptionState(thrown) !== undefined) return thrown
  const { name, message, stack } = thrown as { name?: unknown; message?: unknown; stack?: unknown }
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
  return PyTuple.of(text(name, 'Error'), text(message, ''), text(stack, ''), new ByReference(thrown))
}
