/* The synchronous face of Python objects. */
import type { NdArray } from '../values/ndarray'
import type { TypedArray } from './arrays'
import type { FunctionNames, Handle } from './handle'
import type { ArrowData, ArrowTable, ToArrowOptions } from './arrow'
import type { AnyKw, Arguments } from './keywords'
import type { SyncCallOptions, ValueOptions } from './options'
import type { SharedHandle } from './shared-handle'
import type { StandardSchema } from './standard-schema'
import type { Untyped } from './untyped'

/** Any attribute that Python has; an unknown name with `$` is an error of the compiler. */
export interface SyncAttributes {
  readonly [name: string]: SyncMember
  readonly [reserved: `$${string}`]: never
}

/** Attributes with names that JavaScript would claim. */
export type SyncFunctionNames = { readonly [K in FunctionNames]: SyncMember }

/** Calling the Python object, on the JavaScript thread. */
export interface SyncCall {
  <T = Untyped>(...args: Arguments): T
}

/**
 * An attribute of a synchronous view: to the compiler a callable with members. A plain value is read with a type:
 * `math.$get<number>('pi')`.
 */
export type SyncMember = unknown extends Untyped
  ? 0 extends 1 & Untyped
    ? Untyped
    : SyncMembers & SyncCall & SyncAttributes & SyncFunctionNames
  : Untyped

/**
 * What can be asked of every Python object, synchronously: on the JavaScript thread, which waits for the GIL.
 */
export interface SyncMembers extends Disposable, Iterable<Untyped> {
  /** Calls the object: positional arguments as an array, keyword arguments as an object or made by `kw`. */
  $call<Out>(
    args: Arguments,
    named: AnyKw | object | undefined,
    options: SyncCallOptions & { readonly returns: StandardSchema<Out> },
  ): Out
  $call<T = Untyped>(args: Arguments, named?: AnyKw | object, options?: SyncCallOptions): T
  /**
   * An attribute, with its type, or one whose name JavaScript or this interface claims. It is read anew, whereas `h.name`, once it
   * was a method, stays one although Python code assigned something else to that name.
   */
  $get<T = Untyped>(name: string): T
  /** Assigns an attribute. */
  $set(name: string, value: unknown): void
  /** Deletes an attribute. */
  $del(name: string): void
  /** An item: `object[key]` in Python. */
  $getItem<T = Untyped>(key: unknown): T
  /** Assigns an item: `object[key] = value`. */
  $setItem(key: unknown, value: unknown): void
  /** Deletes an item: `del object[key]`. */
  $delItem(key: unknown): void
  /** `hasattr(object, name)`. */
  $has(name: string): boolean
  /** `len(object)`. */
  $len(): number
  /** `item in object`. */
  $contains(item: unknown): boolean
  /** `dir(object)`. */
  $dir(): string[]
  /** `str(object)`. */
  $str(): string
  /** `repr(object)`. */
  $repr(): string
  /** `object is other`. */
  $is(other: unknown): boolean
  /** `isinstance(object, cls)`. */
  $isInstance(cls: unknown): boolean
  /**
   * A copy as plain data. Dataclasses, attrs, pydantic and msgspec objects, named tuples and namespaces are opened to plain objects
   * of their fields, enum members to their values; subclasses of plain types and other mappings, sets and sequences are copied as
   * the plain ones. Throws `ERR_CONVERSION` with a path if the object, or something in it, has no plain form, contains itself, or
   * raises while it is read; the exception is the `cause` then.
   */
  $value<T = Untyped>(options?: ValueOptions): T
  /**
   * The memory of an object with the buffer protocol (`bytearray`, `mmap`, `ctypes` arrays, tensors on the CPU), which JavaScript then reads
   * and writes where it is: a typed array, or an `NdArray` if it has a shape. While that lives the object cannot change its size. What is
   * read-only is a copy.
   *
   * Throws `ERR_PYTHON_EXCEPTION` with a `TypeError` if the object has no memory of its own, `ERR_CONVERSION` if JavaScript has no such elements.
   */
  $buffer<T extends TypedArray | NdArray = TypedArray | NdArray>(): T
  /** A handle of the object itself: this one. */
  $ref(): SyncHandle
  /** Iterates over the object. Leaving the loop closes a generator. */
  $iter<T = Untyped>(): IterableIterator<T, void, undefined>
  /** The object as a table of `apache-arrow`; see `$toArrow` of the asynchronous handle. */
  $toArrow<T extends ArrowData = ArrowTable>(options?: ToArrowOptions): T
  /** Iterates over the object. Leaving the loop closes a generator. */
  [Symbol.iterator](): IterableIterator<Untyped, void, undefined>
  /** The same view with options for the calls and attributes read through it. */
  $with(options: SyncCallOptions): SyncHandle
  /** Plain data that stands for this handle in a message to another thread; see `$share` of the asynchronous handle. */
  $share(): SharedHandle
  /** Gives the handle back early; see `$dispose` of the asynchronous handle. */
  $dispose(): void
  /** The qualified name of the object's type, such as `collections.Counter`. */
  readonly $type: string
  /** The asynchronous view of the same object. */
  readonly $async: Handle
  /** The synchronous view of the same object: this one. */
  readonly $sync: SyncHandle
  /** A handle is not awaitable. */
  readonly then?: never
}

/**
 * A Python object held from JavaScript, used synchronously. Attributes are values at once; a method is bound late: `object.method`
 * kept in a variable looks the method up when it is called, and caches nothing of it.
 */
export type SyncHandle = SyncMembers & SyncCall & SyncAttributes & SyncFunctionNames
