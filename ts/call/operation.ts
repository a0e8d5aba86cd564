/* The operations of a request; docs/internal/native-interface.md describes each. */
import type { Arrival } from '../rules/results'
import { rules } from '../rules/registry'
import type { CheckedOptions } from './options'

/** What a request does to the object it names. */
export const Operation = {
  value: 0,
  call: 1,
  getItem: 2,
  setItem: 3,
  deleteItem: 4,
  setAttribute: 5,
  deleteAttribute: 6,
  hasAttribute: 7,
  length: 8,
  contains: 9,
  dir: 10,
  str: 11,
  repr: 12,
  is: 13,
  isInstance: 14,
  iterator: 15,
  next: 16,
  close: 17,
  import: 18,
  importFile: 19,
  eval: 20,
  exec: 21,
  enter: 22,
  exit: 23,
  describeException: 24,
  stream: 25,
  throw: 26,
  buffer: 27,
  toArrow: 30,
  fromArrow: 31,
} as const

/** The number of an operation. */
export type OperationNumber = (typeof Operation)[keyof typeof Operation]

/** `returns` as the core knows it. */
const returnsNumber = { auto: 0, value: 1, ref: 2 } as const

/** Operations whose result is a value of the program's, for which it may choose types. */
const giveValues: ReadonlySet<OperationNumber> = new Set([
  Operation.value,
  Operation.call,
  Operation.getItem,
  Operation.next,
  Operation.eval,
  Operation.enter,
  Operation.stream,
])

export function givesValue(operation: OperationNumber): boolean {
  return giveValues.has(operation)
}

/** Whether a schema is about the result; that of `next` is an envelope, a stream has many, and whoever hands those out validates them. */
export function isValidated(operation: OperationNumber): boolean {
  return operation !== Operation.next && operation !== Operation.stream && giveValues.has(operation)
}

/** Whether `returns` is about the result; that of `next` is an envelope in any case, and an iterator is an object itself. */
export function isReturned(operation: OperationNumber): boolean {
  return operation === Operation.iterator || operation === Operation.stream || isValidated(operation)
}

/** What becomes of the handles in a result. */
export function arrivalOf(operation: OperationNumber, returns: CheckedOptions['returns']): Arrival {
  if (!giveValues.has(operation)) return 'handles'
  if (operation === Operation.next) return 'auto'
  return returns === 'ref' ? 'handles' : returns
}

/** What the core is told of `returns`. Where rules may turn handles into values, it is not the core that refuses handles. */
export function returnsFor(arrival: Arrival, returns: CheckedOptions['returns']): number {
  return arrival === 'value' && rules.givesJs ? returnsNumber.auto : returnsNumber[returns]
}
