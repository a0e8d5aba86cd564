/* Decodes what comes from the core, with handles as views of the scope that asked. */
import { arrayOf } from '../arrays/decode'
import { asTheyAre, type Conversion } from '../codec/conversion'
import { ConvertingDecoder } from '../codec/converting-decoder'
import { Decoder, type DecodeHooks } from '../codec/decoder'
import { forEachHandle } from '../codec/handle-scan'
import { readInlineArray } from '../codec/inline-array'
import { readSharedArray } from '../codec/shared-array'
import { BridgeError } from '../errors/bridge-error'
import { coroutineKey, stateOf, type HandleState } from '../handle/state'
import type { Connection } from '../native/connection'
import { environment } from '../native/environment'
import { rules } from '../rules/registry'
import { withRules, type Arrival } from '../rules/results'

/** Who asked for a result decides which view a handle in it has. */
export interface ViewScope {
  /** Whose objects they are. */
  readonly connection: Connection
  viewOf(state: HandleState): object
  /** Whether nothing may be started in it any more. @default never */
  readonly ended?: boolean
}

/** The JavaScript thread asked, and waits. */
export const syncScope: ViewScope = {
  connection: environment,
  viewOf: (state) => state.syncView,
}

let scope = syncScope

// Decoding runs none of the program's code, so one decoder serves everybody. Rules run when it is done.
const hooks: DecodeHooks = {
  handle(id, typeKey) {
    handlesTaken += 1
    const state = stateOf(scope.connection, id, typeKey)
    if (typeKey === coroutineKey && !keepsHandles) return state.promise(conversion)
    if (looksForRules && !foundRule) foundRule = rules.forState(state) !== undefined
    return scope.viewOf(state)
  },
  jsObject(id) {
    jsObjectsTaken += 1
    const { port, heldObjects } = scope.connection
    const held = heldObjects.get(id)
    port.objectArrived(id)
    if (held === undefined) throw new BridgeError('ERR_PROTOCOL', `Python gave back the unknown object ${id}`)
    held.forgetUnlessHeld()
    return held.object
  },
  array(array) {
    arraysTaken += 1
    return arrayOf(scope.connection, array)
  },
  exception: (description) => exceptionOf(description as ErrorValue),
}
/** What JavaScript makes of an exception; set by the module of errors, which depends on this one. */
let exceptionOf: (description: ErrorValue) => unknown = () => null
export function makeExceptionsWith(make: (description: ErrorValue) => unknown): void {
  exceptionOf = make
}
/** The same of JavaScript's own objects. */
let jsObjectsTaken = 0
/** The same of arrays. */
let arraysTaken = 0
/** Whether coroutines of the message are to stay handles; else, which types their results get. */
let keepsHandles = false
let conversion = asTheyAre
/** Whether rules are to be looked for, and whether there is one for a handle of the message. */
let looksForRules = false
let foundRule = false
/** How many handles of the message JavaScript has taken over. */
let handlesTaken = 0
const decoder = new Decoder(hooks)
const convertingDecoder = new ConvertingDecoder(hooks)

/** A wire value, with its handles as rules want them. The memory may be used again when a rule runs. */
export function decodeValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  viewScope: ViewScope,
  convert: Conversion,
  arrival: Arrival,
): unknown {
  keepsHandles = arrival === 'handles'
  conversion = convert
  looksForRules = arrival === 'auto' && rules.givesJs
  foundRule = false
  const value = decoded(bytes, start, end, viewScope, convert)
  const isComplete = arrival === 'value' ? handlesTaken === 0 : !foundRule
  return isComplete || arrival === 'handles' ? value : withRules(value, arrival, convert.dict)
}

function decoded(bytes: Uint8Array, start: number, end: number, viewScope: ViewScope, convert: Conversion): unknown {
  scope = viewScope
  handlesTaken = jsObjectsTaken = arraysTaken = 0
  try {
    if (convert === asTheyAre) return decoder.decode(bytes, start, end)
    convertingDecoder.conversion = convert
    return convertingDecoder.decode(bytes, start, end)
  } catch (cause) {
    takeOtherHandles(bytes, start, end, viewScope.connection)
    if (cause instanceof BridgeError) throw cause
    // An engine's own limit, such as that on the memory of one object.
    throw new BridgeError(
      'ERR_CONVERSION',
      `the result is more than JavaScript can hold (${String(cause)}); use returns \`'ref'\``,
      { cause },
    )
  }
}

/** Takes over the handles that come after the place where decoding ended, so that the collector gives them back. */
function takeOtherHandles(bytes: Uint8Array, start: number, end: number, connection: Connection): void {
  let handles = handlesTaken
  let jsObjects = jsObjectsTaken
  let arrays = arraysTaken
  forEachHandle(
    bytes,
    start,
    end,
    (id, typeKey) => {
      if (handles-- <= 0) stateOf(connection, id, typeKey)
    },
    (id) => {
      if (jsObjects-- > 0) return
      connection.port.objectArrived(id)
      connection.heldObjects.get(id)?.forgetUnlessHeld()
    },
    (at, length) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const array =
        arrays-- > 0 ? undefined : (readSharedArray(bytes, view, at, length) ?? readInlineArray(bytes, at, length))
      if (array !== undefined) arrayOf(connection, array)
    },
  )
}

/** A wire error value: `[code, message, details]`. */
export type ErrorValue = readonly [code: string, message: string, details: unknown]

export function decodeErrorValue(bytes: Uint8Array, start: number, end: number, viewScope: ViewScope): ErrorValue {
  const value = decodeValue(bytes, start, end, viewScope, asTheyAre, 'handles')
  if (Array.isArray(value) && value.length === 3) return value as unknown as ErrorValue
  throw new BridgeError('ERR_PROTOCOL', 'the core reported an error in a form that is not an error value')
}
