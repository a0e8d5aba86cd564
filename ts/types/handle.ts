/* The asynchronous face of Python objects: handles, paths and calls. */
import type { NdArray } from '../values/ndarray'
import type { TypedArray } from './arrays'
import type { Readable } from 'node:stream'
import type { ArrowData, ArrowTable, ToArrowOptions } from './arrow'
import type { AnyKw, Arguments } from './keywords'
import type { CallOptions, ReadableOptions, ValueOptions } from './options'
import type { SharedHandle } from './shared-handle'
import type { StandardSchema } from './standard-schema'
import type { SyncHandle } from './sync-handle'
import type { Untyped } from './untyped'

/** Names that JavaScript gives every callable type; here they are Python's. */
export type FunctionNames = 'name' | 'length' | 'apply' | 'call' | 'bind' | 'caller' | 'arguments'

/** Any attribute that Python has; an unknown name with `$` is an error of the compiler. */
export interface DynamicAttributes {
  readonly [name: string]: Path
  readonly [reserved: `$${string}`]: never
}

/** Attributes with names that JavaScript would claim. */
export type DynamicFunctionNames = { readonly [K in FunctionNames]: Path }

/** Calling the Python object. The call starts at once; its arguments are encoded before this returns. */
export interface DynamicCall {
  <T = Untyped>(...args: Arguments): Call<T>
}

/** What can be asked of every Python object, asynchronously. All of it runs in Python's threads, never on the JavaScript thread. */
export interface CommonMembers {
  /** Calls the object: positional arguments as an array, keyword arguments as an object or made by `kw`. */
  $call(
    args: Arguments,
    named: AnyKw | object | undefined,
    options: CallOptions & { readonly returns: 'ref' },
  ): Call<Handle>
  $call<Out>(
    args: Arguments,
    named: AnyKw | object | undefined,
    options: CallOptions & { readonly returns: StandardSchema<Out> },
  ): Call<Out>
  $call<T = Untyped>(args: Arguments, named?: AnyKw | object, options?: CallOptions): Call<T>
  /** The path of an attribute, for names that JavaScript or this interface claims, such as `then`. */
  $get(name: string): Path
  /** The path of an item: `object[key]` in Python. */
  $getItem(key: unknown): Path
  /** Assigns an attribute. */
  $set(name: string, value: unknown): Promise<void>
  /** Deletes an attribute. */
  $del(name: string): Promise<void>
  /** Assigns an item: `object[key] = value`. */
  $setItem(key: unknown, value: unknown): Promise<void>
  /** Deletes an item: `del object[key]`. */
  $delItem(key: unknown): Promise<void>
  /** `hasattr(object, name)`. */
  $has(name: string): Promise<boolean>
  /** `item in object`. */
  $contains(item: unknown): Promise<boolean>
  /** `len(object)`. */
  $len(): Promise<number>
  /** `dir(object)`. */
  $dir(): Promise<string[]>
  /** `str(object)`. */
  $str(): Promise<string>
  /** `repr(object)`. */
  $repr(): Promise<string>
  /** `object is other`. */
  $is(other: unknown): Promise<boolean>
  /** `isinstance(object, cls)`. */
  $isInstance(cls: unknown): Promise<boolean>
  /**
   * A copy as plain data. Dataclasses, attrs, pydantic and msgspec objects, named tuples and namespaces are opened to plain objects
   * of their fields, enum members to their values; subclasses of plain types and other mappings, sets and sequences are copied as
   * the plain ones. Rejects `ERR_CONVERSION` with a path if the object, or something in it, has no plain form, contains itself, or
   * raises while it is read; the exception is the `cause` then.
   */
  $value<T = Untyped>(options?: ValueOptions): Promise<T>
  /**
   * The memory of an object with the buffer protocol (`bytearray`, `mmap`, `ctypes` arrays, tensors on the CPU), which JavaScript then reads
   * and writes where it is: a typed array, or an `NdArray` if it has a shape. While that lives the object cannot change its size. What is
   * read-only is a copy.
   *
   * Rejects `ERR_PYTHON_EXCEPTION` with a `TypeError` if the object has no memory of its own, `ERR_CONVERSION` if JavaScript has no such elements.
   */
  $buffer<T extends TypedArray | NdArray = TypedArray | NdArray>(): Promise<T>
  /** A handle of the object, even if it would be copied otherwise. */
  $ref(): Promise<Handle>
  /**
   * Iterates over the object, also over an asynchronous iterator. Python makes a few items ahead (the option `highWaterMark`). Leaving
   * the loop closes a generator; `throw` throws into it.
   */
  $iter<T = Untyped>(): AsyncIterableIterator<T, void, undefined>
  /**
   * The bytes of a file or stream of Python's, or of a generator of `bytes` or `str`, as a Node stream. Whatever has a method `read` is
   * read in chunks, and closed at the end or when the stream is destroyed. A failure in Python is the stream's `error`.
   */
  $readable(options?: ReadableOptions): Readable
  /**
   * The object as a table of `apache-arrow`, over the memory of Python's: nothing is copied that need not be converted. Tables and data
   * frames of pandas, polars and pyarrow, and whatever speaks the Arrow PyCapsule interface, are a `Table`; a `RecordBatch` is one;
   * series and arrays are a `Vector`. Rejects with `ERR_CONVERSION` and the path of the column where one cannot cross, with
   * `ERR_ARROW_NOT_FOUND` if the npm package `apache-arrow` is missing, and with a `PythonError` of type `ModuleNotFoundError` if
   * Python lacks pyarrow.
   *
   * Arrow data does not change: what writes to the table's memory, in either language, changes what the other one sees.
   */
  $toArrow<T extends ArrowData = ArrowTable>(options?: ToArrowOptions): Promise<T>
  /** Iterates over the object, as `$iter`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Untyped, void, undefined>
}

/** Members of a path. */
export interface PathMembers extends CommonMembers {
  /** The same path with options for the calls made through it. */
  $with<const O extends CallOptions>(
    options: O,
  ): O extends { readonly returns: infer R extends 'ref' | StandardSchema } ? TypedPath<ResultOf<R>> : Path
}

/**
 * An attribute or item of a Python object that has not been read: `await` reads it, calling calls it, passing it as an argument
 * passes the Python object. Until then nothing happens.
 */
export type Path<T = Untyped> = PathMembers & DynamicCall & DynamicAttributes & DynamicFunctionNames & PromiseLike<T>

/** A path whose results have a fixed type, because `$with({ returns: 'ref' })` or a schema was given. */
export type TypedPath<T> = { (...args: Arguments): Call<T> } & PathMembers &
  DynamicAttributes &
  DynamicFunctionNames &
  PromiseLike<T>

/**
 * A call under way: a promise of its result whose attributes and items can be used before it settles. A chain takes the Python
 * objects themselves and is one round trip; only its last result is converted. A result that is to be called itself is called by
 * `$call`.
 */
export type Call<T = Untyped> = Promise<T> &
  CommonMembers &
  DynamicAttributes & { readonly name: Path; readonly length: Path }

/** Members of a handle, in whichever process the object is. */
export interface ObjectMembers extends CommonMembers, Disposable, AsyncDisposable {
  /** The qualified name of the object's type, such as `pandas.DataFrame`; known without asking Python. */
  readonly $type: string
  /**
   * Gives the handle back early. Each time that the object came from Python counts, so that disposing in one function does not
   * take the object from another. Use after the last one throws `ERR_HANDLE_DISPOSED`. Without it the garbage collector does it.
   * `using` disposes the handle and nothing else: `python.with` enters and exits context managers.
   */
  $dispose(): void
  /** A handle is not awaitable: it is the object already. */
  readonly then?: never
}

/** Members of a handle of `python`. */
export interface HandleMembers extends ObjectMembers {
  /** The asynchronous view of the same object: this one. */
  readonly $async: Handle
  /** The synchronous view of the same object. */
  readonly $sync: SyncHandle
  /** The same handle with options for the calls made through it. */
  $with<const O extends CallOptions>(
    options: O,
  ): O extends { readonly returns: infer R extends 'ref' | StandardSchema } ? TypedHandle<ResultOf<R>> : Handle
  /**
   * Plain data that stands for this handle in a message to another thread, where `python.adopt` makes a handle of the same object of
   * it. Keeps the object alive until then; see `SharedHandle`. Throws `ERR_HANDLE_DISPOSED` after `$dispose()`.
   */
  $share(): SharedHandle
}

/** A Python object held from JavaScript. Its attributes are paths; it is not awaitable itself. */
export type Handle = HandleMembers & DynamicCall & DynamicAttributes & DynamicFunctionNames

/** What a result is by the option `returns`. */
export type ResultOf<R extends 'ref' | StandardSchema> = R extends StandardSchema<infer Out> ? Out : Handle

/** A handle whose calls give results of a fixed type, because `$with({ returns: 'ref' })` or a schema was given. */
export type TypedHandle<T> = { (...args: Arguments): Call<T> } & HandleMembers &
  DynamicAttributes &
  DynamicFunctionNames
