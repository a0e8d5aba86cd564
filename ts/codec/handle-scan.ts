/* Finds the handles and the JavaScript objects in a message without decoding it, for a message that could not be decoded to its end. */
import { Extension, Lead } from './format'

/** Bytes of a fixed payload behind a lead byte. */
const payloads: ReadonlyMap<number, number> = new Map([
  [Lead.float64, 8],
  [Lead.uint8, 1],
  [Lead.uint16, 2],
  [Lead.uint32, 4],
  [Lead.uint64, 8],
  [Lead.int8, 1],
  [Lead.int16, 2],
  [Lead.int32, 4],
  [Lead.int64, 8],
  [Lead.array16, 2],
  [Lead.array32, 4],
  [Lead.map16, 2],
  [Lead.map32, 4],
])

/** For each group of leads with a length: the first of its three leads, which have lengths of one, two and four bytes. */
const sized = [Lead.bin8, Lead.ext8, Lead.str8]

/**
 * Calls `visit` for each crossing of a handle, `visitJsObject` for each of a JavaScript object, and `visitArray` for the payload of each
 * array, in order. Containers are headers, so the message is a flat row of values, and none of them
 * has to be understood.
 */
export function forEachHandle(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (id: number, typeKey: number) => void,
  visitJsObject: (id: number) => void,
  visitArray: (start: number, length: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(end, bytes.length))
  let position = start
  while (position < view.byteLength) {
    const lead = view.getUint8(position)
    position += 1
    if (lead >= Lead.fixstr && lead < Lead.nil) {
      position += lead & 0x1f
    } else if (lead >= Lead.fixext1 && lead <= Lead.fixext16) {
      const length = 1 << (lead - Lead.fixext1)
      const code = view.getUint8(position)
      if (code === Extension.handle && length === 8) {
        visit(view.getUint32(position + 1, true), view.getUint32(position + 5, true))
      } else if (code === Extension.jsObject && length === 4) {
        visitJsObject(view.getUint32(position + 1, true))
      }
      position += 1 + length
    } else {
      const group = sized.find((first) => lead >= first && lead < first + 3)
      if (group === undefined) {
        position += payloads.get(lead) ?? 0
        continue
      }
      const width = 1 << (lead - group)
      const length =
        width === 1 ? view.getUint8(position) : width === 2 ? view.getUint16(position) : view.getUint32(position)
      if (group === Lead.ext8 && view.getUint8(position + width) === Extension.array) {
        visitArray(position + width + 1, length)
      }
      position += width + length + (group === Lead.ext8 ? 1 : 0)
    }
  }
}
