/* Calls on the JavaScript thread: the direct path for primitives and handles, requests for everything else. */
import {
  errorFromNative,
  errorFromProblem,
  exceptionFromNative,
  relocated,
  type StackBoundary,
} from '../errors/from-native'
import { handlerOf } from '../handle/internal'
import { newState, stateOf, type HandleState } from '../handle/state'
import { SyncMethod } from '../handle/sync-method'
import { environment, mailboxValueStart } from '../native/environment'
import type { NativeResult } from '../native/core'
import type { Returns } from '../types/options'
import { splitArguments } from './keywords'
import { Operation, returnsNumber, type OperationNumber } from './operation'
import type { Step } from './path'
import { RequestWriter, type ReferenceRules } from './request-writer'
import { decodeErrorValue, decodeValue, syncScope } from './result-decoder'
import { hasState } from './subject'

/** Kinds of result that the mailbox announces. */
const Kind = {
  handle: 1,
  value: 2,
  largeValue: 3,
  error: 4,
  largeError: 5,
  method: 6,
  indirect: 7,
  exception: 8,
} as const
/** `callWith` calls the object itself rather than one of its methods. */
const itself = -1
/** More arguments than this travel in a request. */
const directLimit = 8
const two32 = 2 ** 32

/** Calls a Python object. The core looks at the arguments: that is cheaper than a test of each here. */
export function callState(state: HandleState, args: readonly unknown[]): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const { port } = environment
  const { id } = state
  if (id === 0) throw state.disposedError()
  let result: NativeResult
  switch (args.length) {
    case 0:
      result = port.call(id)
      break
    case 1:
      result = port.call(id, args[0])
      break
    case 2:
      result = port.call(id, args[0], args[1])
      break
    case 3:
      result = port.call(id, args[0], args[1], args[2])
      break
    default:
      return callIndirectly(state, itself, undefined, args)
  }
  if (typeof result !== 'object' && result !== undefined) return result
  if (result === null) return null
  if (result === undefined && environment.words[0] === Kind.indirect)
    return callIndirectly(state, itself, undefined, args)
  return objectResult(result, callState)
}

/** Calls a method by its name, looked up now. */
export function callMethod(state: HandleState, name: string, number: number, args: readonly unknown[]): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const { port } = environment
  const { id } = state
  if (id === 0) throw state.disposedError()
  let result: NativeResult
  switch (args.length) {
    case 0:
      result = port.callMethod(id, number)
      break
    case 1:
      result = port.callMethod(id, number, args[0])
      break
    case 2:
      result = port.callMethod(id, number, args[0], args[1])
      break
    default:
      return callIndirectly(state, number, name, args)
  }
  if (typeof result !== 'object' && result !== undefined) return result
  if (result === null) return null
  if (result === undefined && environment.words[0] === Kind.indirect) return callIndirectly(state, number, name, args)
  return objectResult(result, callMethod)
}

/** Reads an attribute; a method becomes a function that looks it up again when it is called. */
export function getAttribute(state: HandleState, name: string, number: number): unknown {
  const method = state.methods?.get(name)
  if (method !== undefined) return method
  const { id } = state
  if (id === 0) throw state.disposedError()
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const result = environment.port.getAttribute(id, number)
  if (typeof result !== 'object' && result !== undefined) return result
  if (result === null) return null
  if (result === undefined && environment.words[0] === Kind.method) return SyncMethod.of(state, name, number)
  return objectResult(result, getAttribute)
}

/** Runs one operation on this thread. */
export function operateSync(
  target: HandleState | undefined,
  operation: OperationNumber,
  args: readonly unknown[] = [],
  named?: object,
  returns: Returns = 'auto',
  steps: readonly Step[] = [],
): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const writer = (writers[depth] ??= new RequestWriter(noWaiting))
  encode(writer, target, operation, args, named, returns, steps)
  let result: NativeResult
  try {
    const { encoder } = writer
    result = environment.port.operate(environment.fillOutbox(encoder.bytes, encoder.position))
  } finally {
    writer.clear()
    writer.letGo()
  }
  environment.trimOutbox()
  if (typeof result !== 'object' && result !== undefined) return result
  return result === null ? null : objectResult(result, operateSync)
}

/** The result of a call that is a handle rather than a primitive, or that the mailbox holds. */
function objectResult(result: object | undefined, boundary: StackBoundary): unknown {
  if (result !== undefined) return (result as HandleState).cross().syncView
  const { words, mailbox } = environment
  const size = words[1] as number
  switch (words[0]) {
    case Kind.handle:
      return newState(size, words[2] as number).syncView
    case Kind.value:
    case Kind.largeValue:
      try {
        return words[0] === Kind.value
          ? decodeValue(mailbox, mailboxValueStart, mailboxValueStart + size, syncScope)
          : decodeWhole(decodeValue)
      } catch (error) {
        throw relocated(error, boundary)
      }
    case Kind.exception:
      throw exceptionFromNative(
        decodeValue(mailbox, mailboxValueStart, mailboxValueStart + size, syncScope) as string,
        stateOf(words[2] as number, words[3] as number),
        words[4] === 1,
        boundary,
      )
    case Kind.error:
      throw errorFromNative(decodeErrorValue(mailbox, mailboxValueStart, mailboxValueStart + size, syncScope), boundary)
    default:
      throw errorFromNative(decodeWhole(decodeErrorValue), boundary)
  }
}

function decodeWhole<T>(decode: (bytes: Uint8Array, start: number, end: number, scope: typeof syncScope) => T): T {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(environment.port.takeLarge())
  } catch (problem) {
    throw errorFromProblem(problem)
  }
  return decode(bytes, 0, bytes.length, syncScope)
}

/** Whether a value goes to the core as it is. */
function isDirect(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
    case 'string':
    case 'boolean':
    case 'bigint':
      return true
    default:
      return value === null
  }
}

/** A call with handles among its arguments, or many of them; with structured data it becomes a request. */
function callIndirectly(
  state: HandleState,
  method: number,
  name: string | undefined,
  args: readonly unknown[],
): unknown {
  const { positional, named } = splitArguments(args)
  const direct = named === undefined && positional.length <= directLimit ? directArguments(positional) : undefined
  if (direct === undefined) {
    return operateSync(state, Operation.call, positional, named, 'auto', name === undefined ? [] : [name])
  }
  const { port } = environment
  const target = state.use() + direct.mask * two32
  const result =
    method === itself ? port.call(target, ...direct.values) : port.callMethod(target, method, ...direct.values)
  // The states of the arguments must live until the core has taken the objects; reading them here keeps them reachable.
  for (const held of direct.states) held.use()
  state.use()
  if (typeof result !== 'object' && result !== undefined) return result
  return result === null ? null : objectResult(result, callIndirectly)
}

interface DirectArguments {
  readonly values: unknown[]
  readonly states: HandleState[]
  readonly mask: number
}

function directArguments(args: readonly unknown[]): DirectArguments | undefined {
  const values: unknown[] = []
  const states: HandleState[] = []
  let mask = 0
  for (let index = 0; index < args.length; index += 1) {
    const value = args[index]
    if (isDirect(value) || value === undefined) {
      // The core takes `undefined` for an argument that may have to be dropped; one that is still here is `None`.
      values.push(value ?? null)
      continue
    }
    const handler = handlerOf(value)
    if (!hasState(handler)) return undefined
    const { state } = handler
    values.push(state.use())
    states.push(state)
    mask |= 1 << index
  }
  return { values, states, mask }
}

/** Writers by depth: reading the properties of an argument can run a getter that calls Python, in the middle of a request. */
const writers: RequestWriter[] = []
let depth = 0

/** Encodes a request. What it names is held until the writer lets go. */
function encode(
  writer: RequestWriter,
  target: HandleState | undefined,
  operation: OperationNumber,
  args: readonly unknown[],
  named: object | undefined,
  returns: Returns,
  steps: readonly Step[],
): void {
  depth += 1
  try {
    writer.write({ id: 0, session: 0, operation, returns: returnsNumber[returns], target, steps, args, named })
  } catch (error) {
    writer.clear()
    throw relocated(error, operateSync)
  } finally {
    depth -= 1
  }
}

const noWaiting: ReferenceRules = { mayWait: false }
