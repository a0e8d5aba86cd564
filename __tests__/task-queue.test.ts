/* The order in which waiting calls are made. */
import { TaskQueue } from '../ts/conductor/task-queue'

function queueOf(
  limit = 100,
  ageing = 1000,
): { queue: TaskQueue<string>; add(task: string, priority: number, now?: number): void; all(now?: number): string } {
  const queue = new TaskQueue<string>(limit, ageing)
  return {
    queue,
    add: (task, priority, now = 0) => queue.enter(queue.place(task, priority, now)),
    all: (now = 0) => {
      const tasks: string[] = []
      for (let next = queue.take(now); next !== undefined; next = queue.take(now)) tasks.push(next.task)
      return tasks.join('')
    },
  }
}

test('equally urgent ones keep their order', () => {
  const { add, all } = queueOf()
  for (const task of 'abcdef') add(task, 0)
  expect(all()).toBe('abcdef')
})

test('the most urgent ones go first', () => {
  const { add, all } = queueOf()
  for (const [index, task] of [...'edcba'].entries()) add(task, index - 2)
  add('A', 2)
  expect(all()).toBe('aAbcde')
})

test('who waits becomes more urgent, one step at a time', () => {
  const { add, all } = queueOf(100, 1000)
  add('old', -2, 0)
  add('new', 0, 1999)
  expect(all(1999)).toBe('newold')
  add('old', -2, 0)
  add('new', 0, 2000)
  // Equally urgent now, and it came first.
  expect(all(2000)).toBe('oldnew')
})

test('nothing is more urgent than the highest priority, so that the oldest of those goes first', () => {
  const { add, all } = queueOf(100, 1)
  add('a', 2, 0)
  add('b', 2, 500)
  add('c', -2, 900)
  expect(all(1_000_000)).toBe('abc')
})

test('under a steady stream of urgent ones a patient one is served', () => {
  const { queue, add } = queueOf(1000, 10)
  add('patient', -2, 0)
  let turns = 0
  for (let now = 0; ; now += 1, turns += 1) {
    add('urgent', 2, now)
    if (queue.take(now)!.task === 'patient') break
    expect(turns).toBeLessThan(100)
  }
  expect(turns).toBe(40)
})

test('one that comes back goes before those that came after it', () => {
  const { queue, add, all } = queueOf()
  for (const task of 'abcd') add(task, 0)
  const [a, b] = [queue.take(0)!, queue.take(0)!]
  queue.enter(b)
  queue.enter(a)
  expect(all()).toBe('abcd')
})

test('one that is not wanted any more is taken out, once', () => {
  const { queue, add, all } = queueOf()
  add('a', 0)
  const place = queue.place('b', 0, 0)
  queue.enter(place)
  add('c', 0)
  expect([queue.remove(place), queue.remove(place), queue.size]).toEqual([true, false, 2])
  expect(all()).toBe('ac')
})

test('it says when it is full, how many wait, and for how long', () => {
  const { queue, add } = queueOf(2)
  expect([queue.isFull, queue.size, queue.oldest(5)]).toEqual([false, 0, 0])
  add('a', 1, 10)
  add('b', -1, 3)
  expect([queue.isFull, queue.size, queue.oldest(20)]).toEqual([true, 2, 17])
})

test('all are taken out in the order in which they came', () => {
  const { queue, add } = queueOf()
  for (const [index, task] of [...'abcde'].entries()) add(task, (index % 3) - 1)
  expect(queue.takeAll().join('')).toBe('abcde')
  expect(queue.size).toBe(0)
})
