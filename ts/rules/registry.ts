/* The rules that a program registered: one a Python class, for this environment. */
import { types } from 'node:util'
import { isPlainPrototype, plainKind } from '../codec/plain-data'
import { className, described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { HandleState } from '../handle/state'
import type { TypeDescription } from '../handle/type-description'
import type { SyncHandle } from '../types/sync-handle'

/** A rule without anything left to check. */
export class Rule {
  /** The prototypes of what `toJs` has given. */
  readonly #made = new WeakSet()

  constructor(
    readonly type: string,
    readonly toJs: ((handle: SyncHandle) => unknown) | undefined,
    readonly toPython: ((value: never) => unknown) | undefined,
    readonly prototype: object | undefined,
  ) {}

  /** Remembers the class of a value that `toJs` gave, so that `toPython` takes it back. */
  remember(value: unknown): void {
    if (this.toPython === undefined || this.prototype !== undefined) return
    if (typeof value !== 'object' || value === null || types.isPromise(value) || plainKind(value) !== undefined) return
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype !== null && !isPlainPrototype(prototype)) this.#made.add(prototype)
  }

  /** Whether `toPython` is for the instances of a prototype. */
  takes(prototype: object): boolean {
    return this.prototype === undefined ? this.#made.has(prototype) : this.prototype === prototype
  }
}

class Registry {
  readonly #rules = new Map<string, Rule>()
  /** The rule for the objects of a type; `null` if there is none. */
  #byType = new WeakMap<TypeDescription, Rule | null>()
  /**
   * Whether handles give way to rules: there is one with `toJs`, and no `toPython` is running. Asked wherever a handle arrives, so that
   * it costs nothing where there is none.
   */
  givesJs = false
  #suspensions = 0
  /** The types of the rules with `toJs`. */
  types: readonly string[] = []
  #givesPython: readonly Rule[] = []

  /** Adds a rule, or puts it in the place of the one for the same type. */
  register(rule: unknown): void {
    const checked = checkedRule(rule)
    const rival = this.#givesPython.find(({ type, prototype }) => {
      return prototype !== undefined && prototype === checked.prototype && type !== checked.type
    })
    if (rival !== undefined) throw invalid(`its \`class\` has a rule already, that for \`${rival.type}\``)
    this.#rules.set(checked.type, checked)
    const rules = [...this.#rules.values()]
    this.types = rules.filter(({ toJs }) => toJs !== undefined).map(({ type }) => type)
    this.givesJs = this.types.length > 0 && this.#suspensions === 0
    this.#givesPython = rules.filter(({ toPython }) => toPython !== undefined)
    this.#byType = new WeakMap()
  }

  /** Runs `toPython`. It makes Python objects, which its own rule would turn into what it was given; so all are handles meanwhile. */
  toPython(rule: Rule, value: object): unknown {
    this.#suspensions += 1
    this.givesJs = false
    try {
      return rule.toPython!(value as never)
    } finally {
      this.#suspensions -= 1
      this.givesJs = this.types.length > 0 && this.#suspensions === 0
    }
  }

  /** The rule that says what an object is in JavaScript. Rules look at it synchronously, which not every process lets them. */
  forState(state: HandleState): Rule | undefined {
    return state.connection.hasSyncViews ? this.#forType(state.type) : undefined
  }

  /** That of the nearest ancestor which has one. */
  #forType(type: TypeDescription): Rule | undefined {
    let rule = this.#byType.get(type)
    if (rule === undefined) {
      const nearest = type.mro.find((name) => this.#rules.get(name)?.toJs !== undefined)
      rule = nearest === undefined ? null : this.#rules.get(nearest)!
      this.#byType.set(type, rule)
    }
    return rule ?? undefined
  }

  /** The rule that says what a value is in Python: that of the nearest prototype which has one. Throws if there are several. */
  forValue(value: object): Rule | undefined {
    if (this.#givesPython.length === 0) return undefined
    let prototype = Object.getPrototypeOf(value) as object | null
    for (; prototype !== null; prototype = Object.getPrototypeOf(prototype) as object | null) {
      const found = this.#givesPython.filter((rule) => rule.takes(prototype!))
      const named = found.find((rule) => rule.prototype !== undefined)
      if (named !== undefined || found.length === 1) return named ?? found[0]
      if (found.length > 1) throw ambiguous(value, found)
    }
    return undefined
  }
}

/** The one of this environment. */
export const rules = new Registry()

const names: ReadonlySet<string> = new Set(['type', 'toJs', 'toPython', 'class'])

function checkedRule(rule: unknown): Rule {
  if (typeof rule !== 'object' || rule === null) throw invalid(`expected an object, got ${described(rule)}`)
  const unknown = Object.keys(rule).find((name) => !names.has(name))
  if (unknown !== undefined)
    throw invalid(`it has no member \`${unknown}\`, only \`type\`, \`toJs\`, \`toPython\` and \`class\``)
  const given = rule as { type?: unknown; toJs?: unknown; toPython?: unknown; class?: unknown }
  // Read once: they may be getters.
  const { type, toJs, toPython, class: constructor } = given
  if (typeof type !== 'string' || !/^[^.]+\../.test(type)) {
    throw invalid(
      `\`type\` must be the qualified name of a Python class, such as \`ipaddress.IPv4Address\`, but got ${described(type)}`,
    )
  }
  for (const [name, half] of Object.entries({ toJs, toPython })) {
    if (half !== undefined && typeof half !== 'function') {
      throw invalid(`\`${name}\` must be a function, but got ${described(half)}`)
    }
  }
  if (toJs === undefined && toPython === undefined) throw invalid('it needs `toJs` or `toPython`, or both')
  if (toPython !== undefined && toJs === undefined && constructor === undefined) {
    throw invalid('without `toJs`, `toPython` needs `class`: the JavaScript class whose instances it is for')
  }
  return new Rule(type, toJs as Rule['toJs'], toPython as Rule['toPython'], checkedPrototype(constructor, toPython))
}

function checkedPrototype(constructor: unknown, toPython: unknown): object | undefined {
  if (constructor === undefined) return undefined
  if (toPython === undefined) throw invalid('`class` says what `toPython` is for, and there is none')
  const prototype: unknown = typeof constructor === 'function' ? constructor.prototype : undefined
  if (typeof prototype !== 'object' || prototype === null) {
    throw invalid(`\`class\` must be a class, but got ${described(constructor)}`)
  }
  if (isPlainPrototype(prototype)) {
    throw invalid(`\`class\` must be a class of which no instance is plain data, but got ${described(constructor)}`)
  }
  return prototype
}

function invalid(message: string): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `a rule cannot be registered: ${message}`)
}

function ambiguous(value: object, found: readonly Rule[]): TypeError {
  const types = found.map(({ type }) => `\`${type}\``).join(' and ')
  return new TypeError(
    `the rules for ${types} both made instances of \`${className(value) ?? 'its class'}\`; name it as \`class\` in one of them`,
  )
}
