/* Iterates JavaScript objects for Python: one step of an iterator at a time, and its end. */
import { types } from 'node:util'
import type { HeldObject } from './held-object'
import { isNodeStream, isWebStream } from './kind'
import { missing } from './settlement'

/** Any method of an iterator; which of them there are is for the object to say. */
type Methods = Readonly<Record<string, ((...args: unknown[]) => unknown) | undefined>>

/** What Python gets of one step: whether that was the end, and the value. */
type Step = readonly [done: boolean, value: unknown]

/** What `for` would iterate over. */
export function iteratorOf(object: object): object {
  return objectFrom((object as Iterable<unknown>)[Symbol.iterator](), 'iterator')
}

/** What `for await` would iterate over. */
export function asyncIteratorOf(object: object): object {
  return objectFrom((object as AsyncIterable<unknown>)[Symbol.asyncIterator](), 'asynchronous iterator')
}

/** Calls one of `next`, `throw` and `return` of an iterator; `missing` if it has no such method. */
export function step(iterator: object, method: string, args: readonly unknown[]): Step | typeof missing {
  const result = called(iterator, method, args)
  return result === missing ? missing : stepOf(result)
}

/** The same of an asynchronous iterator. */
export async function asyncStep(
  iterator: object,
  method: string,
  args: readonly unknown[],
): Promise<Step | typeof missing> {
  const result = called(iterator, method, args)
  return result === missing ? missing : stepOf(await result)
}

/** Ends what nobody has begun to iterate, if it is a stream: an iterable that is none holds nothing yet. */
export async function endStream(stream: object): Promise<void> {
  const { destroy, cancel } = stream as Methods
  if (isNodeStream(stream)) destroy?.call(stream)
  else if (isWebStream(stream)) await cancel?.call(stream)
}

/** Python has dropped an iterator in the middle: nobody is there to hear what becomes of that. */
export function closeAbandoned({ object, passage }: HeldObject): void {
  const failed = (error: unknown): void =>
    process.emitWarning(`closing an iterator that Python dropped failed: ${String(error)}`, 'PythonCallbackWarning')
  try {
    const result = passage.context.runInAsyncScope(called, undefined, object, 'return', [])
    // What `return` of an asynchronous iterator gives.
    if (typeof result === 'object') Promise.resolve(result).then(undefined, failed)
  } catch (error) {
    failed(error)
  }
}

function called(iterator: object, method: string, args: readonly unknown[]): unknown {
  const function_ = (iterator as Methods)[method]
  return function_ === undefined || function_ === null ? missing : Reflect.apply(function_, iterator, args)
}

function stepOf(result: unknown): Step {
  if (types.isPromise(result))
    throw new TypeError('the result of an iterator is a promise, but the iterator is not asynchronous')
  const { done, value } = objectFrom(result, 'result of an iterator') as { done?: unknown; value?: unknown }
  return [Boolean(done), value]
}

function objectFrom(value: unknown, what: string): object {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return value
  throw new TypeError(`the ${what} is not an object, but ${String(value)}`)
}
