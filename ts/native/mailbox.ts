/* The memory through which a synchronous call and its result pass; docs/internal/native-interface.md describes it. */

/** Bytes of the mailbox; larger results come through `takeLarge`. */
const size = 256 * 1024

/** What the first word says of the last result. */
export const Kind = {
  handle: 1,
  value: 2,
  largeValue: 3,
  error: 4,
  largeError: 5,
  method: 6,
  indirect: 7,
  exception: 8,
  none: 9,
  boolean: 10,
  integer: 11,
  number: 12,
} as const

/** Words of the mailbox. */
export const kindWord = 0
export const detailWord = 1
export const countWord = 5
/** Of a call of the program's function: what its arguments are, two bits each, and whether the outbox is in use. */
export const tagsWord = 6
export const outboxWord = 7
export const targetWord = 14
export const nameWord = 15
/** Doubles of the mailbox. */
export const resultNumber = 3
export const argumentNumber = 4
/** Where a value in the mailbox begins. */
export const valueStart = 64

/** One environment's mailbox, as three views of it. Each call and each result overwrites the last one. */
export class Mailbox {
  readonly buffer = new ArrayBuffer(size)
  readonly words = new Int32Array(this.buffer, 0, valueStart / 4)
  readonly numbers = new Float64Array(this.buffer, 0, valueStart / 8)
  readonly bytes = new Uint8Array(this.buffer)
}
