/* Memory that Python uses too: which buffers are such, and what JavaScript's arrays over them stand for in Python. */
import { BridgeError } from '../errors/bridge-error'
import { stateOf, type HandleState } from '../handle/state'
import type { Connection } from '../native/connection'

/** Gives a constructor another object than a new one, so that private fields can be put on any object. They are invisible and cost next to nothing. */
const Stamped = function (object: object): object {
  return object
} as unknown as new (object: object) => object

/** What is wrong with an array whose memory was transferred. */
export const transferred = 'expected an array with its memory, got one whose memory was transferred'

/** Whose memory a buffer is over. */
export interface SharedMemory {
  /** Which Python uses it; for the others it is memory of JavaScript's. Nothing for memory of the bridge's own, which each may use (`own-memory.ts`). */
  readonly connection: Connection | undefined
  /** `object`: of a Python object. `block`: known by a number, or not yet. */
  readonly source: 'object' | 'block'
  /** The handle id, or the number of the block. */
  readonly id: number
  /** The array that stands for the whole of it, if there is one. */
  array?: object | undefined
  /** Memory of the bridge's own, as the Python knows it that used it last, and as others do. */
  last?: SharedMemory
  others?: WeakMap<Connection, SharedMemory>
}

class MemoryStamp extends Stamped {
  readonly #memory: SharedMemory

  constructor(buffer: object, memory: SharedMemory) {
    super(buffer)
    this.#memory = memory
  }

  static of(buffer: object): SharedMemory | undefined {
    return #memory in buffer ? buffer.#memory : undefined
  }
}

/** Whose memory a buffer is over, if it is not JavaScript's own. */
export function memoryOf(buffer: object): SharedMemory | undefined {
  return MemoryStamp.of(buffer)
}

/** Remembers whose memory a buffer is over. */
export function rememberMemory(buffer: object, memory: SharedMemory): SharedMemory {
  const known = MemoryStamp.of(buffer)
  if (known !== undefined) return known
  new MemoryStamp(buffer, memory)
  return memory
}

/** The Python object that an array goes back as. */
export class ArrayOrigin {
  readonly #counting: HandleState | undefined
  #state: HandleState | undefined

  /**
   * @param connection whose object it is
   * @param buffer keeps the memory, and, where nothing else counts it, the object
   * @param counting what counts the object, if the buffer does not
   */
  constructor(
    readonly connection: Connection,
    readonly buffer: ArrayBufferLike,
    readonly id: number,
    readonly typeKey: number,
    counting?: HandleState,
  ) {
    this.#counting = this.#state = counting
  }

  /** What counts the object if the buffer does not, or does no more because its memory was transferred. */
  get counting(): HandleState | undefined {
    return this.#counting ?? (this.#isTransferred ? this.#state : undefined)
  }

  /** Whether nothing here counts the object any more: the memory was transferred, and whoever has it now may let go of it at any time. */
  get isLost(): boolean {
    return this.#state === undefined && this.#isTransferred
  }

  get #isTransferred(): boolean {
    return this.buffer.byteLength === 0
  }

  /** The handle of the object. */
  get state(): HandleState {
    if (this.#state === undefined) {
      if (this.isLost) throw new BridgeError('ERR_CONVERSION', transferred)
      this.connection.port.cross(this.id)
      this.#state = stateOf(this.connection, this.id, this.typeKey)
    }
    return this.#state
  }

  /** For a request that names it: whoever holds this keeps it. */
  hold(): void {
    // Nothing to count.
  }

  letGo(): void {
    // Nothing to count.
  }
}

class OriginStamp extends Stamped {
  readonly #origin: ArrayOrigin

  constructor(array: object, origin: ArrayOrigin) {
    super(array)
    this.#origin = origin
  }

  static of(array: object): ArrayOrigin | undefined {
    return #origin in array ? array.#origin : undefined
  }
}

/** The Python object that an array of ours stands for. Not of one whose memory was transferred: what is there now is no part of it. */
export function originOf(array: object): ArrayOrigin | undefined {
  return OriginStamp.of(array)
}

/** Says which object an array stands for. */
export function rememberOrigin<T extends object>(array: T, origin: ArrayOrigin): T {
  new OriginStamp(array, origin)
  return array
}

/** Keeps a block until the request that names it is done. */
export class HeldBlock {
  constructor(
    readonly connection: Connection,
    readonly number: number,
  ) {}

  hold(): void {
    // It was held when it was made.
  }

  letGo(): void {
    this.connection.port.endBlock(this.number)
  }
}

/** Has one crossing of a Python object until the request that names it is done. */
export class HeldObjectId {
  constructor(
    readonly connection: Connection,
    readonly id: number,
  ) {}

  hold(): void {
    // It was held when it was made.
  }

  letGo(): void {
    this.connection.port.giveBack(this.id)
  }
}

/** Keeps a buffer until the request that names its memory is done. */
export class HeldBuffer {
  constructor(readonly buffer: ArrayBufferLike) {}

  hold(): void {
    // Being reachable is enough.
  }

  letGo(): void {
    // As above.
  }
}
