/* The types of keyword arguments; `kw` itself is in ts/call/keywords.ts. */

declare const kwBrand: unique symbol

/**
 * Keyword arguments, made by `kw`. `Values` is what they hold; `Names` lets a typed function reject a keyword it does not have.
 */
export interface Kw<Values extends object = object, Names extends PropertyKey = keyof Values> {
  readonly [kwBrand]: { readonly values: Values; readonly names: Names }
}

/** Any keyword arguments. */
export type AnyKw = Kw<object, PropertyKey>

/** Positional arguments; the last one may be made by `kw`. */
export type Arguments = readonly unknown[]
