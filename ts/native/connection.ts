/* What this environment knows of one Python: its port, its mailbox and its outbox, and what other folders keep for each. */
import type { Answers } from '../callback/answer-writer'
import type { HeldObjects } from '../callback/held-object'
import type { CallOutputs } from '../call/call-output'
import type { RequestQueue } from '../call/request-queue'
import type { ViewScope } from '../call/result-decoder'
import type { CallContext, CallScope } from '../call/scope'
import { asTheyAre, type Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { TypeDescriptions } from '../handle/type-description'
import type { Forgotten, NativeCore, Port, PortCallbacks } from './core'
import { Mailbox } from './mailbox'
import { AttributeNames } from './names'
import { unusablePort } from './unusable-port'

/** The outbox's size when nothing large is under way. */
const outboxBytes = 64 * 1024
/** Memory of requests that is larger than this is given back after use. */
export const largeBytes = 4 * 1024 * 1024

/** Requests up to this length are copied byte by byte: a part of an array is an object, which takes longer to make. */
const shortRequest = 128

const noOutbox = new Uint8Array(0)

/** What comes back through the port without being asked for. */
export interface PortListener {
  completed(batch: Uint8Array): void
  /** Text of a call, or of none (0); see call/call-output.ts. */
  printed(stream: 0 | 1 | 2, text: string, request: number): void
  /** Answers a question of Python's; see callback/answer.ts. */
  asked(large: boolean, length: number, number: number, outboxInUse: boolean, ownTurn: boolean): number
  forgotten(kind: Forgotten, number: number): void
  /** Log records; see host/log-records.ts. */
  logged(batch: Uint8Array): void
  /** Calls a function of the program's, all of it in the mailbox; see callback/direct-call.ts. */
  called(): void
}

/** Makes the port of a connection. */
export type AttachTo = (mailbox: ArrayBuffer, ...callbacks: PortCallbacks) => Port

/** How a program knows a Python, in messages. */
export interface ConnectionName {
  /** Such as `the Conductor of agents.planner`. */
  readonly python: string
  /** Why nothing works before `attach`. */
  readonly notStarted: string
}

/**
 * One Python, as this environment sees it. Handles, calls and sessions belong to the connection that they came through, and mean nothing
 * in another one.
 *
 * The life of a connection: not attached -> attached -> closed. Before and after `attached`, the functions of its port throw.
 */
export class Connection {
  readonly #mailbox = new Mailbox()
  /** The mailbox's views, without a step between: they are read at every synchronous call. */
  readonly words = this.#mailbox.words
  readonly numbers = this.#mailbox.numbers
  readonly mailbox = this.#mailbox.bytes
  /** Memory for the requests of the next `operate` or `submit`. */
  outbox = new Uint8Array(0)
  /** The port. Before `attach` and after `close` its functions throw. */
  port: Port
  /**
   * Sends the requests of this tick, if there are any. A synchronous call does that first: it may wait for something that only one
   * of them brings about.
   */
  sendRequests: (() => void) | undefined = undefined
  /** Starts Python and attaches; rejects where there is nothing to start. Set by the module that can. */
  start: () => Promise<void> = async () => {
    await Promise.resolve()
    // Throws, and knows why.
    this.port.submit(0)
  }
  /** Starts Python and attaches, and waits for that. */
  startNow: () => void = () => this.port.submit(0)
  /** Whether this runtime has buffers over memory that is not its own; without, arrays are copied. */
  sharesMemory = true
  /** Whether this Python is another process. */
  isRemote = false
  /** Kills this Python, if it is a process that may be killed because a call does not end; it is lost then. */
  kill: (() => void) | undefined = undefined
  /** How long such a call may go on after it was interrupted, in milliseconds, unless it says otherwise. */
  killAfter = Infinity
  /** Attribute names as numbers. */
  readonly names = new AttributeNames(this)

  // What the modules above keep for each connection; `host/connect.ts` puts it here.
  /** Requests on their way, and the calls that wait for their outcomes. */
  requests!: RequestQueue
  /** What gets the text that calls print. */
  outputs!: CallOutputs
  /** The JavaScript objects that this Python holds. */
  heldObjects!: HeldObjects
  /** Writes what JavaScript answers. */
  answers!: Answers
  /** Its types. */
  types!: TypeDescriptions
  /** Which views handles get where nobody has asked for others. */
  scope!: ViewScope
  /** Any thread of its pool, without options. */
  pool!: CallContext
  /** The thread of its event loop. */
  loop!: CallScope

  #conversion = asTheyAre
  /** Whether numbers and primitives may cross as they are, through the registers: nobody asked for another type, and Python is in this process. */
  direct = true
  #core: NativeCore | undefined
  #closed = false
  #makeError: () => Error = () => new BridgeError('ERR_CLOSED', 'the connection is closed')

  /**
   * @param name how the program knows this Python
   * @param hasSyncViews whether JavaScript may wait for it: that of `python` only
   */
  constructor(
    readonly name: ConnectionName,
    readonly hasSyncViews: boolean,
  ) {
    this.port = unusablePort(() => new BridgeError('ERR_PYTHON_NOT_STARTED', name.notStarted))
  }

  /** What values become, unless a handle or a call says otherwise. */
  get conversion(): Conversion {
    return this.#conversion
  }

  set conversion(conversion: Conversion) {
    this.#conversion = conversion
    this.direct = conversion === asTheyAre && !this.isRemote
  }

  /** Whether requests can be submitted. */
  get attached(): boolean {
    return this.#core !== undefined && !this.#closed
  }

  /** Whether this Python is gone; nothing works any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** The core; only after `attach`. */
  get core(): NativeCore {
    if (this.#core === undefined) throw new BridgeError('ERR_PYTHON_NOT_STARTED', this.name.notStarted)
    return this.#core
  }

  /**
   * Gets the port.
   *
   * @param attachTo how the core makes it: `attach` for the interpreter of this process, `attachRemote` for another one
   */
  attach(
    core: NativeCore,
    listener: PortListener,
    attachTo: AttachTo = (mailbox, ...callbacks) => core.attach(mailbox, ...callbacks),
  ): void {
    const port = attachTo(
      this.#mailbox.buffer,
      (batch) => listener.completed(batch),
      (stream, text, request) => listener.printed(stream, text, request),
      (large, length, number, outboxInUse, ownTurn) => listener.asked(large, length, number, outboxInUse, ownTurn),
      (kind, number) => listener.forgotten(kind, number),
      (batch) => listener.logged(batch),
      // Without a step between: it is what a callback with numbers takes most of its time for.
      listener.called,
    )
    // A copy, because V8 keeps what a native function put together as a hash table, and looks each function up in it.
    this.port = { ...port }
    this.sharesMemory = port.sharesMemory
    this.isRemote = port.isRemote === true
    this.direct &&= !this.isRemote
    this.#core = core
    this.outbox = new Uint8Array(this.port.outbox(outboxBytes))
  }

  /** Why nothing works any more; after `close`. */
  closedError(): Error {
    return this.#makeError()
  }

  /** From now on every use fails with what `makeError` gives. */
  close(makeError: () => Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#makeError = makeError
    this.port = unusablePort(makeError, this.port.describeType)
  }

  /** Copies requests into the outbox; gives their length. */
  fillOutbox(bytes: Uint8Array, length: number): number {
    if (length > this.outbox.length) this.outbox = new Uint8Array(this.port.outbox(Math.max(length, outboxBytes)))
    const { outbox } = this
    if (length > shortRequest) outbox.set(bytes.subarray(0, length))
    else for (let index = 0; index < length; index++) outbox[index] = bytes[index]!
    return length
  }

  /** Gives back the memory of a large request. */
  trimOutbox(): void {
    if (this.outbox.length > largeBytes && !this.#closed) this.outbox = new Uint8Array(this.port.outbox(outboxBytes))
  }

  /** The core is still reading what is in the outbox: whatever is written next goes elsewhere. */
  leaveOutbox(): void {
    this.outbox = noOutbox
  }
}
