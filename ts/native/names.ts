/* Attribute names as the small numbers that a core knows them by. */
import type { Connection } from './connection'

/** Names come from programs, but `$get` takes any text; beyond this many, names travel as text. */
const limit = 16_384

/** The numbers of one connection. */
export class AttributeNames {
  readonly #connection: Connection
  readonly #numbers = new Map<string, number>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The number of a name, or `undefined` if it must travel as text. */
  numberOf(name: string): number | undefined {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (!this.#connection.attached || this.#connection.isRemote || this.#numbers.size >= limit) return undefined
    const number = this.#connection.port.name(name)
    this.#numbers.set(name, number)
    return number
  }
}
