/* Rules of `python.register`. */
import type { SyncHandle } from './sync-handle'

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
  readonly class: { readonly prototype: T }
  /** What Python gets for an instance; see `ConversionRule`. */
  readonly toPython: (value: T) => unknown
}
