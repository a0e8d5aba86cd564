/* A Python date in JavaScript. */
import { dateOfDay, dateText, dayNumber } from './calendar'
import { dateFields, namedFields, type Given, type Signature } from './fields'
import { toPlainDate, type DefaultTemporal, type Produced, type TemporalNamespace } from './temporal'
import { defineValueClass, isOfClass, textOnly } from './value-class'

/** The parts of a date, by Python's names. */
export interface DateFields {
  /** From 1 to 9999. */
  readonly year: number
  /** From 1 to 12: other than in a `Date`, January is 1. */
  readonly month: number
  /** From 1. */
  readonly day: number
}

/**
 * A Python `datetime.date`: a day of the calendar, without a time and so without a time zone.
 *
 * Made from year, month and day, from an object of them, or from text such as `2025-03-14`. Throws `ERR_INVALID_ARGUMENT` for what is no
 * day from year 1 to year 9999. Using it as a number throws a `TypeError`.
 */
export class PyDate implements DateFields {
  readonly year: number
  readonly month: number
  readonly day: number

  constructor(year: number, month: number, day: number)
  constructor(value: DateFields | string)
  constructor(...args: readonly unknown[]) {
    const { year, month, day } = dateFields(namedFields(args, signature))
    this.year = year
    this.month = month
    this.day = day
    Object.freeze(this)
  }

  /** The same with other parts. */
  replace(parts: Partial<DateFields>): PyDate {
    return dateFrom({ ...this, ...parts })
  }

  /** Whether it is the same day. */
  equals(other: unknown): boolean {
    if (!isOfClass(other, 'PyDate')) return false
    const { year, month, day } = other as PyDate
    return year === this.year && month === this.month && day === this.day
  }

  /** As a `Temporal.PlainDate`, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither. */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'PlainDate'> {
    return toPlainDate(this, temporal)
  }

  /** `2025-03-14` */
  toString(): string {
    return dateText(this.year, this.month, this.day)
  }

  /** The text of `toString()`. */
  toJSON(): string {
    return this.toString()
  }

  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string {
    return textOnly(this, hint, 'a date is no number; use its parts')
  }

  static {
    defineValueClass(this.prototype, 'PyDate', (date) => [date.toString()])
  }
}

const signature: Signature = {
  names: ['year', 'month', 'day'],
  positional: 3,
  expected: 'a date, such as `2025, 3, 14`, an object of `year`, `month` and `day`, or the text `2025-03-14`',
  parse: parsedDate,
}

/** Outside the class: the bundler gives another name to a class that names itself. */
function dateFrom(fields: DateFields): PyDate {
  return new PyDate(fields)
}

/** The fields of a text such as `2025-03-14`; their ranges are not looked at. */
export function parsedDate(text: string): Given | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  return match === null ? undefined : { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) }
}

/** The date so many days after 1970-01-01. */
export function dateOf(number: number): PyDate {
  const date = Object.create(PyDate.prototype) as { year: number; month: number; day: number }
  const { year, month, day } = dateOfDay(number)
  date.year = year
  date.month = month
  date.day = day
  return Object.freeze(date) as PyDate
}

/** How many days after 1970-01-01 it is. */
export function dayOf({ year, month, day }: DateFields): number {
  return dayNumber(year, month, day)
}
