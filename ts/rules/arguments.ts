/* What rules make of arguments that are neither plain data nor Python objects. */
import type { Replacement } from '../codec/encoder'
import { className, messageOf } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import { rules } from './registry'

/** What is to be written for a value, by the rule for its class; nothing if there is none. */
export function replacementOf(value: object, path: () => string): Replacement | undefined {
  const rule = rules.forValue(value)
  if (rule === undefined) return undefined
  try {
    return { value: rules.toPython(rule, value), rule: rule.type }
  } catch (cause) {
    const what = className(value)
    const got = what === undefined ? 'a value' : `an instance of \`${what}\``
    throw new BridgeError(
      'ERR_CONVERSION',
      `${path()}: the rule for \`${rule.type}\` failed with ${got}: its \`toPython\` threw ${messageOf(cause)}`,
      { path: path(), cause },
    )
  }
}
