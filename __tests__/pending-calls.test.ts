/* The structure that holds calls under way behaves as a map would, whatever the order in which they end. */
import fc from 'fast-check'
import type { Call } from '../ts/call/call'
import { PendingCalls } from '../ts/call/pending-calls'

test('finds every call until it is deleted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant('add' as const), fc.nat(200), fc.constant('skip' as const)), { maxLength: 400 }),
      (steps) => {
        const pending = new PendingCalls()
        const model = new Map<number, Call>()
        let id = 0
        for (const step of steps) {
          if (step === 'skip') id += 5000
          else if (step === 'add') {
            id += 1
            const call = { id } as unknown as Call
            pending.set(id, call)
            model.set(id, call)
          } else {
            const chosen = [...model.keys()][step % Math.max(1, model.size)] ?? 0
            pending.delete(chosen)
            model.delete(chosen)
          }
        }
        for (const [key, call] of model) expect(pending.get(key)).toBe(call)
        expect(pending.get(id + 1)).toBeUndefined()
        expect(new Set(pending.takeAll())).toEqual(new Set(model.values()))
        expect(pending.takeAll()).toEqual([])
      },
    ),
  )
})

test('a call that outlasts thousands of others is not lost, and the numbers may begin anew', () => {
  const pending = new PendingCalls()
  const call = (id: number): Call => ({ id }) as unknown as Call
  const old = call(1)
  pending.set(1, old)
  for (let id = 2; id < 50_000; id += 1) {
    pending.set(id, call(id))
    pending.delete(id)
  }
  expect(pending.get(1)).toBe(old)
  const late = call(0xffff_ffff)
  pending.set(0xffff_ffff, late)
  pending.set(2, call(2))
  expect(pending.get(0xffff_ffff)).toBe(late)
  expect(pending.get(2)).toEqual({ id: 2 })
  expect(pending.get(1)).toBe(old)
  pending.delete(1)
  expect(pending.get(1)).toBeUndefined()
})
