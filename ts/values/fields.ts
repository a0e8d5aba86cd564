/* Reads what the constructors of dates and times are given: text, numbers in Python's order, or an object of Python's names. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import { daysOfMonth } from './calendar'
import { invalid } from './value-class'

/** Whatever the constructor of one of these classes was given, by name. */
export type Given = Readonly<Record<string, unknown>>

/** What a constructor takes. */
export interface Signature {
  readonly names: readonly string[]
  /** How many of the names can be given by their position. */
  readonly positional: number
  /** In words. */
  readonly expected: string
  readonly parse: (text: string) => Given | undefined
}

/** The arguments by name. A misspelt name would be ignored in silence, so it is an error. */
export function namedFields(args: readonly unknown[], { names, positional, expected, parse }: Signature): Given {
  const [first, second] = args
  if (typeof first === 'number') {
    if (args.length > positional) throw invalid(`at most ${positional} numbers`, args[positional])
    return Object.fromEntries(args.map((value, index) => [names[index], value])) as Given
  }
  if (typeof first === 'string') {
    const parsed = parse(first)
    if (parsed === undefined) throw invalid(expected, first)
    return { ...parsed, ...checkNamed(second ?? {}, names, expected) }
  }
  return checkNamed(first, names, expected)
}

function checkNamed(value: unknown, names: readonly string[], expected: string): Given {
  if (typeof value !== 'object' || value === null) throw invalid(expected, value)
  const unknown = Object.keys(value).find((name) => !names.includes(name))
  if (unknown === undefined) return value as Given
  throw new BridgeError('ERR_INVALID_ARGUMENT', `unknown field \`${unknown}\`; there are ${names.join(', ')}`)
}

/** A field that is a whole number. Without a `fallback` it has to be there. */
export function whole(given: Given, name: string, least: number, most: number, fallback?: number): number {
  const value = given[name] === undefined ? fallback : given[name]
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) {
    // What is compared deeply must not have two zeros.
    return value === 0 ? 0 : value
  }
  const got = value === undefined ? 'nothing' : described(value)
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `expected a whole number from ${least} to ${most} as \`${name}\`, got ${got}`,
  )
}

/** Year, month and day. */
export function dateFields(given: Given): { year: number; month: number; day: number } {
  const year = whole(given, 'year', 1, 9999)
  const month = whole(given, 'month', 1, 12)
  return { year, month, day: whole(given, 'day', 1, daysOfMonth(year, month)) }
}

/** A field that is text, or `null`. */
export function textOrNull(given: Given, name: string): string | null {
  const value = given[name] ?? null
  if (value === null || typeof value === 'string') return value
  throw new BridgeError('ERR_INVALID_ARGUMENT', `expected a string or null as \`${name}\`, got ${described(value)}`)
}
