/* Compares types exactly: `expectType<Equal<A, B>>()` compiles only if they are the same. */

/** Whether two types are identical, `any` included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles for `true` only. */
export declare function expectType<_Holds extends true>(): void
