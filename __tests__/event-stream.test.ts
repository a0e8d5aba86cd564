/* Events as an asynchronous iterator. */
import { EventStream } from '../ts/conductor/event-stream'

function streamOf(signal?: AbortSignal): { stream: EventStream<number>; forgotten: EventStream<number>[] } {
  const forgotten: EventStream<number>[] = []
  return { stream: new EventStream(signal, (one) => forgotten.push(one)), forgotten }
}

test('events are kept until they are read, and waited for', async () => {
  const { stream, forgotten } = streamOf()
  stream.push(1)
  stream.push(2)
  expect([await stream.next(), await stream.next()]).toEqual([
    { done: false, value: 1 },
    { done: false, value: 2 },
  ])
  const [third, fourth] = [stream.next(), stream.next()]
  stream.push(3)
  stream.end()
  expect(await Promise.all([third, fourth])).toEqual([
    { done: false, value: 3 },
    { done: true, value: undefined },
  ])
  expect(forgotten).toEqual([stream])
})

test('what came before the end is read before it', async () => {
  const { stream } = streamOf()
  stream.push(1)
  stream.end()
  stream.push(2)
  const events: number[] = []
  for await (const event of stream) events.push(event)
  expect(events).toEqual([1])
})

test('leaving the loop forgets the stream and its events', async () => {
  const { stream, forgotten } = streamOf()
  stream.push(1)
  stream.push(2)
  for await (const event of stream) {
    expect(event).toBe(1)
    break
  }
  expect(forgotten).toEqual([stream])
  expect(await stream.next()).toEqual({ done: true, value: undefined })
})

test('a signal ends it, after what came before, and is told once', async () => {
  const controller = new AbortController()
  const { stream, forgotten } = streamOf(controller.signal)
  stream.push(1)
  controller.abort('enough')
  expect(await stream.next()).toEqual({ done: false, value: 1 })
  await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CANCELLED', cause: 'enough' })
  expect(await stream.next()).toEqual({ done: true, value: undefined })
  expect(forgotten).toEqual([stream])
})

test('a signal wakes who waits; one that was aborted before leaves nothing to wait for', async () => {
  const controller = new AbortController()
  const waiting = streamOf(controller.signal).stream.next()
  controller.abort()
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  await expect(streamOf(controller.signal).stream.next()).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
})
