/* Several supervised Python processes for work that is shared out. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { MapOptions, WorkerPoolOptions } from '../types/conductor'
import type { Untyped } from '../types/untyped'
import { mapOptions } from './call-arguments'
import { integer, option } from './checks'
import { nameOf } from './conductor'
import { mapOrdered } from './map'
import { nativeSide, type NativeSide } from './native-side'
import { checkedPoolOptions, type CheckedConductorOptions } from './options'
import { Supervised } from './supervised'
import { calledBy } from './target'

const isConcurrency = integer(1, 2 ** 31 - 1, undefined)
const isProgress = option('a function', (value): value is () => void => typeof value === 'function', undefined)

/**
 * Python processes that share the calls: each goes to the one with the least to do. For work that takes a processor, of which one Python
 * process can use one.
 *
 * ```ts
 * await using pool = await WorkerPool.start({ size: 4 })
 * const lengths = await pool.map('texts.analysis:length', texts)
 * ```
 */
export class WorkerPool extends Supervised {
  static {
    // The bundler gives another name to a class that names itself.
    Object.defineProperty(this, 'name', { value: 'WorkerPool', configurable: true })
  }

  private constructor(native: NativeSide, options: CheckedConductorOptions) {
    super(native, options, nameOf('WorkerPool', options))
  }

  /** Starts the processes; resolves when all are ready. Rejects as `Conductor.start` does. */
  static async start(options?: WorkerPoolOptions): Promise<WorkerPool> {
    const checked = checkedPoolOptions(options)
    const native = await nativeSide(checked)
    const pool = new WorkerPool(native, checked)
    await pool.workers.start(native.executable)
    return pool
  }

  /**
   * Calls a function with each item as its only argument; the results have the order of the items. Items are taken as there is room for them. The first call that
   * fails calls off the others, and is what the promise rejects with.
   */
  async map<Out = Untyped, In = unknown>(
    target: string,
    items: Iterable<In> | AsyncIterable<In>,
    options?: MapOptions,
  ): Promise<Out[]> {
    this.checkOpen()
    if (!isIterable(items))
      throw new BridgeError('ERR_INVALID_ARGUMENT', `\`map\` needs an iterable of items, but got ${described(items)}`)
    const { size, concurrency, queue, convert } = this.options
    const { options: checked, ...delivery } = mapOptions(options, convert)
    const called = calledBy(target, this.options.target)
    const most = size * concurrency
    const { signal } = checked
    let wanted: AbortSignal | undefined
    return (await mapOrdered({
      items,
      concurrency: isConcurrency(options?.concurrency, 'concurrency') ?? most + Math.min(most, queue.limit),
      onProgress: isProgress(options?.onProgress, 'onProgress'),
      run: (item, stop) => {
        // One for all items: Node keeps each signal that depends on another one for as long as that one lives.
        wanted ??= signal === undefined ? stop : AbortSignal.any([signal, stop])
        return this.workers.dispatcher.run({
          name: target,
          target: called,
          args: [item],
          named: undefined,
          options: { ...checked, signal: wanted },
          ...delivery,
        })
      },
    })) as Out[]
  }
}

function isIterable(items: unknown): boolean {
  if (typeof items !== 'object' || items === null) return typeof items === 'string'
  return Symbol.iterator in items || Symbol.asyncIterator in items
}
