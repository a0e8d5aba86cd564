/* This environment's share of the core: its port, its mailbox and its outbox. There is one a module registry (a thread, a Jest sandbox). */
import { asTheyAre, type Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { Forgotten, NativeCore, Port } from './core'
import { Mailbox } from './mailbox'

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

class Environment {
  readonly #mailbox = new Mailbox()
  /** The mailbox's views, without a step between: they are read at every synchronous call. */
  readonly words = this.#mailbox.words
  readonly numbers = this.#mailbox.numbers
  readonly mailbox = this.#mailbox.bytes
  /** Memory for the requests of the next `operate` or `submit`. */
  outbox = new Uint8Array(0)
  /** The port. Before `attach` and after `close` its functions throw. */
  port: Port = unusablePort('ERR_PYTHON_NOT_STARTED', 'Python has not been started in this process')
  /**
   * Sends the requests of this tick, if there are any. A synchronous call does that first: it may wait for something that only one
   * of them brings about.
   */
  sendRequests: (() => void) | undefined = undefined
  /** Starts Python and attaches, and waits for that. Set by the module that does. */
  startNow: (() => void) | undefined = undefined
  /** Whether this runtime has buffers over memory that is not its own; without, arrays are copied. */
  sharesMemory = true
  #conversion = asTheyAre
  /** Whether numbers and primitives may cross as they are, because nobody asked for another type. */
  direct = true
  #core: NativeCore | undefined
  #closed = false

  /** What values become, unless a handle or a call says otherwise. */
  get conversion(): Conversion {
    return this.#conversion
  }

  set conversion(conversion: Conversion) {
    this.#conversion = conversion
    this.direct = conversion === asTheyAre
  }

  /** Whether requests can be submitted. */
  get attached(): boolean {
    return this.#core !== undefined && !this.#closed
  }

  /** Whether Python was stopped; nothing works any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** The core; only after `attach`. */
  get core(): NativeCore {
    if (this.#core === undefined)
      throw new BridgeError('ERR_PYTHON_NOT_STARTED', 'Python has not been started in this process')
    return this.#core
  }

  attach(core: NativeCore, listener: PortListener): void {
    const port = core.attach(
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
    this.#core = core
    this.outbox = new Uint8Array(this.port.outbox(outboxBytes))
  }

  /** From now on every use fails with `ERR_CLOSED`. */
  close(): void {
    this.#closed = true
    // What is known of types stays known, so that handles can still be printed.
    const { describeType } = this.port
    this.port = unusablePort(
      'ERR_CLOSED',
      'Python was stopped; it cannot be started again in this process',
      describeType,
    )
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

/** The one environment of this module registry. */
export const environment = new Environment()

/** Stands in for a port, so that the hot paths need no check of their own. Giving things back stays allowed: there is nothing to give back to. */
function unusablePort(
  code: 'ERR_PYTHON_NOT_STARTED' | 'ERR_CLOSED',
  message: string,
  describeType?: Port['describeType'],
): Port {
  const refuse = (): never => {
    throw new BridgeError(code, message)
  }
  const ignore = (): void => undefined
  return {
    callNumbers: refuse,
    call: refuse,
    callMethodNumbers: refuse,
    callMethod: refuse,
    getAttribute: refuse,
    operate: refuse,
    name: refuse,
    adopt: refuse,
    find: refuse,
    release: ignore,
    cross: refuse,
    memoryOf: refuse,
    allocate: refuse,
    bufferOf: refuse,
    copyIn: refuse,
    lend: refuse,
    borrow: refuse,
    endBlock: () => false,
    giveBack: ignore,
    copyOut: refuse,
    bytesObject: refuse,
    sharesMemory: false,
    share: refuse,
    takeShare: refuse,
    keepAlive: ignore,
    keepRequest: ignore,
    releaseRequest: ignore,
    guardRequest: ignore,
    describeType: describeType ?? refuse,
    takeLarge: refuse,
    outbox: refuse,
    submit: refuse,
    cancel: () => 0,
    cancelledPlace: () => 0,
    grant: ignore,
    closeStream: ignore,
    hold: ignore,
    openSession: refuse,
    closeSession: ignore,
    listen: refuse,
    deliverOutput: ignore,
    holdsObject: () => false,
    objectArrived: ignore,
    deliverForgotten: ignore,
    refuseQuestions: ignore,
    settle: () => 0,
    forgetPromise: ignore,
    answerNumber: refuse,
    detach: ignore,
  }
}
