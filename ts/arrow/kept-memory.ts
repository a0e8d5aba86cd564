/* Memory of Python's that tables of JavaScript's lie over: it goes back as what it is. */

/** One buffer of Python's. */
export interface KeptBuffer {
  /** A handle that knows it. */
  readonly keeper: object
  /** By which number. */
  readonly number: number
  /** Where it begins in its `ArrayBuffer`. */
  readonly start: number
}

const kept = new WeakMap<ArrayBufferLike, KeptBuffer>()

/** The memory of these is Python's; the keeper lives as long as that of any of them. */
export function keepBuffers(keeper: object, buffers: readonly Uint8Array[]): void {
  for (const [number, { buffer, byteOffset }] of buffers.entries())
    kept.set(buffer, { keeper, number, start: byteOffset })
}

/** Which buffer of Python's some bytes belong to, if to any. */
export function keptBuffer(bytes: Uint8Array): KeptBuffer | undefined {
  return kept.get(bytes.buffer)
}
