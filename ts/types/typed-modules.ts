/* Typed modules: what a user-declared interface of a Python module looks like from the asynchronous side. */
import type { CommonMembers, Handle, HandleMembers } from './handle'
import type { Kw } from './keywords'
import type { SyncHandle } from './sync-handle'
import type { PythonModules } from './untyped'

declare const pyClass: unique symbol

/** Marks a type as the instance of a Python class, so that it arrives as a handle and is not copied. */
export interface PyClass<Instance> {
  readonly [pyClass]: Instance
}

/** Types of values that are copied. */
export type PlainValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>

/** The asynchronous form of what a function gives back. */
export type AsyncValue<R> = R extends PlainValue
  ? R
  : R extends Promise<infer U>
    ? U
    : R extends PyClass<infer I>
      ? AsyncObject<I>
      : R

/** The asynchronous form of one member. */
export type Async<T> = T extends (...args: infer A) => infer R
  ? ((...args: A | [...A, Kw<never>]) => Promise<Awaited<AsyncValue<R>>> & CommonMembers) & CommonMembers
  : PromiseLike<AsyncValue<T>>

/** The asynchronous form of an object that an interface describes. Overloads and generics are kept only by generated types. */
export type AsyncObject<T> = { readonly [K in keyof T]: Async<T[K]> } & HandleMembers

/** What `python.import` gives for a literal module name. */
export type AsyncModule<M extends string> = M extends keyof PythonModules
  ? PythonModules[M] extends { async: infer A }
    ? A
    : Handle
  : Handle

/** What `python.importSync` gives for a literal module name. */
export type SyncModule<M extends string> = M extends keyof PythonModules
  ? PythonModules[M] extends { sync: infer S }
    ? S
    : SyncHandle
  : SyncHandle
