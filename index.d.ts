/* What symphony-python-bridge exports. Generated from ts/ by scripts/generate-declarations.mjs; every change of it is reviewed. */

// @ts-ignore `any` where the package is not installed
import type * as apacheArrow from 'apache-arrow'

import type { Readable } from 'node:stream'

import { EventEmitter } from 'node:events'

/** Any of JavaScript's typed arrays. */
export type TypedArray =
  | Int8Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>
  | Uint8ClampedArray<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>

/** The element types, as NumPy calls them, and the typed array that each has in JavaScript. */
export interface ArrayTypes {
  int8: Int8Array<ArrayBuffer>
  uint8: Uint8Array<ArrayBuffer>
  int16: Int16Array<ArrayBuffer>
  uint16: Uint16Array<ArrayBuffer>
  int32: Int32Array<ArrayBuffer>
  uint32: Uint32Array<ArrayBuffer>
  int64: BigInt64Array<ArrayBuffer>
  uint64: BigUint64Array<ArrayBuffer>
  /** A `Float16Array` where JavaScript has it, else the bits. */
  float16: Uint16Array<ArrayBuffer>
  float32: Float32Array<ArrayBuffer>
  float64: Float64Array<ArrayBuffer>
  /** One byte each, 0 or 1. */
  bool: Uint8Array<ArrayBuffer>
  /** Real and imaginary part in turn. */
  complex64: Float32Array<ArrayBuffer>
  /** Real and imaginary part in turn. */
  complex128: Float64Array<ArrayBuffer>
}

/** The name of an element type. */
export type ArrayType = keyof ArrayTypes

/** Memory that JavaScript lends to Python for one synchronous call; see `python.borrow`. */
export interface Borrowed<A extends TypedArray = TypedArray> {
  /** What is lent. */
  readonly array: A
}

/** The module `apache-arrow`, as `import * as arrow from 'apache-arrow'` gives it. */
export type ArrowModule = typeof apacheArrow

/** What `$toArrow` gives and `fromArrow` takes. */
export type ArrowData = apacheArrow.Table | apacheArrow.RecordBatch | apacheArrow.Vector

/** The table that `$toArrow` gives unless it is told another type. */
export type ArrowTable = apacheArrow.Table

/** Options of `$toArrow`. */
export interface ToArrowOptions {
  /**
   * The copy of `apache-arrow` whose classes the result has.
   * @default the installed one: what `import`, or in a program that requires this package `require`, gives of it
   */
  readonly arrow?: ArrowModule | undefined
  /**
   * Of a pandas DataFrame: whether its index becomes a column.
   * @default as pyarrow does: an index that only counts the rows is remembered in the metadata, any other becomes a column
   */
  readonly preserveIndex?: boolean | undefined
}

/** Options of `fromArrow`. */
export interface FromArrowOptions {
  /**
   * Of which library the result is.
   * @default 'pyarrow': a `pyarrow.Table`, `pyarrow.RecordBatch`, or for a vector a `pyarrow.ChunkedArray`
   */
  readonly to?: 'pyarrow' | 'pandas' | 'polars' | undefined
  /** The copy of `apache-arrow` that made the table. @default as that of `$toArrow` */
  readonly arrow?: ArrowModule | undefined
}

declare const kwBrand: unique symbol

/**
 * Keyword arguments, made by `kw`. `Values` is what they hold; `Names` lets a typed function reject a keyword it does not have.
 */
export interface Kw<Values extends object = object, Names extends PropertyKey = keyof Values> {
  readonly [kwBrand]: {
    readonly values: Values
    readonly names: Names
  }
}

/** Any keyword arguments. */
export type AnyKw = Kw<object, PropertyKey>

/** Positional arguments; the last one may be made by `kw`. */
export type Arguments = readonly unknown[]

/** The parts of a date, by Python's names. */
export interface DateFields {
  /** From 1 to 9999. */
  readonly year: number
  /** From 1 to 12: other than in a `Date`, January is 1. */
  readonly month: number
  /** From 1. */
  readonly day: number
}

/**
 * A Python `datetime.date`: a day of the calendar, without a time and so without a time zone.
 *
 * Made from year, month and day, from an object of them, or from text such as `2025-03-14`. Throws `ERR_INVALID_ARGUMENT` for what is no
 * day from year 1 to year 9999. Using it as a number throws a `TypeError`.
 */
export declare class PyDate implements DateFields {
  readonly year: number
  readonly month: number
  readonly day: number
  constructor(year: number, month: number, day: number)
  constructor(value: DateFields | string)
  /** The same with other parts. */
  replace(parts: Partial<DateFields>): PyDate
  /** Whether it is the same day. */
  equals(other: unknown): boolean
  /** As a `Temporal.PlainDate`, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither. */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'PlainDate'>
  /** `2025-03-14` */
  toString(): string
  /** The text of `toString()`. */
  toJSON(): string
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/** What a clock shows, and what it is set by. */
export interface Clock {
  /** From 0 to 23. */
  readonly hour: number
  /** From 0 to 59. */
  readonly minute: number
  /** From 0 to 59. */
  readonly second: number
  /** From 0 to 999,999. */
  readonly microsecond: number
  /** 1 for the second of two times of a day that look the same, as when clocks are set back; else 0. */
  readonly fold: 0 | 1
  /** How far the clock is ahead of UTC, in seconds, with a fraction if it has one; `null` if that is not known. */
  readonly offset: number | null
  /** The name that a `datetime.timezone` was given beside its offset; `null` if it has none. */
  readonly offsetName: string | null
  /** The key of a `zoneinfo.ZoneInfo`, such as `Europe/Berlin`; `null` for any other time zone and for none. */
  readonly zone: string | null
}

/** The parts of a `datetime`, by the names of the properties of `PyDateTime`. What is left out is 0, or `null`. */
export type DateTimeFields = DateFields & {
  readonly [K in keyof Clock]?: Clock[K] | undefined
}

/**
 * A Python `datetime.datetime`, naive or aware, exact to the microsecond. It is a `Date` of the same instant, down to the millisecond, so
 * whatever takes a `Date` takes it. Its own properties say what the clock showed where it was set: `hour` is Python's, `getHours()` that
 * of this computer. A naive one is a local time, in JavaScript as in Python. What would change it throws a `TypeError`; `new Date(it)` is a
 * copy that can be changed, and `replace()` makes another one.
 *
 * Made from year, month, day, hour, minute, second and microsecond; from an object of the names of its properties; or from text such as
 * `2025-03-14T15:09:26.535897+01:00`, perhaps with the key of a zone behind it: `[Europe/Berlin]`. In a zone the offset can be left out, if
 * the runtime knows the zone. Throws `ERR_INVALID_ARGUMENT` for what is no time from year 1 to year 9999, and for an offset that the
 * zone has not then.
 */
export declare class PyDateTime extends Date implements DateFields, Clock {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly offsetName: string | null
  readonly zone: string | null
  constructor(
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    microsecond?: number,
  )
  constructor(value: DateTimeFields | string, more?: Partial<DateTimeFields>)
  /** Whether it is naive: whether its distance from UTC is not known. */
  get isNaive(): boolean
  /** The same with other parts. In a zone the offset follows, unless it is given. */
  replace(parts: Partial<DateTimeFields>): PyDateTime
  /**
   * Whether Python's `==` holds: both naive, or both in one zone, and their clocks show the same; or neither naive, and they are the same
   * instant. (Python counts a time that its zone has twice, or never, unequal to any time in another zone; this does not.)
   */
  equals(other: unknown): boolean
  /**
   * As a `Temporal.PlainDateTime` if it is naive, else as a `Temporal.ZonedDateTime` in its zone or at its offset; of the runtime, or of the
   * polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither, and `ERR_CONVERSION` for what they cannot hold: a naive fold,
   * an offset that is no whole minute, a zone that the runtime does not know or has another offset for.
   */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(
    temporal?: T,
  ): Produced<T, 'PlainDateTime'> | Produced<T, 'ZonedDateTime'>
  /** As Python's `isoformat()` writes it: with the microseconds, if there are any, and the offset, if it has one. */
  toJSON(): string
  /** As Python's `str()`: like `toJSON()` with a space in the middle. `toISOString()` is that of any `Date`: in UTC, and in milliseconds. */
  toString(): string
  setDate(): never
  setFullYear(): never
  setHours(): never
  setMilliseconds(): never
  setMinutes(): never
  setMonth(): never
  setSeconds(): never
  setTime(): never
  setUTCDate(): never
  setUTCFullYear(): never
  setUTCHours(): never
  setUTCMilliseconds(): never
  setUTCMinutes(): never
  setUTCMonth(): never
  setUTCSeconds(): never
}

/**
 * A Python `datetime.time`: what a clock shows, naive or with a time zone.
 *
 * Made from hour, minute, second and microsecond, from an object of the names of its properties, or from text such as
 * `15:09:26.535897`, with an offset or without. Throws `ERR_INVALID_ARGUMENT` for what is no time of a day. Using it as a number throws a
 * `TypeError`.
 */
export declare class PyTime implements Clock {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: 0 | 1
  readonly offset: number | null
  readonly offsetName: string | null
  readonly zone: string | null
  constructor(hour: number, minute?: number, second?: number, microsecond?: number)
  constructor(value: Partial<Clock> | string, more?: Partial<Clock>)
  /** Whether it is naive: whether its distance from UTC is not known. A time in a zone mostly is, since that depends on the day. */
  get isNaive(): boolean
  /** The same with other parts. A new `zone` comes without an offset, unless that is given too. */
  replace(parts: Partial<Clock>): PyTime
  /** Whether Python's `==` holds: both show the same, or, if neither is naive, mean the same time. */
  equals(other: unknown): boolean
  /**
   * As a `Temporal.PlainTime`, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither, and
   * `ERR_CONVERSION` for a time with an offset, a zone or a fold, which that cannot have.
   */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'PlainTime'>
  /** As Python writes it: `15:09:26.535897+01:00`. */
  toString(): string
  /** The text of `toString()`. */
  toJSON(): string
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/** What is asked of a `Temporal`: the one of the runtime, or a polyfill such as `temporal-polyfill` or `@js-temporal/polyfill`. */
export interface TemporalNamespace {
  readonly PlainDate: new (year: number, month: number, day: number) => object
  readonly PlainTime: new (
    hour?: number,
    minute?: number,
    second?: number,
    millisecond?: number,
    microsecond?: number,
  ) => object
  readonly PlainDateTime: new (
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    millisecond?: number,
    microsecond?: number,
  ) => object
  readonly ZonedDateTime: new (epochNanoseconds: bigint, timeZone: string) => object
  readonly Duration: new (
    years?: number,
    months?: number,
    weeks?: number,
    days?: number,
    hours?: number,
    minutes?: number,
    seconds?: number,
    milliseconds?: number,
    microseconds?: number,
  ) => object
}

/** The type of the runtime's own `Temporal`, where TypeScript knows it. */
export type DefaultTemporal = typeof globalThis extends {
  readonly Temporal: infer T extends TemporalNamespace
}
  ? T
  : TemporalNamespace

/** The instances of a class of a `Temporal`. */
export type Produced<T extends TemporalNamespace, K extends keyof TemporalNamespace> = InstanceType<T[K]>

/** The names of Python's own levels. */
export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'

/** One record of Python's `logging`, with its message formatted. */
export interface LogRecord {
  /** The name of the logger, such as `urllib3.connectionpool`. */
  readonly name: string
  /** The name of its level; programs may add levels to Python's own. */
  readonly level: LogLevel | (string & {})
  /** Its level as a number: 10, 20, 30, 40, 50 for Python's own. */
  readonly levelNumber: number
  /** The message with its arguments in place. */
  readonly message: string
  /** When it was made, in milliseconds since 1970, as `Date.now()` counts. */
  readonly time: number
  /** The path of the source file. */
  readonly file: string
  /** The line there. */
  readonly line: number
  /** The function there. */
  readonly function: string
  /** The name of the Python thread. */
  readonly thread: string
  /** The name of the asyncio task, if there was one; from Python 3.12. */
  readonly task?: string
  /** The traceback of the exception that came with it (`logger.exception`). */
  readonly exception?: string
  /** The stack that came with it (`stack_info=True`). */
  readonly stack?: string
  /** What the program added (`extra={…}`): plain data as it is, anything else as the text of its `repr`. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** Which log records a function gets. */
export interface LoggingOptions {
  /**
   * Gets each record that reaches Python's root logger, in order, without Python waiting for it. An exception that it throws is an
   * uncaught one. At most 10,000 records or 16 MiB wait for it; how many were dropped beyond that, a record of the logger
   * `symphony_bridge.logging` says, as `extra.dropped`.
   */
  readonly handler: (record: LogRecord) => void
  /** The level that Python's root logger is set to: a name or a number. @default Python's own, `'WARNING'` */
  readonly level?: LogLevel | number | undefined
  /** Also what Python's `warnings` would print, as records of the logger `py.warnings`. @default false */
  readonly warnings?: boolean | undefined
  /**
   * Also exceptions that nobody catches in Python's threads and finalizers, as errors of the logger `symphony_bridge.uncaught`, in the
   * place of text on `sys.stderr`.
   * @default false
   */
  readonly uncaught?: boolean | undefined
}

/** What the objects of one Python class are in JavaScript, and which values become such objects. At least one half is given. */
export interface ConversionRule {
  /** The qualified name of the class, such as `ipaddress.IPv4Address`. The rule is for its subclasses as well, except those with a nearer one. */
  readonly type: string
  /**
   * The value for an object that would be a handle. It runs synchronously, wherever a result or a part of one arrives; a promise is a
   * value like any other. It may call Python through the handle, and may keep it.
   * @default the handle itself
   */
  readonly toJs?: ((handle: SyncHandle) => unknown) | undefined
  /**
   * What Python gets for a value that is neither plain data nor a Python object: plain data or a handle. It runs synchronously and may
   * call Python; what such calls give are handles, whatever rules there are. Without `class` it is for instances of the classes that
   * `toJs` has made until then.
   * @default such a value goes by reference, or is refused
   */
  readonly toPython?: ((value: never) => unknown) | undefined
  /** See `ClassConversionRule`. @default the classes of what `toJs` gave */
  readonly class?: undefined
}

/** A rule that names the class whose instances `toPython` is for. */
export interface ClassConversionRule<T> {
  /** See `ConversionRule`. */
  readonly type: string
  /** See `ConversionRule`. @default the handle itself */
  readonly toJs?: ((handle: SyncHandle) => unknown) | undefined
  /** The JavaScript class: `toPython` is for its instances, and for those of classes that extend it and have no nearer rule. */
  readonly class: {
    readonly prototype: T
  }
  /** What Python gets for an instance; see `ConversionRule`. */
  readonly toPython: (value: T) => unknown
}

/**
 * What `$share()` gives: plain data for `postMessage`, `workerData` or a `BroadcastChannel`, to be given to `python.adopt` by the
 * thread that gets it. Each can be adopted once. Its content is for printing only; what it holds may change in any release.
 */
export interface SharedHandle {
  readonly symphony: 'handle'
  /** The qualified name of the object's type, such as `pandas.DataFrame`. */
  readonly type: string
  readonly key: string
}

/**
 * Switches of the declarations, filled by declaration merging:
 *
 * ```ts
 * declare module 'symphony-python-bridge' {
 *   interface PythonConfig { untyped: any }
 * }
 * ```
 */
export interface PythonConfig {}

/**
 * The type of a Python value that nothing describes: `unknown`, unless `PythonConfig` says otherwise.
 *
 * `f<number>()` states the type of one result; generated types state it for a module.
 */
export type Untyped = PythonConfig extends {
  untyped: infer T
}
  ? T
  : unknown

/**
 * Types of Python modules by their literal name, filled by declaration merging (usually by generated files). Each module has an
 * `async` face for `python.import` and a `sync` face for `python.importSync`.
 */
export interface PythonModules {}

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
export type AsyncObject<T> = {
  readonly [K in keyof T]: Async<T[K]>
} & HandleMembers

/** What `python.import` gives for a literal module name. */
export type AsyncModule<M extends string> = M extends keyof PythonModules
  ? PythonModules[M] extends {
      async: infer A
    }
    ? A
    : Handle
  : Handle

/** What `python.importSync` gives for a literal module name. */
export type SyncModule<M extends string> = M extends keyof PythonModules
  ? PythonModules[M] extends {
      sync: infer S
    }
    ? S
    : SyncHandle
  : SyncHandle

/**
 * A Python `complex`. It is no `number`: using it as one throws a `TypeError`.
 *
 * Throws `ERR_INVALID_ARGUMENT` if a part is not a number.
 */
export declare class PyComplex {
  /** The real part. */
  readonly re: number
  /** The imaginary part. */
  readonly im: number
  constructor(re: number, im?: number)
  /** Whether Python's `==` holds: NaN equals nothing, and the sign of a zero does not count. */
  equals(other: unknown): boolean
  /** As Python writes it, such as `(1-2j)`. */
  toString(): string
  /** The parts as an object. */
  toJSON(): {
    re: number
    im: number
  }
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/**
 * A Python `decimal.Decimal`: exact, with its trailing zeros. Using it as a number throws a `TypeError`; `toNumber()` is explicit.
 *
 * Made from text as Python reads it (`'0.10'`, `'1e5'`, `'-Infinity'`, `'NaN'`), a safe integer or a `bigint`. Throws
 * `ERR_INVALID_ARGUMENT` for anything else; a number with a fraction is not taken, because it is rarely the decimal that it looks like.
 */
export declare class PyDecimal {
  /** The decimal as Python spells it: `1E+5` for `1e5`. */
  readonly text: string
  constructor(value: string | number | bigint)
  /** Whether Python's `==` holds: `0.10` equals `0.1`, and NaN equals nothing. */
  equals(other: unknown): boolean
  /** The nearest number. */
  toNumber(): number
  /** The exact text. */
  toString(): string
  /** The exact text: a number in JSON would be read as a binary float. */
  toJSON(): string
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/** Python's `Ellipsis`, written `...` there. There is one: `new PyEllipsis()` gives it, as does `python.ellipsis`. */
export declare class PyEllipsis {
  constructor()
  /** Whether it is the ellipsis, of whichever copy of this package. */
  equals(other: unknown): boolean
  /** As Python writes it: `Ellipsis`. */
  toString(): string
  /** The text `Ellipsis`. */
  toJSON(): string
}

/**
 * A number on its way to Python that is a `float` there, although it may be integral. What comes back is a plain `number`.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but a number.
 */
export declare class PyFloat {
  /** The number. */
  readonly value: number
  constructor(value: number)
  /** Whether it is the same number; NaN equals nothing. */
  equals(other: unknown): boolean
  /** The number. */
  valueOf(): number
  /** The number's text. */
  toString(): string
  /** The number. */
  toJSON(): number
}

/**
 * A Python `fractions.Fraction`: exact, in lowest terms. Using it as a number throws a `TypeError`; `toNumber()` is explicit.
 *
 * Made from two safe integers or bigints. Throws `ERR_INVALID_ARGUMENT` for anything else, and for a denominator of zero.
 */
export declare class PyFraction {
  /** Has the sign of the fraction. */
  readonly numerator: bigint
  /** Above zero. */
  readonly denominator: bigint
  constructor(numerator: number | bigint, denominator?: number | bigint)
  /** Whether it is the same number. */
  equals(other: unknown): boolean
  /** The nearest number; an infinity beyond the largest one. */
  toNumber(): number
  /** As Python writes it: `1/3`, or `3` for a whole number. */
  toString(): string
  /** The text of `toString()`. */
  toJSON(): string
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/**
 * An integer on its way to Python that is an `int` there: also an integral number of magnitude 2^53 or more, which alone would be a
 * `float`. What comes back is a `number` if it is safe, else a `bigint`.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but an integral number or a `bigint`.
 */
export declare class PyInt {
  /** The integer. */
  readonly value: bigint
  constructor(value: number | bigint)
  /** Whether it is the same integer. */
  equals(other: unknown): boolean
  /** The integer. */
  valueOf(): bigint
  /** The integer's digits. */
  toString(): string
  /** A number if it is a safe integer, else its digits. */
  toJSON(): number | string
}

/**
 * A Python `pathlib.Path` of this platform, spelled as Python spells it: without `.` parts, doubled slashes and one at the end.
 *
 * Throws `ERR_INVALID_ARGUMENT` for anything but a string.
 */
export declare class PyPath {
  /** The path. A byte of a file name that is not UTF-8 is a lone surrogate, as in Python. */
  readonly text: string
  constructor(text: string)
  /** Whether it is the same path, letter by letter. The file system is not asked. */
  equals(other: unknown): boolean
  /** The path. */
  toString(): string
  /** The path. */
  toJSON(): string
}

/**
 * A Python `range`: iterable, of integers that are `number` if they are safe, else `bigint`. The arguments are Python's:
 * `new PyRange(stop)` or `new PyRange(start, stop, step)`.
 *
 * Throws `ERR_INVALID_ARGUMENT` if an argument is not a safe integer or a `bigint`, and for a step of zero.
 */
export declare class PyRange implements Iterable<number | bigint> {
  /** The first integer. */
  readonly start: number | bigint
  /** Where the range ends, without it. */
  readonly stop: number | bigint
  /** From one integer to the next; below zero for a range that goes down. */
  readonly step: number | bigint
  constructor(stop: number | bigint)
  constructor(start: number | bigint, stop: number | bigint, step?: number | bigint)
  /** How many integers there are: a `bigint` if that is not a safe integer. */
  get length(): number | bigint
  /** The integer at an index, from the end if it is negative; `undefined` beyond. */
  at(index: number | bigint): number | bigint | undefined
  /** The integers in order. */
  [Symbol.iterator](): Generator<number | bigint, void, undefined>
  /** Whether Python's `==` holds: the same integers in the same order. */
  equals(other: unknown): boolean
  /** As Python writes it, such as `range(0, 10)`. */
  toString(): string
  /** Start, stop and step as an object; one that is not a safe integer as its digits. */
  toJSON(): {
    start: number | string
    stop: number | string
    step: number | string
  }
}

/**
 * A Python `slice`, for `$getItem` and the like. The arguments are Python's: `new PySlice(stop)` or `new PySlice(start, stop, step)`,
 * of any values; `null` and `undefined` are `None`.
 */
export declare class PySlice {
  /** Where it begins; `null` for Python's `None`. */
  readonly start: unknown
  /** Where it ends. */
  readonly stop: unknown
  /** From one item to the next. */
  readonly step: unknown
  constructor(stop: unknown)
  constructor(start: unknown, stop: unknown, step?: unknown)
  /** Whether start, stop and step are equal, deeply and strictly. */
  equals(other: unknown): boolean
  /** As Python writes it, such as `slice(None, 5, None)`. */
  toString(): string
  /** Start, stop and step as an object. */
  toJSON(): {
    start: unknown
    stop: unknown
    step: unknown
  }
}

/** What a duration is made of, by Python's names: any finite numbers, also with fractions and below zero. What is left out is 0. */
export interface TimeDeltaFields {
  readonly weeks?: number | undefined
  readonly days?: number | undefined
  readonly hours?: number | undefined
  readonly minutes?: number | undefined
  readonly seconds?: number | undefined
  readonly milliseconds?: number | undefined
  readonly microseconds?: number | undefined
}

/**
 * A Python `datetime.timedelta`, exact to the microsecond. As in Python a negative one has negative `days` and nothing else below zero: a
 * microsecond less than nothing is -1 days, 86,399 seconds and 999,999 microseconds. Using it as a number throws a `TypeError`;
 * `toSeconds()` and `toMilliseconds()` are explicit.
 *
 * Made from an object of Python's names, the sum of which is rounded to microseconds, or from days, seconds and microseconds. Throws
 * `ERR_INVALID_ARGUMENT` for what is no finite number, and beyond 999,999,999 days.
 */
export declare class PyTimeDelta {
  readonly days: number
  /** From 0 to 86,399. */
  readonly seconds: number
  /** From 0 to 999,999. */
  readonly microseconds: number
  constructor(days: number, seconds?: number, microseconds?: number)
  constructor(value: TimeDeltaFields)
  /** Whether it is the same duration. */
  equals(other: unknown): boolean
  /** The number of seconds, as Python's `total_seconds()`: the nearest one, with a fraction. */
  toSeconds(): number
  /** The number of milliseconds, which is what JavaScript counts in: the nearest one, with a fraction. */
  toMilliseconds(): number
  /** As a `Temporal.Duration` of days, seconds and less, of the runtime or of the polyfill that is given. Throws `ERR_INVALID_ARGUMENT` if there is neither. */
  toTemporal<T extends TemporalNamespace = DefaultTemporal>(temporal?: T): Produced<T, 'Duration'>
  /** As Python writes it: `-1 day, 23:59:59.999999`. */
  toString(): string
  /** As a duration of ISO 8601: `P1DT2.000003S`, `-PT0.000001S`. */
  toJSON(): string
  /** Throws a `TypeError` unless text is asked for. */
  [Symbol.toPrimitive](hint: string): string
}

/**
 * A Python `tuple`. It reads like any array; what would change it throws a `TypeError`. Methods that make a new array, such
 * as `map` and `slice`, give plain arrays; `[...tuple]` is a copy that can be changed.
 */
export declare class PyTuple<T extends readonly unknown[] = readonly unknown[]> extends Array<T[number]> {
  /** `map`, `filter`, `slice` and the like give plain arrays. */
  static get [Symbol.species](): ArrayConstructor
  /** A tuple of these items. Other than with `new Array(3)`, a single number is an item too. */
  constructor(...items: T)
  /** A tuple of these items. */
  static of<T extends unknown[]>(...items: T): PyTuple<T>
  /** A tuple of the items of an iterable or array-like object. */
  static from<T, U = T>(
    items: Iterable<T> | ArrayLike<T>,
    map?: (item: T, index: number) => U,
    receiver?: unknown,
  ): PyTuple<U[]>
  push(): never
  pop(): never
  shift(): never
  unshift(): never
  splice(): never
  sort(): never
  reverse(): never
  fill(): never
  copyWithin(): never
}

/**
 * A Python `uuid.UUID`.
 *
 * Made from its 32 hexadecimal digits, with or without hyphens, braces or `urn:uuid:`. Throws `ERR_INVALID_ARGUMENT` for anything else.
 */
export declare class PyUUID {
  /** 32 lower-case hexadecimal digits in five groups. */
  readonly text: string
  constructor(text: string)
  /** Whether it is the same UUID. */
  equals(other: unknown): boolean
  /** The usual text, such as `12345678-1234-5678-1234-567812345678`. */
  toString(): string
  /** The text. */
  toJSON(): string
}

/**
 * Values for Python types that JavaScript has no word for. None of them needs a running Python. Each throws `ERR_INVALID_ARGUMENT` for
 * what it cannot take.
 */
export interface ValueMakers {
  /** A number that is a `float` in Python, also if it is integral. */
  float(value: number): PyFloat
  /** An integral number or a bigint that is an `int` in Python, of any size. */
  int(value: number | bigint): PyInt
  /** A `tuple` of the arguments. */
  tuple<T extends unknown[]>(...items: T): PyTuple<T>
  /** A `set` of the items. */
  set<T>(items?: Iterable<T>): Set<T>
  /** `bytes`: a copy of the data. */
  bytes(data: Uint8Array | ArrayBufferLike): Uint8Array
  /** A `complex`. @default `im`: 0 */
  complex(re: number, im?: number): PyComplex
  /** A `decimal.Decimal` of its exact text or of an integer. */
  decimal(value: string | number | bigint): PyDecimal
  /** A `fractions.Fraction`. @default `denominator`: 1 */
  fraction(numerator: number | bigint, denominator?: number | bigint): PyFraction
  /** A `uuid.UUID` of its text. */
  uuid(text: string): PyUUID
  /** A `pathlib.Path`. */
  path(text: string): PyPath
  /** A `range` up to `stop`, without it. */
  range(stop: number | bigint): PyRange
  /** A `range` from `start` up to `stop`, without it. @default `step`: 1 */
  range(start: number | bigint, stop: number | bigint, step?: number | bigint): PyRange
  /** A `slice` up to `stop`, without it; `null` is `None`. */
  slice(stop: unknown): PySlice
  /** A `slice` from `start` up to `stop`, without it; `null` is `None`. */
  slice(start: unknown, stop: unknown, step?: unknown): PySlice
  /**
   * A new array of zeros over memory that the bridge allocates and that Python uses without a copy: a `numpy.ndarray` there, or a
   * `memoryview` where there is no NumPy. Processes of Conductors use the same memory, on Linux. Starts Python if nobody has, unless a Conductor was started.
   *
   * @param shape the length of each dimension, or that of the only one
   * @param dtype the element type as NumPy calls it. @default `float64`
   */
  ndarray<D extends ArrayType = 'float64'>(shape: number | readonly number[], dtype?: D): NdArray<ArrayTypes[D]>
  /** So many bytes of zeros that Python uses without a copy, as a `memoryview`. As `ndarray` otherwise. */
  memoryview(bytes: number): Uint8Array<ArrayBuffer>
  /** A copy of the array, of the same type, that Python uses without a further copy, as a `memoryview`. As `ndarray` otherwise. */
  memoryview<A extends TypedArray>(array: A): A
  /** The same of all the bytes. */
  memoryview(buffer: ArrayBufferLike): Uint8Array<ArrayBuffer>
  /**
   * Lends an array to one synchronous call, without a copy: Python gets a `memoryview` of it, and what it writes there is in the array.
   *
   * While the call runs Python cannot call JavaScript. If a view of the memory, or an array over it, is left after the call, the call
   * throws `ERR_CONVERSION`, and the memory stays where it is until the process ends. An asynchronous call refuses what is lent.
   */
  borrow<A extends TypedArray>(array: A): Borrowed<A>
  /** A `datetime.datetime` of the parts that are given; the others are 0. It is naive. */
  datetime(
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
    microsecond?: number,
  ): PyDateTime
  /** A `datetime.datetime` of parts by name, naive or with an `offset` in seconds or a `zone`; or of text such as `2025-03-14T15:09+01:00`. */
  datetime(value: DateTimeFields | string, more?: Partial<DateTimeFields>): PyDateTime
  /** A `datetime.date`. */
  date(year: number, month: number, day: number): PyDate
  /** A `datetime.date` of parts by name, or of text such as `2025-03-14`. */
  date(value: DateFields | string): PyDate
  /** A `datetime.time` of the parts that are given; the others are 0. It is naive. */
  time(hour: number, minute?: number, second?: number, microsecond?: number): PyTime
  /** A `datetime.time` of parts by name, or of text such as `15:09:26`. */
  time(value: Partial<Clock> | string, more?: Partial<Clock>): PyTime
  /** A `datetime.timedelta` of the sum of parts by name. */
  timedelta(value: TimeDeltaFields): PyTimeDelta
  /** A `datetime.timedelta`. @default 0 */
  timedelta(days: number, seconds?: number, microseconds?: number): PyTimeDelta
  /** Python's `...`. */
  readonly ellipsis: PyEllipsis
}

/** Where Python's output goes: to the process's own stream, nowhere, or to a function that gets whole lines without their end. */
export type Output = 'inherit' | 'ignore' | ((line: string) => void)

/** Options of `python.start`. An option that is left out asks for nothing, so that a later `start()` agrees with any earlier one. */
export interface StartOptions {
  /**
   * How Python runs: `'embedded'` in this process, where a call takes a tenth of a microsecond and arrays are shared; or as a `'worker'`, a process of
   * its own that the same program works with, its synchronous calls included. `'auto'` embeds it if that is possible; otherwise it is a worker, and a
   * warning says why.
   * @default the environment variable `SYMPHONY_PYTHON_MODE`; without it 'auto'
   */
  readonly mode?: 'auto' | 'embedded' | 'worker' | undefined
  /**
   * An interpreter, or the folder of a virtual environment.
   * @default `VIRTUAL_ENV`, `.venv` upward from the working directory, conda, `python3` on PATH; the first that exists
   */
  readonly python?: string | undefined
  /** Folders that are put in front of `sys.path`. @default none */
  readonly paths?: readonly string[] | undefined
  /** `sys.argv` after its first element. @default none */
  readonly args?: readonly string[] | undefined
  /** Environment variables for Python, on top of those of the process. @default none */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Threads for asynchronous calls. @default 4 */
  readonly threads?: number | undefined
  /**
   * How many milliseconds this thread may be in one synchronous call while a Python thread waits for it, to call a function of
   * JavaScript's for example. Then that thread gets a `TimeoutError` which shows where both stand: most likely each waits for the other.
   *
   * @default 60_000
   */
  readonly callbackTimeout?: number | undefined
  /** Where `sys.stdout` goes. @default 'inherit' */
  readonly stdout?: Output | undefined
  /** Where `sys.stderr` goes. @default 'inherit' */
  readonly stderr?: Output | undefined
  /**
   * Records of Python's `logging`: a function that gets those of the root logger, or options with one. The handler is installed
   * when the program imports `logging`; a configuration of the program's that replaces the handlers of the root logger replaces it.
   * @default none: `logging` is the program's own
   */
  readonly logging?: ((record: LogRecord) => void) | LoggingOptions | undefined
  /** Which types values get, unless a handle or a call says otherwise; for the environment (thread) that asks. */
  readonly convert?: ConvertOptions | undefined
  /**
   * Which asyncio loop runs the coroutines that JavaScript awaits. `'uvloop'` is used if it is installed in Python's environment;
   * otherwise Python warns, and its own loop runs.
   * @default 'asyncio'
   */
  readonly eventLoop?: 'asyncio' | 'uvloop' | undefined
}

/** What runs. */
export interface Info {
  /** How Python runs. */
  readonly mode: 'embedded' | 'worker'
  /** The version of Python, such as `3.12.1`. */
  readonly version: string
  /** `sys.executable`. */
  readonly executable: string
  /** `sys.prefix`. */
  readonly prefix: string
  /** The path of the Python library that is loaded; `null` in a process of its own. */
  readonly libpython: string | null
  /** The platform whose native files are in use, such as `linux-x64-gnu`. */
  readonly platform: string
  /** The version of this package. */
  readonly bridge: string
}

/** What can be done in a host or in a session of it, asynchronously. */
export interface Host {
  /**
   * Imports a module by its dotted name, or the `.py` file that a `file:` URL names. Rejects with a `PythonError` of type
   * `ModuleNotFoundError` if there is none.
   *
   * ```ts
   * const numpy = await python.import('numpy')
   * const tools = await python.import(new URL('./tools.py', import.meta.url))
   * ```
   */
  import<const M extends string>(module: M, options?: RunOptions): Promise<AsyncModule<M>>
  import(module: URL, options?: RunOptions): Promise<Handle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  /** The value of a Python expression. The properties of `scope` are its variables; a handle of a dict is used as it is. */
  eval<T = Untyped>(code: string, scope?: object | Handle, options?: CallOptions): Call<T>
  /** Runs Python statements and gives their namespace. An object as `scope` is copied in; a handle of a dict is used as it is. */
  exec(code: string, scope?: object | Handle, options?: CallOptions): Promise<Handle>
  /**
   * A Python table of one of `apache-arrow`: a `pyarrow.Table`, `pyarrow.RecordBatch` or, of a vector, `pyarrow.ChunkedArray`, or what
   * the option `to` says. Its memory is copied before this returns, column by column and without going through rows. Like any call it
   * can be passed on before it has settled. Rejects with `ERR_CONVERSION` and the path of the column whose data is not valid, and with a
   * `PythonError` of type `ModuleNotFoundError` if Python lacks pyarrow; throws `ERR_INVALID_ARGUMENT` for what is no table, and
   * `ERR_ARROW_NOT_FOUND`.
   *
   * ```ts
   * await frame.merge(python.fromArrow(table, { to: 'pandas' }))
   * ```
   */
  fromArrow(data: ArrowData, options?: FromArrowOptions): Call<Handle>
}

/**
 * One Python thread and one context of its own, for libraries that insist on one. What runs in it runs in the order of the calls, one
 * after the other; context variables and thread-local data stay from call to call. It belongs to the environment (thread) that opened
 * it.
 */
export interface Session extends Host, AsyncDisposable {
  /**
   * As `python.with`, but on the thread and in the context of this session, wherever the context manager comes from. Another block
   * that is entered meanwhile is inside of this one for Python, so leave it first.
   */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: Session) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /**
   * Ends the session: what is used afterwards rejects with `ERR_CLOSED`, and what was started before finishes, `with` blocks included.
   * Resolves when that is done and never rejects, so a call that never returns keeps it waiting; not to await it is harmless. An
   * iterator that rests between two items is not waited for.
   * Idempotent. A session that nothing refers to any more ends by itself.
   */
  close(): Promise<void>
}

/** Python in this process. It starts by itself on first use. */
export interface Python extends Host, ValueMakers {
  /**
   * Finds and starts Python. Optional, and once a process: a second start that asks for something else rejects with
   * `ERR_PYTHON_ALREADY_CHOSEN`, one that asks for the same resolves to the same information.
   *
   * Rejects with `ERR_PYTHON_NOT_FOUND`, `ERR_PYTHON_UNSUPPORTED`, `ERR_LIBPYTHON_NOT_FOUND`, `ERR_LIBPYTHON_LOAD` or
   * `ERR_PYTHON_START`; the message says what was tried and what to do.
   */
  start(options?: StartOptions): Promise<Info>
  /** What runs. Throws `ERR_PYTHON_NOT_STARTED` before the first use. */
  info(): Info
  /**
   * Stops Python softly: at most 2 seconds for `atexit` handlers and buffered output. Idempotent. A stopped Python cannot be
   * started again in the same process; use afterwards fails with `ERR_CLOSED`. Without it the same happens at the end of the process.
   */
  stop(): Promise<void>
  /** `import` on the JavaScript thread, giving a synchronous view. */
  importSync<const M extends string>(module: M): SyncModule<M>
  importSync(module: URL): SyncHandle
  importSync<T extends object>(module: string | URL): T & SyncMembers
  /** `eval` on the JavaScript thread. */
  evalSync<T = Untyped>(code: string, scope?: object | SyncHandle): T
  /** `exec` on the JavaScript thread. */
  execSync(code: string, scope?: object | SyncHandle): SyncHandle
  /** `fromArrow` on the JavaScript thread. */
  fromArrowSync(data: ArrowData, options?: FromArrowOptions): SyncHandle
  /**
   * Enters a Python context manager, runs `body` with the entered value, and exits, all on one Python thread and in one context: those
   * of the session that the context manager belongs to, or else of a session for this one block, which `body` gets as `session`.
   * Calls through `value` run there as well, and others with `$with({ thread: session })`. An error of `body` is shown to `__exit__`;
   * if that swallows it the promise resolves to `undefined`.
   */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: Session) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /** `with` on the JavaScript thread; `body` must not return a promise. */
  withSync<T, V = Untyped>(context: unknown, body: (value: V) => T): T | undefined
  /** Opens a session: one Python thread and one context, for thread-affine objects such as those of `sqlite3`. */
  session(): Promise<Session>
  /**
   * A handle of what another thread shared by `$share()`. Each share can be adopted once, by any thread of the process, the one that made
   * it included. Rejects with `ERR_HANDLE_DISPOSED` if there is nothing left to adopt: adopted before, or its thread was terminated, or
   * ended more than 10 seconds ago; with `ERR_INVALID_ARGUMENT` for anything else, such as a share of another process.
   *
   * ```ts
   * worker.postMessage(handle.$share())
   * // and in the worker
   * parentPort.on('message', async (shared) => { const handle = await python.adopt(shared) })
   * ```
   */
  adopt(shared: SharedHandle): Promise<Handle>
  /** `adopt`, giving a synchronous view. */
  adoptSync(shared: SharedHandle): SyncHandle
  /**
   * From now on calls under way do not keep the process (in a worker: the worker) alive, as `unref()` of a timer does. Concerns this
   * environment (thread) and all its calls, those under way included. Those that the end of the process overtakes never settle.
   */
  unref(): void
  /** Undoes `unref()`: calls under way keep the process alive, as they do by default. */
  ref(): void
  /**
   * Adds a rule for the objects of one Python class and those derived from it: what they are in JavaScript instead of handles, and
   * which JavaScript values become such objects. A rule for the same `type` replaces the former one. Rules belong to the environment
   * (thread) that registers them, and may be registered before Python starts. Throws `ERR_INVALID_ARGUMENT`.
   *
   * ```ts
   * python.register({
   *   type: 'ipaddress.IPv4Address',
   *   class: Address,
   *   toJs: (address) => new Address(address.$str()),
   *   toPython: (address) => python.importSync('ipaddress').IPv4Address(address.text),
   * })
   * ```
   *
   * A `toJs` that throws makes the result `ERR_CONVERSION`, and so does a `toPython` with the arguments; the error is the `cause`.
   */
  register<T>(rule: ClassConversionRule<T>): void
  register(rule: ConversionRule): void
  /** Whether a value is a handle, of either view. Paths and calls are not. */
  isHandle(value: unknown): value is Handle | SyncHandle
}

/** A schema of zod, valibot, arktype or any other library of the specification. */
export interface StandardSchema<Out = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?:
      | {
          readonly input: unknown
          readonly output: Out
        }
      | undefined
  }
}

/** What a schema finds wrong with a value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?:
    | readonly (
        | PropertyKey
        | {
            readonly key: PropertyKey
          }
      )[]
    | undefined
}

/**
 * What a call gives back.
 *
 * - `'auto'`: plain data is copied, everything else is a handle.
 * - `'value'`: plain data only; a result that holds anything else rejects with `ERR_CONVERSION` and its path.
 * - `'ref'`: always a handle, even for a number or a list.
 * - a [Standard Schema](https://standardschema.dev) (zod, valibot, arktype, ...): plain data as with `'value'`, validated and typed by the
 *   schema; data that does not match rejects with `ERR_CONVERSION`, whose `cause` is the schema's list of issues.
 */
export type Returns = 'auto' | 'value' | 'ref' | StandardSchema

/**
 * Which types values get where JavaScript or Python has a choice. Given to `python.start` for everything, to `$with` for what is
 * done through one handle, or to one call; the narrower wins, option by option.
 */
export interface ConvertOptions {
  /**
   * What a Python `int` is in JavaScript. `'auto'`: a number, or a bigint beyond 2^53 - 1; `'number'`: a number, and larger ones
   * are refused with `ERR_CONVERSION` and their path; `'bigint'`: always a bigint.
   * @default 'auto'
   */
  readonly int?: 'auto' | 'number' | 'bigint' | undefined
  /**
   * What a JavaScript number is in Python. `'auto'`: an `int` if it is integral, not `-0` and within 2^53 - 1, else a `float`;
   * `'float'`: always a `float`. A bigint is an `int` in any case.
   * @default 'auto'
   */
  readonly number?: 'auto' | 'float' | undefined
  /**
   * What a Python `dict` is in JavaScript. `'auto'`: an object if all keys are strings, else a `Map`; `'object'`: an object, and
   * other keys are refused with `ERR_CONVERSION` and their path; `'map'`: always a `Map`.
   * @default 'auto'
   */
  readonly dict?: 'auto' | 'object' | 'map' | undefined
  /**
   * What the types of Python's module `datetime` are in JavaScript. `'auto'`: `PyDateTime`, `PyDate`, `PyTime` and `PyTimeDelta`; a
   * `Temporal`, that of the runtime or of a polyfill: its `PlainDateTime` or `ZonedDateTime`, `PlainDate`, `PlainTime` and `Duration`, and
   * what these cannot hold is refused with `ERR_CONVERSION` and its path. Arguments may be of either kind in any case.
   * @default 'auto'
   */
  readonly datetime?: 'auto' | TemporalNamespace | undefined
}

/** Options of what runs in Python asynchronously, whatever it gives back. */
export interface RunOptions {
  /**
   * Cancels the call. A call that has not started never starts. What awaits a coroutine is cancelled as an asyncio task, and the
   * promise settles as that does. Other Python code gets the exception `symphony_bridge.CallCancelled` at its next instruction, which
   * C code delays. The promise rejects with `ERR_CANCELLED`, name `'AbortError'`, the reason of the signal as `cause`, and
   * `callState`, which says whether the call is `'not started'`, `'cancelled'`, `'still running'` or, in
   * a process of its own, `'killed'`.
   * @default no signal
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds from the moment of the call, waiting time included, after which it is cancelled as by `signal`; the error is
   * `ERR_TIMEOUT`.
   * @default no limit
   */
  readonly timeout?: number | undefined
  /**
   * Which Python thread runs it. `'any'`: one of the pool; `'loop'`: that of Python's event loop, which also is Python's main
   * thread; a session: the one of that session, in its context. Handles in the result belong to the same thread: what is called
   * through them runs there too. A session that was closed rejects with `ERR_CLOSED`; what is no thread throws
   * `ERR_INVALID_ARGUMENT`.
   * @default where the handle belongs: the session it came from, or else `'any'`
   */
  readonly thread?: 'any' | 'loop' | Session | undefined
  /**
   * Gets what Python prints to `sys.stdout` during this call, line by line, in the place of where it would go. It sees the lines of
   * this call only, and all of them: also those of asyncio tasks, threads and work for thread pools that the call starts. They come
   * before the promise settles, those of threads that go on come when they are printed. An exception that it throws is an uncaught one.
   * What does not go through Python's `sys.stdout` object is not seen, such as the output of child processes.
   * @default where `python.start` lets it go
   */
  readonly stdout?: ((line: string) => void) | undefined
  /** The same for `sys.stderr`. @default where `python.start` lets it go */
  readonly stderr?: ((line: string) => void) | undefined
}

/** Options of one asynchronous call. */
export interface CallOptions extends RunOptions, ConvertOptions {
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
  /**
   * How many items a Python generator may make ahead while JavaScript iterates over it with `for await`. With 0 it runs only when
   * the next item is asked for. `timeout` is about each item there, and `signal` about the whole loop.
   * @default 64, or 256 while the items are small (64 bytes); 0 for an iterator that is no generator, with which others may go on after the loop
   */
  readonly highWaterMark?: number | undefined
}

/** Options of a synchronous view: a synchronous call cannot be cancelled. */
export interface SyncCallOptions extends ConvertOptions {
  /** What the call gives back. @default 'auto' */
  readonly returns?: Returns | undefined
}

/** Options of `$readable`. */
export interface ReadableOptions {
  /** How many bytes (characters, for text) are read at a time. @default 65536 */
  readonly chunkSize?: number | undefined
  /** Whether the Python object is closed when the stream ends or is destroyed. @default true */
  readonly autoClose?: boolean | undefined
}

/** Options of `$value`. */
export interface ValueOptions extends ConvertOptions {
  /**
   * How many objects inside each other are opened to their fields; one that lies deeper is a handle in the copy. Lists, dicts, enum
   * members and subclasses of plain types are copied at any depth and do not count. With `0` no object is opened. Given a depth,
   * also `Infinity`, an object that declares no fields is opened to its attributes, if it is nothing more than those; left out,
   * such an object is refused with `ERR_CONVERSION` and its path.
   * @default no limit
   */
  readonly depth?: number | undefined
}

/** Any attribute that Python has; an unknown name with `$` is an error of the compiler. */
export interface SyncAttributes {
  readonly [name: string]: SyncMember
  readonly [reserved: `$${string}`]: never
}

/** Attributes with names that JavaScript would claim. */
export type SyncFunctionNames = {
  readonly [K in FunctionNames]: SyncMember
}

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
    options: SyncCallOptions & {
      readonly returns: StandardSchema<Out>
    },
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

/**
 * A `numpy.ndarray`, or another Python object with a buffer of several dimensions.
 *
 * `data` is the very memory that Python uses, unless `copied` says otherwise: what one language writes the other one reads. Going back,
 * it is the object it came from. `python.ndarray` makes one.
 *
 * It can be used on the thread that got it. Other threads of Python's may write to the memory at any time, as with any array that two
 * threads use.
 */
export declare class NdArray<A extends TypedArray = TypedArray> {
  #private
  /** The items, in the order in which they lie in memory. Complex numbers are two items each, booleans bytes of 0 and 1. */
  readonly data: A
  /** The length of each dimension; empty for a single value. */
  readonly shape: readonly number[]
  /** How many items of `data` lie between the neighbours of each dimension. The element of indices `i` and `j` begins at `i * strides[0] + j * strides[1]`. */
  readonly strides: readonly number[]
  /** The element type as NumPy calls it, such as `float64`; `>f8` and the like if Python has the most significant byte first. */
  readonly dtype: string
  /** Whether `data` is a copy, because Python's array is read-only, has gaps, has the most significant byte first or an odd address, or because this runtime forbids shared memory. */
  readonly copied: boolean
  /** Not for programs: `python.ndarray` makes arrays. Throws `ERR_INVALID_ARGUMENT`. */
  private constructor()
  /** How many elements it has. */
  get size(): number
  /** The Python array as a handle whose calls give promises. */
  get $async(): Handle
  /** The Python array as a handle whose calls are synchronous. */
  get $sync(): SyncHandle
  /**
   * The elements as nested arrays, one level a dimension; the element itself if there is no dimension. Integers of 64 bits are bigints,
   * booleans booleans, and complex numbers `PyComplex`.
   */
  toArray<T = Untyped>(): T
  /** The nested arrays. */
  toJSON(): unknown
}

/** Names that JavaScript gives every callable type; here they are Python's. */
export type FunctionNames = 'name' | 'length' | 'apply' | 'call' | 'bind' | 'caller' | 'arguments'

/** Any attribute that Python has; an unknown name with `$` is an error of the compiler. */
export interface DynamicAttributes {
  readonly [name: string]: Path
  readonly [reserved: `$${string}`]: never
}

/** Attributes with names that JavaScript would claim. */
export type DynamicFunctionNames = {
  readonly [K in FunctionNames]: Path
}

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
    options: CallOptions & {
      readonly returns: 'ref'
    },
  ): Call<Handle>
  $call<Out>(
    args: Arguments,
    named: AnyKw | object | undefined,
    options: CallOptions & {
      readonly returns: StandardSchema<Out>
    },
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
  ): O extends {
    readonly returns: infer R extends 'ref' | StandardSchema
  }
    ? TypedPath<ResultOf<R>>
    : Path
}

/**
 * An attribute or item of a Python object that has not been read: `await` reads it, calling calls it, passing it as an argument
 * passes the Python object. Until then nothing happens.
 */
export type Path<T = Untyped> = PathMembers & DynamicCall & DynamicAttributes & DynamicFunctionNames & PromiseLike<T>

/** A path whose results have a fixed type, because `$with({ returns: 'ref' })` or a schema was given. */
export type TypedPath<T> = {
  (...args: Arguments): Call<T>
} & PathMembers &
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
  DynamicAttributes & {
    readonly name: Path
    readonly length: Path
  }

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
  ): O extends {
    readonly returns: infer R extends 'ref' | StandardSchema
  }
    ? TypedHandle<ResultOf<R>>
    : Handle
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
export type TypedHandle<T> = {
  (...args: Arguments): Call<T>
} & HandleMembers &
  DynamicAttributes &
  DynamicFunctionNames

/** Python in this process. */
export declare const python: Python

/** Whether a value is a handle of a Python object, of either view. Paths and calls are not. */
export declare function isPythonHandle(value: unknown): value is Handle | SyncHandle

/** Members of a handle of an object in another process: no synchronous view, and nothing for other threads. */
export interface RemoteHandleMembers extends ObjectMembers {
  /** The same handle. */
  readonly $async: RemoteHandle
  /** The same handle with options for the calls made through it. */
  $with<const O extends CallOptions>(
    options: O,
  ): O extends {
    readonly returns: infer R extends 'ref' | StandardSchema
  }
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

/** Which processes are started again: `'permanent'`: all; `'transient'`: those that did not end in order; `'temporary'`: none. */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary'

/** When a process that has ended is started again. */
export interface RestartOptions {
  /** @default 'transient' */
  readonly policy?: RestartPolicy | undefined
  /** More restarts than that within so many milliseconds, and no more follow: the state is `'crashLoop'` until `reset()`. */
  readonly intensity?:
    | {
        /** @default 5 */
        readonly restarts?: number | undefined
        /** Milliseconds. @default 60_000 */
        readonly within?: number | undefined
      }
    | undefined
  /** How long to wait before a restart. The first one follows at once, the next after a random time up to `first`, then up to twice that, and so on. */
  readonly backoff?:
    | {
        /** Milliseconds. @default 100 */
        readonly first?: number | undefined
        /** No wait is longer; milliseconds. @default 30_000 */
        readonly cap?: number | undefined
        /** A process that lived so long counts as healthy, and the waits begin anew; milliseconds. @default 60_000 */
        readonly reset?: number | undefined
      }
    | undefined
}

/** For how long a process may fail to show something, in milliseconds. */
export interface HeartbeatOptions {
  readonly limit?: number | undefined
}

/** How a process is known to be well. */
export interface HealthOptions {
  /** Milliseconds from the start until it is ready, imports and `setup()` included. @default 30_000 */
  readonly startupTimeout?: number | undefined
  /** A thread that needs no Python: whether the process is scheduled at all. One that is not is ended. @default { limit: 1_000 } */
  readonly native?: HeartbeatOptions | undefined
  /** Whether Python code gets to run, rather than C code that holds the GIL; told by the event `health`. @default { limit: 10_000 } */
  readonly gil?: HeartbeatOptions | undefined
  /** Whether the event loop turns; told by the event `health`. @default { limit: 10_000 } */
  readonly loop?: HeartbeatOptions | undefined
}

/** When a process is replaced although it is well. The new one is ready before the old one finishes what it has and ends. */
export interface RecycleOptions {
  /** After so many calls, give or take a tenth. @default never */
  readonly maxTasks?: number | undefined
  /** When it has needed more memory than that three times in a row, looked at after a garbage collection; MiB. @default never */
  readonly maxRssMb?: number | undefined
  /** After so many milliseconds. @default never */
  readonly maxAge?: number | undefined
}

/** How a process is ended: each step is tried for so long before the next one. */
export interface StopSteps {
  /** What is under way may finish; milliseconds. @default 10_000 */
  readonly drain?: number | undefined
  /** After SIGTERM; milliseconds. @default 5_000 */
  readonly terminate?: number | undefined
  /** After SIGABRT, which makes Python write where it stands; milliseconds. Then comes SIGKILL, for the whole process group. @default 1_000 */
  readonly abort?: number | undefined
}

/** What the operating system lets a process have. */
export interface LimitOptions {
  /** Address space, in MiB. @default no limit */
  readonly addressSpaceMb?: number | undefined
  /** CPU time, in seconds. @default no limit */
  readonly cpuSeconds?: number | undefined
  /** Open files. @default that of this process */
  readonly openFiles?: number | undefined
  /** The size of a core dump, in MiB. @default that of this process */
  readonly coreMb?: number | undefined
  /** How much less urgent than this process it is, 0 to 19. @default 0 */
  readonly nice?: number | undefined
  /** How much rather than others it is ended when memory is short, -1000 to 1000. @default 300 */
  readonly oomScoreAdjust?: number | undefined
  /**
   * Memory of a process with all that it starts, in MiB, as `memory.max` of a control group (version 2) of its own; beyond it the kernel
   * ends the process. Where no such group can be made, `start` rejects with `ERR_WORKER_START`, and the message says why.
   * @default no limit
   */
  readonly memoryMaxMb?: number | undefined
  /**
   * The folder of a control group (version 2): the processes join it; with `memoryMaxMb`, their own ones are made in it, and it must
   * not have processes itself. @default that of this process
   */
  readonly cgroup?: string | undefined
}

/** Which calls may wait for a worker. */
export interface QueueOptions {
  /** How many; one more rejects with `ERR_QUEUE_FULL`. @default 1024 */
  readonly limit?: number | undefined
  /** After so many milliseconds of waiting a call counts as one step more urgent, so that none waits for ever. @default 1_000 */
  readonly ageing?: number | undefined
}

/** Options of `Conductor.start`; those of `WorkerPool.start` are these and `size`. */
export interface ConductorOptions {
  /**
   * The module whose functions `call('name')` means, or an object in it: `'agents.planner'`, `'agents.planner:planner'`. It is imported
   * before a process counts as ready, and a function `setup()` of it is called.
   * @default none: calls name their module, `'agents.planner:decide'`
   */
  readonly target?: string | undefined
  /**
   * An interpreter, or the folder of a virtual environment; any CPython from 3.10 on, with or without a shared libpython.
   * @default as `python.start` finds it
   */
  readonly python?: string | undefined
  /** Folders that are put in front of `sys.path`. @default none */
  readonly paths?: readonly string[] | undefined
  /** `sys.argv` after its first element. @default none */
  readonly args?: readonly string[] | undefined
  /** Environment variables, on top of those of this process. @default none */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** The working directory. @default that of this process */
  readonly cwd?: string | undefined
  /** Threads for blocking functions, in each process. @default 4 for a Conductor, 1 for a worker of a pool */
  readonly threads?: number | undefined
  /** How many calls run in a process at the same time; others wait. @default 64 for a Conductor, `threads` for a worker of a pool */
  readonly concurrency?: number | undefined
  /**
   * How long a call may go on that was interrupted, because its `timeout` is over or its `signal` aborted; then its process is killed and
   * replaced. Milliseconds, or `Infinity` for never: then the call rejects a moment after it was interrupted, and goes on.
   * @default 5_000
   */
  readonly killAfter?: number | undefined
  /** Processes that are ready to take the place of one that dies. @default 0 */
  readonly standby?: number | undefined
  /** Where what the processes print goes, apart from what the options of a call want. @default 'inherit' */
  readonly stdout?: Output | undefined
  /** The same for what they print to `stderr`. @default 'inherit' */
  readonly stderr?: Output | undefined
  /** Which types values get, unless a handle or a call says otherwise. */
  readonly convert?: ConvertOptions | undefined
  /** Which asyncio loop runs. @default 'asyncio' */
  readonly eventLoop?: 'asyncio' | 'uvloop' | undefined
  readonly restart?: RestartOptions | undefined
  readonly health?: HealthOptions | undefined
  readonly recycle?: RecycleOptions | undefined
  readonly stop?: StopSteps | undefined
  readonly limits?: LimitOptions | undefined
  readonly queue?: QueueOptions | undefined
}

/** Options of `WorkerPool.start`. */
export interface WorkerPoolOptions extends ConductorOptions {
  /** How many processes. @default as many as the machine has processors for this one */
  readonly size?: number | undefined
}

/** Options of a call by name, which may run in any worker. */
export interface RemoteCallOptions extends Omit<CallOptions, 'thread' | 'highWaterMark'> {
  /** `'loop'`: on the thread of Python's event loop. @default 'any' */
  readonly thread?: 'any' | 'loop' | undefined
  /**
   * Whether the call may be made again after a process died that had begun with it. Without it such a call rejects with
   * `ERR_WORKER_LOST`, `started: true`: it runs at most once. With it, it runs at least once, and perhaps more often. The arguments are
   * written anew each time, as they are then.
   * @default false
   */
  readonly idempotent?: boolean | undefined
  /** How often; only with `idempotent`. After 3 processes that died with it a call is not made again, whatever this says. @default 2 */
  readonly retries?: number | undefined
  /**
   * How long the call may go on after it was interrupted, before its process is killed, with all that it has begun; milliseconds, or
   * `Infinity`. @default that of the Conductor or pool
   */
  readonly killAfter?: number | undefined
  /** Which calls go first when several wait: -2 (least urgent) to 2. @default 0 */
  readonly priority?: number | undefined
}

/** Options of `map`. */
export interface MapOptions extends RemoteCallOptions {
  /** How many items are under way at the same time. @default enough to keep all workers busy */
  readonly concurrency?: number | undefined
  /** Told after each item how many are done, and of how many if that is known. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined
}

/** What `import` in another process gives for a literal module name. */
export type RemoteModule<M extends string> = M extends keyof PythonModules ? AsyncModule<M> : RemoteHandle

/**
 * One thread and one context in one process, for objects that belong together: what is made in it can be used in it for as long as the process
 * lives. Calls run in their order, one after the other. When the process ends, whatever is asked of the session fails with
 * `ERR_WORKER_LOST`; another one may be opened then.
 */
export interface RemoteSession extends AsyncDisposable {
  /** As `python.import`, in the process of the session. */
  import<const M extends string>(module: M, options?: RunOptions): Promise<RemoteModule<M>>
  import(module: URL, options?: RunOptions): Promise<RemoteHandle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  /** As `python.eval`. */
  eval<T = Untyped>(code: string, scope?: object, options?: CallOptions): Call<T>
  /** As `python.exec`. */
  exec(code: string, scope?: object, options?: CallOptions): Promise<RemoteHandle>
  /** As `python.fromArrow`. */
  fromArrow(data: ArrowData, options?: FromArrowOptions): Call<RemoteHandle>
  /** As `python.with`. */
  with<T, V = Untyped>(
    context: unknown,
    body: (value: V, session: RemoteSession) => T | PromiseLike<T>,
  ): Promise<T | undefined>
  /** Ends the session; what was started in it finishes. Idempotent. */
  close(): Promise<void>
}

/** Why a process ended. */
export type ExitReason =
  | 'clean'
  | 'crash'
  /** Python code raised `ConductorFatal`. */
  | 'fatal'
  | 'oom-suspected'
  | 'killed'
  /** It was killed because something took too long: the start, a call, or a sign of life. */
  | 'timeout'
  | 'boot-error'
  | 'lifeline-lost'

/** How a process ended. */
export interface ExitReport {
  readonly pid: number
  /** Its exit code, or `null` if a signal ended it. */
  readonly code: number | null
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | null
  readonly reason: ExitReason
  readonly coreDumped: boolean
  /** How long it lived, in milliseconds. */
  readonly uptime: number
  /** The most memory that it had, in MiB. */
  readonly maxRssMb: number | null
  /** The CPU time that it used, in milliseconds. */
  readonly userTime: number
  readonly systemTime: number
  /** What it was doing, and what it did last: what ran at its end comes first, then the newest. */
  readonly lastTasks: readonly LastTask[]
  /** The last lines of its `stderr`, at most 64 KiB; empty if it had that of this process. */
  readonly stderrTail: string
  readonly stdoutTail: string
  /** Where its Python threads stood, if Python could still say so; or why it did not start. */
  readonly traceback: string | null
  /** All of it in a sentence. */
  readonly summary: string
}

/** The state of a Conductor or pool as a whole, or of one worker. */
export type WorkerState =
  'stopped' | 'starting' | 'ready' | 'running' | 'draining' | 'stopping' | 'backoff' | 'crashLoop' | 'standby'

/** How well a process is. `'loop-stuck'` and `'gil-held'` may be much work; `'unresponsive'` is one that is stopped, or starved. */
export type WorkerHealth = 'healthy' | 'loop-stuck' | 'gil-held' | 'unresponsive'

/** Something that a process had done when it ended, or was doing. */
export interface LastTask {
  /** As in `WorkerTask`. */
  readonly name: string
  /** How long it took, or had been running; milliseconds. */
  readonly duration: number
  /** Whether it was running. */
  readonly running: boolean
}

/** What a process has been doing for the longest time. */
export interface WorkerTask {
  /** Such as `agents.planner:decide`; of names that are longer the first 88 bytes. */
  readonly name: string
  /** For how long, in milliseconds. */
  readonly since: number
}

/** One worker, as it is now. */
export interface WorkerStatus {
  /** Its number, which no other one ever has. */
  readonly worker: number
  readonly state: WorkerState
  /** Whether it waits to take the place of one that dies. */
  readonly spare: boolean
  readonly pid: number | null
  /** How long the process has lived, in milliseconds. */
  readonly uptime: number
  /** How often it got another process. */
  readonly restarts: number
  /** Calls that it has and has not answered. */
  readonly inFlight: number
  readonly health: WorkerHealth
  /** In MiB. */
  readonly rssMb: number | null
  /** What it is busy with; `null` if nothing runs. */
  readonly task: WorkerTask | null
  /** What it has done: calls, and everything else that it was asked for. */
  readonly done: number
  readonly lastExit: ExitReport | null
}

/**
 * One measured quantity. The names are those of OpenTelemetry's semantic conventions where there are any (`process.*`), and
 * `symphony.conductor.*` for the rest; `attributes` say which process, reason or outcome it is about. Times are in seconds.
 */
export type Metric = {
  readonly name: string
  /** As UCUM writes it: `s`, `By`, `{process}`. */
  readonly unit: string
  readonly attributes: Readonly<Record<string, string>>
} & (
  | {
      /** Something that only grows, or something that is read. */
      readonly kind: 'counter' | 'gauge'
      readonly value: number
    }
  | {
      readonly kind: 'histogram'
      readonly count: number
      readonly sum: number
      /** The upper bounds of the buckets; one more bucket is for what is above all of them. */
      readonly bounds: readonly number[]
      /** How many lie in each bucket. */
      readonly counts: readonly number[]
    }
)

/** Why a worker has another state. */
export type ChangeReason =
  /** The Conductor or pool is started. */
  | 'start'
  /** Its process is ready. */
  | 'ready'
  /** The first connection to it was made. */
  | 'use'
  /** It takes the place of another one. */
  | 'promotion'
  /** Its last process has ended, and another one is started. */
  | 'restart'
  /** It is to replace another one. */
  | 'replacement'
  /** It is replaced: because of what it has done, the memory that it needs, its age, or because of `restart()`. */
  | 'tasks'
  | 'memory'
  | 'age'
  | 'asked'
  /** It is not needed any more; something takes too long; somebody wanted it dead. */
  | 'stop'
  | 'timeout'
  | 'kill'
  /** It was to finish what it had, and has not in time. */
  | 'overdue'
  /** One that was started before it has died. */
  | 'sibling'
  /** Another one did not start. */
  | 'start-failed'
  /** `reset()`. */
  | 'reset'
  /** Its process has ended, for that reason. */
  | ExitReason

/** What `status()` gives. */
export interface ConductorStatus {
  /** `'running'` as long as one worker is ready. */
  readonly state: WorkerState
  readonly workers: readonly WorkerStatus[]
  readonly queue: {
    /** Calls that wait for a worker. */
    readonly length: number
    readonly limit: number
    /** How long the first of them has waited, in milliseconds. */
    readonly oldest: number
  }
  /** Counted since the start. */
  readonly calls: {
    readonly completed: number
    readonly failed: number
    /** Made again because a process died. */
    readonly repeated: number
    /** Rejected with `ERR_WORKER_LOST`. */
    readonly lost: number
    readonly quarantined: number
  }
  /** The same and more as numbers for a monitor. */
  readonly metrics: readonly Metric[]
}

interface AnyEvent {
  /** When, as `Date.now()` gives it. */
  readonly at: number
}

interface WorkerEvent extends AnyEvent {
  readonly worker: number
}

/**
 * What happens to the processes.
 *
 * - `started`: one is ready for the first time
 * - `died`: one ended that should not have; without a report it could not even be started
 * - `restarted`: another one is ready in its place; `attempt` is 0 for one that replaces another, which ends then
 * - `restartFailed`: another one did not become ready
 * - `stopped`: one ended as it should
 * - `changed`: a worker has another state
 * - `crashLoop`: a worker died too often, and gets no other process any more
 * - `health`: one is better or worse than before
 * - `pressure`: the queue is full, and calls are refused; told again only after it was half empty
 */
export type ConductorEvent =
  | (WorkerEvent & {
      readonly type: 'started'
      readonly pid: number
    })
  | (WorkerEvent & {
      readonly type: 'stopped'
      readonly exit: ExitReport
    })
  | (WorkerEvent & {
      readonly type: 'died'
      readonly exit: ExitReport | null
    })
  | (WorkerEvent & {
      readonly type: 'restarted'
      readonly pid: number
      readonly attempt: number
    })
  | (WorkerEvent & {
      readonly type: 'restartFailed'
      readonly error: Error
    })
  | (WorkerEvent & {
      readonly type: 'changed'
      readonly from: WorkerState
      readonly to: WorkerState
      readonly reason: ChangeReason
    })
  | (WorkerEvent & {
      readonly type: 'crashLoop'
      readonly exits: readonly ExitReport[]
    })
  | (WorkerEvent & {
      readonly type: 'health'
      readonly from: WorkerHealth
      readonly to: WorkerHealth
      readonly task: WorkerTask | null
    })
  | (AnyEvent & {
      readonly type: 'pressure'
      readonly queued: number
    })

/** The events by their names, for `on`. */
export type ConductorEvents = {
  [E in ConductorEvent as E['type']]: [event: E]
}

/**
 * Supervised Python processes. What happens to them is told by events, which are named in `ConductorEvent`; there is no event `error`, so
 * nobody has to listen.
 */
declare abstract class Supervised extends EventEmitter<ConductorEvents> implements AsyncDisposable {
  #private
  /**
   * Calls a Python function by its name, `'module:function'`, or an attribute of the `target`. It waits until a process has room for
   * it, and runs at most once unless the options say otherwise. Rejects with what Python raised; with `ERR_WORKER_LOST`, where `started`
   * says whether it had begun, when its process ended; with `ERR_QUEUE_FULL`, `ERR_CONDUCTOR_DOWN`, `ERR_CLOSED`.
   *
   * ```ts
   * await conductor.call('decide', [context], kw({ top: 3 }), { timeout: 5_000 })
   * ```
   */
  call<const R extends 'ref' | StandardSchema>(
    name: string,
    args: Arguments | undefined,
    options: RemoteCallOptions & {
      readonly returns: R
    },
  ): Promise<ResultOf<R>>
  call<const R extends 'ref' | StandardSchema>(
    name: string,
    args: Arguments | undefined,
    named: AnyKw | undefined,
    options: RemoteCallOptions & {
      readonly returns: R
    },
  ): Promise<ResultOf<R>>
  call<T = Untyped>(name: string, args?: Arguments, options?: RemoteCallOptions): Promise<T>
  call<T = Untyped>(
    name: string,
    args: Arguments | undefined,
    named: AnyKw | undefined,
    options?: RemoteCallOptions,
  ): Promise<T>
  /** A thread of its own in the process with the least to do: what is made in it stays usable there. */
  session(): Promise<RemoteSession>
  /** How the processes are, and what is under way. */
  status(): ConductorStatus
  /**
   * Where all threads of a process stand, in the words of Python's `faulthandler`; also of one that hangs in C code.
   *
   * @param options `worker`: the number of one, as `status()` has it. @default the first that has a process
   */
  dump(options?: { readonly worker?: number | undefined }): Promise<string>
  /** The events from now on. Ends when the processes are stopped; rejects with `ERR_CANCELLED` when `signal` says so. */
  events(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<ConductorEvent, undefined>
  /** Puts other processes in the place of all; resolves when they are ready. Handles and sessions end with the processes that they are of. */
  restart(): Promise<void>
  /** Ends a crash loop: processes are started again, and counted anew. */
  reset(): void
  /**
   * Ends the processes; they and what they have started are gone when the promise resolves. Calls that were made before have `drain`
   * milliseconds to finish; what is not done then, and what comes afterwards, rejects with `ERR_CLOSED`. Idempotent.
   */
  stop(options?: { readonly drain?: number | undefined }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A Python process of its own, which is watched and restarted: a crash, a leak or a call that has to be killed stays outside of Node. Python is used as through
 * `python`, but asynchronously only; handles live and die with the process.
 *
 * ```ts
 * await using conductor = await Conductor.start({ target: 'agents.planner' })
 * const plan = await conductor.call('decide', [context])
 * ```
 */
export declare class Conductor extends Supervised {
  #private
  private constructor()
  /**
   * Starts the process; resolves when it is ready, `target` imported and its `setup()` done. Rejects with `ERR_WORKER_START`,
   * `ERR_PYTHON_NOT_FOUND`, `ERR_PYTHON_UNSUPPORTED`; throws `ERR_INVALID_ARGUMENT` for options that cannot be meant.
   */
  static start(options?: ConductorOptions): Promise<Conductor>
  /** As `python.import`, in the process that is there now: the handle ends with it. */
  import<const M extends string>(module: M, options?: RunOptions): Promise<RemoteModule<M>>
  import(module: URL, options?: RunOptions): Promise<RemoteHandle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  /** As `python.eval`, in the process that is there now. */
  eval<T = Untyped>(code: string, scope?: object, options?: CallOptions): Promise<T>
  /** As `python.exec`, in the process that is there now. */
  exec(code: string, scope?: object, options?: CallOptions): Promise<RemoteHandle>
}

/**
 * Python processes that share the calls: each goes to the one with the least to do. For work that takes a processor, of which one Python
 * process can use one.
 *
 * ```ts
 * await using pool = await WorkerPool.start({ size: 4 })
 * const lengths = await pool.map('texts.analysis:length', texts)
 * ```
 */
export declare class WorkerPool extends Supervised {
  private constructor()
  /** Starts the processes; resolves when all are ready. Rejects as `Conductor.start` does. */
  static start(options?: WorkerPoolOptions): Promise<WorkerPool>
  /**
   * Calls a function with each item as its only argument; the results have the order of the items. Items are taken as there is room for them. The first call that
   * fails calls off the others, and is what the promise rejects with.
   */
  map<Out = Untyped, In = unknown>(
    target: string,
    items: Iterable<In> | AsyncIterable<In>,
    options?: MapOptions,
  ): Promise<Out[]>
}

/**
 * Keyword arguments of a Python call, as its last argument:
 *
 * ```ts
 * await numpy.linspace(0, 1, kw({ num: 5, endpoint: false }))
 * ```
 *
 * A property whose value is `undefined` is left out, so that `kw({ top: options.top })` keeps Python's default.
 */
export declare function kw<const T extends object>(named: T): Kw<T>

/** Every error code, with what it means and what the caller may do. */
declare const errorCodes: {
  readonly ERR_PYTHON_EXCEPTION: {
    readonly meaning: 'Python code raised an exception'
    readonly action: 'Handle it as the Python exception it is: `type`, `args`, `frames` and `traceback` describe it'
  }
  readonly ERR_PYTHON_NOT_FOUND: {
    readonly meaning: 'No Python interpreter was found in any of the places that were searched'
    readonly action: 'Install Python 3.10 or newer, or name an interpreter with `python.start({ python })`; `npx symphony-python doctor` lists what was tried'
  }
  readonly ERR_PYTHON_ALREADY_CHOSEN: {
    readonly meaning: 'This process already runs a Python with other options; an interpreter cannot be exchanged'
    readonly action: 'Call `python.start` once, before anything else uses Python, with the options that all users of the process need'
  }
  readonly ERR_PYTHON_NOT_STARTED: {
    readonly meaning: 'The operation needs a running interpreter and none has been started'
    readonly action: 'Await `python.start()`, or import a module, first'
  }
  readonly ERR_PYTHON_START: {
    readonly meaning: 'An interpreter was found and loaded but did not start'
    readonly action: "Read the message for Python's own words; `npx symphony-python doctor` repeats the start outside the program"
  }
  readonly ERR_PYTHON_UNSUPPORTED: {
    readonly meaning: 'The interpreter cannot be embedded: older than 3.10, free-threaded, 32-bit, or not CPython'
    readonly action: 'Choose another interpreter with `python.start({ python })` or the `VIRTUAL_ENV` variable'
  }
  readonly ERR_LIBPYTHON_NOT_FOUND: {
    readonly meaning: 'The interpreter has no shared libpython, so it cannot be embedded'
    readonly action: 'Install the shared library (the message names the command) or choose an interpreter that was built with --enable-shared'
  }
  readonly ERR_LIBPYTHON_LOAD: {
    readonly meaning: 'The shared libpython exists but the system refused to load it'
    readonly action: "Read the linker's words in the message: a missing dependency or another architecture are the usual reasons"
  }
  readonly ERR_PLATFORM_UNSUPPORTED: {
    readonly meaning: 'There is no native binary for this operating system, architecture and C library'
    readonly action: 'Reinstall without `--omit=optional`, or build the native files from source on this platform'
  }
  readonly ERR_CONVERSION: {
    readonly meaning: 'A value cannot cross between JavaScript and Python without loss'
    readonly action: 'Change the value at `path`, or use the option that the message names'
  }
  readonly ERR_ARROW_NOT_FOUND: {
    readonly meaning: 'An Arrow table was asked for, and the npm package `apache-arrow` is not installed, or too old'
    readonly action: 'Run `npm install apache-arrow`, or give the module as the option `arrow`'
  }
  readonly ERR_INVALID_ARGUMENT: {
    readonly meaning: 'A function of this package was called with an argument it does not accept'
    readonly action: 'Correct the call; the message says what was expected and what was got'
  }
  readonly ERR_HANDLE_AS_DATA: {
    readonly meaning: 'A Python handle was used where JavaScript expects plain data'
    readonly action: 'Ask for a copy with `$value()`, or for one member with `$get(name)`'
  }
  readonly ERR_HANDLE_DISPOSED: {
    readonly meaning: 'The Python handle was used after `$dispose()` or after the end of its `using` block, or a share had no handle left to adopt'
    readonly action: 'Keep the handle until its last use; `$ref()` gives an independent one; share once for each adoption'
  }
  readonly ERR_CLOSED: {
    readonly meaning: 'The interpreter, session or host has been stopped'
    readonly action: 'Do not use it after `stop` or `close`; a stopped interpreter cannot be started again in the same process'
  }
  readonly ERR_CANCELLED: {
    readonly meaning: 'The call was cancelled by its AbortSignal'
    readonly action: 'Nothing, if the cancellation was intended; `cause` is the reason of the signal'
  }
  readonly ERR_TIMEOUT: {
    readonly meaning: 'The call did not finish within its `timeout`'
    readonly action: 'Allow more time, or make the work smaller; `callState` says whether it still runs in Python'
  }
  readonly ERR_WORKER_LOST: {
    readonly meaning: 'The supervised Python process that was to do this, or to which the handle belongs, has ended'
    readonly action: '`started` says whether the call had begun, and `exit` why the process ended; mark calls that may be repeated as `idempotent`, and import again for new handles'
  }
  readonly ERR_WORKER_START: {
    readonly meaning: 'A supervised Python process did not become ready'
    readonly action: 'Read the message and `exit`, which has the last lines of its stderr: an import that fails and a missing interpreter are the usual reasons'
  }
  readonly ERR_CONDUCTOR_DOWN: {
    readonly meaning: 'The supervised Python processes died too often in a short time, and are not started again'
    readonly action: 'Find out why they die (`exit` describes the last one), then call `reset()`, or start another Conductor or pool'
  }
  readonly ERR_TASK_QUARANTINED: {
    readonly meaning: 'The call was under way in several processes that died, so it is taken for the cause and not repeated'
    readonly action: 'Look at the arguments of this call: something about them crashes Python; `exit` describes the last process'
  }
  readonly ERR_QUEUE_FULL: {
    readonly meaning: 'As many calls as allowed already wait for a worker'
    readonly action: 'Call again when some have settled, make fewer at a time (`map` does), or allow more with `queue: { limit }`'
  }
  readonly ERR_PROTOCOL: {
    readonly meaning: 'The two halves of the bridge disagree about the bytes between them; this is a bug in symphony-python-bridge'
    readonly action: 'Make sure that the package and its native files have the same version, then report the bug with the message'
  }
  readonly ERR_BRIDGE_PANIC: {
    readonly meaning: 'The native core of the bridge failed unexpectedly; this is a bug in symphony-python-bridge'
    readonly action: 'Report the bug with the message; the process may go on, but what the failed operation did is unknown'
  }
}

/** The `code` of any error that this package throws. */
type ErrorCode = keyof typeof errorCodes

/** The `code` of a `BridgeError`: a failure of the bridge itself rather than an exception that Python code raised. */
export type BridgeErrorCode = Exclude<ErrorCode, 'ERR_PYTHON_EXCEPTION'>

/** What a `BridgeError` may carry besides its message. */
export interface BridgeErrorOptions {
  /** The error or reason behind this one. */
  readonly cause?: unknown
  /** Where in the arguments or the result the failure is, such as `args[0].rows[3].price`. */
  readonly path?: string
  /** What became of the call. */
  readonly callState?: CallState | undefined
  /** Whether the call had begun in the process that was lost. */
  readonly started?: boolean | undefined
  /** In how many processes the call was under way that died. */
  readonly attempts?: number | undefined
  /** How the process ended. */
  readonly exit?: ExitReport | undefined
}

/**
 * What is true of a call that was cancelled, or whose `timeout` was over.
 *
 * - `'not started'`: nothing of it has run, and nothing will
 * - `'cancelled'`: it had started, and was ended before its end
 * - `'still running'`: it could not be interrupted, and goes on in Python; its outcome will be thrown away
 * - `'killed'`: it could not be interrupted in time, and its process was killed; `exit` says where it stood
 */
export type CallState = 'not started' | 'cancelled' | 'still running' | 'killed'

/**
 * A failure of the bridge rather than an exception that Python code raised (that is a `PythonError`).
 *
 * `code` says what happened. `name` is `'BridgeError'`, or `'AbortError'` when the call was cancelled by its `AbortSignal`,
 * so that code written for `fetch` recognises it.
 */
export declare class BridgeError extends Error {
  /** What happened. */
  readonly code: BridgeErrorCode
  /** Where in the arguments or the result a value could not cross, such as `args[0].rows[3].price`. */
  readonly path?: string
  /** With `ERR_CANCELLED` and `ERR_TIMEOUT`: what is true of the call. */
  readonly callState?: CallState
  /** With `ERR_WORKER_LOST` of a call: whether it had begun. If not, nothing of it has run. */
  readonly started?: boolean
  /** With `ERR_WORKER_LOST` and `ERR_TASK_QUARANTINED`: in how many processes the call was under way that died. */
  readonly attempts?: number
  /** With the errors of supervised processes: how the last one ended, if one did. */
  readonly exit?: ExitReport
  constructor(code: BridgeErrorCode, message: string, options?: BridgeErrorOptions)
}

/** Whether `error` is a `BridgeError`, and if `code` is given, one with that code. */
export declare function isBridgeError<const Code extends BridgeErrorCode = BridgeErrorCode>(
  error: unknown,
  code?: Code,
): error is BridgeError & {
  readonly code: Code
}

/** One frame of a Python traceback. */
export interface PythonFrame {
  readonly file: string
  readonly line: number
  readonly function: string
  /** The line of source, if Python found it. */
  readonly source?: string
}

/**
 * An exception that Python code raised.
 *
 * `message` begins with the type, as the last line of a Python traceback does; `frames` and `traceback` are Python's; `stack` has the
 * JavaScript frames followed by the Python traceback, so what is printed or logged shows both. `isPythonError(error, 'LookupError')` asks for a type.
 */
export declare class PythonError extends Error {
  #private
  readonly name: 'PythonError'
  /** The exception that caused this one: `raise … from`, or the one that was being handled, unless `from None` hid it. */
  readonly cause?: PythonError
  /** The name of the exception's class, such as `ValueError`. */
  get type(): string
  /** The class with its module, such as `json.decoder.JSONDecodeError` or `builtins.ValueError`. */
  get qualifiedType(): string
  /** `str(exception)`: the message without the type. */
  get text(): string
  /** `exception.args`, converted like any value. Throws `ERR_CONVERSION` if a rule for what is among them fails. */
  get args(): readonly unknown[]
  /** The traceback as Python prints it, causes and groups included. */
  get traceback(): string
  /** The frames of the traceback, the innermost last. */
  get frames(): readonly PythonFrame[]
  /** What `add_note` added. */
  get notes(): readonly string[]
  /** The exceptions of an exception group. */
  get errors(): readonly PythonError[] | undefined
  /** The exception itself. */
  get object(): Handle
  /** Always this code. */
  get code(): 'ERR_PYTHON_EXCEPTION'
}

/** Built-in exceptions by their bare name. */
export type BuiltinException =
  | 'BaseException'
  | 'Exception'
  | 'ArithmeticError'
  | 'AssertionError'
  | 'AttributeError'
  | 'BaseExceptionGroup'
  | 'ExceptionGroup'
  | 'FileExistsError'
  | 'FileNotFoundError'
  | 'ImportError'
  | 'IndexError'
  | 'KeyError'
  | 'KeyboardInterrupt'
  | 'LookupError'
  | 'MemoryError'
  | 'ModuleNotFoundError'
  | 'NameError'
  | 'NotImplementedError'
  | 'OSError'
  | 'OverflowError'
  | 'PermissionError'
  | 'RecursionError'
  | 'RuntimeError'
  | 'StopIteration'
  | 'SyntaxError'
  | 'SystemExit'
  | 'TimeoutError'
  | 'TypeError'
  | 'UnicodeError'
  | 'ValueError'
  | 'ZeroDivisionError'

/**
 * Whether `error` is a Python exception, and if `type` is given, one of that class or of a class derived from it. Built-in
 * classes are named barely (`'LookupError'`), others with their module (`'json.decoder.JSONDecodeError'`).
 */
export declare function isPythonError(error: unknown, type?: BuiltinException | (string & {})): error is PythonError

/** A Python `frozenset`. It reads like any `Set`; what would change it throws a `TypeError`. `new Set(it)` is a copy that can be changed. */
export declare class PyFrozenSet<T = unknown> extends Set<T> {
  constructor(items?: Iterable<T>)
  add(): never
  delete(): never
  clear(): never
}

export {}
