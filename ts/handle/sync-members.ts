/* The members that every synchronous view has besides its attributes: the `$` members, and what JavaScript asks of any object. */
import { Operation } from '../call/operation'
import { listedArguments, namedArguments } from '../call/keywords'
import { operateSync } from '../call/sync-call'
import { tableRequest } from '../arrow/to-arrow'
import type { ArrowData, ToArrowOptions } from '../types/arrow'
import type { AnyKw, Arguments } from '../types/keywords'
import type { SyncCallOptions, ValueOptions } from '../types/options'
import type { SharedHandle } from '../types/shared-handle'
import { checkedSyncOptions, checkedValueOptions } from '../call/options'
import { dataUse } from './data-misuse'
import { handlerOf } from './internal'
import { SyncIterator } from './sync-iterator'
import { SyncView } from './sync-handle'
import type { SyncMethod } from './sync-method'

function viewOf(view: unknown): SyncView {
  return handlerOf(view) as SyncView
}

/** `$get`. */
function getAnew(this: object, name: string): unknown {
  const view = attributesOf(this)
  // Read anew: a method that is known by this name may have become something else in Python.
  view.state.methods?.delete(name)
  return view.getNamed(name, getAnew)
}

/** Looked up with the view as receiver, so that `this` is the view. No prototype: only what is written here is a member. */
export const syncMembers = Object.setPrototypeOf(
  {
    $call(this: object, args: Arguments, named?: AnyKw | object, options?: SyncCallOptions): unknown {
      const { state, rules } = viewOf(this)
      return operateSync(
        state,
        Operation.call,
        listedArguments(args),
        namedArguments(named),
        checkedSyncOptions(options, rules),
      )
    },
    $get: getAnew,
    $set(this: object, name: string, value: unknown): void {
      attributesOf(this).assign(name, value)
    },
    $del(this: object, name: string): void {
      attributesOf(this).remove(name)
    },
    $getItem(this: object, key: unknown): unknown {
      const { state, rules } = attributesOf(this)
      return operateSync(state, Operation.getItem, [key], undefined, rules)
    },
    $setItem(this: object, key: unknown, value: unknown): void {
      operateSync(viewOf(this).state, Operation.setItem, [key, value])
    },
    $delItem(this: object, key: unknown): void {
      operateSync(viewOf(this).state, Operation.deleteItem, [key])
    },
    $has(this: object, name: string): unknown {
      return operateSync(viewOf(this).state, Operation.hasAttribute, [name])
    },
    $len(this: object): unknown {
      return operateSync(viewOf(this).state, Operation.length)
    },
    $contains(this: object, item: unknown): unknown {
      return operateSync(viewOf(this).state, Operation.contains, [item])
    },
    $dir(this: object): unknown {
      return operateSync(viewOf(this).state, Operation.dir)
    },
    $str(this: object): unknown {
      return operateSync(viewOf(this).state, Operation.str)
    },
    $repr(this: object): unknown {
      return operateSync(viewOf(this).state, Operation.repr)
    },
    $is(this: object, other: unknown): unknown {
      return operateSync(viewOf(this).state, Operation.is, [other])
    },
    $isInstance(this: object, cls: unknown): unknown {
      return operateSync(viewOf(this).state, Operation.isInstance, [cls])
    },
    $value(this: object, options?: ValueOptions): unknown {
      const { state, rules: own } = viewOf(this)
      const { rules, args } = checkedValueOptions(options, own)
      return operateSync(state, Operation.value, args, undefined, rules)
    },
    $buffer(this: object): unknown {
      return operateSync(viewOf(this).state, Operation.buffer)
    },
    $ref(this: object): unknown {
      return viewOf(this).state.syncView
    },
    $iter(this: object): SyncIterator {
      return new SyncIterator(viewOf(this).state, viewOf(this).rules)
    },
    $toArrow(this: object, options?: ToArrowOptions): ArrowData {
      const { args, build } = tableRequest(options)
      return build(operateSync(viewOf(this).state, Operation.toArrow, args))
    },
    $with(this: object, options: SyncCallOptions): object {
      return SyncView.with(viewOf(this).state, checkedSyncOptions(options, viewOf(this).rules))
    },
    $share(this: object): SharedHandle {
      return viewOf(this).state.share()
    },
    $dispose(this: object): void {
      viewOf(this).state.dispose()
    },
    get $type(): string {
      return viewOf(this).state.type.name
    },
    get $async(): object {
      return viewOf(this).state.asyncView
    },
    get $sync(): object {
      return this as object
    },
    [Symbol.dispose](this: object): void {
      viewOf(this).state.dispose()
    },
    [Symbol.toPrimitive](this: object, hint: string): string {
      const view = viewOf(this)
      if (hint === 'number') throw view.refuse(dataUse.number)
      return view.state.label
    },
    toString(this: object): string {
      return viewOf(this).state.label
    },
    toJSON(this: object): never {
      throw viewOf(this).refuse(dataUse.json)
    },
    valueOf(this: object): object {
      return this
    },
    hasOwnProperty(): boolean {
      return false
    },
    constructor: Function,
  },
  null,
) as Record<PropertyKey, unknown>

/** The handler that knows how to read and assign attributes: for a method, that of the bound method itself. */
function attributesOf(view: unknown): SyncView {
  const handler = handlerOf(view) as SyncView | SyncMethod
  return handler instanceof SyncView ? handler : (handlerOf(handler.state.syncView) as SyncView)
}
