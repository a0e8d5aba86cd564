/* Calls on the JavaScript thread: the direct path for primitives and handles, requests for everything else. */
import {
  errorFromNative,
  errorFromProblem,
  exceptionFromNative,
  relocated,
  withStackFrom,
  type StackBoundary,
} from '../errors/from-native'
import { handlerOf } from '../handle/internal'
import { newState, stateOf, type HandleState } from '../handle/state'
import { SyncMethod } from '../handle/sync-method'
import type { NativeResult } from '../native/core'
import { environment } from '../native/environment'
import {
  argumentNumber,
  countWord,
  detailWord,
  Kind,
  kindWord,
  nameWord,
  resultNumber,
  targetWord,
  valueStart,
} from '../native/mailbox'
import { takeKept } from '../arrays/borrow'
import { asTheyAre, type Conversion } from '../codec/conversion'
import { rules as conversionRules } from '../rules/registry'
import { arrived, type Arrival } from '../rules/results'
import { noOptions, type SyncRules } from './options'
import { splitArguments } from './keywords'
import { arrivalOf, givesValue, isValidated, Operation, returnsFor, type OperationNumber } from './operation'
import type { Step } from './path'
import { RequestWriter, type ReferenceRules } from './request-writer'
import { decodeErrorValue, decodeValue, syncScope } from './result-decoder'
import { validateSync } from './schema'
import { hasState } from './subject'

/** `callIndirectly` calls the object itself rather than one of its methods. */
const itself = -1
/**
 * What a call gives in place of a result when it failed; whom user code called then throws what `takeFailure` gives. There the
 * stack is short, and it is the frames between that make capturing it dear: V8 decodes each of them. Besides, V8 compiles what
 * returns often, and a function that only ever throws stays interpreted.
 */
export const failed: unique symbol = Symbol('failed')
/** What `operate` gives for an attribute that is a method of the `owner`. */
const isMethod = Symbol('method')
let failure: unknown
let failureIsNew = false
/** More arguments than this travel in a request. */
const directLimit = 8
const two32 = 2 ** 32

/**
 * Calls a Python object with at most three arguments. Numbers go through the mailbox, which costs less than to hand them to Node;
 * of others the core finds out what they are, which costs less than a test of each here.
 */
export function callShort(state: HandleState, first: unknown, second: unknown, third: unknown): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const { id } = state
  if (id === 0) return failWithNew(state.disposedError())
  const { port, direct } = environment
  if (direct && putNumbers(first, second, third)) {
    environment.words[targetWord] = id
    return resultOf(port.callNumbers())
  }
  if (!direct || isStructured(first) || isStructured(second) || isStructured(third))
    return callIndirectly(state, itself, undefined, [first, second, third])
  const result = third === undefined ? callWithTwo(id, first, second) : port.call(id, first, second, third)
  if (result === undefined && environment.words[kindWord] === Kind.indirect)
    return callIndirectly(state, itself, undefined, [first, second, third])
  return resultOf(result)
}

/** What is certainly no primitive, so that the core need not be asked. */
function isStructured(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function callWithTwo(id: number, first: unknown, second: unknown): NativeResult {
  return second === undefined ? environment.port.call(id, first) : environment.port.call(id, first, second)
}

/** Puts the arguments into the mailbox if they are numbers; trailing `undefined` is dropped. */
function putNumbers(first: unknown, second: unknown, third: unknown): boolean {
  const { words, numbers } = environment
  if (first === undefined) {
    words[countWord] = 0
    return second === undefined && third === undefined
  }
  if (typeof first !== 'number') return false
  numbers[argumentNumber] = first
  if (second === undefined) {
    words[countWord] = 1
    return third === undefined
  }
  if (typeof second !== 'number') return false
  numbers[argumentNumber + 1] = second
  if (third === undefined) {
    words[countWord] = 2
    return true
  }
  if (typeof third !== 'number') return false
  numbers[argumentNumber + 2] = third
  words[countWord] = 3
  return true
}

/** Calls a Python object with any number of arguments. */
export function callLong(state: HandleState, args: readonly unknown[]): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  return callIndirectly(state, itself, undefined, args)
}

/** Calls a method by its name, looked up now, with at most two arguments. */
export function callMethodShort(
  state: HandleState,
  name: string,
  number: number,
  first: unknown,
  second: unknown,
): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const { id } = state
  if (id === 0) return failWithNew(state.disposedError())
  const { port, words, direct } = environment
  if (direct && putNumbers(first, second, undefined)) {
    words[targetWord] = id
    words[nameWord] = number
    return resultOf(port.callMethodNumbers())
  }
  const result = second === undefined ? port.callMethod(id, number, first) : port.callMethod(id, number, first, second)
  if (result === undefined && words[kindWord] === Kind.indirect)
    return callIndirectly(state, number, name, [first, second])
  return resultOf(result)
}

/** Calls a method by its name with any number of arguments. */
export function callMethodLong(state: HandleState, name: string, number: number, args: readonly unknown[]): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  return callIndirectly(state, number, name, args)
}

/** Reads an attribute; a method becomes a function that looks it up again when it is called. */
export function getAttribute(state: HandleState, name: string, number: number): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const { id } = state
  if (id === 0) return failWithNew(state.disposedError())
  const { port, words, direct } = environment
  if (!direct) {
    const value = operate(state, Operation.value, [], undefined, noOptions, [name], id)
    return value === isMethod ? SyncMethod.of(state, name, number) : value
  }
  words[targetWord] = id
  words[nameWord] = number
  const result = port.getAttribute()
  if (result === undefined && words[kindWord] === Kind.method) return SyncMethod.of(state, name, number)
  return resultOf(result)
}

/** Runs one operation on this thread. */
export function operateSync(
  target: HandleState | undefined,
  operation: OperationNumber,
  args: readonly unknown[] = [],
  named?: object,
  rules: SyncRules = noOptions,
  steps: readonly Step[] = [],
): unknown {
  const value = operate(target, operation, args, named, rules, steps)
  if (value === failed) throw takeFailure(operateSync)
  return rules.schema === undefined || !isValidated(operation) ? value : validateSync(rules.schema, value)
}

function operate(
  target: HandleState | undefined,
  operation: OperationNumber,
  args: readonly unknown[],
  named: object | undefined,
  rules: SyncRules,
  steps: readonly Step[],
  owner = 0,
): unknown {
  if (environment.sendRequests !== undefined) environment.sendRequests()
  const convert = rules.convert ?? environment.conversion
  const arrival = arrivalOf(operation, rules.returns)
  const writer = (writers[depth] ??= new RequestWriter(environment, noWaiting))
  let result: NativeResult
  depth += 1
  try {
    const returns = returnsFor(arrival, rules.returns)
    writer.write({ id: 0, session: 0, operation, returns, target, steps, args, named, convert, scope: syncScope })
    const { encoder } = writer
    result = environment.port.operate(environment.fillOutbox(encoder.bytes, encoder.position), owner)
  } catch (error) {
    return failWith(error)
  } finally {
    depth -= 1
    writer.clear()
    writer.letGo()
  }
  environment.trimOutbox()
  const value = resultOf(result, givesValue(operation) ? convert : asTheyAre, arrival)
  const kept = takeKept()
  return kept === undefined || value === failed ? value : failWithNew(kept)
}

/** The error of the call that gave `failed`, with a stack that begins at the caller of `boundary`. */
export function takeFailure(boundary: StackBoundary): Error {
  const error = failure as Error
  failure = undefined
  if (!failureIsNew) return relocated(error, boundary) as Error
  failureIsNew = false
  return withStackFrom(error, boundary)
}

/** An error that was thrown meanwhile, perhaps by the program's own code. */
function failWith(error: unknown): typeof failed {
  failure = error
  return failed
}

/** An error that has no stack yet. */
function failWithNew(error: Error): typeof failed {
  failureIsNew = true
  return failWith(error)
}

/** What the port answered, as the caller gets it. */
function resultOf(result: NativeResult, convert: Conversion = asTheyAre, arrival: Arrival = 'auto'): unknown {
  if (result !== undefined) {
    return typeof result === 'object' ? handleResult((result as HandleState).cross(), convert, arrival) : result
  }
  const { words } = environment
  switch (words[kindWord]) {
    case Kind.none:
      return null
    case Kind.integer:
      return words[detailWord]
    case Kind.number:
      return environment.numbers[resultNumber]
    case Kind.boolean:
      return words[detailWord] === 1
    default:
      return lessCommonResult(convert, arrival)
  }
}

function handleResult(state: HandleState, convert: Conversion, arrival: Arrival): unknown {
  if (state.isCoroutine && arrival !== 'handles') return state.promise(convert)
  return conversionRules.givesJs && arrival !== 'handles' ? ruledResult(state, arrival) : state.syncView
}

/** What a rule makes of a handle. */
function ruledResult(state: HandleState, arrival: Exclude<Arrival, 'handles'>): unknown {
  try {
    return arrived(state, state.syncView, arrival)
  } catch (error) {
    return failWith(error)
  }
}

function lessCommonResult(convert: Conversion, arrival: Arrival): unknown {
  const { words, mailbox } = environment
  const kind = words[kindWord]
  const size = words[detailWord] as number
  switch (kind) {
    case Kind.method:
      return isMethod
    case Kind.handle:
      return handleResult(newState(environment, size, words[2] as number), convert, arrival)
    case Kind.value:
    case Kind.largeValue:
      try {
        return kind === Kind.value
          ? decodeValue(mailbox, valueStart, valueStart + size, syncScope, convert, arrival)
          : decodeWhole(size, (bytes, start, end, scope) => decodeValue(bytes, start, end, scope, convert, arrival))
      } catch (error) {
        return failWith(error)
      }
    case Kind.exception:
      return failWithNew(
        exceptionFromNative(
          decodeValue(mailbox, valueStart, valueStart + size, syncScope, asTheyAre, 'handles') as string,
          stateOf(environment, words[2] as number, words[3] as number),
          words[4] === 1,
        ),
      )
    case Kind.error:
      return failWithNew(errorFromNative(decodeErrorValue(mailbox, valueStart, valueStart + size, syncScope)))
    default:
      return failWithNew(errorFromNative(decodeWhole(size, decodeErrorValue)))
  }
}

function decodeWhole<T>(
  size: number,
  decode: (bytes: Uint8Array, start: number, end: number, scope: typeof syncScope) => T,
): T {
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(environment.port.takeLarge())
  } catch (problem) {
    throw errorFromProblem(problem)
  }
  return decode(bytes, 0, Math.min(bytes.length, size >>> 0), syncScope)
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
  const direct =
    environment.direct && named === undefined && positional.length <= directLimit
      ? directArguments(positional)
      : undefined
  if (direct === undefined) {
    return operate(state, Operation.call, positional, named, noOptions, name === undefined ? [] : [name])
  }
  const { port } = environment
  const target = state.use() + direct.mask * two32
  // They must live until the core has taken the objects. What is still to be done with them keeps them reachable.
  state.hold()
  for (const named of direct.states) named.hold()
  let result: NativeResult
  try {
    result = method === itself ? port.call(target, ...direct.values) : port.callMethod(target, method, ...direct.values)
  } finally {
    for (const named of direct.states) named.letGo()
    state.letGo()
  }
  return resultOf(result)
}

interface DirectArguments {
  readonly values: unknown[]
  readonly states: HandleState[]
  readonly mask: number
}

function directArguments(args: readonly unknown[]): DirectArguments | undefined {
  const values: unknown[] = []
  const states: HandleState[] = []
  const places: number[] = []
  let mask = 0
  for (let index = 0; index < args.length; index += 1) {
    const value = args[index]
    if (isDirect(value) || value === undefined) {
      // The core takes `undefined` for an argument that may have to be dropped; one that is still here is `None`.
      values.push(value ?? null)
      continue
    }
    const handler = handlerOf(value)
    // A handle of another Python is for the writer of requests to refuse.
    if (!hasState(handler) || handler.state.connection !== environment) return undefined
    places.push(index)
    states.push(handler.state)
    values.push(0)
    mask |= 1 << index
  }
  // The ids last: a proxy of the program's around a later handle could have disposed an earlier one.
  for (const [index, place] of places.entries()) values[place] = states[index]!.use()
  return { values, states, mask }
}

/**
 * Writers by depth: reading the properties of an argument can run a getter that calls Python, in the middle of a request; and Python can
 * call JavaScript that calls Python.
 */
const writers: RequestWriter[] = []
let depth = 0

const noWaiting: ReferenceRules = { mayWait: false }
