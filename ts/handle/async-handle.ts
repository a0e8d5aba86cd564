/* The asynchronous view of a Python object. */
import type { InspectOptionsStylized } from 'node:util'
import type { CallContext } from '../call/scope'
import { Path, type Step } from '../call/path'
import { holdsState, type HasState } from '../call/subject'
import { BridgeError } from '../errors/bridge-error'
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
    return AsyncView.in(state.connection.pool, state)
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

  override extended(step: Step): object {
    return Path.from(this.context, this.state, undefined, step)
  }

  override withContext(context: CallContext): object {
    return AsyncView.in(context, this.state)
  }

  protected override own(key: string | symbol, receiver: object): unknown {
    return key in handleMembers ? Reflect.get(handleMembers, key, receiver) : undefined
  }

  override getUncommon(key: string | symbol, receiver: object): unknown {
    if (key === Symbol.asyncIterator && !this.state.type.iterable && !this.state.type.asyncIterable) return undefined
    return super.getUncommon(key, receiver)
  }

  /** `then` would make the handle awaitable; names that libraries probe are attributes only of types that have them. */
  protected override hides(name: string): boolean {
    return name === 'then' || super.hides(name) || (isProbedName(name) && !this.state.type.names.has(name))
  }

  override refuse(use: string): Error {
    return handleAsData(this.label, use)
  }

  override refuseIteration(): Error {
    const { type } = this.state
    if (type.iterable || type.asyncIterable) return super.refuseIteration()
    const name = type.name.slice(type.name.lastIndexOf('.') + 1)
    return new BridgeError(
      'ERR_HANDLE_AS_DATA',
      `'${name}' object is not iterable: neither in Python nor in JavaScript`,
    )
  }

  override text(): string {
    return this.label
  }

  override inspected(_depth: number, options: InspectOptionsStylized): string {
    const { state } = this
    const label = options.stylize(`[Python ${state.type.name} #${state.number}]`, 'special')
    return state.id === 0 ? `${label} (disposed)` : label
  }
}
