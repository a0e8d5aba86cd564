/* Opens and closes the threads of sessions. */
import { SessionScope } from '../call/scope'
import type { Connection } from '../native/connection'

/** A session that nobody closed ends when nothing of it can be reached any more. */
const forgotten = new FinalizationRegistry<Thread>(end)
const threads = new WeakMap<SessionScope, Thread>()
const closings = new WeakMap<SessionScope, Promise<void>>()

/** What is to be ended with a session. */
interface Thread {
  readonly connection: Connection
  readonly session: number
  readonly ended: (() => void) | undefined
}

function end({ connection, session, ended }: Thread): void {
  connection.port.closeSession(session)
  ended?.()
}

/**
 * Opens a session's thread.
 *
 * @param ended told when it is closed, also if nobody did that
 */
export async function openSession(connection: Connection, ended?: () => void): Promise<SessionScope> {
  if (!connection.attached) await connection.start()
  const scope = new SessionScope(connection, connection.port.openSession())
  const thread = { connection, session: scope.session, ended }
  forgotten.register(scope, thread, scope)
  threads.set(scope, thread)
  return scope
}

/** Lets nothing more begin in a session, and resolves when what is under way in it has finished. */
export function closeSession(scope: SessionScope): Promise<void> {
  let closing = closings.get(scope)
  if (closing === undefined) {
    closing = new Promise((resolve) => {
      scope.close(() => {
        forgotten.unregister(scope)
        end(threads.get(scope)!)
        resolve()
      })
    })
    closings.set(scope, closing)
  }
  return closing
}
