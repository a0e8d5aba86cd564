/* What is known of a Python type without asking Python. */
import { environment } from '../native/environment'

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

const descriptions = new Map<number, TypeDescription>()

/** The description with a key that came with a handle. */
export function typeDescription(key: number): TypeDescription {
  let description = descriptions.get(key)
  if (description === undefined) {
    const parsed = JSON.parse(environment.port.describeType(key)) as Omit<TypeDescription, 'names'> & {
      names: string[]
    }
    description = { ...parsed, names: new Set(parsed.names) }
    if (descriptions.size >= descriptionsLimit) descriptions.clear()
    descriptions.set(key, description)
  }
  return description
}

let probed: ReadonlySet<string> | undefined

/** Whether JavaScript libraries look for this name to recognise things, such as `pipe`. */
export function isProbedName(name: string): boolean {
  if (!environment.attached) return false
  probed ??= new Set(environment.core.probedNames)
  return probed.has(name)
}
