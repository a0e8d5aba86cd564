/* What becomes of calls whose process died. */
import { afterLoss, type Delivery } from '../ts/conductor/delivery'

const once: Delivery = { idempotent: false, retries: 2, deaths: 1 }

test('one that had not begun is made again, however often that happens', () => {
  expect(afterLoss(false, { ...once, deaths: 0 })).toBe('repeat')
  expect(afterLoss(false, { idempotent: false, retries: 0, deaths: 2 })).toBe('repeat')
})

test('one that had begun runs at most once', () => {
  expect(afterLoss(true, once)).toBe('lost')
})

test('unless it is idempotent: then as often as it says', () => {
  const again: Delivery = { idempotent: true, retries: 1, deaths: 1 }
  expect(afterLoss(true, again)).toBe('repeat')
  expect(afterLoss(true, { ...again, deaths: 2 })).toBe('lost')
  expect(afterLoss(true, { ...again, retries: 0 })).toBe('lost')
})

test('one that was under way in three processes that died is not made again, whatever it says', () => {
  expect(afterLoss(true, { idempotent: true, retries: 100, deaths: 3 })).toBe('quarantined')
})
