/* The members that handles, paths and calls have besides their attributes: the `$` members, and what JavaScript asks of any object. */
import type { Readable } from 'node:stream'
import { AsyncItems } from '../call/async-items'
import { readableOver } from '../call/readable'
import { listedArguments, namedArguments } from '../call/keywords'
import { Operation } from '../call/operation'
import { checkedValueOptions, referenceRules, type SyncRules } from '../call/options'
import { tableRequest } from '../arrow/to-arrow'
import type { ArrowData, ToArrowOptions } from '../types/arrow'
import type { AnyKw, Arguments } from '../types/keywords'
import type { CallOptions, ReadableOptions, ValueOptions } from '../types/options'
import type { SharedHandle } from '../types/shared-handle'
import type { AsyncProxy } from './async-proxy'
import { dataUse } from './data-misuse'
import { handlerOf } from './internal'
import type { HandleState } from './state'

function proxyOf(value: unknown): AsyncProxy {
  return handlerOf(value) as AsyncProxy
}

/** Members of handles, paths and calls. Looked up with the proxy as receiver, so that `this` is the proxy. */
export const asyncMembers = Object.setPrototypeOf(
  {
    $call(this: object, args: Arguments, named?: AnyKw | object, options?: CallOptions): object {
      const handler = proxyOf(this)
      const context = handler.context.choosing(options)
      return handler.start(Operation.call, listedArguments(args), namedArguments(named), context).proxy
    },
    $get(this: object, name: string): object {
      return proxyOf(this).extended(String(name))
    },
    $getItem(this: object, key: unknown): object {
      return proxyOf(this).extended({ key })
    },
    async $set(this: object, name: string, value: unknown): Promise<void> {
      const handler = proxyOf(this)
      forgetMethod(handler, name)
      await handler.start(Operation.setAttribute, [name, value]).promise
    },
    async $del(this: object, name: string): Promise<void> {
      const handler = proxyOf(this)
      forgetMethod(handler, name)
      await handler.start(Operation.deleteAttribute, [name]).promise
    },
    async $setItem(this: object, key: unknown, value: unknown): Promise<void> {
      await proxyOf(this).start(Operation.setItem, [key, value]).promise
    },
    async $delItem(this: object, key: unknown): Promise<void> {
      await proxyOf(this).start(Operation.deleteItem, [key]).promise
    },
    $has(this: object, name: string): Promise<unknown> {
      return proxyOf(this).start(Operation.hasAttribute, [name]).promise
    },
    $contains(this: object, item: unknown): Promise<unknown> {
      return proxyOf(this).start(Operation.contains, [item]).promise
    },
    $len(this: object): Promise<unknown> {
      return proxyOf(this).start(Operation.length).promise
    },
    $dir(this: object): Promise<unknown> {
      return proxyOf(this).start(Operation.dir).promise
    },
    $str(this: object): Promise<unknown> {
      return proxyOf(this).start(Operation.str).promise
    },
    $repr(this: object): Promise<unknown> {
      return proxyOf(this).start(Operation.repr).promise
    },
    $is(this: object, other: unknown): Promise<unknown> {
      return proxyOf(this).start(Operation.is, [other]).promise
    },
    $isInstance(this: object, cls: unknown): Promise<unknown> {
      return proxyOf(this).start(Operation.isInstance, [cls]).promise
    },
    $value(this: object, options?: ValueOptions): Promise<unknown> {
      const handler = proxyOf(this)
      const { options: base, connection } = handler.context
      const { rules, args } = checkedValueOptions(options, base, connection.conversion)
      return reading(handler, rules, args)
    },
    $buffer(this: object): Promise<unknown> {
      return proxyOf(this).start(Operation.buffer).promise
    },
    $ref(this: object): Promise<unknown> {
      return reading(proxyOf(this), referenceRules)
    },
    $iter(this: object): AsyncItems {
      return new AsyncItems(proxyOf(this))
    },
    $readable(this: object, options?: ReadableOptions): Readable {
      return readableOver(proxyOf(this), options)
    },
    async $toArrow(this: object, options?: ToArrowOptions): Promise<ArrowData> {
      const { args, build } = tableRequest(options)
      return build(await proxyOf(this).start(Operation.toArrow, args).promise)
    },
    [Symbol.asyncIterator](this: object): AsyncItems {
      return new AsyncItems(proxyOf(this))
    },
    $with(this: object, options: CallOptions): object {
      const handler = proxyOf(this)
      return handler.withContext(handler.context.choosing(options))
    },
    [Symbol.iterator](this: object): never {
      throw proxyOf(this).refuseIteration()
    },
    [Symbol.toPrimitive](this: object, hint: string): string {
      const handler = proxyOf(this)
      if (hint === 'number') throw handler.refuse(dataUse.number)
      return handler.text()
    },
    toString(this: object): string {
      return proxyOf(this).text()
    },
    toJSON(this: object): never {
      throw proxyOf(this).refuse(dataUse.json)
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

/** Members of handles only. */
export const handleMembers = Object.setPrototypeOf(
  {
    get $type(): string {
      return stateBehind(this as object).type.name
    },
    get $async(): object {
      return this as object
    },
    get $sync(): object {
      return stateBehind(this as object).syncView
    },
    $share(this: object): SharedHandle {
      return stateBehind(this).share()
    },
    $dispose(this: object): void {
      stateBehind(this).dispose()
    },
    [Symbol.dispose](this: object): void {
      stateBehind(this).dispose()
    },
    [Symbol.asyncDispose](this: object): Promise<void> {
      stateBehind(this).dispose()
      return Promise.resolve()
    },
  },
  null,
) as Record<PropertyKey, unknown>

function stateBehind(view: object): HandleState {
  return proxyOf(view).target as HandleState
}

/** Reads the object itself, with options of its own beside the signal and the timeout. */
function reading(handler: AsyncProxy, rules: SyncRules, args?: readonly unknown[]): Promise<unknown> {
  const context = handler.context.with({ ...handler.context.options, ...rules })
  return handler.start(Operation.value, args, undefined, context).promise
}

/** The synchronous view keeps late-bound methods by name; what is assigned here must not be hidden by one. */
function forgetMethod(handler: AsyncProxy, name: string): void {
  if (handler.steps.length === 0 && 'methods' in handler.target) handler.target.methods?.delete(name)
}
