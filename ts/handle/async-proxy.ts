/* What handles, paths and calls have in common: the proxy handler of everything asynchronous. */
import type { InspectOptionsStylized } from 'node:util'
import type { Call } from '../call/call'
import { splitArguments } from '../call/keywords'
import { Operation, type OperationNumber } from '../call/operation'
import type { Step } from '../call/path'
import type { CallContext } from '../call/scope'
import { BridgeError } from '../errors/bridge-error'
import { asyncMembers } from './async-members'
import { dataUse } from './data-misuse'
import { internal } from './internal'
import { memberKind } from './member-names'
import type { Inspectable } from './proxy-target'
import type { HandleState } from './state'
import { probedNames } from './type-description'

/** Names that have been found to be plain attributes of everything asynchronous: one lookup decides the common case. */
const attributes = new Set<string | symbol>()
const attributesLimit = 16_384
/** Plain attributes of a handle or path, but JavaScript's on a call. */
const promiseMembers = { then: true, catch: true, finally: true }

function applyTrap(this: AsyncProxy, _target: unknown, _this: unknown, args: unknown[]): object {
  const { positional, named } = splitArguments(args)
  return this.start(Operation.call, positional, named).proxy
}

function getTrap(this: AsyncProxy, _target: unknown, key: string | symbol, receiver: object): unknown {
  return attributes.has(key) ? this.extended(key as string) : this.getUncommon(key, receiver)
}

/** A proxy handler for an object, or for something that will be one, whose every use is a request. */
export abstract class AsyncProxy implements ProxyHandler<object>, Inspectable {
  // Own properties, and the first: that is where V8 finds a trap soonest.
  readonly apply = applyTrap
  readonly get = getTrap
  /** Where requests run, and with which options. */
  abstract readonly context: CallContext
  /** What requests name. */
  abstract readonly target: HandleState | Call
  /** The way from there. */
  abstract readonly steps: readonly Step[]
  /** How it is called in messages. */
  abstract readonly label: string

  /** Members that only this kind has. */
  protected abstract own(key: string | symbol, receiver: object): unknown
  abstract withContext(context: CallContext): object
  abstract refuse(use: string): Error
  abstract inspected(depth: number, options: InspectOptionsStylized): string
  /** What string coercion gives; throws for what has not been awaited. */
  abstract text(): string
  /** `for` over it, `[...it]`, or `for await` if it is known not to be iterable at all. */
  refuseIteration(): Error {
    return this.refuse(dataUse.iteration)
  }

  /** The path one step further. */
  abstract extended(step: Step): object

  /** Starts an operation on it. */
  start(operation: OperationNumber, args?: readonly unknown[], named?: object, context = this.context): Call {
    return context.start(operation, this.target, this.steps, args, named)
  }

  /** What a property is that was not known at once to be an attribute. */
  getUncommon(key: string | symbol, receiver: object): unknown {
    if (key === internal) return this
    const own = this.own(key, receiver)
    if (own !== undefined) return own
    if (key in asyncMembers) return Reflect.get(asyncMembers, key, receiver)
    if (typeof key === 'symbol' || key.startsWith('$') || this.hides(key)) return undefined
    switch (memberKind(key)) {
      case 'attribute':
        rememberAttribute(key)
        return this.extended(key)
      case 'item':
        return this.extended({ key: Number(key) })
      case 'none':
        return undefined
    }
  }

  /** Names that look like attributes and are none. */
  protected hides(name: string): boolean {
    return name === 'prototype' || name === 'asymmetricMatch'
  }

  set(_target: unknown, key: string | symbol): never {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `an assignment to an asynchronous handle cannot be awaited; use \`await handle.$set(${JSON.stringify(String(key))}, value)\`, or assign to \`handle.$sync\``,
    )
  }

  deleteProperty(_target: unknown, key: string | symbol): never {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`delete\` on an asynchronous handle cannot be awaited; use \`await handle.$del(${JSON.stringify(String(key))})\`, or delete from \`handle.$sync\``,
    )
  }

  /** Only what is known without asking Python; `$has` asks. */
  has(_target: unknown, key: string | symbol): boolean {
    return key in asyncMembers
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
}

/** Which names are probed is not known before Python runs. */
function rememberAttribute(name: string): void {
  if (attributes.size < attributesLimit && probedNames()?.has(name) === false && !(name in promiseMembers))
    attributes.add(name)
}
