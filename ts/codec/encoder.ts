/* JavaScript values to wire values. Walks with a stack of its own, so that depth is bounded by memory. */
import { BridgeError, isBridgeError } from '../errors/bridge-error'
import { ByteWriter } from './byte-writer'
import { Container } from './format'
import { keyStep, nameStep } from './path'
import { plainKind } from './plain-data'
import { type Shape, ShapeTable } from './shapes'
import { described, messageOf, Refusal, unsupported } from './unsupported'
import { sliceParts, writeValueClass } from './value-classes'

export interface EncodeHooks {
  /**
   * Writes a value that crosses by reference; `false` if it is none. May throw (disposed, another environment). `path` is for
   * messages.
   */
  reference(value: object, writer: ByteWriter, path: () => string): boolean
  /** Writes a `Uint8Array`. @default as `bytes` */
  bytes?(value: Uint8Array, writer: ByteWriter, path: () => string): void
  /** What a rule of the program makes of a value that is none of these; nothing if there is no rule. May run any code, and throw. */
  replacement?(value: object, path: () => string): Replacement | undefined
  /** Writes a JavaScript object for Python to hold; `false` if it cannot be. */
  byReference?(value: object, writer: ByteWriter): boolean
}

/** What is written in the place of a value. */
export interface Replacement {
  readonly value: unknown
  /** The rule, for messages. */
  readonly rule: string
}

/** Shorter lists of numbers take less room item by item. */
const shortestPacked = 8
/** A rule may give something that holds another thing for a rule, and so on. Data ends before so many of them are inside each other. */
const mostReplacements = 100_000
/** Up to this depth a container is looked for among its ancestors one by one, deeper in a set. */
const shallow = 32

/** A container whose header has been written. Frames are used again and again; `source` and `items` are cleared. */
class Frame {
  kind: 'items' | 'set' | 'pairs' | 'properties' | 'record' | 'slice' = 'items'
  source: object | undefined
  /** By what it is known while it is written: itself, or the value in whose place it is. */
  identity: object | undefined
  /** What is written: the items, keys and values in turn, or property names. */
  items: readonly unknown[] = []
  /** Of a record: the names of its values. */
  names: readonly string[] = []
  /** How many the header promised; a getter may change `items` meanwhile. */
  length = 0
  /** How many of `items` have been started. */
  started = 0
  /** Of an object: where its header is, and how many properties were not `undefined`. */
  header = 0
  count = 0
}

/**
 * Writes values into memory that grows.
 *
 * Reading a value may run the program's own code (a getter, a proxy). That code must not use the same encoder; whoever owns
 * the encoder gives it another one.
 */
export class Encoder extends ByteWriter {
  readonly #hooks: EncodeHooks
  readonly #frames: Frame[] = []
  #depth = 0
  /** The containers on the stack below `shallow`. */
  readonly #deep = new Set<object>()
  #root = ''
  readonly #path = (): string => this.#spellPath()
  readonly #shapes = new ShapeTable()
  readonly #values: unknown[] = []
  #floats = false
  /** The rule whose replacement is being written, up to the header of a container. */
  #replacing: string | undefined
  /** How many containers on the stack are replacements. */
  #replacements = 0

  constructor(buffer: ArrayBuffer, grow: (bytes: number) => ArrayBuffer, hooks: EncodeHooks) {
    super(buffer, grow)
    this.#hooks = hooks
  }

  /** Writes a value in which numbers are what they are, also if every other one is a float: a key or an index. */
  exactValue(value: unknown, path: string): void {
    const floats = this.#floats
    this.#floats = false
    try {
      this.value(value, path)
    } finally {
      this.#floats = floats
    }
  }

  /** A new message begins, which knows no shapes yet. `floats`: every number is a float. */
  beginMessage(floats = false): void {
    this.#shapes.begin()
    this.#floats = floats
  }

  /** Writes a value. Throws `ERR_CONVERSION` with the path of the part that cannot cross; `path` is where the value itself stands. */
  value(value: unknown, path: string): void {
    this.#root = path
    try {
      if (this.#begin(value)) this.#contents()
    } catch (error) {
      if (error instanceof Refusal) throw this.#failure(error.message)
      throw isBridgeError(error) ? error : this.#failure(`converting the value failed: ${messageOf(error)}`, error)
    } finally {
      while (this.#depth > 0) this.#leave(this.#frames[this.#depth - 1]!)
    }
  }

  /** Writes a simple value, or the header of a container, which then is on the stack: `true`. */
  #begin(value: unknown): boolean {
    switch (typeof value) {
      case 'string':
        this.text(value)
        return false
      case 'number':
        this.#number(value)
        return false
      case 'boolean':
        this.boolean(value)
        return false
      case 'undefined':
        this.nil()
        return false
      case 'bigint':
        this.bigInteger(value)
        return false
      case 'object':
        if (value !== null) return this.#object(value)
        this.nil()
        return false
      case 'function':
        return this.#reference(value)
      default:
        throw this.#unsupported(value)
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && (!this.#floats || this.#isSlicePart()) && (value !== 0 || 1 / value > 0))
      this.integer(value)
    else this.float(value)
  }

  /** Those of a slice are indices, and Python takes no floats for them. */
  #isSlicePart(): boolean {
    return this.#depth > 0 && this.#frames[this.#depth - 1]!.kind === 'slice'
  }

  #object(value: object): boolean {
    const kind = plainKind(value)
    switch (kind) {
      case 'object':
        return this.#properties(value)
      case 'array':
        return this.#array(value as unknown[])
      case 'tuple':
        this.container(Container.tuple)
        this.#list(value as unknown[])
        return true
      case 'set':
        this.container(Container.set)
        this.#list([...(value as Set<unknown>)], value, 'set')
        return true
      case 'frozenset':
        this.container(Container.frozenSet)
        this.#list([...(value as Set<unknown>)], value, 'set')
        return true
      case 'map':
        return this.#map(value as Map<unknown, unknown>)
      case 'bytes':
        if (this.#hooks.bytes === undefined) this.binary(value as Uint8Array)
        else this.#hooks.bytes(value as Uint8Array, this, this.#path)
        return false
      case undefined:
        return this.#reference(value)
      case 'slice':
        this.container(Container.slice)
        this.#list(sliceParts(value), value, 'slice')
        return true
      default:
        writeValueClass(kind, value, this)
        return false
    }
  }

  #reference(value: object): boolean {
    return this.#hooks.reference(value, this, this.#path) ? false : this.#replaced(value)
  }

  /** Writes what a rule makes of a value, or its header. Where there is no rule, the value goes by reference if it can. */
  #replaced(value: object): boolean {
    if (this.#replacing !== undefined) throw this.#unsupported(value)
    const depth = this.#depth
    this.#checkOutside(value)
    const replacement = this.#hooks.replacement?.(value, this.#path)
    if (replacement === undefined) {
      if (this.#hooks.byReference?.(value, this) !== true) throw this.#unsupported(value)
      return false
    }
    if (this.#replacements === mostReplacements)
      throw this.#failure('expected data that ends, got values that rules make ever more of')
    this.#replacing = replacement.rule
    try {
      if (replacement.value === undefined) throw this.#unsupported(undefined)
      if (!this.#begin(replacement.value)) return false
    } finally {
      this.#replacing = undefined
    }
    // A value that is a part of its own replacement is found, although that is new each time.
    const frame = this.#frames[depth]!
    if (depth >= shallow) {
      this.#deep.delete(frame.identity!)
      this.#deep.add(value)
    }
    frame.identity = value
    this.#replacements++
    return true
  }

  #unsupported(value: unknown): BridgeError {
    if (this.#replacing === undefined) return this.#failure(unsupported(value))
    return this.#failure(
      `expected plain data or a Python object from \`toPython\` of the rule for \`${this.#replacing}\`, got ${described(value)}`,
    )
  }

  #array(items: readonly unknown[]): boolean {
    // Asked once: the array may be a proxy, which says something else each time.
    const { length } = items
    if (!(length >= 0 && length < 2 ** 32))
      throw this.#failure(`expected an array of a valid length, got one of ${length}`)
    const packed = length >= shortestPacked && typeof items[0] === 'number'
    if (packed && this.packedNumbers(items, length, this.#floats)) return false
    this.#list(items, items, 'items', length)
    return true
  }

  #list(
    items: readonly unknown[],
    source: object = items,
    kind: 'items' | 'set' | 'slice' = 'items',
    length = items.length,
  ): void {
    // Every item takes a byte at least: this fails early for an array that is only a length.
    this.reserve(length + 5)
    this.arrayHeader(length)
    this.#enter(kind, source, items, length)
  }

  #map(map: Map<unknown, unknown>): boolean {
    const pairs = [...map].flat(1)
    let strings = true
    for (let index = 0; strings && index < pairs.length; index += 2) strings = typeof pairs[index] === 'string'
    if (!strings) this.container(Container.map)
    this.mapHeader(pairs.length / 2)
    this.#enter('pairs', map, pairs)
    return true
  }

  #properties(object: object): boolean {
    const names = Object.keys(object)
    const shape = this.#shapes.find(names)
    if (shape !== undefined && Object.getOwnPropertySymbols(object).length === 0) return this.#record(object, shape)
    const symbols = Object.getOwnPropertySymbols(object)
    if (symbols.length > 0 && (Symbol.iterator in object || Symbol.asyncIterator in object))
      return this.#reference(object)
    const frame = this.#enter('properties', object, names)
    for (const symbol of symbols) {
      if (Object.prototype.propertyIsEnumerable.call(object, symbol)) {
        throw this.#failure(
          `expected string keys only, got the symbol \`${String(symbol)}\`; a Python dict cannot hold it`,
        )
      }
    }
    this.reserve(5)
    frame.header = this.position
    this.mapHeader(names.length)
    return true
  }

  /** An object whose names the message knows, or is worth telling. */
  #record(object: object, shape: Shape): boolean {
    const { names } = shape
    const { length } = names
    const values = this.#values
    try {
      shape.read(object as Record<string, unknown>, values)
    } catch (error) {
      throw this.#unreadable(object as Record<string, unknown>, names, error)
    }
    for (let index = 0; index < length; index++) {
      // What is `undefined` is absent, so the object is of another shape.
      if (values[index] === undefined) return this.#incomplete(object, names)
    }
    if (shape.number < 0) {
      shape.number = this.#shapes.next()
      if (shape.number < 0) return this.#incomplete(object, names)
      this.shape(shape.number, names)
    } else {
      this.record(shape.number)
    }
    for (let index = 0; index < length; index++) {
      const value = values[index]
      if ((typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'symbol') {
        // The rest goes on from the stack, since what is in the value comes first.
        const frame = this.#enter('record', object, values.slice(0, length))
        frame.names = names
        frame.started = index
        // The objects among them should not live on because of us.
        values.length = 0
        return true
      }
      this.#begin(value)
    }
    return false
  }

  /** One of the properties threw: the first that does it again. */
  #unreadable(object: Readonly<Record<string, unknown>>, names: readonly string[], error: unknown): BridgeError {
    const name = names.find((one) => {
      try {
        void object[one]
        return false
      } catch {
        return true
      }
    })
    const step = name === undefined ? '' : nameStep(name)
    return this.#failure(`converting the value failed: ${messageOf(error)}`, error, step)
  }

  /** As a map of the values that were read, without those that are `undefined`. */
  #incomplete(object: object, names: readonly string[]): boolean {
    const pairs: unknown[] = []
    for (const [index, name] of names.entries()) {
      const value = this.#values[index]
      if (value !== undefined) pairs.push(name, value)
    }
    this.mapHeader(pairs.length / 2)
    this.#enter('pairs', object, pairs)
    return true
  }

  #enter(kind: Frame['kind'], source: object, items: readonly unknown[], length = items.length): Frame {
    const depth = this.#depth
    this.#checkOutside(source)
    if (depth >= shallow) this.#deep.add(source)
    const frame = (this.#frames[depth] ??= new Frame())
    frame.kind = kind
    frame.source = frame.identity = source
    frame.items = items
    frame.length = length
    frame.started = frame.count = 0
    this.#depth = depth + 1
    return frame
  }

  /** Refuses an object that is around the current value already. */
  #checkOutside(source: object): void {
    const depth = this.#depth
    for (let index = Math.min(depth, shallow) - 1; index >= 0; index--) {
      if (this.#frames[index]!.identity === source) throw this.#cycle()
    }
    if (depth >= shallow && this.#deep.has(source)) throw this.#cycle()
  }

  #leave(frame: Frame): void {
    this.#depth--
    if (this.#depth >= shallow) this.#deep.delete(frame.identity!)
    if (frame.identity !== frame.source) this.#replacements--
    frame.source = frame.identity = undefined
    frame.items = frame.names = []
  }

  /** Writes what is in the containers on the stack. */
  #contents(): void {
    while (this.#depth > 0) {
      const frame = this.#frames[this.#depth - 1]!
      if (frame.kind === 'properties' ? this.#nextProperties(frame) : this.#nextItems(frame)) continue
      this.#leave(frame)
    }
  }

  /** Writes items up to and including the header of the next container: `true`, or to the end: `false`. */
  #nextItems(frame: Frame): boolean {
    const { items, length } = frame
    while (frame.started < length) {
      if (this.#begin(items[frame.started++])) return true
    }
    return false
  }

  #nextProperties(frame: Frame): boolean {
    const names = frame.items as readonly string[]
    const object = frame.source as Readonly<Record<string, unknown>>
    while (frame.started < names.length) {
      const name = names[frame.started++]!
      const value = object[name]
      if (value === undefined) continue
      frame.count++
      this.text(name)
      if (this.#begin(value)) return true
    }
    if (frame.count < names.length) this.patchMapHeader(frame.header, frame.count)
    return false
  }

  #cycle(): BridgeError {
    return this.#failure('expected data without cycles, got an object that contains itself')
  }

  #failure(message: string, cause?: unknown, step = ''): BridgeError {
    const path = this.#spellPath() + step
    const options = cause === undefined ? { path } : { path, cause }
    return new BridgeError('ERR_CONVERSION', path === '' ? message : `${path}: ${message}`, options)
  }

  #spellPath(): string {
    let path = this.#root
    for (const { kind, items, names, started } of this.#frames.slice(0, this.#depth)) {
      // Nothing of the innermost container has been started if it is the problem itself.
      if (started === 0) break
      const index = started - 1
      const pair = index >> 1
      if (kind === 'items') path += `[${index}]`
      else if (kind === 'slice') path += ['.start', '.stop', '.step'][index]
      else if (kind === 'set') path += `<item ${index}>`
      else if (kind === 'properties') path += nameStep(items[index] as string)
      else if (kind === 'record') path += nameStep(names[index]!)
      else path += index % 2 === 0 ? `<key ${pair}>` : keyStep(items[index - 1], pair)
    }
    return path
  }
}
