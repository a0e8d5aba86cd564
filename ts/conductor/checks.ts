/* Checks options and fills in defaults, by a table: a wrong one names itself, what was expected and what was got. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'

/** Checks the option of that name; gives it, or its default. */
export type Check<T> = (value: unknown, name: string) => T

/** The options of a group. */
type Group = Readonly<Record<string, Check<unknown>>>
/** What checking them gives. */
export type Checked<G extends Group> = { readonly [Name in keyof G]: ReturnType<G[Name]> }

/** Options that belong together; those that are left out are their defaults. */
export function group<G extends Group>(options: G): Check<Checked<G>> {
  return (value = {}, name) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, 'an object', value)
    const prefix = name === '' ? '' : `${name}.`
    for (const given of Object.keys(value)) {
      if (Object.hasOwn(options, given)) continue
      const known = Object.keys(options).map((one) => `\`${prefix}${one}\``)
      throw new BridgeError(
        'ERR_INVALID_ARGUMENT',
        `there is no option \`${prefix}${given}\`; the options here are ${known.join(', ')}`,
      )
    }
    const entries = Object.entries(options).map(([one, check]) => [
      one,
      check((value as Record<string, unknown>)[one], prefix + one),
    ])
    return Object.fromEntries(entries) as Checked<G>
  }
}

/** An option that satisfies `isRight`, which `expected` says in words. */
export function option<T, D>(expected: string, isRight: (value: unknown) => value is T, otherwise: D): Check<T | D> {
  return (value, name) => {
    if (value === undefined) return otherwise
    if (isRight(value)) return value
    throw invalid(name, expected, value)
  }
}

/** A whole number. */
export function integer<D>(from: number, to: number, otherwise: D, of = 'an integer'): Check<number | D> {
  const isRight = (value: unknown): value is number =>
    Number.isInteger(value) && from <= Number(value) && Number(value) <= to
  return option(`${of} from ${from} to ${to}`, isRight, otherwise)
}

/** The longest time that a timer of Node's can be set to; milliseconds. */
const longestTime = 2 ** 31 - 1

/** Milliseconds, whole ones. */
export function milliseconds<D>(otherwise: D, from = 0): Check<number | D> {
  return integer(from, longestTime, otherwise, 'an integer of milliseconds')
}

/** Milliseconds, whole ones or none at all (`Infinity`). */
export function millisecondsOrNever<D>(otherwise: D): Check<number | D> {
  const isRight = (value: unknown): value is number =>
    value === Infinity || (Number.isInteger(value) && 0 <= Number(value) && Number(value) <= longestTime)
  return option(`an integer of milliseconds from 0 to ${longestTime}, or \`Infinity\``, isRight, otherwise)
}

/** One of a few texts. */
export function oneOf<const T extends string>(values: readonly T[], otherwise: T): Check<T> {
  const isRight = (value: unknown): value is T => (values as readonly unknown[]).includes(value)
  return option(`one of ${values.map((value) => `'${value}'`).join(', ')}`, isRight, otherwise)
}

/** Text that is not empty. */
export function text<D>(expected: string, otherwise: D): Check<string | D> {
  return option(expected, (value): value is string => typeof value === 'string' && value !== '', otherwise)
}

/** An array of texts. */
export function texts(): Check<readonly string[]> {
  return option('an array of strings', isTexts, [])
}

/** An object whose values are texts. */
export function namedTexts(): Check<Readonly<Record<string, string>>> {
  const isRight = (value: unknown): value is Record<string, string> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && isTexts(Object.values(value))
  return option('an object of strings', isRight, {})
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

export function invalid(name: string, expected: string, got: unknown): BridgeError {
  const what = name === '' ? 'the options' : name.includes(' ') ? name : `\`${name}\``
  return new BridgeError('ERR_INVALID_ARGUMENT', `${what} must be ${expected}, but got ${described(got)}`)
}
