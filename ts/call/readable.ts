/* Python's streams of bytes as Node's. */
import { Readable } from 'node:stream'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { AsyncProxy } from '../handle/async-proxy'
import { handlerOf } from '../handle/internal'
import type { ReadableOptions } from '../types/options'
import { AsyncItems } from './async-items'
import { Operation } from './operation'
import { checkedOptions, checkNames } from './options'
import { handleBehind } from './subject'

const defaultChunkSize = 64 * 1024
const optionNames: ReadonlySet<string> = new Set(['chunkSize', 'autoClose'])

/** A byte stream of what Python reads or yields. Nothing is read before the stream is. */
export function readableOver(source: AsyncProxy, options: ReadableOptions = {}): Readable {
  checkNames(options, optionNames)
  const { chunkSize = defaultChunkSize, autoClose = true } = options
  if (!(Number.isSafeInteger(chunkSize) && chunkSize > 0)) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`chunkSize\` must be a whole number of bytes, 1 or more, but got ${described(chunkSize)}`,
    )
  }
  return Readable.from(chunks(source, chunkSize, autoClose), { objectMode: false, highWaterMark: chunkSize })
}

async function* chunks(
  source: AsyncProxy,
  size: number,
  autoClose: boolean,
): AsyncGenerator<string | Uint8Array, void> {
  const { context } = source
  const byReference = context.with(checkedOptions({ returns: 'ref' }, context.options))
  const object = handleBehind(await source.start(Operation.value, [], undefined, byReference).promise)
  const { state } = object
  if ((await context.start(Operation.hasAttribute, state, [], ['read']).promise) !== true) {
    const items = new AsyncItems(handlerOf((object as unknown as AsyncProxy).withContext(context)) as AsyncProxy)
    for await (const item of items) yield checked(item)
    return
  }
  try {
    for (;;) {
      const chunk = await context.start(Operation.call, state, ['read'], [size]).promise
      // `None` is what a stream gives that does not block and has nothing now; nobody would say when it has.
      if (chunk === null || checked(chunk).length === 0) return
      yield checked(chunk)
    }
  } finally {
    if (autoClose) await context.start(Operation.close, state).promise
  }
}

/** Text is for Node to encode; anything else is no stream of bytes. */
function checked(chunk: unknown): string | Uint8Array {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk
  throw new BridgeError(
    'ERR_CONVERSION',
    `expected bytes or text from the stream, got ${described(chunk)}; iterate over the object with \`for await\``,
  )
}
