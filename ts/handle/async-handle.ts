/* The asynchronous view of a Python object. */
import type { InspectOptionsStylized } from 'node:util'
import { poolContext, type CallContext } from '../call/scope'
import type { Step } from '../call/path'
import { holdsState, type HasState } from '../call/subject'
import { handleMembers } from './async-members'
import { AsyncProxy } from './async-proxy'
import { handleAsData } from './data-misuse'
import { proxyTarget } from './proxy-target'
import type { HandleState } from './state'
import { isProbedName } from './type-description'

const noSteps: readonly Step[] = []

/** The handler of an asynchronous view. Attributes are paths; the view itself is not awaitable, because it is the object already. */
export class AsyncView extends AsyncProxy implements HasState {
  readonly [holdsState] = true

  private constructor(
    override readonly context: CallContext,
    readonly state: HandleState,
  ) {
    super()
  }

  static over(state: HandleState): object {
    return AsyncView.in(poolContext, state)
  }

  static in(context: CallContext, state: HandleState): object {
    return new Proxy(proxyTarget, new AsyncView(context, state))
  }

  override get target(): HandleState {
    return this.state
  }

  override get steps(): readonly Step[] {
    return noSteps
  }

  override get label(): string {
    return this.state.label
  }

  override withContext(context: CallContext): object {
    return AsyncView.in(context, this.state)
  }

  protected override own(key: string | symbol): unknown {
    if (key === Symbol.asyncIterator) {
      const { iterable, asyncIterable } = this.state.type
      return iterable || asyncIterable ? handleMembers.iterate : undefined
    }
    return undefined
  }

  /** `then` would make the handle awaitable; names that libraries probe are attributes only of types that have them. */
  protected override hides(name: string): boolean {
    return name === 'then' || super.hides(name) || (isProbedName(name) && !this.state.type.names.has(name))
  }

  override refuse(use: string): Error {
    return handleAsData(this.label, use)
  }

  inspected(_depth: number, options: InspectOptionsStylized): string {
    const { state } = this
    const label = options.stylize(`[Python ${state.type.name} #${state.number}]`, 'special')
    return state.id === 0 ? `${label} (disposed)` : label
  }
}
