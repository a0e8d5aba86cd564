/* What clocks show: offsets from UTC in the runtime's own time zone and, for values that are made in JavaScript, in any zone that it knows. */

/** Offsets from UTC change by less than a day, and not twice within one. */
const aDay = 86_400_000

/**
 * How far ahead of UTC a clock is that shows `wall` (as if it were UTC), in milliseconds. As Python has it: of two times that look the
 * same `fold` says which, and a time that a clock skips counts from before (0) or after (1) that. `offsetAt` gives the offset at an
 * instant.
 */
export function offsetOfWall(wall: number, fold: number, offsetAt: (instant: number) => number): number {
  const before = offsetAt(wall - aDay)
  const after = offsetAt(wall + aDay)
  if (before === after) return before
  const isBefore = offsetAt(wall - before) === before
  const isAfter = offsetAt(wall - after) === after
  if (isBefore !== isAfter) return isBefore ? before : after
  return fold === 0 ? before : after
}

/** The offset of the runtime's own time zone, with the seconds that `getTimezoneOffset` leaves out. */
export function localOffsetAt(instant: number): number {
  const date = new Date(instant)
  const shown = new Date(0)
  shown.setUTCFullYear(date.getFullYear(), date.getMonth(), date.getDate())
  shown.setUTCHours(date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds())
  return shown.getTime() - instant
}

const formats = new Map<string, Intl.DateTimeFormat | null>()

/** The offset at an instant in a zone; nothing if the runtime does not know the zone. */
export function zoneOffset(zone: string): ((instant: number) => number) | undefined {
  let format = formats.get(zone)
  if (format === undefined) formats.set(zone, (format = formatOf(zone)))
  if (format === null) return undefined
  const known = format
  return (instant) => {
    const whole = Math.floor(instant / 1000) * 1000
    const parts = Object.fromEntries(known.formatToParts(whole).map(({ type, value }) => [type, value]))
    const year = parts.era === 'BC' || parts.era === 'B' ? 1 - Number(parts.year) : Number(parts.year)
    const shown = new Date(0)
    shown.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day))
    shown.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second))
    return shown.getTime() - whole
  }
}

function formatOf(zone: string): Intl.DateTimeFormat | null {
  const number = 'numeric'
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: number,
      month: number,
      day: number,
      hour: number,
      minute: number,
      second: number,
    })
  } catch {
    return null
  }
}
