/* Where calls run, and which views their results have: the pool of threads, or the thread of one session. */
import { awaitCoroutinesWith, type HandleState } from '../handle/state'
import { AsyncView } from '../handle/async-handle'
import { noOptions, type CheckedOptions } from './options'
import type { Call } from './call'
import { Operation, type OperationNumber } from './operation'
import type { Step } from './path'
import { requests } from './request-queue'
import type { ViewScope } from './result-decoder'

/** A place where requests run. */
export interface CallScope extends ViewScope {
  /** The session's id in the core; 0 is the pool. */
  readonly session: number
  /** Whether nothing may be started in it any more. */
  readonly ended: boolean
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

  with(options: CheckedOptions): CallContext {
    return options === this.options ? this : new CallContext(this.scope, options)
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

/** The thread of a session. Handles that come from it have views of their own, whose calls run on it too. */
export class SessionScope implements CallScope {
  readonly #views = new WeakMap<HandleState, object>()
  readonly #context = new CallContext(this, noOptions)
  ended = false

  constructor(readonly session: number) {}

  get context(): CallContext {
    return this.#context
  }

  viewOf(state: HandleState): object {
    let view = this.#views.get(state)
    if (view === undefined) this.#views.set(state, (view = AsyncView.in(this.#context, state)))
    return view
  }
}
