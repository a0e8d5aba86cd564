/* Attribute names as the small numbers that the core knows them by. */
import { environment } from './environment'

/** Names come from programs, but `$get` takes any text; beyond this many, names travel as text. */
const limit = 16_384

const numbers = new Map<string, number>()

/** The number of a name, or `undefined` if it must travel as text. */
export function nameNumber(name: string): number | undefined {
  const known = numbers.get(name)
  if (known !== undefined) return known
  if (!environment.attached || numbers.size >= limit) return undefined
  const number = environment.port.name(name)
  numbers.set(name, number)
  return number
}
