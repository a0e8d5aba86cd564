/* A Python datetime in JavaScript: a `Date` that keeps what a `Date` cannot hold, and that cannot be changed. */
import { BridgeError } from '../errors/bridge-error'
import { dateText, dayNumber, millisecondsOfDay } from './calendar'
import {
  type Clock,
  clockFields,
  clockNames,
  clockText,
  microsecondOfDay,
  offsetText,
  parsedClock,
  unsaid,
} from './clock'
import { type DateFields, parsedDate } from './date'
import { dateFields, namedFields, type Given, type Signature } from './fields'
import { toDateTime, type DefaultTemporal, type Produced, type TemporalNamespace } from './temporal'
import { localOffsetAt, offsetOfWall, zoneOffset } from './time-zone'
import { defineValueClass, isOfClass } from './value-class'

/** The parts of a `datetime`, by the names of the properties of `PyDateTime`. What is left out is 0, or `null`. */
export type DateTimeFields = DateFields & { readonly [K in keyof Clock]?: Clock[K] | undefined }

/**
 * A Python `datetime.datetime`, naive or aware, exact to the microsecond. It is a `Date` of the same instant, down to the millisecond, so
 * whatever takes a `Date` takes it. Its own properties say what the clock showed where it was set: `hour` is Python's, `getHours()` that
 * of this computer. A naive one is a local time, in JavaScript as in Python. What would change it throws a `TypeError`; `new Date(it)` is a
 * copy that can be changed, and `replace()` makes another one.
 *
 * Made from year, month, day, hour, minute, second and microsecond; from an object of the names of its properties; or from text such as
 * `2025-03-14T15:09:26.535897+01:00`, perhaps with the key of a zone behind it: `[Europe/Berlin]`. In a zone the offset can be left out, if
 * the runtime knows the zone. Throws `ERR_INVALID_ARGUMENT` for what is no time from year 1 to year 9999, and for an offset that the
 * zone has not then.
 */
export class PyDateTime extends Date implements DateFields, Clock {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly offsetName: string | null
  readonly zone: string | null

  constructor(
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    microsecond?: number,
  )
  constructor(value: DateTimeFields | string, more?: Partial<DateTimeFields>)
  constructor(...args: readonly unknown[]) {
    const parts = args[0] instanceof ReadDateTime ? args[0] : checkedParts(namedFields(args, signature))
    super(parts.instant)
    const { date, clock } = parts
    this.year = date.year
    this.month = date.month
    this.day = date.day
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

  /** Whether it is naive: whether its distance from UTC is not known. */
  get isNaive(): boolean {
    return this.offset === null
  }

  /** The same with other parts. In a zone the offset follows, unless it is given. */
  replace(parts: Partial<DateTimeFields>): PyDateTime {
    const inZone = (parts.zone === undefined ? this.zone : parts.zone) !== null
    const former = inZone ? { ...this, offset: undefined, offsetName: null } : this
    return dateTimeFrom({ ...former, ...parts })
  }

  /**
   * Whether Python's `==` holds: both naive, or both in one zone, and their clocks show the same; or neither naive, and they are the same
   * instant. (Python counts a time that its zone has twice, or never, unequal to any time in another zone; this does not.)
   */
  equals(other: unknown): boolean {
    if (!isOfClass(other, 'PyDateTime')) return false
    const that = other as PyDateTime
    if (this.isNaive !== that.isNaive) return false
    const byWall = this.isNaive || (this.zone !== null && this.zone === that.zone)
    const [mine, others] = byWall ? [wallOf(this), wallOf(that)] : [epochMicroseconds(this), epochMicroseconds(that)]
    return mine === others
  }

  /**
   * As a `Temporal.PlainDateTime` if it is naive, else as a `Temporal.ZonedDateTime` in its zone or at its offset; of the runtime, or of the
   * polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither, and `ERR_CONVERSION` for what they cannot hold: a naive fold,
   * an offset that is no whole minute, a zone that the runtime does not know or has another offset for.
   */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(
    temporal?: T,
  ): Produced<T, 'PlainDateTime'> | Produced<T, 'ZonedDateTime'> {
    return toDateTime(this, temporal)
  }

  /** As Python's `isoformat()` writes it: with the microseconds, if there are any, and the offset, if it has one. */
  override toJSON(): string {
    return `${dateText(this.year, this.month, this.day)}T${clockText(this)}`
  }

  /** As Python's `str()`: like `toJSON()` with a space in the middle. `toISOString()` is that of any `Date`: in UTC, and in milliseconds. */
  override toString(): string {
    return this.toJSON().replace('T', ' ')
  }

  override setDate(): never {
    return readOnly()
  }
  override setFullYear(): never {
    return readOnly()
  }
  override setHours(): never {
    return readOnly()
  }
  override setMilliseconds(): never {
    return readOnly()
  }
  override setMinutes(): never {
    return readOnly()
  }
  override setMonth(): never {
    return readOnly()
  }
  override setSeconds(): never {
    return readOnly()
  }
  override setTime(): never {
    return readOnly()
  }
  override setUTCDate(): never {
    return readOnly()
  }
  override setUTCFullYear(): never {
    return readOnly()
  }
  override setUTCHours(): never {
    return readOnly()
  }
  override setUTCMilliseconds(): never {
    return readOnly()
  }
  override setUTCMinutes(): never {
    return readOnly()
  }
  override setUTCMonth(): never {
    return readOnly()
  }
  override setUTCSeconds(): never {
    return readOnly()
  }

  static {
    Object.defineProperty(this.prototype, 'setYear', { value: readOnly })
    // By this date-fns makes what its functions give: a `Date` that can be changed.
    Object.defineProperty(this.prototype, Symbol.for('constructDateFrom'), { value: (time: number) => new Date(time) })
    defineValueClass(this.prototype, 'PyDateTime', (value) => [
      value.toJSON() + (value.zone === null ? '' : `[${value.zone}]`),
      ...unsaid(value),
    ])
  }
}

const signature: Signature = {
  names: ['year', 'month', 'day', ...clockNames],
  positional: 7,
  expected:
    'a time, such as `2025, 3, 14, 15, 9`, an object of `year`, `month`, `day` and so on, or the text `2025-03-14T15:09:26.535897+01:00`',
  parse(text) {
    const [date, clock] = [parsedDate(text.slice(0, 10)), parsedClock(text.slice(11))]
    return date !== undefined && clock !== undefined && /[Tt ]/.test(text[10]!) ? { ...date, ...clock } : undefined
  },
}

/** Outside the class: the bundler gives another name to a class that names itself. */
function dateTimeFrom(fields: DateTimeFields): PyDateTime {
  return new PyDateTime(fields)
}

/** The parts of a datetime that need no further look. */
export class ReadDateTime {
  /** Milliseconds since 1970 in UTC. */
  readonly instant: number

  constructor(
    readonly date: DateFields,
    readonly clock: Clock,
    /** How many days after 1970-01-01 the date is. */
    day: number,
  ) {
    const { offset, fold, hour, minute, second, microsecond } = clock
    if (offset === null && fold === 0 && date.year >= 100) {
      // The engine means the same by a time that a clock shows twice or skips.
      const milliseconds = Math.floor(microsecond / 1000)
      this.instant = new Date(date.year, date.month - 1, date.day, hour, minute, second, milliseconds).getTime()
      return
    }
    const wall = day * millisecondsOfDay + Math.floor(microsecondOfDay(clock) / 1000)
    this.instant =
      offset === null
        ? wall - offsetOfWall(wall, fold, localOffsetAt)
        : wall + Math.floor(((microsecond % 1000) - Math.round(offset * 1e6)) / 1000)
  }
}

function checkedParts(given: Given): ReadDateTime {
  const date = dateFields(given)
  const clock = clockFields(given)
  const day = dayNumber(date.year, date.month, date.day)
  return new ReadDateTime(date, clock.zone === null ? clock : zoned(clock, day, given.fold === undefined), day)
}

/** With the offset of its zone, which also says which of two times that look the same it is. */
function zoned(clock: Clock, day: number, anyFold: boolean): Clock {
  const { zone, offset } = clock
  const offsetAt = zoneOffset(zone!)
  if (offsetAt === undefined) {
    if (offset !== null) return clock
    const message = `expected a \`zone\` that this runtime knows, or an \`offset\` too, got ${JSON.stringify(zone)}`
    throw new BridgeError('ERR_INVALID_ARGUMENT', message)
  }
  const wall = day * millisecondsOfDay + Math.floor(microsecondOfDay(clock) / 1000)
  const [first, second] = [0, 1].map((fold) => offsetOfWall(wall, fold, offsetAt) / 1000) as [number, number]
  const usual = clock.fold === 0 ? first : second
  if (offset === null || offset === usual) return { ...clock, offset: usual }
  if (anyFold && offset === second) return { ...clock, fold: 1 }
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `expected the offset ${offsetText(usual)} of ${zone} at that time, or none, got ${offsetText(offset)}`,
  )
}

/** Microseconds from 1970 to what the clock shows, as if it was in UTC. */
function wallOf(value: PyDateTime): bigint {
  return BigInt(dayNumber(value.year, value.month, value.day)) * 86_400_000_000n + BigInt(microsecondOfDay(value))
}

/** Microseconds from 1970 to the instant of a value that is not naive. */
export function epochMicroseconds(value: PyDateTime): bigint {
  return wallOf(value) - BigInt(Math.round((value.offset ?? 0) * 1e6))
}

function readOnly(): never {
  throw new TypeError(
    'a Python datetime is read-only; `new Date(it)` can be changed, and `replace()` makes another one',
  )
}
