/* The port to a Python in another process: the same functions as those of the core, over a socket. */
import { BridgeError } from '../errors/bridge-error'
import { Operation } from '../call/operation'
import {
  Cancellation,
  Forgotten,
  Settles,
  type NativeConnection,
  type NativeCore,
  type Port,
  type PortCallbacks,
} from './core'
import { errorFromProblem } from '../errors/from-native'
import { detailWord, Kind, kindWord, valueStart } from './mailbox'

/** What a frame is; docs/internal/remote-interface.md says what is in each. */
const Frame = {
  submit: 1,
  cancel: 2,
  releaseRequests: 4,
  grant: 5,
  closeStream: 6,
  openSession: 7,
  closeSession: 8,
  answer: 9,
  settlePromise: 10,
  forgetPromise: 11,
  objectArrived: 12,
  askHeld: 13,
  refuseQuestions: 14,
  listen: 15,
  hello: 16,
  settleQuestion: 17,
  endBlock: 19,
  operate: 22,
  share: 23,
  takeShare: 24,
  leave: 25,
  completions: 64,
  question: 65,
  forgotten: 66,
  output: 67,
  logged: 68,
  type: 69,
  cancelled: 70,
  welcome: 71,
} as const

/** What the last byte says of a message with what became of a request. */
const Status = { value: 0, error: 1, method: 2 } as const

/** Where the operation stands in a request. */
const operationOffset = 12
/** After completions with these statuses the request is still known: it is kept, or a stream that goes on. */
const goesOn: ReadonlySet<number> = new Set([2, 3, 4, 7])
/** Up to this one a completion ends a request that keeps the process alive. */
const lastCounted = 2

/** What the other process says of itself. */
export interface Welcome {
  readonly bridge: string
  readonly version: string
  readonly executable: string
  readonly prefix: string
  readonly pid: number
}

/** What a remote port says beside what every port does. */
export interface RemoteEvents {
  /** The other process is ready for requests. */
  welcome(welcome: Welcome): void
  /** What became of the wish to cancel a request. */
  cancelled(id: number, place: number): void
  /** The connection is gone, and nothing more will come. */
  ended(): void
  /** Why a call failed for which JavaScript waited, if it is known that the process is gone. */
  lostError?(): Error | undefined
}

/** A port to another process. */
export interface RemotePort extends Port {
  readonly isRemote: true
  /** Whether that process has begun with a request, as far as is known here. What is not known counts as begun. */
  hasStarted(id: number): boolean
  /** Ends the connection. The process is somebody else's. */
  close(): void
}

/** Makes the port over a connected socket, whose descriptor it takes over. */
export function attachRemote(
  core: NativeCore,
  descriptor: number,
  events: RemoteEvents,
  mailbox: ArrayBuffer,
  ...callbacks: PortCallbacks
): RemotePort {
  return new Remote(core, descriptor, events, mailbox, callbacks).port
}

class Remote {
  readonly port: RemotePort
  readonly #native: NativeConnection
  readonly #events: RemoteEvents
  readonly #mailbox: Uint8Array
  readonly #words: Int32Array
  readonly #callbacks: PortCallbacks
  readonly #types = new Map<number, string>()
  /** Requests that give items. */
  readonly #streams = new Set<number>()
  /** Where requests were when the other process was told to cancel them. */
  readonly #places = new Map<number, number>()
  readonly #guards = new FinalizationRegistry<number>((id) => this.#release(id))
  /** Requests that were released while completions are handed over, and those that are to be kept. */
  #delivered: { readonly released: number[]; readonly kept: Set<number> } | undefined
  #outbox = new DataView(new ArrayBuffer(0))
  #pending = 0
  #keepsAlive = true
  #held = false
  #lastSession = 0
  #lastPin = 0
  /** The question that does not fit the mailbox. */
  #large: Uint8Array | undefined
  /** The object of which the other process says that it holds it no more. */
  #dropped = 0

  constructor(
    core: NativeCore,
    descriptor: number,
    events: RemoteEvents,
    mailbox: ArrayBuffer,
    callbacks: PortCallbacks,
  ) {
    this.#events = events
    this.#mailbox = new Uint8Array(mailbox)
    this.#words = new Int32Array(mailbox, 0, 16)
    this.#callbacks = callbacks
    this.#native = core.openConnection(
      descriptor,
      (kind, first, second, payload) => this.#arrived(kind, first, second, payload ?? nothing),
      () => {
        this.#setPending(0)
        events.ended()
      },
    )
    this.port = this.#newPort()
    this.#native.send(Frame.hello, 0, 0)
  }

  #newPort(): RemotePort {
    const native = this.#native
    const indirect = (): undefined => {
      this.#words[kindWord] = Kind.indirect
    }
    return {
      isRemote: true,
      sharesMemory: false,
      close: () => native.close(),
      detach: () => {
        native.send(Frame.leave, 0, 0)
        native.close()
      },
      // Values travel in requests only.
      callNumbers: indirect,
      call: indirect,
      callMethodNumbers: indirect,
      callMethod: indirect,
      getAttribute: indirect,
      operate: (length, owner = 0) => this.#operate(length, owner),
      name: notShared,
      adopt: (id, state) => native.adopt(id, state),
      find: (id) => native.find(id),
      release: (id) => native.release(id),
      cross: notShared,
      memoryOf: (number, _address, bytes) => native.memory(number, bytes),
      giveBackMemory: notShared,
      shareMemory: (buffer) => native.shareMemory(buffer),
      blockMemory: (number) => native.blockMemory(number),
      copyIn: (bytes) => native.sendMemory(bytes),
      lend: notShared,
      borrow: notShared,
      giveBack: notShared,
      copyOut: notShared,
      bytesObject: notShared,
      endBlock: (number) => {
        native.send(Frame.endBlock, number, 0, nothing, true)
        return false
      },
      hasStarted: (id) => native.hasStarted(id),
      share: (id, typeKey) => utf8.decode(this.#ask(Frame.share, id, words(typeKey)).value),
      takeShare: (key) => this.#takeShare(key),
      keepAlive: (keep) => {
        this.#keepsAlive = keep
        this.#hold()
      },
      keepRequest: (id) => void this.#delivered?.kept.add(id),
      releaseRequest: (id) => this.#release(id),
      guardRequest: (id, owner) => this.#guards.register(owner, id),
      describeType: (key) => this.#describeType(key),
      takeLarge: () => this.#takeLarge(),
      outbox: (bytes) => this.#newOutbox(bytes),
      submit: (length) => this.#submit(length),
      cancel: (id, isOverdue) => {
        native.send(Frame.cancel, id, isOverdue === true ? 1 : 0)
        return Cancellation.asked
      },
      cancelledPlace: (id) => this.#places.get(id) ?? Cancellation.tooLate,
      grant: (id, credits) => native.send(Frame.grant, id, credits),
      closeStream: (id) => native.send(Frame.closeStream, id, 0),
      hold: (hold) => this.#setPending(this.#pending + (hold === 0 ? -1 : 1)),
      openSession: () => {
        this.#lastSession += 1
        native.send(Frame.openSession, this.#lastSession, 0)
        return this.#lastSession
      },
      closeSession: (id) => native.send(Frame.closeSession, id, 0),
      listen: () => native.send(Frame.listen, 0, 0),
      deliverOutput: (milliseconds = 0) => native.deliver(milliseconds),
      deliverForgotten: nothingToDo,
      holdsObject: (id) => this.#holdsObject(id),
      objectArrived: (id) => native.send(Frame.objectArrived, id, 0, nothing, true),
      refuseQuestions: () => native.send(Frame.refuseQuestions, 0, 0),
      settle: (kind, id, length, pins) => this.#settle(kind, id, length, pins),
      forgetPromise: (id) => native.send(Frame.forgetPromise, id, 0, nothing, true),
      answerNumber: notShared,
    }
  }

  #arrived(kind: number, first: number, second: number, payload: Uint8Array): void {
    switch (kind) {
      case Frame.completions:
        return this.#completed(payload)
      case Frame.question:
        return this.#asked(first, payload, second === 0)
      case Frame.forgotten:
        return this.#forgotten(first as Forgotten, payload)
      case Frame.output:
        return this.#callbacks[1](first as 0 | 1 | 2, utf8.decode(payload), second)
      case Frame.logged:
        return this.#callbacks[4](payload)
      case Frame.type:
        this.#types.set(first, utf8.decode(payload))
        return
      case Frame.cancelled:
        return this.#cancelled(first, second)
      case Frame.welcome:
        return this.#events.welcome(JSON.parse(utf8.decode(payload)) as Welcome)
    }
  }

  #newOutbox(bytes: number): ArrayBuffer {
    const buffer = this.#native.outbox(bytes)
    this.#outbox = new DataView(buffer)
    return buffer
  }

  #submit(length: number): void {
    const view = this.#outbox
    let counted = 0
    for (let at = 0; at < length; at += 4 + view.getUint32(at, true)) {
      if (view.getUint8(at + operationOffset) === Operation.stream) this.#streams.add(view.getUint32(at + 4, true))
      else counted += 1
    }
    this.#setPending(this.#pending + counted)
    this.#native.send(Frame.submit, 0, 0, length)
  }

  #completed(batch: Uint8Array): void {
    const delivered = (this.#delivered = { released: [] as number[], kept: new Set<number>() })
    try {
      this.#callbacks[0](batch)
    } finally {
      this.#delivered = undefined
      this.#forgetDelivered(batch, delivered)
    }
  }

  /** The other process forgets the requests of a batch that was handed over, except for those that are to be kept. */
  #forgetDelivered(batch: Uint8Array, { released, kept }: { released: number[]; kept: ReadonlySet<number> }): void {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
    let counted = 0
    for (let at = 0; at < batch.length; at += 4 + view.getUint32(at, true)) {
      const id = view.getUint32(at + 4, true)
      const status = view.getUint8(at + 8)
      if (status <= lastCounted && !this.#streams.has(id)) counted += 1
      if (goesOn.has(status)) continue
      this.#streams.delete(id)
      this.#places.delete(id)
      if (!kept.has(id)) released.push(id)
    }
    this.#setPending(this.#pending - counted)
    this.#sendReleased(released)
  }

  #release(id: number): void {
    if (this.#delivered !== undefined) this.#delivered.released.push(id)
    else this.#sendReleased([id])
  }

  #sendReleased(ids: readonly number[]): void {
    if (ids.length === 0) return
    const payload = new DataView(new ArrayBuffer(4 * ids.length))
    ids.forEach((id, index) => payload.setUint32(4 * index, id, true))
    this.#native.send(Frame.releaseRequests, 0, 0, new Uint8Array(payload.buffer), true)
  }

  #cancelled(id: number, place: number): void {
    if (place === Cancellation.notStarted && !this.#streams.delete(id)) this.#setPending(this.#pending - 1)
    else if (place !== Cancellation.notStarted) this.#places.set(id, place)
    this.#events.cancelled(id, place)
  }

  /** Lets JavaScript answer, in the outbox. */
  #asked(number: number, question: Uint8Array, ownTurn: boolean): void {
    const large = question.length > this.#mailbox.length - valueStart
    if (large) this.#large = question
    else this.#mailbox.set(question, valueStart)
    const length = this.#callbacks[2](large, question.length, number, false, ownTurn)
    // The sign says whether the answer names anything that has to be kept.
    this.#native.send(Frame.answer, number, length < 0 ? 1 : 0, Math.abs(length))
  }

  /** Has a request done while this thread waits. */
  #operate(length: number, owner: number): undefined {
    const { value, status } = this.#ask(Frame.operate, owner, length)
    const words = this.#words
    if (status === Status.method) {
      words[kindWord] = Kind.method
      return
    }
    const failed = status === Status.error
    const large = value.length > this.#mailbox.length - valueStart
    if (large) this.#large = value
    else this.#mailbox.set(value, valueStart)
    words[detailWord] = value.length
    if (large) words[kindWord] = failed ? Kind.largeError : Kind.largeValue
    else words[kindWord] = failed ? Kind.error : Kind.value
  }

  #takeShare(key: string): boolean {
    const { value, status } = this.#ask(Frame.takeShare, 0, new TextEncoder().encode(key))
    if (status === Status.error) throw refusedShare()
    if (value.length === 0) return false
    const view = new DataView(value.buffer, value.byteOffset)
    this.#words[detailWord] = view.getInt32(0, true)
    this.#words[detailWord + 1] = view.getInt32(4, true)
    return true
  }

  #ask(kind: number, second: number, payload: number | Uint8Array): { value: Uint8Array; status: number } {
    let message: Uint8Array
    try {
      message = this.#native.ask(kind, second, payload)
    } catch (problem) {
      throw this.#events.lostError?.() ?? errorFromProblem(problem)
    }
    const end = message.length - 1
    return { value: message.subarray(0, end), status: message[end]! }
  }

  #takeLarge(): ArrayBuffer {
    const large = this.#large
    this.#large = undefined
    // Its memory is its own: see `#arrived`.
    return (large?.buffer ?? new ArrayBuffer(0)) as ArrayBuffer
  }

  #settle(kind: Settles, id: number, length: number, pins: boolean): number {
    // Numbers of questions are small: those that are chosen here begin far above them.
    if (pins) this.#lastPin = (this.#lastPin + 1) % firstPin
    const pin = pins ? firstPin + this.#lastPin : 0
    this.#native.send(kind === Settles.promise ? Frame.settlePromise : Frame.settleQuestion, id, pin, length)
    return pin
  }

  #forgotten(kind: Forgotten, payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    for (let at = 0; at < payload.length; at += 4) {
      const number = view.getUint32(at, true)
      this.#dropped = kind === Forgotten.dropped ? number : 0
      this.#callbacks[3](kind, number)
    }
    this.#dropped = 0
  }

  /**
   * Whether Python may hold a JavaScript object. The other process is asked, and says so if it does not: until it has, the answer is yes.
   * Its word is true when it comes, since frames arrive in order and no message that names the object is under way then.
   */
  #holdsObject(id: number): boolean {
    if (this.#dropped === id) return false
    this.#native.send(Frame.askHeld, id, 0, nothing, true)
    return true
  }

  #describeType(key: number): string {
    const description = this.#types.get(key)
    if (description === undefined)
      throw new BridgeError('ERR_PROTOCOL', `the other process has not described type ${key}`)
    return description
  }

  #setPending(pending: number): void {
    this.#pending = Math.max(0, pending)
    this.#hold()
  }

  #hold(): void {
    const held = this.#keepsAlive && this.#pending > 0
    if (held === this.#held) return
    this.#held = held
    this.#native.hold(held)
  }
}

const nothing = new Uint8Array(0)
const utf8 = new TextDecoder()
const firstPin = 0x8000_0000

function nothingToDo(): void {
  return
}

/** Nothing that needs memory of both processes is asked of this port. */
function notShared(): never {
  throw new BridgeError('ERR_PROTOCOL', 'another process shares no memory with this one')
}

function refusedShare(): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    'the handle was shared in another process; only threads of one process can share handles',
  )
}

/** A payload of one number. */
function words(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(number).buffer)
}
