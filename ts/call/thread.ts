/* The option `thread`: where a call says that it is to run. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { Connection } from '../native/connection'
import type { CallScope } from './scope'

/** A choice that has been checked: any thread of the pool, the thread of Python's event loop, or that of a session. */
export type Thread = 'any' | 'loop' | CallScope

/** The scopes behind the sessions that programs have. */
const scopes = new WeakMap<object, CallScope>()

/** From now on the option may name this session. */
export function nameThread(session: object, scope: CallScope): void {
  scopes.set(session, scope)
}

/** Why nothing starts in a session any more. */
export function sessionClosed(): BridgeError {
  return new BridgeError('ERR_CLOSED', 'the session was closed; open another one')
}

/** A session of one Python was named for a call in another one. */
export function sessionOfAnother(session: Connection, connection: Connection): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `\`thread\` is a session of another Python process: of ${session.name.python}, while the call is for ${connection.name.python}`,
  )
}

/** Throws `ERR_INVALID_ARGUMENT` for what names no thread. That a session is still open is for each call to see. */
export function checkedThread(thread: unknown): Thread {
  if (thread === 'any' || thread === 'loop') return thread
  const scope = typeof thread === 'object' && thread !== null ? scopes.get(thread) : undefined
  if (scope !== undefined) return scope
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    "`thread` must be 'any', 'loop' or a session that `python.session()` gave to this environment (thread), but got " +
      described(thread),
  )
}
