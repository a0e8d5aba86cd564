/* The classes for Python's dates and times, without Python. */
import { inspect, isDeepStrictEqual } from 'node:util'

import { PyDate, PyDateTime, python, PyTime, PyTimeDelta } from 'symphony-python-bridge'

const invalid = (message: RegExp | string): Error =>
  expect.objectContaining({
    code: 'ERR_INVALID_ARGUMENT',
    message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
  }) as Error

describe('PyDateTime', () => {
  const time = python.datetime('2025-03-14T15:09:26.535897+05:30')

  test('is a Date of the instant, with what Python knows beside it', () => {
    expect(time).toBeInstanceOf(Date)
    expect(time.getTime()).toBe(Date.UTC(2025, 2, 14, 9, 39, 26, 535))
    expect(new Date(time).toISOString()).toBe('2025-03-14T09:39:26.535Z')
    expect(time.toISOString()).toBe('2025-03-14T09:39:26.535Z')
    expect({ ...time }).toEqual({
      year: 2025,
      month: 3,
      day: 14,
      hour: 15,
      minute: 9,
      second: 26,
      microsecond: 535_897,
      fold: 0,
      offset: 19_800,
      offsetName: null,
      zone: null,
    })
  })

  test('has its name, also in the bundle', () => {
    expect([PyDateTime.name, PyDate.name, PyTime.name, PyTimeDelta.name]).toEqual([
      'PyDateTime',
      'PyDate',
      'PyTime',
      'PyTimeDelta',
    ])
  })

  test('takes numbers, names and text', () => {
    const naive = python.datetime(2025, 3, 14, 15, 9, 26, 535_897)
    expect(naive.isNaive && naive.getTime()).toBe(new Date(2025, 2, 14, 15, 9, 26, 535).getTime())
    expect(isDeepStrictEqual(new PyDateTime(naive.toJSON()), naive)).toBe(true)
    expect(isDeepStrictEqual(new PyDateTime({ ...naive }), naive)).toBe(true)
    expect(isDeepStrictEqual(new PyDateTime({ ...time }), time)).toBe(true)
    expect(python.datetime('2025-03-14 15:09Z').toJSON()).toBe('2025-03-14T15:09:00+00:00')
    expect(python.datetime('2025-03-14T15:09:26.5-00:53:28.000001').offset).toBe(-3208.000001)
    expect(python.datetime({ year: 2025, month: 3, day: 14 }).toJSON()).toBe('2025-03-14T00:00:00')
  })

  test('knows the offset of a zone, also of a time that a clock shows twice or skips', () => {
    const parts = { year: 2025, month: 10, day: 26, hour: 2, minute: 30, zone: 'Europe/Berlin' } as const
    expect(python.datetime(parts).offset).toBe(7200)
    expect(python.datetime({ ...parts, fold: 1 }).offset).toBe(3600)
    expect(python.datetime({ ...parts, offset: 3600 }).fold).toBe(1)
    const skipped = { ...parts, month: 3, day: 30 }
    expect(python.datetime(skipped).offset).toBe(3600)
    expect(python.datetime({ ...skipped, fold: 1 }).offset).toBe(7200)
    expect(python.datetime({ ...parts, year: 1800 }).offset).toBe(3208)
    expect(python.datetime({ ...parts, year: 1, month: 1, day: 1 }).offset).toBe(3208)
  })

  test('replaces parts, and in a zone the offset follows', () => {
    const summer = python.datetime('2025-07-01T12:00+02:00[Europe/Berlin]')
    expect(summer.replace({ month: 1 }).toJSON()).toBe('2025-01-01T12:00:00+01:00')
    expect(summer.replace({ zone: 'Asia/Tokyo' }).toJSON()).toBe('2025-07-01T12:00:00+09:00')
    expect(summer.replace({ zone: null }).toJSON()).toBe('2025-07-01T12:00:00+02:00')
    expect(summer.replace({ zone: null, offset: null }).isNaive).toBe(true)
    expect(time.replace({ microsecond: 1 }).toJSON()).toBe('2025-03-14T15:09:26.000001+05:30')
  })

  test('refuses what is no time', () => {
    expect(() => python.datetime(2025, 2, 29)).toThrow(invalid('from 1 to 28 as `day`'))
    expect(() => python.datetime(10_000, 1, 1)).toThrow(invalid('from 1 to 9999 as `year`'))
    expect(() => python.datetime(2025, 1, 1, 24)).toThrow(invalid('from 0 to 23 as `hour`'))
    expect(() => python.datetime(2025, 1, 1, 0.5)).toThrow(invalid('`hour`, got the number `0.5`'))
    expect(() => python.datetime({ year: 2025, month: 1 } as never)).toThrow(invalid('as `day`, got nothing'))
    expect(() => python.datetime({ year: 2025, month: 1, day: 1, hours: 1 } as never)).toThrow(
      invalid('unknown field `hours`'),
    )
    expect(() => python.datetime('14.3.2025')).toThrow(invalid('or the text `2025-03-14T15:09'))
    expect(() => python.datetime('2025-03-14')).toThrow(invalid('or the text'))
    expect(() => python.datetime(new Date() as never)).toThrow(invalid('as `year`, got nothing'))
    expect(() => python.datetime(null as never)).toThrow(invalid('got null'))
    expect(() => python.datetime(...([2025, 1, 1, 0, 0, 0, 0, 0] as unknown as [string]))).toThrow(
      invalid('at most 7 numbers'),
    )
    const parts = { year: 2025, month: 7, day: 1 }
    expect(() => python.datetime({ ...parts, offset: 86_400 })).toThrow(invalid('as `offset`'))
    expect(() => python.datetime({ ...parts, offset: 0.000_000_1 })).toThrow(invalid('at most six digits'))
    expect(() => python.datetime({ ...parts, offsetName: 'UTC' })).toThrow(invalid('only with an `offset`'))
    expect(() => python.datetime({ ...parts, zone: 'Mars/Olympus' })).toThrow(
      invalid('a `zone` that this runtime knows'),
    )
    expect(() => python.datetime({ ...parts, zone: 'Europe/Berlin', offset: 3600 })).toThrow(
      invalid('expected the offset +02:00 of Europe/Berlin at that time, or none, got +01:00'),
    )
  })

  test('cannot be changed, but copied', () => {
    const setters = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'))
    expect(setters).toHaveLength(16)
    for (const name of setters) {
      expect(() => (time as unknown as Record<string, (value: number) => void>)[name]!(0)).toThrow(
        new TypeError(
          'a Python datetime is read-only; `new Date(it)` can be changed, and `replace()` makes another one',
        ),
      )
    }
    expect(() => Object.assign(time, { hour: 1 })).toThrow(TypeError)
    const copy = new Date(time)
    copy.setHours(0)
    expect(structuredClone(time)).toEqual(new Date(time.getTime()))
    expect(Object.getPrototypeOf(structuredClone(time))).not.toBe(PyDateTime.prototype)
  })

  test('is written as Python writes it, and inspected as the call that makes it', () => {
    expect(JSON.stringify({ time })).toBe('{"time":"2025-03-14T15:09:26.535897+05:30"}')
    expect(String(time)).toBe('2025-03-14 15:09:26.535897+05:30')
    expect(inspect(time)).toBe("PyDateTime('2025-03-14T15:09:26.535897+05:30')")
    expect(inspect(python.datetime('2025-07-01T12:00+02:00[Europe/Berlin]'))).toBe(
      "PyDateTime('2025-07-01T12:00:00+02:00[Europe/Berlin]')",
    )
    expect(inspect(python.datetime('2025-10-26T02:30', { fold: 1 }))).toBe(
      "PyDateTime('2025-10-26T02:30:00', { fold: 1 })",
    )
    expect(inspect(python.datetime('0001-01-01T00:00+01:00', { offsetName: 'CET' }))).toBe(
      "PyDateTime('0001-01-01T00:00:00+01:00', { offsetName: 'CET' })",
    )
  })

  test('is compared as a Date by operators, exactly by equals() and deeply', () => {
    const later = time.replace({ microsecond: 535_898 })
    expect(later.equals(time) || isDeepStrictEqual(later, time)).toBe(false)
    expect(Number(later) - Number(time)).toBe(0)
    expect(time < time.replace({ second: 27 })).toBe(true)
    const utc = python.datetime('2025-03-14T09:39:26.535897Z')
    expect([time.equals(utc), isDeepStrictEqual(time, utc)]).toEqual([true, false])
    expect(time.equals(python.datetime('2025-03-14T15:09:26.535897'))).toBe(false)
    expect(time.equals(new Date(time))).toBe(false)
  })

  test('makes Dates for date-fns, which looks for how', () => {
    const make = (time as unknown as Record<symbol, (time: number) => Date>)[Symbol.for('constructDateFrom')]!
    expect(Object.getPrototypeOf(make(5))).toBe(Date.prototype)
    expect(make(5).getTime()).toBe(5)
  })

  test('counts the instants of times before 1970 and below a millisecond down', () => {
    expect(python.datetime('1969-12-31T23:59:59.999999Z').getTime()).toBe(-1)
    expect(python.datetime('1970-01-01T00:00:00-00:00:00.000001').getTime()).toBe(0)
    expect(python.datetime('1970-01-01T00:00:00+00:00:00.000001').getTime()).toBe(-1)
    expect(python.datetime('0001-01-01T00:00+23:59').toISOString()).toBe('0000-12-31T00:01:00.000Z')
    expect(python.datetime('9999-12-31T23:59:59.999999-23:59').toISOString()).toBe('+010000-01-01T23:58:59.999Z')
  })
})

test('PyDate', () => {
  const date = python.date(2024, 2, 29)
  expect([String(date), JSON.stringify(date), inspect(date)]).toEqual([
    '2024-02-29',
    '"2024-02-29"',
    "PyDate('2024-02-29')",
  ])
  expect(python.date('2024-02-29').equals(date) && python.date({ ...date }).equals(date)).toBe(true)
  expect(date.equals(python.date(2024, 2, 28)) || date.equals({ ...date })).toBe(false)
  expect(date.replace({ day: 1 })).toStrictEqual(new PyDate(2024, 2, 1))
  expect(() => Number(date)).toThrow(new TypeError('a date is no number; use its parts, or `toString()` for its text'))
  expect(() => date.replace({ year: 2025 })).toThrow(invalid('from 1 to 28 as `day`'))
  expect(() => python.date('2024-2-9')).toThrow(invalid('or the text `2025-03-14`'))
  expect(() => python.date(2024, 13, 1)).toThrow(invalid('from 1 to 12 as `month`'))
})

test('PyTime', () => {
  const time = python.time(15, 9, 26, 535_897)
  expect([String(time), JSON.stringify(time), inspect(time)]).toEqual([
    '15:09:26.535897',
    '"15:09:26.535897"',
    "PyTime('15:09:26.535897')",
  ])
  expect(python.time('15:09:26.535897').equals(time) && time.isNaive).toBe(true)
  const east = python.time({ hour: 15, offset: 3600 })
  expect(east.equals(python.time('14:00Z')) && !east.equals(python.time(15)) && !east.isNaive).toBe(true)
  // Python does not go round the clock either.
  expect(python.time('00:30+01:00').equals(python.time('23:30Z'))).toBe(false)
  expect(inspect(python.time({ hour: 8, zone: 'Asia/Tokyo', fold: 1 }))).toBe("PyTime('08:00:00[Asia/Tokyo]')")
  expect(east.replace({ zone: 'Asia/Tokyo' })).toStrictEqual(new PyTime({ hour: 15, zone: 'Asia/Tokyo' }))
  expect(east.replace({ minute: 1 }).toString()).toBe('15:01:00+01:00')
  expect(() => Number(time)).toThrow(TypeError)
  expect(() => python.time(1, 60)).toThrow(invalid('from 0 to 59 as `minute`'))
  expect(() => python.time('25')).toThrow(invalid('or the text `15:09:26.535897`'))
})

test('PyTimeDelta', () => {
  const delta = python.timedelta({ hours: -1.5 })
  expect({ ...delta }).toEqual({ days: -1, seconds: 81_000, microseconds: 0 })
  expect([String(delta), delta.toSeconds(), delta.toMilliseconds()]).toEqual(['-1 day, 22:30:00', -5400, -5_400_000])
  expect(
    JSON.stringify([delta, python.timedelta(0), python.timedelta(2), python.timedelta({ microseconds: -1 })]),
  ).toBe('["-PT5400S","PT0S","P2D","-PT0.000001S"]')
  expect(inspect(delta)).toBe('PyTimeDelta({ days: -1, seconds: 81000, microseconds: 0 })')
  expect(isDeepStrictEqual(python.timedelta({ ...delta }), delta)).toBe(true)
  expect(python.timedelta({ weeks: 1 }).equals(python.timedelta(7))).toBe(true)
  // To the nearest microsecond, from the middle to the even one, as Python does, and only once.
  const rounded = [0.5, 1.5, -0.5, 0.501].map((microseconds) => python.timedelta({ microseconds }).toSeconds() * 1e6)
  expect(rounded).toEqual([0, 2, -0, 1].map((value) => value + 0))
  expect(python.timedelta({ milliseconds: 0.0004, microseconds: 0.4 }).microseconds).toBe(1)
  expect(python.timedelta(999_999_999, 86_399, 999_999)).toStrictEqual(new PyTimeDelta(999_999_999, 86_399, 999_999))
  expect(() => Number(delta)).toThrow(/use `toSeconds\(\)` or `toMilliseconds\(\)`/)
  expect(() => python.timedelta(1_000_000_000)).toThrow(invalid('at most 999999999 days'))
  expect(() => python.timedelta({ days: NaN })).toThrow(invalid('a finite number as `days`'))
  expect(() => python.timedelta({ years: 1 } as never)).toThrow(invalid('unknown field `years`'))
})
