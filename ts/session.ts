/* Sessions: one Python thread and one context of their own. */
import { requests } from './call/request-queue'
import { SessionScope } from './call/scope'
import { HostCalls } from './host/host-calls'
import { interpreter } from './host/interpreter'
import { environment } from './native/environment'

/** A session that nobody closed ends when nothing of it can be reached any more. */
const forgotten = new FinalizationRegistry<number>((session) => environment.port.closeSession(session))

/** Opens a session's thread. */
export async function openSession(): Promise<SessionScope> {
  await interpreter.ready()
  const scope = new SessionScope(environment.port.openSession())
  forgotten.register(scope, scope.session, scope)
  return scope
}

/** Ends a session when what is queued in it has finished. */
export function closeSession(scope: SessionScope): void {
  if (scope.ended) return
  scope.ended = true
  forgotten.unregister(scope)
  requests.flush()
  environment.port.closeSession(scope.session)
}

/** What `python.session()` gives. */
export class PythonSession extends HostCalls {
  readonly #scope: SessionScope

  constructor(scope: SessionScope) {
    super(scope.context)
    this.#scope = scope
  }

  close(): Promise<void> {
    closeSession(this.#scope)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
