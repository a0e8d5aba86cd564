/* Objects of `Temporal` on their way to Python: those of the runtime and of any polyfill, known by what they call themselves. */
import { dayNumber } from '../values/calendar'
import { type Clock, ReadClock } from '../values/clock'
import type { ByteWriter } from './byte-writer'
import { writeDate, writeDateTime, writeTime, writeTimeDelta } from './dates'
import { Refusal } from './unsupported'

/** What the classes have that are taken here, each of them some. */
interface TemporalValue {
  readonly calendarId: string
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  readonly microsecond: number
  readonly nanosecond: number
  readonly epochNanoseconds: bigint
  readonly offsetNanoseconds: number
  readonly timeZoneId: string
  toPlainDateTime(): {
    toZonedDateTime(timeZone: string, options: object): { readonly epochNanoseconds: bigint }
  }
}

interface Duration {
  readonly years: number
  readonly months: number
  readonly weeks: number
  readonly days: number
  readonly hours: number
  readonly minutes: number
  readonly seconds: number
  readonly milliseconds: number
  readonly microseconds: number
  readonly nanoseconds: number
}

const rounding = "nanoseconds, and Python's types end at microseconds; pass `value.round('microsecond')`"
const nanosecondsOfDay = 86_400_000_000_000n

/** The tag of the class of a prototype, such as `Temporal.Instant`; nothing if it is none of Temporal's. */
export function temporalTag(prototype: object): string | undefined {
  const tag: unknown = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)?.value
  return typeof tag === 'string' && tag.startsWith('Temporal.') ? tag : undefined
}

/** Writes a value of one of Temporal's classes. */
export function writeTemporal(value: object, writer: ByteWriter): void {
  const tag = temporalTag(Object.getPrototypeOf(value) as object)
  const temporal = value as TemporalValue
  switch (tag) {
    case 'Temporal.Instant':
      return writeMoment(temporal.epochNanoseconds, new ReadClock(0, 0, 0, 0, 0, 0, null, null), writer)
    case 'Temporal.ZonedDateTime':
      return writeDateTime(dayOf(temporal), zonedClock(temporal), writer)
    case 'Temporal.PlainDateTime':
      return writeDateTime(dayOf(temporal), naiveClock(temporal), writer)
    case 'Temporal.PlainDate':
      return writeDate(dayOf(temporal), writer)
    case 'Temporal.PlainTime':
      return writeTime(naiveClock(temporal), writer)
    case 'Temporal.Duration':
      return writeDuration(value as Duration, writer)
    case 'Temporal.PlainYearMonth':
      throw new Refusal(`got a ${tag}, and Python has no type for a month of a year; pass \`toPlainDate({ day: 1 })\``)
    case 'Temporal.PlainMonthDay':
      throw new Refusal(
        `got a ${tag}, and Python has no type for a day without its year; pass \`toPlainDate({ year })\``,
      )
    default:
      throw new Refusal(`got a ${tag}, and Python has no type for it`)
  }
}

function writeMoment(nanoseconds: bigint, clock: Clock, writer: ByteWriter): void {
  if (nanoseconds % 1000n !== 0n) throw new Refusal(`got a Temporal.Instant with ${rounding}`)
  const rest = ((nanoseconds % nanosecondsOfDay) + nanosecondsOfDay) % nanosecondsOfDay
  const day = Number((nanoseconds - rest) / nanosecondsOfDay)
  const microseconds = Number(rest / 1000n)
  const seconds = Math.floor(microseconds / 1e6)
  const minutes = Math.floor(seconds / 60)
  const hour = Math.floor(minutes / 60)
  writeDateTime(
    day,
    { ...clock, hour, minute: minutes % 60, second: seconds % 60, microsecond: microseconds % 1e6 },
    writer,
  )
}

/** Of a year that Python cannot hold too: whoever writes it looks. */
function dayOf({ calendarId, year, month, day }: TemporalValue): number {
  if (calendarId !== 'iso8601') {
    throw new Refusal(
      `expected the calendar \`iso8601\`, the only one of Python's, got \`${calendarId}\`; pass \`withCalendar('iso8601')\``,
    )
  }
  return dayNumber(year, month, day)
}

function naiveClock(value: TemporalValue): ReadClock {
  return clockOf(value, 0, null, null)
}

/** Which of two times that look the same it is, is what the zone says of the first of them. */
function zonedClock(value: TemporalValue): ReadClock {
  const { timeZoneId, offsetNanoseconds } = value
  const offset = offsetNanoseconds / 1e9
  // Temporal has one UTC, and so has `datetime.timezone`.
  if (timeZoneId === 'UTC' || /^[+-]\d\d:\d\d$/.test(timeZoneId)) return clockOf(value, 0, offset, null)
  const first = value.toPlainDateTime().toZonedDateTime(timeZoneId, { disambiguation: 'earlier' })
  return clockOf(value, first.epochNanoseconds === value.epochNanoseconds ? 0 : 1, offset, timeZoneId)
}

function clockOf(value: TemporalValue, fold: 0 | 1, offset: number | null, zone: string | null): ReadClock {
  const { hour, minute, second, millisecond, microsecond, nanosecond } = value
  if (nanosecond !== 0) throw new Refusal(`got a time with ${rounding}`)
  return new ReadClock(hour, minute, second, millisecond * 1000 + microsecond, fold, offset, null, zone)
}

function writeDuration(duration: Duration, writer: ByteWriter): void {
  if (duration.years !== 0 || duration.months !== 0) {
    throw new Refusal(
      "got a Temporal.Duration with years or months, which are no fixed number of days; pass `value.round({ largestUnit: 'day', relativeTo })`",
    )
  }
  const days = BigInt(duration.weeks) * 7n + BigInt(duration.days)
  const seconds = (BigInt(duration.hours) * 60n + BigInt(duration.minutes)) * 60n + BigInt(duration.seconds)
  const below =
    (BigInt(duration.milliseconds) * 1000n + BigInt(duration.microseconds)) * 1000n + BigInt(duration.nanoseconds)
  const total = days * nanosecondsOfDay + seconds * 1_000_000_000n + below
  if (total % 1000n !== 0n) throw new Refusal(`got a Temporal.Duration with ${rounding}`)
  const rest = ((total % nanosecondsOfDay) + nanosecondsOfDay) % nanosecondsOfDay
  const microseconds = Number(rest / 1000n)
  writeTimeDelta(Number((total - rest) / nanosecondsOfDay), Math.floor(microseconds / 1e6), microseconds % 1e6, writer)
}
