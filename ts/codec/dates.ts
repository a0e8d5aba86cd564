/* Dates, times and durations, to bytes and back. What comes from Python is read without a look through constructors; what goes there is
   looked at, since an object of another copy of the package may hold anything. */
import { dateOfDay, dayNumber, daysOfMonth, firstDay, lastDay, millisecondsOfDay } from '../values/calendar'
import { type Clock, microsecondOfDay, ReadClock } from '../values/clock'
import { dateOf, type DateFields } from '../values/date'
import { PyDateTime, ReadDateTime } from '../values/datetime'
import { timeOf } from '../values/time'
import { type PyTimeDelta, timeDeltaOf } from '../values/timedelta'
import type { ByteWriter } from './byte-writer'
import { Extension } from './format'
import { Refusal } from './unsupported'

/** What a class of dates stands for in Python. */
export type DateKind = 'datetime' | 'date' | 'time' | 'timedelta'

/** The bits that say what comes with a time. */
const Flag = { fold: 1, offset: 2, name: 4, key: 8 } as const

const mostDays = 999_999_999
const utc: Clock = new ReadClock(0, 0, 0, 0, 0, 0, null, null)

/** Writes a value of one of the classes. */
export function writeDateClass(kind: DateKind, value: object, writer: ByteWriter): void {
  switch (kind) {
    case 'datetime':
      return writeDateTime(checkedDay(value as DateFields), checkedClock(value as Clock), writer)
    case 'date':
      return writeDate(checkedDay(value as DateFields), writer)
    case 'time':
      return writeTime(checkedClock(value as Clock), writer)
    case 'timedelta': {
      const { days, seconds, microseconds } = value as PyTimeDelta
      return writeTimeDelta(days, seconds, microseconds, writer)
    }
  }
}

/** A `Date` is an instant, and so a `datetime` in UTC. */
export function writeInstant(date: Date, writer: ByteWriter): void {
  // Of another realm perhaps, and not asked for what a program may have put in the place of its methods.
  const time = Date.prototype.getTime.call(date)
  if (Number.isNaN(time)) throw new Refusal('expected a valid Date, got one whose time is NaN')
  const day = Math.floor(time / millisecondsOfDay)
  writeClock(Extension.dateTime, checkedRange(day), (time - day * millisecondsOfDay) * 1000, utc, writer)
}

export function writeDateTime(day: number, clock: Clock, writer: ByteWriter): void {
  writeClock(Extension.dateTime, checkedRange(day), microsecondOfDay(clock), clock, writer)
}

export function writeTime(clock: Clock, writer: ByteWriter): void {
  writeClock(Extension.time, undefined, microsecondOfDay(clock), clock, writer)
}

export function writeDate(day: number, writer: ByteWriter): void {
  writer.extensionHeader(Extension.date, 4)
  writer.view.setInt32(writer.position, checkedRange(day), true)
  writer.position += 4
}

export function writeTimeDelta(days: number, seconds: number, microseconds: number, writer: ByteWriter): void {
  if (!isWhole(days, -mostDays, mostDays) || !isWhole(seconds, 0, 86_399) || !isWhole(microseconds, 0, 999_999))
    throw new Refusal(`expected a duration of at most ${mostDays} days, which a timedelta can hold`)
  writer.extensionHeader(Extension.timeDelta, 12)
  const { view, position } = writer
  view.setInt32(position, days, true)
  view.setUint32(position + 4, seconds, true)
  view.setUint32(position + 8, microseconds, true)
  writer.position = position + 12
}

function writeClock(code: number, day: number | undefined, time: number, clock: Clock, writer: ByteWriter): void {
  const { offset, offsetName, zone } = clock
  const text = zone ?? offsetName
  const bytes = text === null ? noBytes : bytesOf(text)
  const length = (day === undefined ? 7 : 11) + (offset === null ? 0 : 8) + bytes.length
  writer.extensionHeader(code, length)
  const { view } = writer
  let at = writer.position
  writer.position = at + length
  if (day !== undefined) {
    view.setInt32(at, day, true)
    at += 4
  }
  const milliseconds = Math.floor(time / 1000)
  view.setUint32(at, milliseconds, true)
  view.setUint16(at + 4, time - milliseconds * 1000, true)
  const textFlag = zone !== null ? Flag.key : offsetName !== null ? Flag.name : 0
  view.setUint8(at + 6, clock.fold | (offset === null ? 0 : Flag.offset) | textFlag)
  at += 7
  if (offset !== null) {
    const microseconds = Math.round(offset * 1e6)
    const seconds = Math.floor(microseconds / 1e6)
    view.setInt32(at, seconds, true)
    view.setUint32(at + 4, microseconds - seconds * 1e6, true)
    at += 8
  }
  for (let index = 0; index < bytes.length; index++) writer.bytes[at + index] = bytes[index]!
}

function checkedRange(day: number): number {
  if (day >= firstDay && day <= lastDay) return day
  throw new Refusal('expected a time from year 1 to year 9999, which Python can hold, got one outside')
}

function checkedDay({ year, month, day }: DateFields): number {
  if (isWhole(year, 1, 9999) && isWhole(month, 1, 12) && isWhole(day, 1, daysOfMonth(year, month))) {
    return dayNumber(year, month, day)
  }
  throw new TypeError('expected year, month and day of a date, got something else')
}

function checkedClock(clock: Clock): Clock {
  const { hour, minute, second, microsecond, fold, offset, offsetName, zone } = clock
  const isClock =
    isWhole(hour, 0, 23) &&
    isWhole(minute, 0, 59) &&
    isWhole(second, 0, 59) &&
    isWhole(microsecond, 0, 999_999) &&
    isWhole(fold, 0, 1) &&
    (offset === null || (typeof offset === 'number' && Math.abs(offset) < 86_400)) &&
    (offsetName === null || (typeof offsetName === 'string' && offset !== null && zone === null)) &&
    (zone === null || typeof zone === 'string')
  if (isClock) return clock
  throw new TypeError('expected the parts of a time, got something else')
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

const noBytes = new Uint8Array(0)
/** Most times of a message are in one zone. */
const lastWritten = { text: '', bytes: noBytes }
const lastRead = { text: '', bytes: noBytes }

function bytesOf(text: string): Uint8Array {
  if (text === lastWritten.text) return lastWritten.bytes
  if (/\p{Surrogate}/u.test(text)) throw new Refusal('expected the name of a time zone without lone surrogates')
  const bytes = new TextEncoder().encode(text)
  if (text.length <= longestKept) Object.assign(lastWritten, { text, bytes })
  return bytes
}

/** Names are short; others are not kept. */
const longestKept = 60

/** The text of these bytes; nothing if they are not UTF-8. */
function textOf(bytes: Uint8Array, start: number, end: number): string | undefined {
  const known = lastRead.bytes
  if (known.length === end - start) {
    let index = 0
    while (index < known.length && known[index] === bytes[start + index]) index++
    if (index === known.length) return lastRead.text
  }
  // A copy: the bytes may be shared memory, and will be those of another message.
  const copy = bytes.slice(start, end)
  try {
    const text = decoder.decode(copy)
    if (copy.length <= longestKept) Object.assign(lastRead, { text, bytes: copy })
    return text
  } catch {
    return undefined
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The value of an extension of these; nothing if its payload is wrong. */
export function dateOfExtension(code: number, bytes: Uint8Array, start: number, length: number): unknown {
  switch (code) {
    case Extension.dateTime: {
      if (length < 11) return undefined
      const day = int32(bytes, start)
      const clock = readClock(bytes, start + 4, start + length)
      if (day < firstDay || day > lastDay || clock === undefined) return undefined
      if (clock.zone !== null && clock.offset === null) return undefined
      return new PyDateTime(new ReadDateTime(dateOfDay(day), clock, day) as never)
    }
    case Extension.date: {
      const day = length === 4 ? int32(bytes, start) : NaN
      return day >= firstDay && day <= lastDay ? dateOf(day) : undefined
    }
    case Extension.time: {
      const clock = length < 7 ? undefined : readClock(bytes, start, start + length)
      return clock === undefined ? undefined : timeOf(clock)
    }
    case Extension.timeDelta: {
      if (length !== 12) return undefined
      const [days, seconds, microseconds] = [int32(bytes, start), int32(bytes, start + 4), int32(bytes, start + 8)]
      const isNormal =
        isWhole(days, -mostDays, mostDays) && isWhole(seconds, 0, 86_399) && isWhole(microseconds, 0, 999_999)
      return isNormal ? timeDeltaOf(days, seconds, microseconds) : undefined
    }
    default:
      return undefined
  }
}

function readClock(bytes: Uint8Array, start: number, end: number): ReadClock | undefined {
  const milliseconds = int32(bytes, start)
  const below = bytes[start + 4]! | (bytes[start + 5]! << 8)
  const flags = bytes[start + 6]!
  if (milliseconds < 0 || milliseconds >= millisecondsOfDay || below >= 1000) return undefined
  let at = start + 7
  let offset: number | null = null
  if ((flags & Flag.offset) !== 0) {
    if (at + 8 > end) return undefined
    const [seconds, microseconds] = [int32(bytes, at), int32(bytes, at + 4)]
    if (microseconds < 0 || microseconds >= 1e6) return undefined
    offset = microseconds === 0 ? seconds : (seconds * 1e6 + microseconds) / 1e6
    if (Math.abs(offset) >= 86_400) return undefined
    at += 8
  }
  let offsetName: string | null = null
  let zone: string | null = null
  const rest = flags & ~(Flag.fold | Flag.offset)
  if (rest !== 0) {
    const text = textOf(bytes, at, end)
    if (text === undefined) return undefined
    if (rest === Flag.key) zone = text
    else if (rest === Flag.name && offset !== null) offsetName = text
    else return undefined
  } else if (at !== end) {
    return undefined
  }
  const seconds = Math.floor(milliseconds / 1000)
  const minutes = Math.floor(seconds / 60)
  const hour = Math.floor(minutes / 60)
  const microsecond = (milliseconds - seconds * 1000) * 1000 + below
  const fold = (flags & Flag.fold) as 0 | 1
  return new ReadClock(hour, minutes - hour * 60, seconds - minutes * 60, microsecond, fold, offset, offsetName, zone)
}

/** A signed number, little-endian. */
function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
