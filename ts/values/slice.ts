/* A Python slice in JavaScript. */
import { inspect, isDeepStrictEqual } from 'node:util'

import { defineValueClass, isOfClass } from './value-class'

/**
 * A Python `slice`, for `$getItem` and the like. The arguments are Python's: `new PySlice(stop)` or `new PySlice(start, stop, step)`,
 * of any values; `null` and `undefined` are `None`.
 */
export class PySlice {
  /** Where it begins; `null` for Python's `None`. */
  readonly start: unknown
  /** Where it ends. */
  readonly stop: unknown
  /** From one item to the next. */
  readonly step: unknown

  constructor(stop: unknown)
  constructor(start: unknown, stop: unknown, step?: unknown)
  constructor(...args: [unknown, unknown?, unknown?]) {
    const [start, stop, step] = args.length < 2 ? [null, args[0]] : args
    this.start = start ?? null
    this.stop = stop ?? null
    this.step = step ?? null
    Object.freeze(this)
  }

  /** Whether start, stop and step are equal, deeply and strictly. */
  equals(other: unknown): boolean {
    return isOfClass(other, 'PySlice') && isDeepStrictEqual(parts(this), parts(other as PySlice))
  }

  /** As Python writes it, such as `slice(None, 5, None)`. */
  toString(): string {
    return `slice(${parts(this).map(spelled).join(', ')})`
  }

  /** Start, stop and step as an object. */
  toJSON(): { start: unknown; stop: unknown; step: unknown } {
    return { start: this.start, stop: this.stop, step: this.step }
  }

  static {
    defineValueClass(this.prototype, 'PySlice', parts)
  }
}

function parts({ start, stop, step }: PySlice): unknown[] {
  return [start, stop, step]
}

function spelled(part: unknown): string {
  if (part === null) return 'None'
  if (typeof part === 'boolean') return part ? 'True' : 'False'
  if (typeof part === 'string') return JSON.stringify(part)
  return typeof part === 'number' || typeof part === 'bigint' ? String(part) : inspect(part)
}
