/* A Python time of the day in JavaScript. */
import {
  type Clock,
  clockFields,
  clockNames,
  clockText,
  microsecondOfDay,
  parsedClock,
  ReadClock,
  unsaid,
} from './clock'
import { namedFields, type Signature } from './fields'
import { toPlainTime, type DefaultTemporal, type Produced, type TemporalNamespace } from './temporal'
import { defineValueClass, isOfClass, textOnly } from './value-class'

/**
 * A Python `datetime.time`: what a clock shows, naive or with a time zone.
 *
 * Made from hour, minute, second and microsecond, from an object of the names of its properties, or from text such as
 * `15:09:26.535897`, with an offset or without. Throws `ERR_INVALID_ARGUMENT` for what is no time of a day. Using it as a number throws a
 * `TypeError`.
 */
export class PyTime implements Clock {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly offsetName: string | null
  readonly zone: string | null

  constructor(hour: number, minute?: number, second?: number, microsecond?: number)
  constructor(value: Partial<Clock> | string, more?: Partial<Clock>)
  constructor(...args: readonly unknown[]) {
    const clock = args[0] instanceof ReadClock ? args[0] : clockFields(namedFields(args, signature))
    this.hour = clock.hour
    this.minute = clock.minute
    this.second = clock.second
    this.microsecond = clock.microsecond
    this.fold = clock.fold
    this.offset = clock.offset
    this.offsetName = clock.offsetName
    this.zone = clock.zone
    Object.freeze(this)
  }

  /** Whether it is naive: whether its distance from UTC is not known. A time in a zone mostly is, since that depends on the day. */
  get isNaive(): boolean {
    return this.offset === null
  }

  /** The same with other parts. A new `zone` comes without an offset, unless that is given too. */
  replace(parts: Partial<Clock>): PyTime {
    const former = parts.zone === undefined ? this : { ...this, offset: null, offsetName: null }
    return timeFrom({ ...former, ...parts })
  }

  /** Whether Python's `==` holds: both show the same, or, if neither is naive, mean the same time. */
  equals(other: unknown): boolean {
    if (!isOfClass(other, 'PyTime')) return false
    const that = other as PyTime
    if ((this.offset === null) !== (that.offset === null)) return false
    return microsecondOfDay(this) - microsecondsOf(this.offset) === microsecondOfDay(that) - microsecondsOf(that.offset)
  }

  /**
   * As a `Temporal.PlainTime`, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither, and
   * `ERR_CONVERSION` for a time with an offset, a zone or a fold, which that cannot have.
   */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'PlainTime'> {
    return toPlainTime(this, temporal)
  }

  /** As Python writes it: `15:09:26.535897+01:00`. */
  toString(): string {
    return clockText(this)
  }

  /** The text of `toString()`. */
  toJSON(): string {
    return this.toString()
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a time is no number; use its parts')
  }

  static {
    defineValueClass(this.prototype, 'PyTime', (time) => [
      time.toString() + (time.zone === null ? '' : `[${time.zone}]`),
      ...unsaid(time),
    ])
  }
}

const signature: Signature = {
  names: clockNames,
  positional: 4,
  expected: 'a time, such as `15, 9, 26`, an object of `hour`, `minute` and so on, or the text `15:09:26.535897`',
  parse: parsedClock,
}

function microsecondsOf(offset: number | null): number {
  return offset === null ? 0 : Math.round(offset * 1e6)
}

/** Outside the class: the bundler gives another name to a class that names itself. */
function timeFrom(fields: Partial<Clock>): PyTime {
  return new PyTime(fields)
}

/** The time of a clock. */
export function timeOf(clock: ReadClock): PyTime {
  return new PyTime(clock)
}
