/* `python.with` and `python.withSync`: Python's `with` statement around a JavaScript function. */
import { Call } from './call/call'
import { ofAnotherPython } from './call/foreign-thing'
import { Operation } from './call/operation'
import { checkedOptions, referenceRules } from './call/options'
import { SessionScope, type CallContext } from './call/scope'
import { operateSync } from './call/sync-call'
import { handleBehind, hasState } from './call/subject'
import { sessionClosed } from './call/thread'
import { isThenable } from './call/thenable'
import { BridgeError } from './errors/bridge-error'
import { exceptionArgument } from './call/exception-argument'
import { AsyncProxy } from './handle/async-proxy'
import { handlerOf } from './handle/internal'
import type { HandleState } from './handle/state'
import { closeSession, openSession } from './host/session-scopes'
import type { Connection } from './native/connection'
import { environment } from './native/environment'

/** What runs inside a context manager. It gets what was entered, and the session whose thread and context that is. */
export type Body<Session> = (value: unknown, session: Session) => unknown

/**
 * Enters, runs `body` and exits on one thread and in one context: in `session`, or where the manager belongs, or in a session for this
 * one block.
 *
 * @param sessionOver what the body gets for the session
 */
export async function withContext<Session>(
  connection: Connection,
  manager: unknown,
  body: Body<Session>,
  sessionOver: (scope: SessionScope) => Session,
  session = sessionOf(manager),
): Promise<unknown> {
  checkBody(body)
  checkOwn(manager, connection)
  if (session?.ended) throw refused(manager)
  const scope = session ?? (await openSession(connection))
  // Whoever closes the session in the body closes it for what comes after the block.
  const block = scope.block()
  try {
    const state = await managerState(manager, block)
    // The body may dispose the handle, and `__exit__` must be called all the same.
    state.beginUse()
    try {
      return await enterAndExit(state, block, (value) => body(value, sessionOver(scope)))
    } finally {
      state.endUse()
    }
  } finally {
    block.scope.end?.()
    if (session === undefined) void closeSession(scope)
  }
}

/** The session is closed. A call that makes the manager has failed for the same reason, which is said once. */
function refused(manager: unknown): BridgeError {
  const handler = handlerOf(manager)
  if (handler instanceof Call) handler.continue()
  return sessionClosed()
}

/** The session that a handle, path or call belongs to. */
function sessionOf(manager: unknown): SessionScope | undefined {
  const handler = handlerOf(manager)
  const scope = handler instanceof AsyncProxy ? handler.context.scope : undefined
  return scope instanceof SessionScope ? scope : undefined
}

async function enterAndExit(
  state: HandleState,
  block: CallContext,
  body: (value: unknown) => unknown,
): Promise<unknown> {
  // As a handle first: if it cannot be converted, it has been entered all the same and is to be left.
  const context = block.with(checkedOptions({ returns: 'ref' }))
  const entered = handleBehind(await context.start(Operation.enter, state, [], [true]).promise).state
  let result: unknown
  try {
    result = await body(arrived(entered, await block.start(Operation.value, entered).promise))
  } catch (error) {
    const swallowed = await block.start(Operation.exit, state, [], [exceptionArgument(error, block.connection)]).promise
    if (swallowed === true) return undefined
    throw error
  }
  await block.start(Operation.exit, state, [], [null]).promise
  return result
}

/** The same on the JavaScript thread. */
export function withContextSync(manager: unknown, body: (value: unknown) => unknown): unknown {
  checkBody(body)
  checkOwn(manager, environment)
  environment.startNow()
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
  const entered = handleBehind(operateSync(state, Operation.enter, [], undefined, referenceRules)).state
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
    if (operateSync(state, Operation.exit, [exceptionArgument(error, environment)]) === true) return undefined
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

/** A handle as it is; what a path or call stands for, as an object. */
async function managerState(manager: unknown, block: CallContext): Promise<HandleState> {
  const handler = handlerOf(manager)
  if (hasState(handler)) return handler.state
  if (!(handler instanceof AsyncProxy)) throw notAManager('a handle, path or call')
  const context = block.with(checkedOptions({ returns: 'ref' }))
  const object = handlerOf(await context.start(Operation.value, handler.target, handler.steps).promise)
  if (!hasState(object)) throw notAManager('a handle, path or call')
  return object.state
}

/** A context manager is entered and left where it is. */
function checkOwn(manager: unknown, connection: Connection): void {
  const handler = handlerOf(manager)
  const owner = hasState(handler)
    ? handler.state.connection
    : handler instanceof AsyncProxy
      ? handler.context.connection
      : connection
  if (owner === connection) return
  if (owner.closed) owner.port.submit(0)
  const what = hasState(handler) ? 'handle' : handler instanceof Call ? 'call' : 'path'
  throw ofAnotherPython('the context manager', what, owner, connection)
}

function checkBody(body: unknown): void {
  if (typeof body !== 'function' || handlerOf(body) !== undefined) {
    throw new BridgeError('ERR_INVALID_ARGUMENT', 'the second argument must be a JavaScript function')
  }
}

function notAManager(expected: string): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `the first argument must be ${expected} of a Python context manager`)
}
