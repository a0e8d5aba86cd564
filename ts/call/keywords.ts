/* Keyword arguments: `kw` and how a call finds them among its arguments. */
import { plainKind } from '../codec/plain-data'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { Kw } from '../types/keywords'

/** Registered for the whole process, so that another copy of the package understands the keywords made by this one. */
const brand = Symbol.for('symphony-python-bridge.keywords')

class Keywords {
  readonly [brand]: object

  constructor(named: object) {
    this[brand] = named
  }
}

/**
 * Keyword arguments of a Python call, as its last argument:
 *
 * ```ts
 * await numpy.linspace(0, 1, kw({ num: 5, endpoint: false }))
 * ```
 *
 * A property whose value is `undefined` is left out, so that `kw({ top: options.top })` keeps Python's default.
 */
export function kw<const T extends object>(named: T): Kw<T> {
  if (!isPlainObject(named)) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`kw\` takes a plain object whose properties are the keyword arguments, but got ${described(named)}`,
    )
  }
  return new Keywords({ ...named }) as unknown as Kw<T>
}

/** The named arguments in what `kw` made, or `undefined` for every other value. */
export function keywordsOf(value: unknown): object | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as { readonly [brand]?: object })[brand]
}

/** Keyword arguments given apart from the positional ones: made by `kw`, or a plain object. */
export function namedArguments(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined
  const keywords = keywordsOf(value)
  if (keywords !== undefined) return keywords
  if (isPlainObject(value)) return value
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `keyword arguments must be a plain object or made by \`kw\`, but got ${described(value)}`,
  )
}

/** Positional arguments given as one list. */
export function listedArguments(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new BridgeError('ERR_INVALID_ARGUMENT', `the arguments must be an array, but got ${described(value)}`)
}

/** The properties of a `Map` or `Date` are not what it holds. */
function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && plainKind(value) === 'object'
}

/** The arguments of a call as Python takes them: trailing `undefined` dropped, keywords split off. */
export function splitArguments(args: readonly unknown[]): {
  positional: readonly unknown[]
  named: object | undefined
} {
  let end = args.length
  while (end > 0 && args[end - 1] === undefined) end -= 1
  const named = end > 0 ? keywordsOf(args[end - 1]) : undefined
  if (named !== undefined) {
    end -= 1
    while (end > 0 && args[end - 1] === undefined) end -= 1
  }
  return { positional: end === args.length ? args : args.slice(0, end), named }
}
