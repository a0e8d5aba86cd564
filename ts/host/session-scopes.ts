/* Opens and closes the threads of sessions. */
import { SessionScope } from '../call/scope'
import { environment } from '../native/environment'
import { interpreter } from './interpreter'

/** A session that nobody closed ends when nothing of it can be reached any more. */
const forgotten = new FinalizationRegistry<number>((session) => environment.port.closeSession(session))
const closings = new WeakMap<SessionScope, Promise<void>>()

/** Opens a session's thread. */
export async function openSession(): Promise<SessionScope> {
  await interpreter.ready()
  const scope = new SessionScope(environment.port.openSession())
  forgotten.register(scope, scope.session, scope)
  return scope
}

/** Lets nothing more begin in a session, and resolves when what is under way in it has finished. */
export function closeSession(scope: SessionScope): Promise<void> {
  let closing = closings.get(scope)
  if (closing === undefined) {
    closing = new Promise((resolve) => {
      scope.close(() => {
        forgotten.unregister(scope)
        environment.port.closeSession(scope.session)
        resolve()
      })
    })
    closings.set(scope, closing)
  }
  return closing
}
