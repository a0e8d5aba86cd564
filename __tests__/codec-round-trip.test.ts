/* What is written is read back, for all plain values; msgpackr judges the subset that it keeps. */
import fc from 'fast-check'
import { Packr } from 'msgpackr'

import { Decoder } from '../ts/codec/decoder'
import { Encoder } from '../ts/codec/encoder'
import { PyFrozenSet } from '../ts/values/frozen-set'
import { PyTuple } from '../ts/values/tuple'

const encoder = new Encoder(new ArrayBuffer(16), (bytes) => new ArrayBuffer(bytes), { reference: () => false })
const decoder = new Decoder({ handle: () => null, jsObject: () => null, exception: () => null, array: () => null })

function encode(value: unknown): Buffer {
  encoder.position = 0
  encoder.beginMessage()
  encoder.value(value, 'value')
  return Buffer.from(encoder.bytes.subarray(0, encoder.position))
}

function decode(bytes: Uint8Array): unknown {
  return decoder.decode(bytes, 0, bytes.length)
}

/** Strings of any code units, lone surrogates included. */
const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
)

/** Bigints that stay bigints: smaller ones come back as numbers. */
const largeBigint = fc
  .oneof(
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.bigInt({ min: -(2n ** 700n), max: 2n ** 700n }),
  )
  .filter((value) => value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)

/** Keys of maps and members of sets that JavaScript compares by value. */
const key = fc.oneof(anyString, fc.integer(), fc.boolean(), largeBigint)

const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    largeBigint,
    anyString,
    fc.uint8Array().map((data) => Buffer.from(data)),
    fc.array(tie('plain')),
    fc.array(tie('plain')).map((items) => PyTuple.from(items)),
    fc.dictionary(anyString, tie('plain'), { noNullPrototype: true }),
    // At least one key that is no string: otherwise it comes back as an object.
    fc.array(fc.tuple(key, tie('plain'))).map((pairs) => new Map<unknown, unknown>([[null, 0], ...pairs])),
    fc.array(key).map((items) => new Set(items)),
    fc.array(key).map((items) => new PyFrozenSet(items)),
  ),
}))

test('plain values come back equal and of the same type', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(decode(encode(value))).toStrictEqual(value)
    }),
    { numRuns: 500 },
  )
})

test.each([8, 100, 8191, 8192, 20_000])('packed lists of %i numbers come back, without holes', (length) => {
  const integers = Array.from({ length }, (_, index) => index - 5)
  for (const list of [integers, integers.map((item) => item / 4), integers.map((item) => item * 2 ** 40 + 0.5)]) {
    const copy = decode(encode(list)) as number[]
    expect(copy).toStrictEqual(list)
    expect(Object.keys(copy).length).toBe(length)
  }
})

test('no bytes do anything but decode or be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(PROTOCOL|CONVERSION)$/) })
      }
    }),
    { numRuns: 5000 },
  )
})

describe('msgpackr', () => {
  // 'auto' is documented, but missing in the declarations.
  const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'bigint' })
  // Without what it loses: minus zero, lone surrogates, __proto__, bigints beyond 64 bits and our own types.
  const { common } = fc.letrec<{ common: unknown }>((tie) => ({
    common: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array().map((data) => Buffer.from(data)),
      // More numbers than these are packed, which is our own.
      fc.array(tie('common'), { maxLength: 7 }),
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        tie('common'),
        { noNullPrototype: true },
      ),
    ),
  }))

  test('reads what this encoder writes', () => {
    // Objects with the names of an earlier one are written as records, which are our own.
    const withoutRecords = common.filter((value) => !repeatsNames(value))
    const reads = fc.property(withoutRecords, (value) => expect(packr.unpack(encode(value))).toStrictEqual(value))
    fc.assert(reads, { examples: [[[{ '': 0 }]], [[{ '': 0 }]]] })
  })

  test('writes what this decoder reads', () => {
    fc.assert(fc.property(common, (value) => expect(decode(packr.pack(value))).toStrictEqual(value)))
  })
})

/** Whether two objects in it have the same property names in the same order. */
function repeatsNames(value: unknown, seen = new Set<string>()): boolean {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false
  if (Array.isArray(value)) return value.some((item) => repeatsNames(item, seen))
  const names = JSON.stringify(Object.keys(value))
  if (names !== '[]' && seen.has(names)) return true
  seen.add(names)
  return Object.values(value).some((item) => repeatsNames(item, seen))
}
