/* Objects that have the same property names as an earlier one of the same message: rows of a table. Their names cross once. */
import { canGenerateCode } from './generated-code'

/** Objects with more properties are written and read as maps. */
const mostNames = 64
/** As many shapes as one message can have. */
export const mostShapes = 256
/** As many shapes as an encoder remembers at a time; a power of two. */
const places = 64

/** The names of objects in one message. */
export class Shape {
  /** By which number the message knows it; -1 if only one object had these names until now. */
  number = -1
  #uses = 0
  #reader: Reader | undefined

  constructor(
    readonly names: readonly string[],
    /** In which message. */
    public message: number,
  ) {}

  /** Reads the properties of an object into `values`, in order. */
  read(object: Readonly<Record<string, unknown>>, values: unknown[]): void {
    if (this.#reader !== undefined) {
      this.#reader(object, values)
      return
    }
    this.#uses += 1
    if (this.#uses === worthGenerating) this.#reader = generatedReader(this.names)
    const { names } = this
    for (let index = 0; index < names.length; index++) values[index] = object[names[index]!]
  }
}

/** The shapes that an encoder has met, each in the place that its names choose. */
export class ShapeTable {
  readonly #shapes: (Shape | undefined)[] = new Array<Shape | undefined>(places).fill(undefined)
  #message = 0
  #count = 0

  /** Forgets everything: a new message begins. */
  begin(): void {
    this.#message += 1
    this.#count = 0
  }

  /** The shape with these names, if an earlier object of the message had them, in this order. */
  find(names: readonly string[]): Shape | undefined {
    const { length } = names
    if (length === 0 || length > mostNames) return undefined
    const place = placeOf(names)
    const shape = this.#shapes[place]
    if (shape === undefined || !same(shape.names, names)) {
      this.#shapes[place] = new Shape(names, this.#message)
      return undefined
    }
    if (shape.message === this.#message) return shape
    shape.message = this.#message
    shape.number = -1
    return undefined
  }

  /** A number for a shape that is about to be described; -1 if the message has as many as it can. */
  next(): number {
    return this.#count < mostShapes ? this.#count++ : -1
  }
}

function placeOf(names: readonly string[]): number {
  const { length } = names
  const first = names[0]!
  const last = names[length - 1]!
  return (length * 31 + first.length * 7 + first.charCodeAt(0) + 17 * last.length + last.charCodeAt(0)) & (places - 1)
}

function same(known: readonly string[], names: readonly string[]): boolean {
  if (known.length !== names.length) return false
  for (let index = 0; index < names.length; index++) if (known[index] !== names[index]) return false
  return true
}

/** Reads properties; V8 knows where they are in objects of one kind, and finds them ten times faster than by a name that varies. */
type Reader = (object: Readonly<Record<string, unknown>>, values: unknown[]) => void

function generatedReader(names: readonly string[]): Reader | undefined {
  if (!canGenerateCode()) return undefined
  const steps = names.map((name, index) => `values[${index}] = object[${JSON.stringify(name)}]`)
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the names are string literals of JSON, and nothing else is in it
  return new Function('object', 'values', steps.join('\n')) as Reader
}

/** Makes an object of the values that `next` gives, in the order of the names. */
type Maker = (next: () => unknown) => object

/** Makers that have been generated, by their names: making one takes as long as reading a few hundred objects with it. */
const makers = new Map<string, Maker>()
const mostMakers = 512
/** From so many objects on it is worth it. */
const worthGenerating = 16

/** A shape that a decoder has met in one message. */
export class RecordShape {
  #uses = 0
  #maker: Maker | undefined

  constructor(readonly names: readonly string[]) {}

  make(next: () => unknown): object {
    if (this.#maker !== undefined) return this.#maker(next)
    this.#uses += 1
    if (this.#uses === worthGenerating) this.#maker = generatedMaker(this.names)
    const object: Record<string, unknown> = {}
    for (const name of this.names) setProperty(object, name, next())
    return object
  }
}

/** Sets an own property, whatever its name is. */
export function setProperty(object: Record<string, unknown>, name: string, value: unknown): void {
  try {
    // An assignment would set the prototype.
    if (name === '__proto__') define(object, name, value)
    else object[name] = value
  } catch {
    // Nor can it add what a frozen `Object.prototype` has, such as `constructor`.
    define(object, name, value)
  }
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}

/** An object literal is made ten times faster than an object to which names are added one by one. */
function generatedMaker(names: readonly string[]): Maker | undefined {
  if (!canGenerateCode()) return undefined
  const key = JSON.stringify(names)
  let maker = makers.get(key)
  if (maker === undefined) {
    // In brackets, because `__proto__` without them would be the prototype.
    const properties = names.map((name) => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)) + ': next()')
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the names are string literals of JSON, and nothing else is in it
    maker = new Function('next', `return { ${properties.join(', ')} }`) as Maker
    if (makers.size >= mostMakers) makers.clear()
    makers.set(key, maker)
  }
  return maker
}
