/* The time of a day, and what its clock is set by: what `PyDateTime` and `PyTime` have in common. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import { digits } from './calendar'
import { type Given, textOrNull, whole } from './fields'

/** What a clock shows, and what it is set by. */
export interface Clock {
  /** From 0 to 23. */
  readonly hour: number
  /** From 0 to 59. */
  readonly minute: number
  /** From 0 to 59. */
  readonly second: number
  /** From 0 to 999,999. */
  readonly microsecond: number
  /** 1 for the second of two times of a day that look the same, as when clocks are set back; else 0. */
  readonly fold: 0 | 1
  /** How far the clock is ahead of UTC, in seconds, with a fraction if it has one; `null` if that is not known. */
  readonly offset: number | null
  /** The name that a `datetime.timezone` was given beside its offset; `null` if it has none. */
  readonly offsetName: string | null
  /** The key of a `zoneinfo.ZoneInfo`, such as `Europe/Berlin`; `null` for any other time zone and for none. */
  readonly zone: string | null
}

/** The fields of a clock that a message gave, so that nobody has to look at them again. */
export class ReadClock implements Clock {
  constructor(
    readonly hour: number,
    readonly minute: number,
    readonly second: number,
    readonly microsecond: number,
    readonly fold: 0 | 1,
    readonly offset: number | null,
    readonly offsetName: string | null,
    readonly zone: string | null,
  ) {}
}

export const clockNames = ['hour', 'minute', 'second', 'microsecond', 'fold', 'offset', 'offsetName', 'zone'] as const

/** The fields of a clock; what is left out is 0 or `null`. */
export function clockFields(given: Given): Clock {
  const [offset, offsetName, zone] = [offsetOf(given), textOrNull(given, 'offsetName'), textOrNull(given, 'zone')]
  if (offsetName !== null && (offset === null || zone !== null)) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', 'expected `offsetName` only with an `offset`, and without a `zone`')
  }
  return {
    hour: whole(given, 'hour', 0, 23, 0),
    minute: whole(given, 'minute', 0, 59, 0),
    second: whole(given, 'second', 0, 59, 0),
    microsecond: whole(given, 'microsecond', 0, 999_999, 0),
    fold: whole(given, 'fold', 0, 1, 0) as 0 | 1,
    offset,
    offsetName,
    zone,
  }
}

function offsetOf(given: Given): number | null {
  const value = given.offset ?? null
  if (value === null) return null
  if (typeof value === 'number' && Math.abs(value) < 86_400) {
    const microseconds = Math.round(value * 1e6)
    // A number of seconds is one of microseconds if it is the nearest to it.
    if (microseconds / 1e6 === value) return value === 0 ? 0 : value
  }
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `expected less than a day of seconds, with at most six digits behind the point, or null as \`offset\`, got ${described(value)}`,
  )
}

/** Microseconds since midnight. */
export function microsecondOfDay({ hour, minute, second, microsecond }: Clock): number {
  return ((hour * 60 + minute) * 60 + second) * 1e6 + microsecond
}

/** As Python's `isoformat()`: `15:09:26.535897+01:00`. */
export function clockText({ hour, minute, second, microsecond, offset }: Clock): string {
  return timeText(hour, minute, second, microsecond) + (offset === null ? '' : offsetText(offset))
}

function timeText(hour: number, minute: number, second: number, microsecond: number): string {
  const text = `${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}`
  return microsecond === 0 ? text : `${text}.${digits(microsecond, 6)}`
}

/** `+01:00`, `-00:53:28` */
export function offsetText(offset: number): string {
  const microseconds = Math.abs(Math.round(offset * 1e6))
  const seconds = Math.floor(microseconds / 1e6)
  const text = timeText(Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60, microseconds % 1e6)
  return (offset < 0 ? '-' : '+') + (microseconds % 60e6 === 0 ? text.slice(0, 5) : text)
}

const form =
  /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:([Zz])|([+-])(\d\d):?(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?(?:\[([^\]]+)\])?$/

/** The fields of a text as `clockText` writes it, perhaps with the key of a zone in brackets; their ranges are not looked at. */
export function parsedClock(text: string): Given | undefined {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, hour, minute, second = '0', fraction = '0', utc, sign, hours, minutes, seconds = '0', rest = '0', zone] =
    match
  const magnitude = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1e6 + Number(rest.padEnd(6, '0'))
  const offset = utc !== undefined ? 0 : sign === undefined ? undefined : (sign === '-' ? -magnitude : magnitude) / 1e6
  return {
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    microsecond: Number(fraction.padEnd(6, '0')),
    offset,
    zone,
  }
}

/** What text cannot say of a clock. */
export function unsaid({ fold, offsetName, zone }: Clock): object[] {
  const more = {
    ...(fold === 1 && zone === null ? { fold } : {}),
    ...(offsetName === null ? {} : { offsetName }),
  }
  return Object.keys(more).length === 0 ? [] : [more]
}
