/* `python.with` and `python.withSync`: Python's `with` statement around a JavaScript function. */
import { Operation } from './call/operation'
import { checkedOptions, referenceRules } from './call/options'
import type { SessionScope } from './call/scope'
import { operateSync } from './call/sync-call'
import { hasState } from './call/subject'
import { isThenable } from './call/thenable'
import { BridgeError } from './errors/bridge-error'
import { exceptionArgument } from './call/exception-argument'
import { AsyncProxy } from './handle/async-proxy'
import { handlerOf } from './handle/internal'
import type { HandleState } from './handle/state'
import { interpreter } from './host/interpreter'
import { closeSession, openSession } from './session'

/** Enters, runs `body` and exits on one thread and in one context. */
export async function withContext(manager: unknown, body: (value: unknown) => unknown): Promise<unknown> {
  checkBody(body)
  const scope = await openSession()
  try {
    const state = await managerState(manager, scope)
    // The body may dispose the handle, and `__exit__` must be called all the same.
    state.beginUse()
    try {
      return await enterAndExit(state, scope, body)
    } finally {
      state.endUse()
    }
  } finally {
    closeSession(scope)
  }
}

async function enterAndExit(
  state: HandleState,
  scope: SessionScope,
  body: (value: unknown) => unknown,
): Promise<unknown> {
  // As a handle first: if it cannot be converted, it has been entered all the same and is to be left.
  const context = scope.context.with(checkedOptions({ returns: 'ref' }))
  const entered = enteredState(await context.start(Operation.enter, state).promise)
  let result: unknown
  try {
    result = await body(arrived(entered, await scope.context.start(Operation.value, entered).promise))
  } catch (error) {
    const swallowed = await scope.context.start(Operation.exit, state, [], [exceptionArgument(error)]).promise
    if (swallowed === true) return undefined
    throw error
  }
  await scope.context.start(Operation.exit, state, [], [null]).promise
  return result
}

/** The same on the JavaScript thread. */
export function withContextSync(manager: unknown, body: (value: unknown) => unknown): unknown {
  checkBody(body)
  interpreter.readySync()
  const handler = handlerOf(manager)
  if (!hasState(handler)) throw notAManager('a handle')
  const { state } = handler
  state.beginUse()
  try {
    return enterAndExitSync(state, body)
  } finally {
    state.endUse()
  }
}

function enterAndExitSync(state: HandleState, body: (value: unknown) => unknown): unknown {
  const entered = enteredState(operateSync(state, Operation.enter, [], undefined, referenceRules))
  let result: unknown
  try {
    result = body(arrived(entered, operateSync(entered, Operation.value)))
    if (isThenable(result)) {
      result.then(undefined, () => undefined)
      throw new BridgeError(
        'ERR_INVALID_ARGUMENT',
        'the function given to `withSync` returned a promise; use `python.with` for asynchronous work',
      )
    }
  } catch (error) {
    if (operateSync(state, Operation.exit, [exceptionArgument(error)]) === true) return undefined
    throw error
  }
  operateSync(state, Operation.exit, [null])
  return result
}

/** What was entered, for the body. Its handle is needed no longer if it is a copy. */
function arrived(entered: HandleState, value: unknown): unknown {
  const handler = handlerOf(value)
  if (!hasState(handler) || handler.state !== entered) entered.dispose()
  return value
}

function enteredState(entered: unknown): HandleState {
  const handler = handlerOf(entered)
  if (!hasState(handler)) throw new TypeError('what was asked for as a handle is always one')
  return handler.state
}

/** A handle as it is; what a path or call stands for, as an object. */
async function managerState(manager: unknown, scope: SessionScope): Promise<HandleState> {
  const handler = handlerOf(manager)
  if (hasState(handler)) return handler.state
  if (!(handler instanceof AsyncProxy)) throw notAManager('a handle, path or call')
  const context = scope.context.with(checkedOptions({ returns: 'ref' }))
  const object = handlerOf(await context.start(Operation.value, handler.target, handler.steps).promise)
  if (!hasState(object)) throw notAManager('a handle, path or call')
  return object.state
}

function checkBody(body: unknown): void {
  if (typeof body !== 'function' || handlerOf(body) !== undefined) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', 'the second argument must be a JavaScript function')
  }
}

function notAManager(expected: string): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `the first argument must be ${expected} of a Python context manager`)
}
