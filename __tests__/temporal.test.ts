/* Objects of `Temporal`, of a polyfill and, where it has them, of the runtime: as arguments, as results, and by `toTemporal()`. */
import { join } from 'node:path'

import { python, type Handle, type SyncHandle, type TemporalNamespace } from 'symphony-python-bridge'
import { Temporal as polyfill } from '@js-temporal/polyfill'

let sync: SyncHandle
let handle: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sync = python.importSync('dates')
  handle = sync.$async
})

const native = (globalThis as { Temporal?: typeof polyfill }).Temporal
const namespaces: [string, typeof polyfill][] = [['a polyfill', polyfill]]
if (native !== undefined) namespaces.push(['the runtime', native])

describe.each(namespaces)('Temporal of %s', (_, Temporal) => {
  const pairs = (): [object, string][] => [
    [
      Temporal.Instant.from('2025-03-14T15:09:26.535897Z'),
      'datetime.datetime(2025, 3, 14, 15, 9, 26, 535897, tzinfo=datetime.timezone.utc)',
    ],
    [
      Temporal.Instant.from('1969-12-31T23:59:59.999999Z'),
      'datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc)',
    ],
    [
      Temporal.ZonedDateTime.from('2025-10-26T02:30:00+02:00[Europe/Berlin]'),
      "datetime.datetime(2025, 10, 26, 2, 30, tzinfo=zoneinfo.ZoneInfo(key='Europe/Berlin'))",
    ],
    [
      Temporal.ZonedDateTime.from('2025-10-26T02:30:00+01:00[Europe/Berlin]'),
      "datetime.datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo(key='Europe/Berlin'))",
    ],
    [
      Temporal.ZonedDateTime.from('2025-01-01T00:00:00.000001[+05:30]'),
      'datetime.datetime(2025, 1, 1, 0, 0, 0, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=19800)))',
    ],
    [
      Temporal.ZonedDateTime.from('2025-01-01T00:00[UTC]'),
      'datetime.datetime(2025, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)',
    ],
    [Temporal.PlainDateTime.from('0001-01-01T00:00'), 'datetime.datetime(1, 1, 1, 0, 0)'],
    [Temporal.PlainDate.from('9999-12-31'), 'datetime.date(9999, 12, 31)'],
    [Temporal.PlainTime.from('23:59:59.999999'), 'datetime.time(23, 59, 59, 999999)'],
    [Temporal.Duration.from('-P1WT1.5S'), 'datetime.timedelta(days=-8, seconds=86398, microseconds=500000)'],
    [
      Temporal.Duration.from({ hours: 36, milliseconds: 1, nanoseconds: 1000 }),
      'datetime.timedelta(days=1, seconds=43200, microseconds=1001)',
    ],
  ]

  test('objects become the Python values that they are', async () => {
    for (const [value, repr] of pairs()) {
      const expected = [expect.stringMatching(/^datetime\.\w+ /), repr]
      const [described] = sync.described<string[]>(value)
      expect([described, described!.slice(described!.indexOf(' ') + 1)]).toEqual(expected)
      expect(await handle.described([value])).toEqual([`builtins.list [${repr}]`])
    }
  })

  test('what Python cannot hold is refused with its path', async () => {
    const cases: [object, RegExp][] = [
      [
        Temporal.Instant.from('2025-01-01T00:00:00.000000001Z'),
        /got a Temporal\.Instant with nanoseconds, .* pass `value\.round\('microsecond'\)`/,
      ],
      [Temporal.PlainTime.from('00:00:00.000000001'), /with nanoseconds/],
      [Temporal.PlainDateTime.from('2025-01-01T00:00:00.000000001'), /with nanoseconds/],
      [Temporal.ZonedDateTime.from('2025-01-01T00:00:00.000000001[UTC]'), /with nanoseconds/],
      [Temporal.Duration.from({ nanoseconds: 1 }), /with nanoseconds/],
      [Temporal.Duration.from({ years: 1 }), /with years or months/],
      [Temporal.Duration.from({ months: -1 }), /with years or months/],
      [Temporal.Duration.from({ days: 1_000_000_000 }), /at most 999999999 days/],
      [Temporal.PlainYearMonth.from('2025-01'), /pass `toPlainDate\(\{ day: 1 \}\)`/],
      [Temporal.PlainMonthDay.from('01-01'), /pass `toPlainDate\(\{ year \}\)`/],
      [Temporal.PlainDate.from('2025-01-01').withCalendar('gregory'), /expected the calendar `iso8601`.*withCalendar/],
      [Temporal.PlainDate.from('+010000-01-01'), /year 1 to year 9999/],
      [Temporal.Instant.from('-000001-01-01T00:00Z'), /year 1 to year 9999/],
    ]
    for (const [value, message] of cases) {
      const expected = { code: 'ERR_CONVERSION', path: 'args[0].a', message: expect.stringMatching(message) }
      await expect(handle.identity({ a: value })).rejects.toMatchObject(expected)
      expect(() => sync.identity({ a: value })).toThrow(expect.objectContaining(expected))
    }
  })

  test('results are such objects if they are asked for', async () => {
    for (const [value] of pairs()) {
      const options = { datetime: Temporal }
      const back = await handle.identity.$with(options)<{ rows: object[] }>({ rows: [value] })
      expect(back.rows[0]!.constructor.name).toBe(value.constructor.name.replace('Instant', 'ZonedDateTime'))
      const [repr] = sync.described<string[]>(sync.identity.$with(options)(value))
      expect(repr).toBe(sync.described<string[]>(value)[0])
    }
    const map = await python.eval<Map<object, unknown>>(
      '{d.NOON.date(): [d.NOON]}',
      { d: handle },
      { datetime: Temporal },
    )
    expect([...map].flat(2).map(String)).toEqual(['2025-07-01', '2025-07-01T12:00:00'])
    expect([...map].flat(2).map((value) => value instanceof Temporal.PlainDate)).toEqual([true, false])
  })

  test('a result that they cannot hold is refused with its path', async () => {
    const day = { year: 2025, month: 3, day: 30 }
    const cases: [object, RegExp][] = [
      [python.datetime({ ...day, offset: 1 }), /expected an offset of whole minutes/],
      [python.datetime({ ...day, fold: 1 }), /expected a naive datetime without fold/],
      // The clock skips it.
      [
        python.datetime({ ...day, hour: 2, minute: 30, zone: 'Europe/Berlin' }),
        /expected a time that exists in Europe\/Berlin/,
      ],
      [python.time({ hour: 1, offset: 0 }), /expected a time without offset, zone and fold/],
      [python.time({ hour: 1, zone: 'Asia/Tokyo' }), /expected a time without offset, zone and fold/],
    ]
    for (const [value, message] of cases) {
      const expected = { code: 'ERR_CONVERSION', path: '.rows[0]', message: expect.stringMatching(message) }
      await expect(handle.identity.$with({ datetime: Temporal })({ rows: [value] })).rejects.toMatchObject(expected)
      expect(() => sync.identity.$with({ datetime: Temporal })({ rows: [value] })).toThrow(
        expect.objectContaining(expected),
      )
    }
  })

  test('toTemporal() gives them one by one', () => {
    expect(String(python.date(2025, 3, 14).toTemporal(Temporal))).toBe('2025-03-14')
    expect(String(python.time(15, 9, 26, 535_897).toTemporal(Temporal))).toBe('15:09:26.535897')
    expect(String(python.datetime(2025, 3, 14, 15).toTemporal(Temporal))).toBe('2025-03-14T15:00:00')
    const zoned = python.datetime('2025-10-26T02:30:00.000001+01:00[Europe/Berlin]').toTemporal(Temporal)
    expect(String(zoned)).toBe('2025-10-26T02:30:00.000001+01:00[Europe/Berlin]')
    expect(String(python.datetime('1800-01-01T00:00[Europe/Berlin]').toTemporal(Temporal))).toMatch(
      /^1800-01-01T00:00:00\+00:53/,
    )
    expect(String(python.datetime('2025-01-01T00:00-05:30').toTemporal(Temporal))).toBe(
      '2025-01-01T00:00:00-05:30[-05:30]',
    )
    expect(String(python.datetime('2025-01-01T00:00Z').toTemporal(Temporal))).toBe('2025-01-01T00:00:00+00:00[UTC]')
    expect(String(python.timedelta({ days: -1, microseconds: -1 }).toTemporal(Temporal))).toBe('-P1DT0.000001S')
    expect(String(python.timedelta(999_999_999, 86_399, 999_999).toTemporal(Temporal))).toBe(
      'P999999999DT86399.999999S',
    )
  })
})

test('without an argument toTemporal() takes what the runtime has, or says that it has none', () => {
  const make = (): object => python.date(2025, 3, 14).toTemporal()
  if (native === undefined) {
    expect(make).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('has no `Temporal`; pass that of'),
      }),
    )
  } else expect(make()).toBeInstanceOf(native.PlainDate)
})

test('what is no Temporal is refused where it is given', () => {
  const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
  for (const wrong of ['temporal', {}, null, { ...polyfill, Duration: 1 }] as unknown as TemporalNamespace[]) {
    expect(() => sync.identity.$with({ datetime: wrong })).toThrow(invalid)
    expect(() => handle.identity.$with({ datetime: wrong })).toThrow(invalid)
  }
  expect(() => python.date(2025, 3, 14).toTemporal({} as never)).toThrow(invalid)
})

test('a start with another Temporal is a start with other options', async () => {
  await python.start({ convert: { datetime: 'auto' } })
  await expect(python.start({ convert: { datetime: polyfill } })).rejects.toMatchObject({
    code: 'ERR_PYTHON_ALREADY_CHOSEN',
    message: expect.stringContaining('`convert`'),
  })
})
