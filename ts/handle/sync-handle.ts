/* The synchronous view of a Python object: the proxy handler whose calls and attributes are the hot path of the bridge. */
import type { InspectOptionsStylized } from 'node:util'
import { failed, getAttribute, operateSync, takeFailure } from '../call/sync-call'
import { Operation } from '../call/operation'
import { hasState, holdsState, type HasState } from '../call/subject'
import { withStackFrom, type StackBoundary } from '../errors/from-native'
import { isPythonError } from '../errors/python-error'
import { environment } from '../native/environment'
import { noOptions, type SyncRules } from '../call/options'
import { dataUse, handleAsData } from './data-misuse'
import { handlerOf, internal } from './internal'
import { memberKind } from './member-names'
import { objectTarget } from './sync-target'
import { proxyOver, proxyTarget, type Inspectable, type Traps } from './proxy-target'
import type { HandleState } from './state'
import { syncMembers } from './sync-members'
import { isProbedName } from './type-description'

/** Names that have been found to be plain attributes, with their numbers: one lookup decides the common case. */
const attributeNumbers = new Map<string, number>()

function getTrap(this: SyncView, _target: unknown, key: string | symbol, receiver: object): unknown {
  const { state } = this
  const number = attributeNumbers.get(key as string)
  if (number !== undefined) {
    const method = state.methods?.get(key as string)
    if (method !== undefined) return method
    const value = getAttribute(state, key as string, number)
    if (value === failed) throw takeFailure(getTrap)
    return value
  }
  return this.getUncommon(key, receiver)
}

/** The handler of a synchronous view. */
export class SyncView implements Traps, Inspectable, HasState {
  // The two traps of the hot path are own properties, and the first: V8 searches for a trap at each use, and finds these 5 ns
  // sooner, also the one that is not there. Calls go to the target, which has its arguments without an array of them.
  apply: Traps['apply'] = undefined
  get = getTrap
  readonly [holdsState] = true
  readonly state: HandleState
  readonly rules: SyncRules

  constructor(state: HandleState, rules: SyncRules = noOptions) {
    this.state = state
    this.rules = rules
  }

  static over(state: HandleState): object {
    return proxyOver(objectTarget(state), new SyncView(state))
  }

  /** The same object with an option for its results. */
  static with(state: HandleState, rules: SyncRules): object {
    return rules === noOptions ? state.syncView : proxyOver(proxyTarget, new SyncViewWithOptions(state, rules))
  }

  /** Everything but a plain attribute that was read before. */
  getUncommon(key: string | symbol, receiver: object, boundary: StackBoundary = getTrap): unknown {
    if (key === internal) return this
    if (key in syncMembers) return Reflect.get(syncMembers, key, receiver)
    if (key === Symbol.iterator) return this.state.type.iterable ? syncMembers.$iter : undefined
    if (typeof key === 'symbol' || key.startsWith('$') || neverAttributes.has(key)) return undefined
    switch (memberKind(key)) {
      case 'item':
        return operateSync(this.state, Operation.getItem, [Number(key)], undefined, this.rules)
      case 'none':
        return undefined
      case 'attribute':
        if (key === 'name') return this.nameAttribute(boundary)
        return isProbedName(key) || alsoProbed.has(key) ? this.probe(key) : this.getNamed(key, boundary)
    }
  }

  /** What prints or compares a function asks for its name; if Python has none, that is what probably happened. */
  private nameAttribute(boundary: StackBoundary): unknown {
    try {
      return this.getNamed('name', boundary)
    } catch (error) {
      if (isPythonError(error, 'AttributeError')) {
        error.message += '; if the handle was printed or compared as data, take a copy of the data with `$value()`'
        withStackFrom(error, boundary)
      }
      throw error
    }
  }

  /**
   * An attribute by its name, as `$get` reads it.
   *
   * @param boundary the function that user code called
   */
  getNamed(name: string, boundary: StackBoundary): unknown {
    // Another process knows names as text.
    const number = environment.isRemote ? 0 : environment.names.numberOf(name)
    if (number === undefined) return operateSync(this.state, Operation.value, [], undefined, this.rules, [name])
    if (
      name !== 'name' &&
      !(name in syncMembers) &&
      !neverAttributes.has(name) &&
      !isProbedName(name) &&
      !alsoProbed.has(name) &&
      memberKind(name) === 'attribute'
    ) {
      attributeNumbers.set(name, number)
    }
    const method = this.state.methods?.get(name)
    if (method !== undefined) return method
    const value = getAttribute(this.state, name, number)
    if (value === failed) throw takeFailure(boundary)
    return value
  }

  /** Libraries look for these names on anything; that the attribute is missing is their answer. */
  private probe(name: string): unknown {
    try {
      return this.getNamed(name, getTrap)
    } catch (error) {
      if (isPythonError(error, 'AttributeError')) return undefined
      throw error
    }
  }

  set(_target: unknown, key: string | symbol, value: unknown): boolean {
    if (typeof key === 'symbol') return false
    if (memberKind(key) === 'item') operateSync(this.state, Operation.setItem, [Number(key), value])
    else this.assign(key, value)
    return true
  }

  assign(name: string, value: unknown): void {
    operateSync(this.state, Operation.setAttribute, [name, value])
    this.state.methods?.delete(name)
  }

  deleteProperty(_target: unknown, key: string | symbol): boolean {
    if (typeof key === 'symbol') return false
    if (memberKind(key) === 'item') operateSync(this.state, Operation.deleteItem, [Number(key)])
    else this.remove(key)
    return true
  }

  remove(name: string): void {
    operateSync(this.state, Operation.deleteAttribute, [name])
    this.state.methods?.delete(name)
  }

  has(_target: unknown, key: string | symbol): boolean {
    if (key === Symbol.iterator) return this.state.type.iterable
    if (key in syncMembers) return true
    if (typeof key === 'symbol' || neverAttributes.has(key) || memberKind(key) !== 'attribute') return false
    return operateSync(this.state, Operation.hasAttribute, [key]) as boolean
  }

  ownKeys(): never {
    throw this.refuse(dataUse.keys)
  }

  getOwnPropertyDescriptor(): undefined {
    return undefined
  }

  defineProperty(): never {
    throw this.refuse(dataUse.definition)
  }

  preventExtensions(): never {
    throw this.refuse(dataUse.definition)
  }

  refuse(use: string): Error {
    return handleAsData(this.state.label, use)
  }

  inspected(_depth: number, options: InspectOptionsStylized): string {
    const { state } = this
    const label = options.stylize(`[Python ${state.type.name} #${state.number}]`, 'special')
    if (state.id === 0) return `${label} (disposed)`
    if (environment.closed) return `${label} (Python was stopped)`
    try {
      return `${label} ${String(operateSync(this.state, Operation.repr))}`
    } catch {
      // A failing `__repr__` must not make the log line fail.
      return `${label} (its repr failed)`
    }
  }
}

function applyTrapWithOptions(this: SyncView, _target: unknown, _this: unknown, args: unknown[]): unknown {
  return operateSync(this.state, Operation.call, args, undefined, this.rules)
}

function getTrapWithOptions(this: SyncView, _target: unknown, key: string | symbol, receiver: object): unknown {
  if (typeof key === 'string' && attributeNumbers.has(key)) return this.getNamed(key, getTrapWithOptions)
  return this.getUncommon(key, receiver, getTrapWithOptions)
}

/** A synchronous view with options of its own for what is done through it. */
class SyncViewWithOptions extends SyncView {
  override apply = applyTrapWithOptions
  override get = getTrapWithOptions

  override getNamed(name: string, _boundary: StackBoundary): unknown {
    const { convert } = this.rules
    const value = operateSync(this.state, Operation.value, [], undefined, this.rules, [name])
    const handler = convert === undefined ? undefined : handlerOf(value)
    // What is reached through this view is converted like what it gives; `returns` was about the attribute itself.
    return hasState(handler) ? SyncView.with(handler.state, { returns: 'auto', schema: undefined, convert }) : value
  }
}

/** Names of JavaScript's that a handle does not have. `then` would make it awaitable, and `await` would never end. */
const neverAttributes: ReadonlySet<string> = new Set(['then', 'prototype', 'asymmetricMatch'])

/** Names that libraries probe and for which a path does no harm, but an AttributeError would: fastify looks for `buffer`. */
const alsoProbed: ReadonlySet<string> = new Set(['buffer'])
