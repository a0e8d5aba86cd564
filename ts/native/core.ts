/* The core: the native file that holds Python. Its members and its port are described in docs/internal/native-interface.md. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '../errors/bridge-error'
import type { TypedArray } from '../types/arrays'
import type { NativeConductor } from './conductor'
import { packageRoot } from './package-root'
import { nativePath } from './platform'

/** What `initialize` needs to know, as JSON. */
export interface CoreConfig {
  readonly executable: string
  readonly basePrefix: string
  readonly libpython: string | null
  readonly deepbind: boolean
  readonly paths: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly threads: number
  readonly callbackTimeout: number
  readonly stdout: OutputMode
  readonly stderr: OutputMode
  /** Which log records are handed over. */
  readonly logging: { readonly level: number | null; readonly warnings: boolean; readonly uncaught: boolean } | null
  readonly eventLoop: EventLoop
}

/** What became of the wish to cancel a request: what `cancel` and `cancelledPlace` give. */
export const Cancellation = { tooLate: 0, notStarted: 1, onLoop: 2, onThread: 3, asked: 4 } as const

/** Which asyncio loop runs. */
export type EventLoop = 'asyncio' | 'uvloop'

/** Where Python's output goes. */
export type OutputMode = 'inherit' | 'ignore' | 'callback'

/** The life of the interpreter: `idle` -> `starting` -> `running` -> `closed`; a start that fails in Python itself ends in `failed`. */
export type CoreState = 'idle' | 'starting' | 'running' | 'closed' | 'failed'

/** What `info` answers, as JSON. */
export interface CoreInfo {
  readonly version: string
  readonly executable: string
  readonly prefix: string
  /** `null` where Python runs in a process of its own. */
  readonly libpython: string | null
  readonly config: string
}

/** A string, a bigint or the live state of a handle; `undefined` says that the mailbox holds the result. */
export type NativeResult = undefined | bigint | string | object

/** The functions of one connection; those marked GIL may wait for the GIL on the calling thread. */
export interface Port {
  /** GIL */
  callNumbers(): NativeResult
  /** GIL */
  call(target: number, ...args: unknown[]): NativeResult
  /** GIL */
  callMethodNumbers(): NativeResult
  /** GIL */
  callMethod(target: number, name: number, ...args: unknown[]): NativeResult
  /** GIL */
  getAttribute(): NativeResult
  /** GIL. `owner` is the handle whose methods need not come, since they can be looked up again; or 0. */
  operate(length: number, owner?: number): NativeResult
  name(text: string): number
  adopt(id: number, state: object): void
  find(id: number): object | undefined
  release(id: number): void
  cross(id: number): void
  /** `words[1]` is 1 where the buffer was there before; then its crossing stays until `giveBackMemory`, so that one of the object alone can be counted first. */
  memoryOf(id: number, address: number, bytes: number, copy: boolean): ArrayBufferLike
  giveBackMemory(): void
  /** The number of the block that a buffer of `newMemory` is over, for as long as its buffer lives; 0 if Python cannot have it. */
  shareMemory(buffer: ArrayBufferLike): number
  /** The buffer over a block of that kind, whose number came back from another process. */
  blockMemory(number: number): ArrayBuffer
  copyIn(bytes: Uint8Array): number
  lend(buffer: SharedArrayBuffer, array: TypedArray, bytes: number): number
  borrow(bytes: Uint8Array): number
  /** GIL */
  giveBack(id: number): void
  copyOut(id: number, address: number, target: Uint8Array): void
  /** GIL */
  bytesObject(bytes: Uint8Array): number
  endBlock(block: number, borrowed?: boolean): boolean
  /** Whether arrays of this Python need not be copied. */
  readonly sharesMemory: boolean
  /** Whether Python is another process: arrays travel with their items, and names as text. */
  readonly isRemote?: boolean
  share(id: number, typeKey: number): string
  takeShare(key: string): boolean
  keepAlive(keep: boolean): void
  keepRequest(id: number): void
  releaseRequest(id: number): void
  guardRequest(id: number, owner: object): void
  describeType(key: number): string
  takeLarge(): ArrayBuffer
  outbox(bytes: number): ArrayBuffer
  submit(length: number): void
  /** @param isOverdue whether its time is over; that makes a difference in processes of Conductors only */
  cancel(id: number, isOverdue?: boolean): number
  cancelledPlace(id: number): number
  grant(id: number, credits: number): void
  closeStream(id: number): void
  hold(hold: 0 | 1): void
  openSession(): number
  closeSession(id: number): void
  listen(): void
  /** Of another process: also what comes within so many milliseconds; whether more may come. */
  deliverOutput(milliseconds?: number): boolean | undefined
  holdsObject(id: number): boolean
  objectArrived(id: number): void
  deliverForgotten(): void
  refuseQuestions(): void
  settle(kind: Settles, id: number, length: number, pins: boolean): number
  forgetPromise(id: number): void
  answerNumber(): number
  detach(): void
}

/** One end of a socket to another process; for `remote-port.ts`. */
export interface NativeConnection {
  /** Sends a frame: the payload is so many bytes of the outbox, or an array. With `delay` it may go with the next one. */
  send(kind: number, first: number, second: number, payload?: number | Uint8Array, delay?: boolean): void
  /** Whether it keeps the process alive. */
  hold(keep: boolean): void
  outbox(bytes: number): ArrayBuffer
  adopt(id: number, state: object): void
  find(id: number): object | undefined
  release(id: number): void
  /** A copy in memory of its own that Python gets: the number of a block, or 0 if the system has none. */
  sendMemory(bytes: Uint8Array): number
  /** So many bytes of a piece of Python's memory that a message names. Once for each time that it is named. */
  memory(number: number, bytes: number): ArrayBuffer
  /** As those of the port. */
  shareMemory(buffer: ArrayBufferLike): number
  blockMemory(number: number): ArrayBuffer
  hasStarted(id: number): boolean
  /**
   * Sends a frame and waits for what becomes of it; meanwhile Python may ask. The message that says so: a value, and how it ended in the
   * last byte. Throws `{ code, message }` if the other process ends.
   */
  ask(kind: number, second: number, payload: number | Uint8Array): Uint8Array
  /**
   * Hands over the text and records that have come, or come within so many milliseconds, and forgets all else: for the end, when no event
   * comes any more. Whether more may come.
   */
  deliver(milliseconds: number): boolean
  close(): void
}

/** What a port calls on the JavaScript thread. */
export type PortCallbacks = readonly [
  onCompletions: (batch: Uint8Array) => void,
  onOutput: (stream: 0 | 1 | 2, text: string, request: number) => void,
  onQuestion: (large: boolean, length: number, number: number, outboxInUse: boolean, ownTurn: boolean) => number,
  onForgotten: (kind: Forgotten, number: number) => void,
  onLogged: (batch: Uint8Array) => void,
  onCall: () => void,
]

/** The members of the native file. */
export interface NativeCore {
  readonly version: string
  readonly embedded: boolean
  readonly isMainThread: boolean
  readonly probedNames: readonly string[]
  attach(mailbox: ArrayBuffer, ...callbacks: PortCallbacks): Port
  /** Zeros in memory of the bridge's own, which every Python may use; nothing if the runtime forbids buffers over memory that is not its own. */
  newMemory(bytes: number): ArrayBuffer | undefined
  /** Takes over a connected socket, and reads frames from it. */
  openConnection(
    descriptor: number,
    onFrame: (kind: number, first: number, second: number, payload: Uint8Array | undefined) => void,
    onEnd: () => void,
  ): NativeConnection
  initialize(config: string): void
  initializeAsync(config: string, done: (problem: string | null) => void): void
  state(): CoreState
  info(): string
  shutdown(milliseconds: number): void
  shutdownAsync(milliseconds: number, done: () => void): void
  exitWithin(milliseconds: number, code: number): void
  /** Worker mode: starts the process of `python`, unless another environment has. Gives the `CoreConfig` that it has, as JSON. Waits. */
  startWorker(config: string): string
  startWorkerAsync(config: string, done: (problem: string | null) => void): void
  /** The `CoreConfig` of that process as JSON, if it was started. */
  worker(): string | null
  /** The descriptor of a new connection to it. */
  connectWorker(): number
  /** How it ended, as an `ExitReport` in JSON, once that is known. */
  workerExit(): string | null
  /** Whether it is the program that ended it, or is about to. */
  workerIsStopped(): boolean
  /** Ends it, in so much time at most. */
  stopWorker(milliseconds: number): void
  stopWorkerAsync(milliseconds: number, done: () => void): void
  /**
   * Starts supervised processes, and goes on until `stop`.
   *
   * @param spec a `ConductorSpec` as JSON
   * @param onEvent gets a `NativeConductorEvent` as JSON, on the JavaScript thread
   */
  startConductor(spec: string, onEvent: (event: string) => void): NativeConductor
}

/** What `onForgotten` says: Python dropped an object, has read an answer, or dropped an iterator in the middle. */
export const Forgotten = { dropped: 0, read: 1, abandoned: 2 } as const
export type Forgotten = (typeof Forgotten)[keyof typeof Forgotten]

/** What `settle` is about: a promise that Python holds, or a question that nobody waits for. */
export const Settles = { promise: 0, question: 1 } as const
export type Settles = (typeof Settles)[keyof typeof Settles]

/** The version of this package; the core must carry the same one. */
export const bridgeVersion = // Not `require`: tools that compile on the fly take JSON for code.
  (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version

let loaded: NativeCore | undefined

/** The core, if this environment has loaded it. */
export function loadedCore(): NativeCore | undefined {
  return loaded
}

/** Loads the core. A libpython, or the stub library, must be in the process already. */
export function loadCore(): NativeCore {
  if (loaded !== undefined) return loaded
  const path = nativePath('node')
  const core = require(path) as NativeCore
  if (core.version !== bridgeVersion) {
    throw new BridgeError(
      'ERR_PROTOCOL',
      `symphony-python-bridge ${bridgeVersion} found a native file of version ${core.version} at \`${path}\`; reinstall both, or run \`npm run build\` again`,
    )
  }
  return (loaded = core)
}
