/* Memory of the bridge's own, which every Python may use that this process has or supervises. Each knows it by a number of its own, from its first use on. */
import type { Connection } from '../native/connection'
import { loadedCore } from '../native/core'
import { environment } from '../native/environment'
import { memoryOf, rememberMemory, type SharedMemory } from './memory'

/** New memory of zeros. Where this runtime forbids shared memory it is JavaScript's own, which is copied at each crossing. */
export function newMemory(bytes: number): { readonly buffer: ArrayBuffer; readonly isShared: boolean } {
  // A program that has Conductors only needs no Python of its own for it.
  if (environment.closed || loadedCore() === undefined) environment.startNow()
  const isAllowed = environment.sharesMemory || environment.isRemote
  if (bytes === 0 || !isAllowed) return { buffer: new ArrayBuffer(bytes), isShared: isAllowed }
  const buffer = loadedCore()?.newMemory(bytes)
  if (buffer === undefined) return { buffer: new ArrayBuffer(bytes), isShared: false }
  rememberOwnMemory(buffer)
  return { buffer, isShared: true }
}

/** Remembers that a buffer is over such memory. */
export function rememberOwnMemory(buffer: ArrayBufferLike): void {
  rememberMemory(buffer, { connection: undefined, source: 'block', id: 0 })
}

/** Whose memory a buffer is over, as one Python knows it; nothing if that cannot use it. */
export function memoryFor(connection: Connection, buffer: ArrayBufferLike): SharedMemory | undefined {
  const memory = memoryOf(buffer)
  if (memory === undefined || memory.connection === connection) return memory
  if (memory.connection !== undefined || buffer.byteLength === 0) return undefined
  const { last } = memory
  return last?.connection === connection ? last : (memory.others?.get(connection) ?? share(connection, memory, buffer))
}

function share(connection: Connection, memory: SharedMemory, buffer: ArrayBufferLike): SharedMemory | undefined {
  if (!connection.attached) {
    if (connection.isRemote) return undefined
    // The first call of all may have it.
    connection.startNow()
  }
  const id = connection.port.shareMemory(buffer)
  if (id === 0) return undefined
  if (memory.last?.connection !== undefined) (memory.others ??= new WeakMap()).set(memory.last.connection, memory.last)
  return (memory.last = { connection, source: 'block', id })
}
