/* What becomes of a call whose process died: it is made again, or it fails. Pure. */

/** So many processes may die with a call under way before the call is taken for the cause. */
export const deadlyDeaths = 3

/** What is to be known of the call. */
export interface Delivery {
  /** Whether it may be made again although it had begun. */
  readonly idempotent: boolean
  /** How often. */
  readonly retries: number
  /** How many processes died after it had begun there, the last one included. */
  readonly deaths: number
}

/**
 * - `'repeat'`: it is made again
 * - `'lost'`: it fails with `ERR_WORKER_LOST`
 * - `'quarantined'`: it fails with `ERR_TASK_QUARANTINED`
 */
export type Outcome = 'repeat' | 'lost' | 'quarantined'

/**
 * At most once, unless it is idempotent: then at least once. One that had not begun is always made again, because nothing of it has run; and
 * a process that dies with it says nothing about it.
 */
export function afterLoss(started: boolean, { idempotent, retries, deaths }: Delivery): Outcome {
  if (!started) return 'repeat'
  if (deaths >= deadlyDeaths) return 'quarantined'
  return idempotent && deaths <= retries ? 'repeat' : 'lost'
}
