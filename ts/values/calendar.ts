/* The proleptic Gregorian calendar as numbers of days since 1970-01-01, from year 1 to year 9999, which is what Python's dates can be. */

/** 0001-01-01 */
export const firstDay = -719_162
/** 9999-12-31 */
export const lastDay = 2_932_896

export const millisecondsOfDay = 86_400_000

/** Years that begin in March have their leap day at the end; 400 of them are an era of 146,097 days. */
const daysOfEra = 146_097
/** From the beginning of an era, 0000-03-01, to 1970-01-01. */
const shift = 719_468

/** How many days after 1970-01-01 a date is. */
export function dayNumber(year: number, month: number, day: number): number {
  const fromMarch = month > 2 ? year : year - 1
  const era = Math.floor(fromMarch / 400)
  const yearOfEra = fromMarch - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * daysOfEra + dayOfEra - shift
}

/** The date so many days after 1970-01-01. */
export function dateOfDay(number: number): { year: number; month: number; day: number } {
  const shifted = number + shift
  const era = Math.floor(shifted / daysOfEra)
  const dayOfEra = shifted - era * daysOfEra
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  }
}

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** How many days a month has. */
export function daysOfMonth(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : lengths[month - 1]!
}

/** `2025-03-14` */
export function dateText(year: number, month: number, day: number): string {
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
}

/** A whole number with zeros in front. */
export function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}
