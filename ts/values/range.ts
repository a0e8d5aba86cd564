/* A Python range in JavaScript: integers that are counted out as they are asked for. */
import { defineValueClass, integer, integerJson, invalid, isOfClass } from './value-class'

/**
 * A Python `range`: iterable, of integers that are `number` if they are safe, else `bigint`. The arguments are Python's:
 * `new PyRange(stop)` or `new PyRange(start, stop, step)`.
 *
 * Throws `ERR_INVALID_ARGUMENT` if an argument is not a safe integer or a `bigint`, and for a step of zero.
 */
export class PyRange implements Iterable<number | bigint> {
  /** The first integer. */
  readonly start: number | bigint
  /** Where the range ends, without it. */
  readonly stop: number | bigint
  /** From one integer to the next; below zero for a range that goes down. */
  readonly step: number | bigint

  constructor(stop: number | bigint)
  constructor(start: number | bigint, stop: number | bigint, step?: number | bigint)
  constructor(first: number | bigint, second?: number | bigint, step: number | bigint = 1) {
    this.start = second === undefined ? 0 : integer(first, 'the start of a range')
    this.stop = integer(second ?? first, 'the stop of a range')
    this.step = integer(step, 'the step of a range')
    if (this.step === 0) throw invalid('a step other than zero', step)
    Object.freeze(this)
  }

  /** How many integers there are: a `bigint` if that is not a safe integer. */
  get length(): number | bigint {
    return integer(count(this), 'the length')
  }

  /** The integer at an index, from the end if it is negative; `undefined` beyond. */
  at(index: number | bigint): number | bigint | undefined {
    const length = count(this)
    const wanted = BigInt(integer(index, 'an index'))
    const position = wanted < 0n ? wanted + length : wanted
    return position < 0n || position >= length ? undefined : itemAt(this, position)
  }

  /** The integers in order. */
  *[Symbol.iterator](): Generator<number | bigint, void, undefined> {
    const { start, step, length } = this
    if (typeof start === 'number' && typeof step === 'number' && typeof length === 'number') {
      // If the last one and its distance are exact, all between are.
      const distance = (length - 1) * step
      if (length === 0 || (Number.isSafeInteger(distance) && Number.isSafeInteger(start + distance))) {
        for (let index = 0; index < length; index++) yield start + index * step
        return
      }
    }
    for (let index = 0n; index < length; index++) yield itemAt(this, index)
  }

  /** Whether Python's `==` holds: the same integers in the same order. */
  equals(other: unknown): boolean {
    if (!isOfClass(other, 'PyRange')) return false
    const that = other as PyRange
    const length = count(this)
    if (length !== count(that)) return false
    return length === 0n || (this.start === that.start && (length === 1n || this.step === that.step))
  }

  /** As Python writes it, such as `range(0, 10)`. */
  toString(): string {
    return `range(${parts(this).map(String).join(', ')})`
  }

  /** Start, stop and step as an object; one that is not a safe integer as its digits. */
  toJSON(): { start: number | string; stop: number | string; step: number | string } {
    return { start: integerJson(this.start), stop: integerJson(this.stop), step: integerJson(this.step) }
  }

  static {
    defineValueClass(this.prototype, 'PyRange', parts)
  }
}

function parts({ start, stop, step }: PyRange): (number | bigint)[] {
  return step === 1 ? [start, stop] : [start, stop, step]
}

function count(range: PyRange): bigint {
  const [start, stop, step] = [BigInt(range.start), BigInt(range.stop), BigInt(range.step)]
  const length = step > 0n ? (stop - start + step - 1n) / step : (start - stop - step - 1n) / -step
  return length > 0n ? length : 0n
}

function itemAt({ start, step }: PyRange, index: bigint): number | bigint {
  return integer(BigInt(start) + index * BigInt(step), 'an item')
}
