/* Where calls run, and which views their results have: the pool of threads, the event loop's thread, or that of a session. */
import { awaitCoroutinesWith, type HandleState } from '../handle/state'
import { AsyncView } from '../handle/async-handle'
import { noOptions, type CheckedOptions } from './options'
import type { Call } from './call'
import { Operation, type OperationNumber } from './operation'
import type { Step } from './path'
import { requests } from './request-queue'
import type { Thread } from './thread'
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
  constructor(
    readonly scope: CallScope,
    readonly options: CheckedOptions,
  ) {}

  /** Starts a request in this scope, with these options. */
  start(
    operation: OperationNumber,
    target: HandleState | Call | undefined,
    steps: readonly Step[] = [],
    args: readonly unknown[] = [],
    named?: object,
  ): Call {
    return requests.start(this, operation, target, steps, args, named)
  }

  /** The same with other options, one of which may be another scope. */
  with(options: CheckedOptions): CallContext {
    if (options === this.options) return this
    const { thread } = options
    return new CallContext(thread === undefined ? this.scope : scopeOf(thread), options)
  }
}

/** Any thread of the pool. */
export const poolScope: CallScope = {
  session: 0,
  ended: false,
  viewOf: (state) => state.asyncView,
}

/** The pool, without options. */
export const poolContext = new CallContext(poolScope, noOptions)

awaitCoroutinesWith((state, convert) => {
  const { promise } = poolContext.with({ ...noOptions, convert }).start(Operation.value, state)
  // It is awaited once, and JavaScript has no other view of it.
  void promise.then(ignore, ignore).then(() => state.dispose())
  return promise
})

function ignore(): void {}

/** One thread. Handles that come from it have views of their own, whose calls run on it too. */
class ThreadScope implements CallScope {
  readonly #views = new WeakMap<HandleState, object>()
  readonly context = new CallContext(this, noOptions)
  ended = false

  constructor(readonly session: number) {}

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
const loopScope: CallScope = new ThreadScope(loopSession)

function scopeOf(thread: Thread): CallScope {
  if (thread === 'any') return poolScope
  return thread === 'loop' ? loopScope : thread
}
