/* A method read from a synchronous view, bound late: calling it is one step, and no bound-method object exists for it. */
import { referenceRules } from '../call/options'
import { operateSync } from '../call/sync-call'
import { Operation } from '../call/operation'
import { holdsState, type HasState } from '../call/subject'
import { handlerOf, internal } from './internal'
import { proxyOver, type Inspectable, type Traps } from './proxy-target'
import type { HandleState } from './state'
import { type SyncView } from './sync-handle'
import { methodTarget } from './sync-target'
import type { InspectOptionsStylized } from 'node:util'

function getTrap(this: SyncMethod, _target: unknown, key: string | symbol, receiver: object): unknown {
  return key === internal ? this : this.bound.getUncommon(key, receiver, getTrap)
}

/**
 * The handler of a method. Only a call is cheap: anything else that is asked of it fetches the bound method from Python and
 * asks that. The method is looked up by name at each call, so assigning another one to the object is seen.
 */
export class SyncMethod implements Traps, Inspectable, HasState {
  // The first own property of the handler, as in sync-handle.ts.
  readonly apply = undefined
  readonly [holdsState] = true
  #view: SyncView | undefined

  private constructor(
    readonly owner: HandleState,
    readonly name: string,
    readonly number: number,
  ) {}

  /** The method `name` of an object; kept with the object, so that the next access is one lookup. */
  static of(owner: HandleState, name: string, number: number): object {
    const method = proxyOver(methodTarget(owner, name, number), new SyncMethod(owner, name, number))
    ;(owner.methods ??= new Map()).set(name, method)
    return method
  }

  /** The bound method itself, as a handle. */
  get state(): HandleState {
    return this.bound.state
  }

  get bound(): SyncView {
    return (this.#view ??= handlerOf(
      operateSync(this.owner, Operation.value, [], undefined, referenceRules, [this.name]),
    ) as SyncView)
  }

  get = getTrap

  set(target: unknown, key: string | symbol, value: unknown): boolean {
    return this.bound.set(target, key, value)
  }

  has(target: unknown, key: string | symbol): boolean {
    return this.bound.has(target, key)
  }

  deleteProperty(target: unknown, key: string | symbol): boolean {
    return this.bound.deleteProperty(target, key)
  }

  ownKeys(): never {
    return this.bound.ownKeys()
  }

  getOwnPropertyDescriptor(): undefined {
    return undefined
  }

  defineProperty(): never {
    return this.bound.defineProperty()
  }

  preventExtensions(): never {
    return this.bound.preventExtensions()
  }

  refuse(use: string): Error {
    return this.bound.refuse(use)
  }

  inspected(_depth: number, options: InspectOptionsStylized): string {
    return options.stylize(`[Python method ${this.owner.type.name}.${this.name}]`, 'special')
  }
}
