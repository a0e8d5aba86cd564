/* Puts the values that rules give in the place of handles, in results that are complete: what a rule runs may call Python, and nothing
   of the bridge is in the middle of anything then. */
import type { Conversion } from '../codec/conversion'
import { keyStep, nameStep } from '../codec/path'
import { plainKind } from '../codec/plain-data'
import { setProperty } from '../codec/shapes'
import { messageOf } from '../codec/unsupported'
import { crossedAsItself } from '../callback/held-object'
import { hasState } from '../call/subject'
import { BridgeError } from '../errors/bridge-error'
import { handlerOf } from '../handle/internal'
import type { HandleState } from '../handle/state'
import { PyFrozenSet } from '../values/frozen-set'
import { PySlice } from '../values/slice'
import { tupleOf } from '../values/tuple'
import type { SyncHandle } from '../types/sync-handle'
import { rules, type Rule } from './registry'

/** What may become of a handle in a result: it stays; it gives way to a rule; or it must, because only plain data is wanted. */
export type Arrival = 'handles' | 'auto' | 'value'

/** The objects for which a rule is running. Meanwhile they are handles, also where they contain themselves. */
const underWay = new Set<HandleState>()

/** What a handle becomes that is a result by itself. `view` is what it is without a rule. */
export function arrived(state: HandleState, view: object, arrival: Exclude<Arrival, 'handles'>): unknown {
  const rule = ruleFor(state)
  if (rule !== undefined) return ruled(state, rule, '')
  if (arrival === 'value') throw refused(state, '')
  return view
}

/** A result in which the handles have become what they are to be. Changes the value in place where that can be changed. */
export function withRules(value: unknown, arrival: Arrival, dict: Conversion['dict'] = 'auto'): unknown {
  return new Walk(arrival, dict).of(value)
}

function ruleFor(state: HandleState): Rule | undefined {
  return underWay.has(state) ? undefined : rules.forState(state)
}

function ruled(state: HandleState, rule: Rule, path: string): unknown {
  underWay.add(state)
  try {
    const value = rule.toJs!(state.syncView as SyncHandle)
    rule.remember(value)
    return value
  } catch (cause) {
    const message = `the rule for \`${rule.type}\` failed with a \`${state.type.name}\`: its \`toJs\` threw ${messageOf(cause)}`
    throw failure(path, message, cause)
  } finally {
    underWay.delete(state)
  }
}

function refused(state: HandleState, path: string): BridgeError {
  const message = `expected plain data, got a \`${state.type.name}\`; use returns \`'auto'\` or \`'ref'\` to receive it as a handle`
  return failure(path, message)
}

function failure(path: string, message: string, cause?: unknown): BridgeError {
  const options = { ...(path === '' ? undefined : { path }), ...(cause === undefined ? undefined : { cause }) }
  return new BridgeError('ERR_CONVERSION', path === '' ? message : `${path}: ${message}`, options)
}

type ContainerKind = 'object' | 'array' | 'tuple' | 'set' | 'frozenset' | 'map' | 'slice'

/** A container whose parts are looked at. */
interface Frame {
  readonly kind: ContainerKind
  readonly source: object
  /** What is in it: the array itself, else a copy; keys and values of a map in turn. */
  readonly parts: unknown[]
  /** Of an object: the names of its parts. */
  readonly names: readonly string[]
  /** The part that is looked at next. */
  next: number
  changed: boolean
}

/** Goes through a value with a stack of its own, so that depth is bounded by memory. */
class Walk {
  readonly #stack: Frame[] = []
  /** An object may be in a result many times, and is one value then. */
  readonly #values = new Map<HandleState, unknown>()

  constructor(
    private readonly arrival: Arrival,
    private readonly dict: Conversion['dict'],
  ) {}

  of(root: unknown): unknown {
    const first = this.#visit(root)
    if (this.#stack.length === 0) return first
    for (;;) {
      const frame = this.#stack[this.#stack.length - 1]!
      if (this.#nextParts(frame)) continue
      // First, so that the path of what is wrong with it is its own.
      this.#stack.pop()
      const value = frame.changed ? this.#rebuilt(frame) : frame.source
      const outer = this.#stack[this.#stack.length - 1]
      if (outer === undefined) return value
      put(outer, outer.next - 1, value)
    }
  }

  /** Looks at parts up to the next container: `true`, or to the end: `false`. */
  #nextParts(frame: Frame): boolean {
    const { parts } = frame
    while (frame.next < parts.length) {
      const depth = this.#stack.length
      frame.next += 1
      const value = this.#visit(parts[frame.next - 1])
      if (this.#stack.length > depth) return true
      put(frame, frame.next - 1, value)
    }
    return false
  }

  /** What a value becomes; a container is on the stack then. */
  #visit(value: unknown): unknown {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    const handler = handlerOf(value)
    if (hasState(handler)) return this.#handle(handler.state, value)
    const frame = crossedAsItself(value) ? undefined : frameOf(value)
    if (frame !== undefined) this.#stack.push(frame)
    return value
  }

  #handle(state: HandleState, view: object): unknown {
    if (this.#values.has(state)) return this.#values.get(state)
    const rule = ruleFor(state)
    if (rule === undefined) {
      if (this.arrival === 'value') throw refused(state, this.#path())
      return view
    }
    const value = ruled(state, rule, this.#path())
    this.#values.set(state, value)
    return value
  }

  #rebuilt({ kind, source, parts, names }: Frame): unknown {
    switch (kind) {
      case 'array':
        return source
      case 'tuple':
        return tupleOf(parts)
      case 'slice':
        return new PySlice(parts[0], parts[1], parts[2])
      case 'object':
        return this.#object(source as Record<string, unknown>, names, parts)
      case 'set':
        return this.#complete(new Set(parts), parts.length)
      case 'frozenset':
        return this.#complete(new PyFrozenSet(parts), parts.length)
      case 'map': {
        const map = new Map<unknown, unknown>()
        for (let index = 0; index < parts.length; index += 2) map.set(parts[index], parts[index + 1])
        return this.#complete(map, parts.length / 2)
      }
    }
  }

  /** An object to which a rule gave a function as `then` would be awaited; a dict with one is a `Map`. */
  #object(source: Record<string, unknown>, names: readonly string[], parts: readonly unknown[]): unknown {
    const then = parts[names.indexOf('then')]
    if (typeof then === 'function' && then !== source.then) {
      if (this.dict !== 'object') return new Map(names.map((name, index) => [name, parts[index]]))
      const message =
        "expected a dict that can be an object, got one with a function as `then`; use dict: 'auto' or 'map'"
      throw failure(this.#path(), message)
    }
    for (const [index, name] of names.entries()) setProperty(source, name, parts[index])
    return source
  }

  #complete<T extends { readonly size: number }>(collection: T, count: number): T {
    if (collection.size === count) return collection
    const message = `expected ${count} distinct keys or items, but what rules made of them is equal in JavaScript`
    throw failure(this.#path(), message)
  }

  /** The way to the part that is looked at. */
  #path(): string {
    let path = ''
    for (const { kind, names, parts, next } of this.#stack) {
      const index = next - 1
      if (kind === 'array' || kind === 'tuple') path += `[${index}]`
      else if (kind === 'slice') path += ['.start', '.stop', '.step'][index]
      else if (kind === 'object') path += nameStep(names[index]!)
      else if (kind === 'map') path += index % 2 === 0 ? `<key ${index >> 1}>` : keyStep(parts[index - 1], index >> 1)
      else path += `<item ${index}>`
    }
    return path
  }
}

function put(frame: Frame, index: number, value: unknown): void {
  if (Object.is(frame.parts[index], value)) return
  frame.parts[index] = value
  frame.changed = true
}

/** A container as the decoder makes them. What is in any other object came from the program and is not looked at. */
function frameOf(value: object): Frame | undefined {
  const kind = plainKind(value)
  switch (kind) {
    case 'array':
      return frame(kind, value, value as unknown[])
    case 'tuple':
      return frame(kind, value, [...(value as unknown[])])
    case 'set':
    case 'frozenset':
      return frame(kind, value, [...(value as Set<unknown>)])
    case 'map':
      return frame(kind, value, [...(value as Map<unknown, unknown>)].flat(1))
    case 'slice': {
      const { start, stop, step } = value as PySlice
      return frame(kind, value, [start, stop, step])
    }
    case 'object':
      return frame(kind, value, Object.values(value), Object.keys(value))
    default:
      return undefined
  }
}

function frame(kind: ContainerKind, source: object, parts: unknown[], names: readonly string[] = []): Frame {
  return { kind, source, parts, names, next: 0, changed: false }
}
