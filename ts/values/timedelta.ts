/* A Python timedelta in JavaScript. */
import { digits } from './calendar'
import { namedFields, type Given, type Signature } from './fields'
import { nearestNumber } from './nearest-number'
import { toDuration, type DefaultTemporal, type Produced, type TemporalNamespace } from './temporal'
import { defineValueClass, invalid, isOfClass, textOnly } from './value-class'

/** What a duration is made of, by Python's names: any finite numbers, also with fractions and below zero. What is left out is 0. */
export interface TimeDeltaFields {
  readonly weeks?: number | undefined
  readonly days?: number | undefined
  readonly hours?: number | undefined
  readonly minutes?: number | undefined
  readonly seconds?: number | undefined
  readonly milliseconds?: number | undefined
  readonly microseconds?: number | undefined
}

/** Microseconds of each. */
const units = {
  days: 86_400_000_000n,
  seconds: 1_000_000n,
  microseconds: 1n,
  milliseconds: 1000n,
  minutes: 60_000_000n,
  hours: 3_600_000_000n,
  weeks: 604_800_000_000n,
} as const

const mostDays = 999_999_999

/**
 * A Python `datetime.timedelta`, exact to the microsecond. As in Python a negative one has negative `days` and nothing else below zero: a
 * microsecond less than nothing is -1 days, 86,399 seconds and 999,999 microseconds. Using it as a number throws a `TypeError`;
 * `toSeconds()` and `toMilliseconds()` are explicit.
 *
 * Made from an object of Python's names, the sum of which is rounded to microseconds, or from days, seconds and microseconds. Throws
 * `ERR_INVALID_ARGUMENT` for what is no finite number, and beyond 999,999,999 days.
 */
export class PyTimeDelta {
  readonly days: number
  /** From 0 to 86,399. */
  readonly seconds: number
  /** From 0 to 999,999. */
  readonly microseconds: number

  constructor(days: number, seconds?: number, microseconds?: number)
  constructor(value: TimeDeltaFields)
  constructor(...args: readonly unknown[]) {
    const total = sum(namedFields(args, signature))
    const days = floorOf(total, units.days)
    if (days < -mostDays || days > mostDays) throw invalid(`at most ${mostDays} days`, args[0])
    const rest = Number(total - days * units.days)
    this.days = Number(days)
    this.seconds = Math.floor(rest / 1e6)
    this.microseconds = rest % 1e6
    Object.freeze(this)
  }

  /** Whether it is the same duration. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PyTimeDelta') && totalMicroseconds(other as PyTimeDelta) === totalMicroseconds(this)
  }

  /** The number of seconds, as Python's `total_seconds()`: the nearest one, with a fraction. */
  toSeconds(): number {
    return nearestNumber(totalMicroseconds(this), 1_000_000n)
  }

  /** The number of milliseconds, which is what JavaScript counts in: the nearest one, with a fraction. */
  toMilliseconds(): number {
    return nearestNumber(totalMicroseconds(this), 1000n)
  }

  /** As a `Temporal.Duration` of days, seconds and less, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither. */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'Duration'> {
    return toDuration(totalMicroseconds(this), temporal)
  }

  /** As Python writes it: `-1 day, 23:59:59.999999`. */
  toString(): string {
    const { days, seconds, microseconds } = this
    const clock = `${Math.floor(seconds / 3600)}:${digits(Math.floor(seconds / 60) % 60, 2)}:${digits(seconds % 60, 2)}`
    const text = microseconds === 0 ? clock : `${clock}.${digits(microseconds, 6)}`
    return days === 0 ? text : `${days} ${Math.abs(days) === 1 ? 'day' : 'days'}, ${text}`
  }

  /** As a duration of ISO 8601: `P1DT2.000003S`, `-PT0.000001S`. */
  toJSON(): string {
    const total = totalMicroseconds(this)
    const magnitude = total < 0n ? -total : total
    const [days, rest] = [magnitude / units.days, Number(magnitude % units.days)]
    const whole = Math.floor(rest / 1e6)
    const seconds = rest % 1e6 === 0 ? `${whole}` : `${whole}.${digits(rest % 1e6, 6)}`
    const time = rest === 0 && days !== 0n ? '' : `T${seconds}S`
    return `${total < 0n ? '-' : ''}P${days === 0n ? '' : `${days}D`}${time}`
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a timedelta is no number; use `toSeconds()` or `toMilliseconds()`')
  }

  static {
    defineValueClass(this.prototype, 'PyTimeDelta', ({ days, seconds, microseconds }) => [
      { days, seconds, microseconds },
    ])
  }
}

const signature: Signature = {
  names: Object.keys(units),
  positional: 3,
  expected: 'a duration, such as `{ hours: 2 }`',
  parse: () => undefined,
}

/** The parts in their one form, from a message. */
export function timeDeltaOf(days: number, seconds: number, microseconds: number): PyTimeDelta {
  const delta = Object.create(PyTimeDelta.prototype) as { days: number; seconds: number; microseconds: number }
  delta.days = days
  delta.seconds = seconds
  delta.microseconds = microseconds
  return Object.freeze(delta) as PyTimeDelta
}

function totalMicroseconds({ days, seconds, microseconds }: PyTimeDelta): bigint {
  return BigInt(days) * units.days + BigInt(seconds * 1e6 + microseconds)
}

/** The exact sum, rounded once: to the nearest microsecond, and from the middle to the even one, as Python does. */
function sum(given: Given): bigint {
  let [total, fractions, scale] = [0n, 0n, 1n]
  for (const [name, unit] of Object.entries(units)) {
    let value = given[name] ?? 0
    if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(`a finite number as \`${name}\``, value)
    const whole = Math.trunc(value)
    total += BigInt(whole) * unit
    value -= whole
    // What is behind the point is a whole number of some power of two, exactly.
    let [fraction, power] = [value, 1n]
    while (!Number.isInteger(fraction)) [fraction, power] = [fraction * 2, power * 2n]
    fractions = fractions * power + BigInt(fraction) * unit * scale
    scale *= power
  }
  const [doubled, whole] = [2n * fractions, floorOf(fractions, scale)]
  const distance = doubled - 2n * whole * scale
  const up = distance > scale || (distance === scale && (total + whole) % 2n !== 0n)
  return total + whole + (up ? 1n : 0n)
}

function floorOf(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value % divisor < 0n ? quotient - 1n : quotient
}
