/* Bitmaps of Arrow: the least significant bit first. */

/** The bytes in which `length` bits lie from `offset` on; the bits begin in the first of them, `offset & 7` bits from its lowest. */
export function bytesOfBits(bitmap: Uint8Array, offset: number, length: number): Uint8Array {
  return bitmap.subarray(offset >>> 3, (offset + length + 7) >>> 3)
}

/** `length` bits from `offset` on, so that they begin with the first bit; the same memory where they do already. */
export function alignedBits(bitmap: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = bytesOfBits(bitmap, offset, length)
  const shift = offset & 7
  if (shift === 0) return bytes
  const aligned = new Uint8Array((length + 7) >>> 3)
  for (let index = 0; index < aligned.length; index += 1) {
    aligned[index] = (bytes[index]! >>> shift) | ((bytes[index + 1] ?? 0) << (8 - shift))
  }
  return aligned
}
