/* What happens when a handle, path or call is taken for plain data: an error that says what to write instead. */
import { BridgeError } from '../errors/bridge-error'

/** The error for a handle that something tried to read as data. */
export function handleAsData(label: string, use: string): BridgeError {
  return new BridgeError(
    'ERR_HANDLE_AS_DATA',
    `${label} is a handle of a Python object, not data: it cannot be ${use}; take a copy of the data with \`$value()\``,
  )
}

/** The error for a path or call that something tried to read as data. */
export function unawaitedAsData(label: string, use: string): BridgeError {
  return new BridgeError(
    'ERR_HANDLE_AS_DATA',
    `${label} has not been awaited: it cannot be ${use}; use \`await\` for its value, and \`$value()\` for a copy of the data`,
  )
}

/** How a proxy of this package refuses each way of being read as data. */
export interface DataRefusal {
  (use: string): BridgeError
}

/** The uses that the traps and members refuse, in the words of the message. */
export const dataUse = {
  json: 'serialised to JSON',
  keys: 'spread, cloned, listed or compared by its keys',
  number: 'converted to a number',
  text: 'converted to a string',
  iteration: 'iterated over synchronously',
  definition: 'given a property with a descriptor, frozen or sealed',
} as const
