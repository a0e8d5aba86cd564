/* What becomes of wire values in JavaScript. */
import { types } from 'node:util'

import { Decoder } from '../ts/codec/decoder'
import { PyFrozenSet } from '../ts/values/frozen-set'
import { PyTuple } from '../ts/values/tuple'

const decoder = new Decoder({
  handle: (id, typeKey) => ({ id, typeKey }),
  jsObject: (id) => ({ id }),
  array: () => null,
  exception: (description) => ({ description }),
})

function decode(hex: string): unknown {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return decoder.decode(bytes, 0, bytes.length)
}

test('integers are numbers while those are exact, and bigints beyond', () => {
  expect(decode('cf 001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER)
  expect(decode('cf 0020000000000000')).toBe(2n ** 53n)
  expect(decode('d3 ffe0000000000001')).toBe(Number.MIN_SAFE_INTEGER)
  expect(decode('d3 ffe0000000000000')).toBe(-(2n ** 53n))
})

test('a dict with string keys is an ordinary object', () => {
  const object = decode('81 a161 01') as object
  expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  expect(Object.getOwnPropertyDescriptor(object, 'a')).toEqual({
    value: 1,
    writable: true,
    enumerable: true,
    configurable: true,
  })
})

test('__proto__ and constructor as keys are own properties', () => {
  const object = decode('82 a9 5f5f70726f746f5f5f 80 ab 636f6e7374727563746f72 01') as object
  expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  expect(Object.entries(object)).toEqual([
    ['__proto__', {}],
    ['constructor', 1],
  ])
})

test('__proto__ as key of a nested container is an own property', () => {
  const object = decode('81 a9 5f5f70726f746f5f5f 91 01') as object
  expect(Object.entries(object)).toEqual([['__proto__', [1]]])
})

test('other keys make a Map that keeps their order', () => {
  expect(decode('d40604 82 a162 01 02 a161')).toEqual(
    new Map<unknown, unknown>([
      ['b', 1],
      [2, 'a'],
    ]),
  )
})

test('tuples and frozensets have their classes', () => {
  expect(decode('d40601 92 01 02')).toBeInstanceOf(PyTuple)
  expect(decode('d40603 91 01')).toBeInstanceOf(PyFrozenSet)
})

test('bytes have memory of their own', () => {
  const bytes = Buffer.from('c403010203', 'hex')
  const first = decoder.decode(bytes, 0, bytes.length) as Buffer
  bytes.fill(0)
  expect(Buffer.isBuffer(first)).toBe(true)
  expect([...first]).toEqual([1, 2, 3])
  expect(first.buffer.byteLength).toBe(3)
})

test('a bytearray is a Uint8Array and no Buffer', () => {
  const data = decode('c7 03 03 010203') as Uint8Array
  expect(types.isUint8Array(data) && !Buffer.isBuffer(data)).toBe(true)
  expect([...data]).toEqual([1, 2, 3])
})

test('handles go through the hook', () => {
  expect(decode('91 d704 05000000 07000000')).toEqual([{ id: 5, typeKey: 7 }])
})

test('what JavaScript would make equal is an error', () => {
  const nan = 'cb 7ff8000000000000'
  for (const hex of [`d40602 92 ${nan} ${nan}`, `d40603 92 ${nan} ${nan}`, `d40604 82 ${nan} 01 ${nan} 02`]) {
    expect(() => decode(hex)).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION' }))
  }
})

test('strings of all lengths and alphabets are read', () => {
  for (const unit of ['a', 'é', '€', '😀', '\0', '\ufffd']) {
    for (const count of [0, 1, 5, 8, 9, 11, 12, 24, 25, 31, 32, 40, 100, 300, 70_000]) {
      const text = unit.repeat(count)
      const utf8 = Buffer.from(text)
      const header = Buffer.alloc(5, 0xdb)
      header.writeUInt32BE(utf8.length, 1)
      const bytes = Buffer.concat([header, utf8])
      expect(decoder.decode(bytes, 0, bytes.length)).toBe(text)
    }
  }
})

test('keys that share length and ends are told apart', () => {
  const names = ['abcd_x_wxyz', 'abcd_y_wxyz', 'abcd_x_wxyz', 'abcdé_wxyz']
  for (const name of [...names, ...names]) {
    const utf8 = Buffer.from(name)
    const bytes = Buffer.concat([Buffer.from([0x81, 0xa0 | utf8.length]), utf8, Buffer.from([1])])
    expect(decoder.decode(bytes, 0, bytes.length)).toEqual({ [name]: 1 })
  }
})

test('a value in the middle of a message is read alone', () => {
  const bytes = Buffer.from('ff920102ff', 'hex')
  expect(decoder.decode(bytes, 1, bytes.length)).toEqual([1, 2])
  expect(decoder.position).toBe(4)
})

test('a decoder works after an error', () => {
  expect(() => decode('93 01')).toThrow('ends too early')
  expect(decode('91 01')).toEqual([1])
})
