/* Writes values and errors for Python into the outbox, and keeps what they name until Python has read them. */
import { RequestWriter, type Named } from '../call/request-writer'
import { exceptionState } from '../errors/python-error'
import { messageOf } from '../codec/unsupported'
import { largeBytes, type Connection } from '../native/connection'
import { PyTuple } from '../values/tuple'
import { ByReference, type HeldObject } from './held-object'

/** The first byte of an answer. */
export const Status = { value: 0, thrown: 1, missing: 2 } as const
export type Status = (typeof Status)[keyof typeof Status]

/** So many answers wait to be read before one looks whether some were, in the middle of one long synchronous job. */
const mostPinned = 256
const longestShort = 1000

/** What JavaScript answers to one Python. */
export class Answers {
  readonly #connection: Connection
  /** Writers by depth: answering one question may ask Python, which asks again. */
  readonly #writers: RequestWriter[] = []
  #depth = 0
  /** What answers name, by their numbers, until Python has read them. */
  readonly #pinned = new Map<number, Named>()
  #trims = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Whether an answer is being written, in the middle of which this code runs. */
  get areWritten(): boolean {
    return this.#depth > 0
  }

  /**
   * Fills the outbox with what `write` writes, or with an error if there is no memory for it, and hands it over. Gives what `handOver`
   * gives.
   *
   * @param handOver gets the length, and whether the answer names anything that must live until Python has read it
   */
  send(write: (writer: RequestWriter) => void, handOver: (length: number, named: Named) => number): number {
    const connection = this.#connection
    const writer = (this.#writers[this.#depth] ??= newWriter(connection))
    this.#depth += 1
    try {
      if (this.#pinned.size >= mostPinned) connection.port.deliverForgotten()
      write(writer)
      const { bytes, position } = writer.encoder
      const size = connection.fillOutbox(bytes, position)
      if (size > largeBytes) this.#trimLater()
      return handOver(size, writer.takeNamed())
    } catch (error) {
      // Memory ran out, or Python was stopped meanwhile: this much has a place.
      writer.letGo()
      return handOver(fillShortly(connection, messageOf(error)), undefined)
    } finally {
      this.#depth -= 1
      writer.clear()
    }
  }

  /** Keeps what an answer names until `wasRead`. */
  pin(number: number, named: Named): void {
    this.#pinned.set(number, named)
  }

  /** Python has read the answer of that number. */
  wasRead(number: number): void {
    const named = this.#pinned.get(number)
    this.#pinned.delete(number)
    letGo(named)
  }

  /** Gives back the memory of a large answer when Python has it. */
  #trimLater(): void {
    if (this.#trims) return
    this.#trims = true
    queueMicrotask(() => {
      this.#trims = false
      try {
        this.#connection.trimOutbox()
      } catch {
        // There is no memory for a small one; the large one stays.
      }
    })
  }
}

/** Ends the hold on what an answer named. */
export function letGo(named: Named): void {
  if (named instanceof Array) for (const one of named) one.letGo()
  else named?.letGo()
}

function newWriter(connection: Connection): RequestWriter {
  return new RequestWriter(connection, { mayWait: false })
}

/** An error whose message takes no more than the memory that there is; nothing, if there is none. */
function fillShortly(connection: Connection, message: string): number {
  try {
    const writer = newWriter(connection)
    const thrown = PyTuple.of('Error', message.slice(0, longestShort), '')
    writer.writeAnswer(Status.thrown, thrown, undefined)
    const { bytes, position } = writer.encoder
    return connection.fillOutbox(bytes, position)
  } catch {
    return 0
  }
}

/** What was thrown: Python's own exception as itself, anything else as name, message, stack and the object. */
export function writeThrown(writer: RequestWriter, thrown: unknown, held: HeldObject | undefined): void {
  const passage = held?.usablePassage
  try {
    writer.writeAnswer(Status.thrown, asThrown(thrown, writer.connection), passage)
  } catch {
    // A value that cannot cross, or an error whose properties throw: what can be said of it is that it was thrown.
    writer.writeAnswer(
      Status.thrown,
      PyTuple.of('Error', 'JavaScript threw a value that cannot be described', ''),
      passage,
    )
  }
}

function asThrown(thrown: unknown, connection: Connection): unknown {
  const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
  if (!isObject) return PyTuple.of('Error', String(thrown), '', thrown)
  // That of another Python is an error like any other here.
  if (exceptionState(thrown)?.connection === connection) return thrown
  const { name, message, stack } = thrown as { name?: unknown; message?: unknown; stack?: unknown }
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
  return PyTuple.of(text(name, 'Error'), text(message, ''), text(stack, ''), new ByReference(thrown))
}
