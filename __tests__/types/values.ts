/* Types of the values that `python` makes. Compiled, never run: an unused `@ts-expect-error` is an error. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import {
  PyDecimal,
  python,
  type PyComplex,
  type PyDate,
  type PyDateTime,
  type PyEllipsis,
  type PyFloat,
  type PyFraction,
  type PyInt,
  type PyPath,
  type PyRange,
  type PySlice,
  type PyTime,
  type PyTimeDelta,
  type PyTuple,
  type PyUUID,
} from 'symphony-python-bridge'
import { Temporal } from '@js-temporal/polyfill'
import { type Equal, expectType } from './expect-type'

export function makers(): void {
  expectType<Equal<ReturnType<typeof python.float>, PyFloat>>()
  expectType<Equal<ReturnType<typeof python.int>, PyInt>>()
  expectType<Equal<ReturnType<typeof python.complex>, PyComplex>>()
  expectType<Equal<ReturnType<typeof python.decimal>, PyDecimal>>()
  expectType<Equal<ReturnType<typeof python.fraction>, PyFraction>>()
  expectType<Equal<ReturnType<typeof python.uuid>, PyUUID>>()
  expectType<Equal<ReturnType<typeof python.path>, PyPath>>()
  expectType<Equal<ReturnType<typeof python.range>, PyRange>>()
  expectType<Equal<ReturnType<typeof python.slice>, PySlice>>()
  expectType<Equal<typeof python.ellipsis, PyEllipsis>>()
  expectType<Equal<ReturnType<typeof python.datetime>, PyDateTime>>()
  expectType<Equal<ReturnType<typeof python.date>, PyDate>>()
  expectType<Equal<ReturnType<typeof python.time>, PyTime>>()
  expectType<Equal<ReturnType<typeof python.timedelta>, PyTimeDelta>>()
  python.datetime(2025, 3, 14)
  python.datetime('2025-03-14T15:09Z', { fold: 1 })
  python.datetime({ ...python.datetime({ year: 2025, month: 3, day: 14 }), zone: 'Europe/Berlin', offset: undefined })
  python.date({ year: 2025, month: 3, day: 14 })
  python.time({ hour: 15 })
  python.timedelta({ hours: 1.5 })
  const tuple = python.tuple(1, 'a')
  expectType<Equal<typeof tuple, PyTuple<[number, string]>>>()
  const set = python.set([1])
  expectType<Equal<typeof set, Set<number>>>()
  const items = [...python.range(3)]
  expectType<Equal<typeof items, (number | bigint)[]>>()
  python.bytes(new ArrayBuffer(1))
  python.slice(null, 5)

  // @ts-expect-error a float is made of a number
  python.float(1n)
  // @ts-expect-error a set is made of one iterable
  python.set(1, 2)
  // @ts-expect-error a date has a day
  python.date({ year: 2025, month: 3 })
  // @ts-expect-error no such part
  python.datetime({ year: 2025, month: 3, day: 14, hours: 1 })
  // @ts-expect-error a Date crosses by itself
  python.datetime(new Date())
  // @ts-expect-error bytes are made of bytes
  python.bytes('text')
}

export function dates(time: PyDateTime, delta: PyTimeDelta): void {
  const date: Date = time
  void date
  // @ts-expect-error it does not change
  time.year = 2025
  // @ts-expect-error a timedelta is no number
  const twice = delta * 2
  expectType<Equal<ReturnType<typeof delta.toMilliseconds>, number>>()
  const zoned = time.toTemporal(Temporal)
  expectType<Equal<typeof zoned, Temporal.PlainDateTime | Temporal.ZonedDateTime>>()
  const plain = python.date(2025, 3, 14).toTemporal(Temporal)
  expectType<Equal<typeof plain, Temporal.PlainDate>>()
  const duration = delta.toTemporal(Temporal)
  expectType<Equal<typeof duration, Temporal.Duration>>()
  void python.eval('1', {}, { datetime: Temporal })
  // @ts-expect-error no Temporal
  void python.eval('1', {}, { datetime: 'temporal' })
}

export function values(decimal: PyDecimal): void {
  // @ts-expect-error the text does not change
  decimal.text = '1'
  // @ts-expect-error a decimal is no number
  Math.max(decimal)
  // @ts-expect-error a decimal is no number
  const product = decimal * 2
  const number: number = new PyDecimal('1').toNumber()
  void number
}
