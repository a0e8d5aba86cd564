/* The state of one Python object held from JavaScript; its views are proxies that hold it. */
import type { Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { Connection } from '../native/connection'
import type { SharedHandle } from '../types/shared-handle'
import { AsyncView } from './async-handle'
import { SyncView } from './sync-handle'
import type { TypeDescription } from './type-description'

/** The type key of coroutines. */
export const coroutineKey = 0x7fff_ffff

/** Has the core await a coroutine; set by the module of calls, which depends on this one. */
let awaited = (state: HandleState, _convert: Conversion): Promise<unknown> => Promise.reject(state.disposedError())
export function awaitCoroutinesWith(start: typeof awaited): void {
  awaited = start
}

/**
 * One Python object, as one connection knows it.
 *
 * The core holds a state weakly and gives the object back when the state is collected, on no particular thread and without the
 * GIL. So whoever uses `id` must keep the state alive until the core has taken the object.
 */
export class HandleState {
  /** The object's entry in the handle table, or 0 after the last `dispose`. */
  id: number
  readonly #entry: number
  readonly #typeKey: number
  #type: TypeDescription | undefined
  #crossings = 1
  /** How many of those are uses that `endUse` ends. */
  #uses = 0
  #pending = 0
  #owed = 0
  #syncView: object | undefined
  #asyncView: object | undefined
  #promise: Promise<unknown> | undefined
  /** Late-bound methods by name, made on first use. */
  methods: Map<string, object> | undefined = undefined
  /** The array over the object's memory that JavaScript has, if the object is one that looks at another's memory. */
  array: object | undefined = undefined

  constructor(
    readonly connection: Connection,
    id: number,
    typeKey: number,
  ) {
    this.id = id
    this.#entry = id
    this.#typeKey = typeKey
  }

  get type(): TypeDescription {
    return (this.#type ??= this.connection.types.of(this.#typeKey))
  }

  /** The synchronous view; one a state, so that identity in JavaScript is identity in Python. */
  get syncView(): object {
    return (this.#syncView ??= this.#newSyncView())
  }

  /** The asynchronous view; one a state. */
  get asyncView(): object {
    return (this.#asyncView ??= AsyncView.over(this))
  }

  /** Whether it is a coroutine, which JavaScript gets as a promise. */
  get isCoroutine(): boolean {
    return this.#typeKey === coroutineKey
  }

  /** The promise of a coroutine's result; one a state, since a coroutine is awaited once. */
  promise(convert: Conversion): Promise<unknown> {
    return (this.#promise ??= awaited(this, convert))
  }

  /** `[Python collections.Counter]`. */
  get label(): string {
    return `[Python ${this.type.name}]`
  }

  /** For inspection: the number that tells two objects of one type apart. */
  get number(): number {
    return this.#entry
  }

  /** The object came from Python once more. */
  cross(): this {
    this.#crossings += 1
    this.id = this.#entry
    return this
  }

  /** The id for use; throws after `dispose`. */
  use(): number {
    if (this.id === 0) throw this.disposedError()
    return this.id
  }

  /** A request that names the object is under way. */
  hold(): void {
    this.#pending += 1
  }

  /** A request that named the object is done. */
  letGo(): void {
    this.#pending -= 1
    if (this.#pending > 0) return
    for (; this.#owed > 0; this.#owed -= 1) this.connection.port.release(this.#entry)
  }

  /** Keeps the object usable, also through `dispose`, for a block that needs it again at its end: until `endUse`. */
  beginUse(): void {
    this.use()
    this.#crossings += 1
    this.#uses += 1
    this.hold()
  }

  endUse(): void {
    this.#uses -= 1
    this.#countDown()
    this.letGo()
  }

  /** Counts one crossing more, for the environment that adopts what this gives. */
  share(): SharedHandle {
    const { port, hasSyncViews, name } = this.connection
    if (!hasSyncViews) throw notHere(`${this.label} cannot be shared with other threads`, name.python)
    return { symphony: 'handle', type: this.type.name, key: port.share(this.use(), this.#typeKey) }
  }

  /** Gives one crossing back. After the last one the handle cannot be used; what is under way still finishes. */
  dispose(): void {
    if (this.#crossings === this.#uses) return
    this.#countDown()
    if (this.#pending > 0) this.#owed += 1
    else this.connection.port.release(this.#entry)
  }

  #newSyncView(): object {
    const { hasSyncViews, name } = this.connection
    if (!hasSyncViews) throw notHere(`${this.label} has no synchronous view`, name.python)
    return SyncView.over(this)
  }

  #countDown(): void {
    this.#crossings -= 1
    if (this.#crossings > 0) return
    // The core forgets types of which no handle is left, and messages name the type.
    this.#type ??= this.connection.types.of(this.#typeKey)
    this.id = 0
    this.methods = undefined
  }

  disposedError(): BridgeError {
    return new BridgeError(
      'ERR_HANDLE_DISPOSED',
      `this handle of a Python \`${this.type.name}\` was disposed and cannot be used any more; dispose a handle after its last use`,
    )
  }
}

/** The state of a handle that came in a message: the live one, or a new one that the core adopts. */
export function stateOf(connection: Connection, id: number, typeKey: number): HandleState {
  const live = connection.port.find(id)
  if (live !== undefined) return (live as HandleState).cross()
  return newState(connection, id, typeKey)
}

/** A state for a handle that has none yet. */
export function newState(connection: Connection, id: number, typeKey: number): HandleState {
  const state = new HandleState(connection, id, typeKey)
  connection.port.adopt(id, state)
  return state
}

function notHere(what: string, python: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${what}: the object is in another process, that of ${python}; use \`await\` and its asynchronous view`,
  )
}
