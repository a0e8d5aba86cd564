/* Which worker gets the next call. */
import { CallLengths, leastLoaded, type Load } from '../ts/conductor/load'

const worker = (inFlight: number, sessions = 0, concurrency = 1): Load => ({
  inFlight,
  sessions,
  concurrency,
})
const unlimited = (): number => Infinity

test('the one with the least to do, the first of equal ones', () => {
  const workers = [worker(2), worker(1), worker(1)]
  expect(leastLoaded(workers, unlimited)).toBe(workers[1])
})

test('what counts is how much there is to do by how much can be done at a time', () => {
  const workers = [worker(1, 0, 1), worker(3, 0, 4)]
  expect(leastLoaded(workers, unlimited)).toBe(workers[1])
})

test('open sessions count as calls', () => {
  const workers = [worker(0, 2), worker(1)]
  expect(leastLoaded(workers, unlimited)).toBe(workers[1])
})

test('none, where all have as much as they may', () => {
  expect(leastLoaded([worker(2), worker(3)], () => 2)).toBeUndefined()
  expect(leastLoaded([], unlimited)).toBeUndefined()
})

test('workers get calls ahead only while calls are short', () => {
  const lengths = new CallLengths()
  expect(lengths.windowOf(worker(0, 0, 3))).toBe(6)
  for (let call = 0; call < 100; call++) lengths.add(1000)
  expect(lengths.windowOf(worker(0, 0, 3))).toBe(3)
  for (let call = 0; call < 100; call++) lengths.add(1)
  expect(lengths.windowOf(worker(0, 0, 3))).toBe(6)
})
