/* Dates and times through the bridge: what crosses by value, what by reference, what is refused. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'
import {
  isPythonHandle,
  kw,
  PyDate,
  PyDateTime,
  python,
  PyTime,
  PyTimeDelta,
  type Handle,
  type SyncHandle,
} from 'symphony-python-bridge'

let sync: SyncHandle
let handle: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('dates')
  handle = sync.$async
})

test('subclasses, other time zones, and what has nanoseconds stay handles and come back as the very same objects', () => {
  const objects = sync.handles<SyncHandle[]>()
  expect(objects.map((object) => isPythonHandle(object))).toEqual(objects.map(() => true))
  for (const object of objects) expect(sync.identity<SyncHandle>(object).$is(object)).toBe(true)
})

test('time zones come back as the objects that a program gets', async () => {
  const times = await python.eval<PyDateTime[]>(
    '[d.NOON.replace(tzinfo=zone) for zone in [d.datetime.timezone.utc, d.BERLIN, d.datetime.timezone(d.datetime.timedelta(0), "UTC")]]',
    { d: handle },
  )
  expect(times.map(({ offset, offsetName, zone }) => [offset, offsetName, zone])).toEqual([
    [0, null, null],
    [7200, null, 'Europe/Berlin'],
    [0, 'UTC', null],
  ])
  expect(sync.zones(...times)).toEqual([true, true, 'timezone'])
})

test('a Date is a time in UTC, of whichever realm, and under fake timers', async () => {
  const utc = 'datetime.datetime datetime.datetime(2001, 9, 9, 1, 46, 40, 7000, tzinfo=datetime.timezone.utc)'
  const date = new Date(1_000_000_000_007)
  expect(sync.described(date, runInNewContext('new Date(1000000000007)'))).toEqual([utc, utc])
  expect(await handle.described([date], kw({}))).toEqual([`builtins.list [${utc.slice(18)}]`])
  jest.useFakeTimers({ now: date, doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'queueMicrotask'] })
  try {
    expect(Object.getPrototypeOf(new Date())).not.toBe(Object.getPrototypeOf(date))
    expect(sync.described(new Date())).toEqual([utc])
  } finally {
    jest.useRealTimers()
  }
  const back = sync.identity<PyDateTime>(date)
  expect(back).toBeInstanceOf(PyDateTime)
  expect([back.getTime(), back.offset]).toEqual([date.getTime(), 0])
})

test('a Date that holds more than its time, or none, or a year that Python has not, is refused with its path', async () => {
  class Zoned extends Date {
    get zone(): string {
      return 'Europe/Berlin'
    }
  }
  const cases: [unknown, RegExp][] = [
    [new Date(NaN), /expected a valid Date, got one whose time is NaN/],
    [new Date(-62_135_596_800_001), /year 1 to year 9999/],
    [new Date(253_402_300_800_000), /year 1 to year 9999/],
    [new Zoned(0), /got an instance of `Zoned`; pass `new Date\(it\)`/],
    [Object.assign(new (class Note extends Date {})(0), { text: 'a' }), /got an instance of `Note`/],
  ]
  for (const [value, message] of cases) {
    const expected = { code: 'ERR_CONVERSION', path: 'args[0].rows[0]', message: expect.stringMatching(message) }
    await expect(handle.identity({ rows: [value] })).rejects.toMatchObject(expected)
    expect(() => sync.identity({ rows: [value] })).toThrow(expect.objectContaining(expected))
  }
  expect(sync.described(new Date(-62_135_596_800_000), new Date(253_402_300_799_999))).toEqual([
    'datetime.datetime datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)',
    'datetime.datetime datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=datetime.timezone.utc)',
  ])
})

test('a time in a zone that Python does not know, or has another offset for, is refused with its path', async () => {
  const parts = { year: 2025, month: 7, day: 1 }
  const cases: [PyDateTime | PyTime, RegExp][] = [
    [
      python.datetime({ ...parts, zone: 'Mars/Olympus', offset: 0 }),
      /expected a time zone that Python knows, got `Mars/,
    ],
    [python.datetime({ ...parts, zone: '../x', offset: 0 }), /expected a time zone that Python knows, got `\.\.\/x`/],
    [
      // As if the runtime had other data about the zone.
      Object.setPrototypeOf(
        { ...python.datetime({ ...parts, zone: 'Europe/Berlin' }), offset: 3600 },
        PyDateTime.prototype,
      ),
      /expected a time that is \+01:00 in `Europe\/Berlin`, got `2025-07-01 00:00:00\+02:00`, which is \+02:00 there by Python's/,
    ],
    [
      python.time({ hour: 1, zone: 'UTC', offset: null }),
      /expected a time that is at no known offset in `UTC`, got `01:00/,
    ],
  ]
  for (const [value, message] of cases) {
    await expect(handle.identity([value])).rejects.toMatchObject({
      code: 'ERR_CONVERSION',
      path: 'args[0][0]',
      message: expect.stringMatching(message),
    })
  }
})

test('an object that only looks like one of them is refused', () => {
  for (const { prototype } of [PyDateTime, PyDate, PyTime, PyTimeDelta]) {
    const forged = Object.assign(Object.create(prototype) as object, { year: 2025, month: 2, day: 30 })
    expect(() => sync.identity(forged)).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION', path: 'args[0]' }))
  }
})

test('JavaScript callbacks get them', () => {
  const got: unknown[] = []
  expect(sync.call((...values: unknown[]) => got.push(...values))).toBe(2)
  expect(got).toStrictEqual([new PyDateTime(2025, 7, 1, 12), new PyDate(2025, 7, 1)])
})

test('$value() opens subclasses and other zones, and loses no nanoseconds', async () => {
  const value = (name: string): unknown => (sync.plain.$with({ returns: 'ref' })(name) as SyncHandle).$value()
  const cases: [string, object][] = [
    ['subclass', new PyDateTime('2025-07-01T12:00', { fold: 1 })],
    ['date', new PyDate(2025, 7, 1)],
    ['time', new PyTime({ hour: 12, zone: 'Europe/Berlin' })],
    ['timedelta', new PyTimeDelta(1)],
    ['zone', new PyDateTime('2025-07-01T12:00-05:00', { offsetName: 'EST' })],
    ['subclass of a zone', new PyDateTime('2025-07-01T12:00+02:00', { offsetName: 'CEST' })],
    ['surrogates', new PyDateTime('2025-07-01T12:00+01:00')],
  ]
  for (const [name, expected] of cases) expect([name, inspect(value(name))]).toEqual([name, inspect(expected)])
  expect(String(value('timestamp'))).toBe('2025-07-01 12:00:00.000001+02:00')
  for (const name of ['nanoseconds', 'nat', 'clock']) {
    const object = (await handle.plain.$with({ returns: 'ref' })(name)) as Handle
    await expect(object.$value()).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
  }
})

describe('for all values', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC']
  // Years in which all data about time zones agree.
  const parts = fc.record({
    year: fc.integer({ min: 1975, max: 2030 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.integer({ min: 0, max: 59 }),
    second: fc.integer({ min: 0, max: 59 }),
    microsecond: fc.integer({ min: 0, max: 999_999 }),
    fold: fc.constantFrom<0 | 1>(0, 1),
  })
  const inZone = fc.record({ zone: fc.constantFrom(...zones) })
  const atOffset = fc.record({
    offset: fc.integer({ min: -86_399_999_999, max: 86_399_999_999 }).map((us) => us / 1e6),
  })
  const aware = fc
    .tuple(parts, fc.oneof(inZone, atOffset))
    .map(([fields, zone]) => python.datetime({ ...fields, ...zone }))

  test('times that JavaScript makes are the instants that Python takes them for, and are written alike', () => {
    fc.assert(
      fc.property(fc.array(aware, { minLength: 1, maxLength: 20 }), (times) => {
        const milliseconds = sync.timestamps<number[]>(times).map((seconds) => Math.floor(seconds * 1000 + 1e-4))
        expect(times.map((time) => time.getTime())).toEqual(milliseconds)
        expect(times.map((time) => time.toJSON())).toEqual(sync.isoformats(times))
        expect(isDeepStrictEqual(sync.identity(times), times)).toBe(true)
      }),
    )
  })

  test('times are equal where they are in Python', () => {
    const naive = parts.map((fields) => python.datetime({ ...fields, year: 2025, month: 1, day: 1, hour: 1 }))
    // Times that a zone has twice are another matter, and not in this month.
    const january = aware.map((time) => time.replace({ year: 2025, month: 1, fold: 0 }))
    const times = fc.array(fc.oneof(naive, january), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(times, (some) => {
        const all = [...some, ...some.map((time) => (time.isNaive ? time : moved(time)))]
        for (const a of all) for (const b of all) expect([a, b, a.equals(b)]).toEqual([a, b, sync.equal(a, b)])
      }),
      { numRuns: 20 },
    )
  })

  /** The same instant elsewhere. */
  function moved(time: PyDateTime): PyDateTime {
    const shifted = sync.identity<PyDateTime>(new Date(time.getTime()))
    return shifted.replace({ microsecond: Math.floor(shifted.microsecond / 1000) * 1000 + (time.microsecond % 1000) })
  }

  test('timedeltas are the sums that Python makes, and are written alike', () => {
    const integer = fc.integer({ min: -1e6, max: 1e6 })
    // Python adds up fractions as floats: with few digits that is exact.
    const fraction = fc.integer({ min: -80_000, max: 80_000 }).map((value) => value / 8)
    const names = ['weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds', 'microseconds'] as const
    const given = fc.dictionary(fc.constantFrom(...names), fc.oneof(integer, fraction))
    fc.assert(
      fc.property(given, (fields) => {
        const delta = python.timedelta(fields)
        expect(sync.identity(delta)).toStrictEqual(delta)
        expect(sync.delta(kw(fields))).toStrictEqual(delta)
        expect(sync.texts([delta])).toEqual([[String(delta), delta.toSeconds()]])
      }),
    )
  })
})

test.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Tokyo'])(
  'naive times are local times in both languages, in %s',
  (zone) => {
    const program = join(__dirname, 'fixtures', 'naive-times.mjs')
    const output = execFileSync(process.execPath, [program], { env: { ...process.env, TZ: zone }, encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual({ zone, compared: 3000, differences: [] })
  },
  60_000,
)
