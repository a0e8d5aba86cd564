/* What is known of a Python type without asking Python. */
import type { Connection } from '../native/connection'
import { loadedCore } from '../native/core'

/** A Python type, as the core describes it. */
export interface TypeDescription {
  /** `module.QualName`. */
  readonly name: string
  /** Qualified names, most derived first. */
  readonly mro: readonly string[]
  readonly callable: boolean
  readonly iterable: boolean
  readonly asyncIterable: boolean
  /** Which of the names that JavaScript libraries probe the instances really have. */
  readonly names: ReadonlySet<string>
}

/** Modules and namespaces have descriptions of their own, so programs can make any number. */
const descriptionsLimit = 4096

/** The types of one connection. */
export class TypeDescriptions {
  readonly #connection: Connection
  readonly #descriptions = new Map<number, TypeDescription>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The description with a key that came with a handle. */
  of(key: number): TypeDescription {
    let description = this.#descriptions.get(key)
    if (description === undefined) {
      const parsed = JSON.parse(this.#connection.port.describeType(key)) as Omit<TypeDescription, 'names'> & {
        names: string[]
      }
      description = { ...parsed, names: new Set(parsed.names) }
      if (this.#descriptions.size >= descriptionsLimit) this.#descriptions.clear()
      this.#descriptions.set(key, description)
    }
    return description
  }
}

let probed: ReadonlySet<string> | undefined

/** The names by which JavaScript libraries recognise things, such as `pipe`; they are known once the core is loaded. */
export function probedNames(): ReadonlySet<string> | undefined {
  if (probed !== undefined) return probed
  const core = loadedCore()
  return core && (probed = new Set(core.probedNames))
}

/** Whether JavaScript libraries look for this name to recognise things, such as `pipe`. */
export function isProbedName(name: string): boolean {
  return probedNames()?.has(name) === true
}
