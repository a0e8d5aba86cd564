/* Handles of objects in other processes. */
import type { DynamicAttributes, DynamicCall, DynamicFunctionNames, ObjectMembers, TypedPath } from './handle'
import type { CallOptions } from './options'
import type { StandardSchema } from './standard-schema'

/** Members of a handle of an object in another process: no synchronous view, and nothing for other threads. */
export interface RemoteHandleMembers extends ObjectMembers {
  /** The same handle. */
  readonly $async: RemoteHandle
  /** The same handle with options for the calls made through it. */
  $with<const O extends CallOptions>(
    options: O,
  ): O extends { readonly returns: infer R extends 'ref' | StandardSchema }
    ? TypedRemoteHandle<RemoteResultOf<R>>
    : RemoteHandle
}

/**
 * A Python object in a process of a `Conductor` or `WorkerPool`. It lives and dies with that process: afterwards whatever is asked of it
 * fails with `ERR_WORKER_LOST`. It can be an argument of calls in the same process only.
 */
export type RemoteHandle = RemoteHandleMembers & DynamicCall & DynamicAttributes & DynamicFunctionNames

/** What a result is by the option `returns`. */
export type RemoteResultOf<R extends 'ref' | StandardSchema> = R extends StandardSchema<infer Out> ? Out : RemoteHandle

/** A handle whose calls give results of a fixed type, because `$with({ returns: 'ref' })` or a schema was given. */
export type TypedRemoteHandle<T> = {
  (...args: Parameters<TypedPath<T>>): ReturnType<TypedPath<T>>
} & RemoteHandleMembers &
  DynamicAttributes &
  DynamicFunctionNames
