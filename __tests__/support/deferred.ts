/* Promises that a test settles itself. */

/** Lets everything that is ready have its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A promise and what settles it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}
