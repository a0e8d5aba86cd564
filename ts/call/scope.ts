/* Where calls run, and which views their results have: the pool of threads, the event loop's thread, or that of a session. */
import { awaitCoroutinesWith, type HandleState } from '../handle/state'
import { AsyncView } from '../handle/async-handle'
import type { CallOptions } from '../types/options'
import { checkedOptions, noOptions, type CheckedOptions } from './options'
import type { Call } from './call'
import type { Connection } from '../native/connection'
import { Operation, type OperationNumber } from './operation'
import type { Step } from './path'
import { sessionOfAnother, type Thread } from './thread'
import type { ViewScope } from './result-decoder'

/** A place where requests run. */
export interface CallScope extends ViewScope {
  /** The session's id in the core; 0 is the pool, and the largest one the thread of the event loop. */
  readonly session: number
  /** Whether nothing may be started in it any more. */
  readonly ended: boolean
  /** A request goes to the core. */
  begin?(): void
  /** The core is done with a request. */
  end?(): void
}

/** A scope and the options of the calls made in it: what every asynchronous view, path and call carries. */
export class CallContext {
  readonly connection: Connection

  constructor(
    readonly scope: CallScope,
    readonly options: CheckedOptions,
  ) {
    this.connection = scope.connection
  }

  /** Starts a request in this scope, with these options. */
  start(
    operation: OperationNumber,
    target: HandleState | Call | undefined,
    steps: readonly Step[] = [],
    args: readonly unknown[] = [],
    named?: object,
  ): Call {
    return this.connection.requests.start(this, operation, target, steps, args, named)
  }

  /** The same with what a program chose, once that has been checked. */
  choosing(options: CallOptions | undefined): CallContext {
    return this.with(checkedOptions(options, this.options, this.connection.conversion))
  }

  /** The same with other options, one of which may be another scope. */
  with(options: CheckedOptions): CallContext {
    if (options === this.options) return this
    const { thread } = options
    return new CallContext(thread === undefined ? this.scope : scopeOf(thread, this.connection), options)
  }
}

/** Any thread of the pool of a connection, without options. */
export function poolOf(connection: Connection): CallContext {
  return new CallContext(
    { connection, session: 0, ended: false, viewOf: (state: HandleState) => state.asyncView },
    noOptions,
  )
}

awaitCoroutinesWith((state, convert) => {
  const { promise } = state.connection.pool.with({ ...noOptions, convert }).start(Operation.value, state)
  // It is awaited once, and JavaScript has no other view of it.
  void promise.then(ignore, ignore).then(() => state.dispose())
  return promise
})

function ignore(): void {}

/** One thread. Handles that come from it have views of their own, whose calls run on it too. */
class ThreadScope implements CallScope {
  readonly #views = new WeakMap<HandleState, object>()
  readonly context: CallContext
  ended = false

  constructor(
    readonly connection: Connection,
    readonly session: number,
  ) {
    this.context = new CallContext(this, noOptions)
  }

  viewOf(state: HandleState): object {
    let view = this.#views.get(state)
    if (view === undefined) this.#views.set(state, (view = AsyncView.in(this.context, state)))
    return view
  }
}

/** The thread of a session. It knows what is under way there, so that it can be closed when that is done. */
export class SessionScope extends ThreadScope {
  #underWay = 0
  #whenIdle: (() => void) | undefined

  begin(): void {
    this.#underWay += 1
  }

  end(): void {
    this.#underWay -= 1
    if (this.#underWay === 0) this.#whenIdle?.()
  }

  /** Calls `then` once nothing is under way: now, if that is so already. Nothing may be started any more. */
  close(then: () => void): void {
    this.ended = true
    if (this.#underWay === 0) then()
    else this.#whenIdle = then
  }

  /**
   * The same thread for one block that is sure to reach its end: what is started there runs although the session was closed
   * meanwhile, and counts as under way from now until `end`.
   */
  block(): CallContext {
    this.begin()
    const block: CallScope = {
      connection: this.connection,
      session: this.session,
      ended: false,
      viewOf: (state) => this.viewOf(state),
      begin: () => this.begin(),
      end: () => this.end(),
    }
    return new CallContext(block, noOptions)
  }
}

/** What the core knows the event loop's thread by. */
const loopSession = 0xffff_ffff

/** The thread of the event loop of a connection. */
export function loopOf(connection: Connection): CallScope {
  return new ThreadScope(connection, loopSession)
}

function scopeOf(thread: Thread, connection: Connection): CallScope {
  if (thread === 'any') return connection.pool.scope
  if (thread === 'loop') return connection.loop
  if (thread.connection !== connection) throw sessionOfAnother(thread.connection, connection)
  return thread
}
