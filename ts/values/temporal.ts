/* Dates and times as objects of `Temporal`: that of the runtime, or of a polyfill that the program passes. None is imported here. */
import { BridgeError } from '../errors/bridge-error'
import type { Clock } from './clock'
import type { DateFields, PyDate } from './date'
import type { PyDateTime } from './datetime'
import type { PyTime } from './time'

/** What is asked of a `Temporal`: the one of the runtime, or a polyfill such as `temporal-polyfill` or `@js-temporal/polyfill`. */
export interface TemporalNamespace {
  readonly PlainDate: new (year: number, month: number, day: number) => object
  readonly PlainTime: new (
    hour?: number,
    minute?: number,
    second?: number,
    millisecond?: number,
    microsecond?: number,
  ) => object
  readonly PlainDateTime: new (
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    millisecond?: number,
    microsecond?: number,
  ) => object
  readonly ZonedDateTime: new (epochNanoseconds: bigint, timeZone: string) => object
  readonly Duration: new (
    years?: number,
    months?: number,
    weeks?: number,
    days?: number,
    hours?: number,
    minutes?: number,
    seconds?: number,
    milliseconds?: number,
    microseconds?: number,
  ) => object
}

/** The type of the runtime's own `Temporal`, where TypeScript knows it. */
export type DefaultTemporal = typeof globalThis extends { readonly Temporal: infer T extends TemporalNamespace }
  ? T
  : TemporalNamespace

/** The instances of a class of a `Temporal`. */
export type Produced<T extends TemporalNamespace, K extends keyof TemporalNamespace> = InstanceType<T[K]>

/** The names of the classes that are used here, for a look at what claims to be a `Temporal`. */
export const temporalClasses: readonly (keyof TemporalNamespace)[] = [
  'PlainDate',
  'PlainTime',
  'PlainDateTime',
  'ZonedDateTime',
  'Duration',
]

/** Whether it has the classes of a `Temporal`. */
export function isTemporal(value: unknown): value is TemporalNamespace {
  if (typeof value !== 'object' || value === null) return false
  return temporalClasses.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

export function toPlainDate<T extends TemporalNamespace>(date: PyDate, temporal?: T): Produced<T, 'PlainDate'> {
  const { PlainDate } = found(temporal)
  return new PlainDate(date.year, date.month, date.day) as Produced<T, 'PlainDate'>
}

export function toPlainTime<T extends TemporalNamespace>(time: PyTime, temporal?: T): Produced<T, 'PlainTime'> {
  const { PlainTime } = found(temporal)
  if (time.offset !== null || time.zone !== null || time.fold !== 0) {
    throw refused(
      `expected a time without offset, zone and fold, which a Temporal.PlainTime can hold, got ${shown(time)}`,
    )
  }
  return new PlainTime(...clockOf(time)) as Produced<T, 'PlainTime'>
}

export function toDateTime<T extends TemporalNamespace>(
  value: PyDateTime,
  temporal?: T,
): Produced<T, 'PlainDateTime'> | Produced<T, 'ZonedDateTime'> {
  const { PlainDateTime, ZonedDateTime } = found(temporal)
  if (value.offset === null) {
    if (value.fold !== 0) {
      throw refused(
        `expected a naive datetime without fold, which a Temporal.PlainDateTime cannot hold, got ${shown(value)}`,
      )
    }
    return new PlainDateTime(value.year, value.month, value.day, ...clockOf(value)) as Produced<T, 'PlainDateTime'>
  }
  const { zone, offset } = value
  const id = zone ?? offsetId(offset)
  if (id === undefined) {
    throw refused(`expected an offset of whole minutes, which a Temporal.ZonedDateTime can hold, got ${shown(value)}`)
  }
  let made: object
  try {
    made = new ZonedDateTime(epochNanoseconds(value, offset), id)
  } catch (cause) {
    throw refused(`expected a time zone that Temporal knows, got ${JSON.stringify(id)}`, cause)
  }
  const { offsetNanoseconds } = made as { offsetNanoseconds: number }
  if (offsetNanoseconds === Math.round(offset * 1e6) * 1000) return made as Produced<T, 'ZonedDateTime'>
  throw refused(
    `expected a time that exists in ${id} by the time zone data of this runtime, where its offset then is ` +
      `${offsetNanoseconds / 1e9} seconds, got ${shown(value)}`,
  )
}

export function toDuration<T extends TemporalNamespace>(microseconds: bigint, temporal?: T): Produced<T, 'Duration'> {
  const { Duration } = found(temporal)
  const part = (divisor: bigint, modulus: bigint): number => Number((microseconds / divisor) % modulus)
  const days = Number(microseconds / 86_400_000_000n)
  // Parts of one sign, with which bigints divide.
  const [seconds, milliseconds] = [part(1_000_000n, 86_400n), part(1000n, 1000n)]
  return new Duration(0, 0, 0, days, 0, 0, seconds, milliseconds, part(1n, 1000n)) as Produced<T, 'Duration'>
}

function found(temporal: TemporalNamespace | undefined): TemporalNamespace {
  const namespace: unknown = temporal ?? (globalThis as { Temporal?: unknown }).Temporal
  if (isTemporal(namespace)) return namespace
  const message =
    temporal === undefined
      ? 'this runtime has no `Temporal`; pass that of a polyfill: `toTemporal(Temporal)`'
      : `expected a \`Temporal\` with ${temporalClasses.join(', ')}`
  throw new BridgeError('ERR_INVALID_ARGUMENT', message)
}

function clockOf({ hour, minute, second, microsecond }: Clock): [number, number, number, number, number] {
  return [hour, minute, second, Math.floor(microsecond / 1000), microsecond % 1000]
}

/** Temporal's name of a fixed offset, which is one of whole minutes. */
function offsetId(offset: number): string | undefined {
  if (offset === 0) return 'UTC'
  if (offset % 60 !== 0) return undefined
  const minutes = Math.abs(offset) / 60
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

function epochNanoseconds(value: DateFields & Clock & Date, offset: number): bigint {
  // The milliseconds of the instant are those of the `Date`; what is below them is in the microseconds.
  const below = (((value.microsecond - Math.round(offset * 1e6)) % 1000) + 1000) % 1000
  return (BigInt(value.getTime()) * 1000n + BigInt(below)) * 1000n
}

function shown(value: PyTime | PyDateTime): string {
  return `\`${String(value)}\`${value.fold === 0 ? '' : ' with fold 1'}`
}

function refused(message: string, cause?: unknown): BridgeError {
  return new BridgeError('ERR_CONVERSION', message, cause === undefined ? {} : { cause })
}
