/* Opens and closes the threads of sessions. */
import { SessionScope } from '../call/scope'
import type { Connection } from '../native/connection'

/** A session that nobody closed ends when nothing of it can be reached any more. */
const forgotten = new FinalizationRegistry<{ readonly connection: Connection; readonly session: number }>(
  ({ connection, session }) => connection.port.closeSession(session),
)
const closings = new WeakMap<SessionScope, Promise<void>>()

/** Opens a session's thread. */
export async function openSession(connection: Connection): Promise<SessionScope> {
  if (!connection.attached) await connection.start()
  const scope = new SessionScope(connection, connection.port.openSession())
  forgotten.register(scope, { connection, session: scope.session }, scope)
  return scope
}

/** Lets nothing more begin in a session, and resolves when what is under way in it has finished. */
export function closeSession(scope: SessionScope): Promise<void> {
  let closing = closings.get(scope)
  if (closing === undefined) {
    closing = new Promise((resolve) => {
      scope.close(() => {
        forgotten.unregister(scope)
        scope.connection.port.closeSession(scope.session)
        resolve()
      })
    })
    closings.set(scope, closing)
  }
  return closing
}
