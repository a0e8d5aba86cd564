/* A decoder for values that are to be other types than by default. It keeps the path, since it has refusals of its own. */
import { BridgeError, isBridgeError } from '../errors/bridge-error'
import type { PyDate } from '../values/date'
import type { PyDateTime } from '../values/datetime'
import type { PyTime } from '../values/time'
import type { PyTimeDelta } from '../values/timedelta'
import { asTheyAre, type Conversion } from './conversion'
import { asMap, Decoder, type Finish } from './decoder'
import { Extension, Lead } from './format'
import { keyStep, nameStep } from './path'
import { setProperty, type RecordShape } from './shapes'

/** What all classes of dates can become. */
type Dated = PyDateTime | PyDate | PyTime | PyTimeDelta

export class ConvertingDecoder extends Decoder {
  conversion: Conversion = asTheyAre
  readonly #path: string[] = []

  override decode(bytes: Uint8Array, start: number, end: number): unknown {
    this.#path.length = 0
    return super.decode(bytes, start, end)
  }

  protected override begin(): unknown {
    const at = this.position
    const value = super.begin()
    if (this.conversion.int === 'auto') return value
    if (typeof value === 'bigint' || (typeof value === 'number' && this.bytes[at] !== Lead.float64))
      return this.#integer(value)
    if (this.bytes[at] !== Lead.ext32) return value
    const code = this.bytes[at + 5]
    if (code === Extension.integers) return (value as number[]).map((item) => this.#integer(item))
    if (code === Extension.numbers)
      return (value as number[]).map((item) => (isInteger(item) ? this.#integer(item) : item))
    return value
  }

  protected override date(code: number, start: number, length: number): unknown {
    const value = super.date(code, start, length) as Dated | undefined
    const { datetime } = this.conversion
    if (datetime === 'auto' || value === undefined) return value
    try {
      return value.toTemporal(datetime)
    } catch (error) {
      if (!isBridgeError(error)) throw error
      throw this.#refused(`${error.message}; use datetime: 'auto'`, error.cause)
    }
  }

  #integer(value: number | bigint): number | bigint {
    if (this.conversion.int === 'bigint') return BigInt(value)
    if (typeof value === 'number') return value
    throw this.#refused(`expected an integer that a number holds exactly, got ${value}; use int: 'auto' or 'bigint'`)
  }

  protected override items(left: number, finish: Finish): unknown[] {
    const items: unknown[] = []
    for (let index = 0; index < left; index++) {
      // The parts of a map are keys and values in turn.
      const step =
        finish !== this.finishMap
          ? `[${index}]`
          : index % 2 === 0
            ? `<key ${index >> 1}>`
            : keyStep(items[index - 1], index >> 1)
      items.push(this.#at(step, () => this.value()))
    }
    return items
  }

  protected override finishMap: Finish = (parts) => {
    if (this.conversion.dict !== 'object') return asMap(parts)
    const object: Record<string, unknown> = {}
    for (let index = 0; index < parts.length; index += 2) {
      const key = parts[index]
      if (typeof key !== 'string') {
        throw this.#refused(`expected string keys only, got a key of type ${typeof key}; use dict: 'auto' or 'map'`)
      }
      const value = parts[index + 1]
      if (key === 'then' && typeof value === 'function') {
        throw this.#refused(
          "expected a dict that can be an object, got one with a function as `then`; use dict: 'auto' or 'map'",
        )
      }
      setProperty(object, key, value)
    }
    return object
  }

  protected override finishProperties: Finish = (parts) => {
    const even = parts.filter((_, index) => index % 2 === 0)
    return this.#object(
      even.map(String),
      parts.filter((_, index) => index % 2 === 1),
    )
  }

  protected override properties(left: number): unknown {
    const names: string[] = []
    const values: unknown[] = []
    for (let index = 0; index < left; index++) {
      const name = this.key()
      names.push(name)
      values.push(this.#at(nameStep(name), () => this.value()))
    }
    return this.#object(names, values)
  }

  protected override record(shape: RecordShape): unknown {
    return this.#object(
      shape.names,
      shape.names.map((name) => this.#at(nameStep(name), () => this.value())),
    )
  }

  #object(names: readonly string[], values: readonly unknown[]): unknown {
    if (this.conversion.dict === 'map') return new Map(names.map((name, index) => [name, values[index]]))
    const object: Record<string, unknown> = {}
    for (const [index, name] of names.entries()) setProperty(object, name, values[index])
    return object
  }

  #at(step: string, read: () => unknown): unknown {
    this.#path.push(step)
    const value = read()
    this.#path.pop()
    return value
  }

  #refused(message: string, cause?: unknown): BridgeError {
    // Of what lies very deep only the beginning of the way is known.
    const path = this.#path.join('') + (this.isDeep ? '…' : '')
    const options = cause === undefined ? { path } : { path, cause }
    return new BridgeError('ERR_CONVERSION', path === '' ? message : `${path}: ${message}`, options)
  }
}

/** Whether an item of a packed list of numbers is an `int` in Python. */
function isInteger(item: number): boolean {
  return Number.isSafeInteger(item) && !Object.is(item, -0)
}
