/* Sessions: one Python thread and one context of their own. */
import type { SessionScope } from './call/scope'
import { nameThread } from './call/thread'
import { HostCalls } from './host/host-calls'
import { closeSession } from './host/session-scopes'
import { withContext, type Body } from './with'

/** What `python.session()` gives. */
export class PythonSession extends HostCalls {
  readonly #scope: SessionScope

  private constructor(scope: SessionScope) {
    super(scope.context)
    this.#scope = scope
    nameThread(this, scope)
  }

  /** The session over a scope: the same one each time. */
  static over(this: void, scope: SessionScope): PythonSession {
    let session = sessions.get(scope)
    if (session === undefined) sessions.set(scope, (session = new PythonSession(scope)))
    return session
  }

  async with(context: unknown, body: Body<PythonSession>): Promise<unknown> {
    return await withContext(this.#scope.connection, context, body, PythonSession.over, this.#scope)
  }

  close(): Promise<void> {
    return closeSession(this.#scope)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const sessions = new WeakMap<SessionScope, PythonSession>()
