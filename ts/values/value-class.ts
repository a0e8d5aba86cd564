/* What the classes for Python's own types have in common: a brand, how they are shown, what their constructors say. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'

/** What Node's `inspect` looks for. By its registered name, so that the declarations need no types of Node. */
const shownBy = Symbol.for('nodejs.util.inspect.custom')

/** A brand that every copy of this package and every realm of the process knows. */
export function brandOf(name: string): symbol {
  return Symbol.for(`symphony-python-bridge.${name}`)
}

/**
 * Makes a prototype one that the codec knows by its brand, wherever it was loaded, and shows its values as the call that makes them,
 * such as `PyFraction(1, 3)`.
 */
export function defineValueClass<T extends object>(
  prototype: T,
  name: string,
  parts: (value: T) => readonly unknown[],
): void {
  Object.defineProperty(prototype, brandOf(name), { value: true })
  Object.defineProperty(prototype, shownBy, {
    value(this: T, _depth: number, options: object, inspect: (part: unknown, options: object) => string): string {
      return `${name}(${parts(this)
        .map((part) => (typeof part === 'bigint' ? String(part) : inspect(part, options)))
        .join(', ')})`
    },
  })
}

/** Whether a value is of that class, of this copy of the package or of another one. */
export function isOfClass(value: unknown, name: string): value is object {
  return typeof value === 'object' && value !== null && brandOf(name) in value
}

/** What a constructor throws. */
export function invalid(expected: string, got: unknown): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `expected ${expected}, got ${described(got)}`)
}

/** An integer as the bridge gives it: a `number` if it is safe, else a `bigint`. */
export function integer(value: number | bigint, what: string): number | bigint {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }
  // What is compared deeply must not have two zeros.
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
  throw invalid(`a safe integer or a bigint as ${what}`, value)
}

/** JSON has no `bigint`: one beyond the safe integers is its decimal digits. */
export function integerJson(value: number | bigint): number | string {
  return typeof value === 'number' ? value : String(value)
}

/** For classes that are never a number in silence: text where text is asked for, a `TypeError` everywhere else. */
export function textOnly(value: { toString(): string }, hint: string, advice: string): string {
  if (hint === 'string') return value.toString()
  throw new TypeError(`${advice}, or \`toString()\` for its text`)
}
