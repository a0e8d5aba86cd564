/* Does something with each of many items, so many at a time, and gives the results in the order of the items. */

/** What to do, and how. */
export interface MapRequest<In, Out> {
  readonly items: Iterable<In> | AsyncIterable<In>
  /** Does it with one item. The signal says that the result is not wanted any more, because another item failed. */
  readonly run: (item: In, signal: AbortSignal) => Promise<Out>
  readonly concurrency: number
  readonly onProgress: ((done: number, total: number | undefined) => void) | undefined
}

/**
 * Takes the next item when there is room for it. The first failure calls off what is under way, closes the iterator, and is what the
 * promise rejects with when all of that is over.
 */
export async function mapOrdered<In, Out>(request: MapRequest<In, Out>): Promise<Out[]> {
  const { items, run, concurrency, onProgress } = request
  const total = totalOf(items)
  const results: Out[] = []
  const underWay = new Set<Promise<void>>()
  const stop = new AbortController()
  let failure: { readonly error: unknown } | undefined
  let fail: (error: unknown) => void = ignore
  const failed = new Promise<void>((resolve) => {
    fail = (error) => {
      failure ??= { error }
      stop.abort()
      resolve()
    }
  })
  let done = 0
  const start = (item: In, index: number): void => {
    const one = run(item, stop.signal)
      .then((result) => {
        results[index] = result
        done += 1
        onProgress?.(done, total)
      })
      .catch(fail)
      .finally(() => underWay.delete(one))
    underWay.add(one)
  }

  const iterator = iteratorOf(items)
  let count = 0
  try {
    while (failure === undefined) {
      if (underWay.size >= concurrency) {
        await Promise.race(underWay)
        continue
      }
      const next = Promise.resolve(iterator.next())
      // It may be long in coming, and a failure need not wait for it.
      await Promise.race([next, failed])
      if (failure !== undefined) {
        next.catch(ignore)
        break
      }
      const result = await next
      if (result.done === true) break
      start(await result.value, count++)
    }
  } catch (error) {
    // The items' own failure: their iterator is at its end.
    fail(error)
    await Promise.all(underWay)
    throw error
  }
  await Promise.all(underWay)
  if (failure === undefined) return results
  // Not waited for: it may be in the middle of an item that never comes.
  void closed(iterator)
  throw failure.error
}

function iteratorOf<T>(items: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
}

async function closed(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.()
  } catch {
    // What matters is why it had to be closed.
  }
}

/** How many items there are, if that is known beforehand. */
function totalOf(items: object): number | undefined {
  const { length, size } = items as { length?: unknown; size?: unknown }
  if (typeof length === 'number') return length
  return typeof size === 'number' ? size : undefined
}

function ignore(): void {}
