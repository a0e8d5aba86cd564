/* What becomes of JavaScript values, and what is said when nothing can. */
import { runInNewContext } from 'node:vm'

import { Decoder } from '../ts/codec/decoder'
import type { ByteWriter } from '../ts/codec/byte-writer'
import { Encoder } from '../ts/codec/encoder'
import { BridgeError } from '../ts/errors/bridge-error'
import { PyFrozenSet } from '../ts/values/frozen-set'
import { PyTuple } from '../ts/values/tuple'

const noReference = { reference: () => false }

function bytesOf(value: unknown, hooks: ConstructorParameters<typeof Encoder>[2] = noReference): Buffer {
  const encoder = new Encoder(new ArrayBuffer(8), (bytes) => new ArrayBuffer(bytes), hooks)
  encoder.value(value, 'args[0]')
  return Buffer.from(encoder.bytes.subarray(0, encoder.position))
}

const hex = (value: unknown): string => bytesOf(value).toString('hex')

function errorOf(value: unknown): BridgeError {
  try {
    bytesOf(value)
  } catch (error) {
    if (error instanceof BridgeError) return error
    throw error
  }
  throw new Error('expected an error')
}

function pathOf(value: unknown): string | undefined {
  const error = errorOf(value)
  expect(error.code).toBe('ERR_CONVERSION')
  expect(error.message).toContain(`${error.path}: `)
  return error.path
}

function nested(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = null
  for (let index = 0; index < depth; index++) value = wrap(value)
  return value
}

describe('numbers', () => {
  test.each([
    ['integral numbers are integers', 5, '05'],
    ['minus zero is a float', -0, 'cb8000000000000000'],
    ['fractions are floats', 0.5, 'cb3fe0000000000000'],
    ['the largest safe integer is an integer', Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
    ['an integral number beyond it is a float', 2 ** 53, 'cb4340000000000000'],
    ['a small bigint is an integer', 5n, '05'],
    ['NaN is a float', NaN, 'cb7ff8000000000000'],
  ])('%s', (_, value, expected) => {
    expect(hex(value)).toBe(expected)
  })
})

describe('undefined', () => {
  test('is absent from objects', () => {
    expect(hex({ a: undefined, b: 1, c: undefined })).toBe(hex({ b: 1 }))
  })

  test('is None in arrays, in maps and alone', () => {
    expect(hex([undefined])).toBe(hex([null]))
    expect(hex(new Map([['a', undefined]]))).toBe(hex(new Map([['a', null]])))
    expect(hex(undefined)).toBe(hex(null))
  })

  test('may be dropped from objects of any size', () => {
    for (const size of [15, 16, 70_000]) {
      const object = Object.fromEntries(Array.from({ length: size }, (_, index) => [`key${index}`, index]))
      const bytes = bytesOf({ ...object, key0: undefined })
      const decoded = new Decoder({
        handle: () => null,
        jsObject: () => null,
        exception: () => null,
        array: () => null,
      }).decode(bytes, 0, bytes.length)
      expect(Object.keys(decoded as object)).toHaveLength(size - 1)
    }
  })
})

describe('objects', () => {
  test('the prototype may be null', () => {
    expect(hex(Object.assign(Object.create(null), { a: 1 }))).toBe(hex({ a: 1 }))
  })

  test('an own __proto__ is data', () => {
    expect(hex(JSON.parse('{"__proto__":1}'))).toBe('81a95f5f70726f746f5f5f01')
  })

  test('toJSON is ignored', () => {
    expect(pathOf({ toJSON: () => 1 })).toBe('args[0].toJSON')
    expect(hex(Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 2 }))).toBe(hex({ a: 1 }))
  })

  test('what is not enumerable and what is inherited stays behind', () => {
    const object = Object.defineProperty({ a: 1 }, 'hidden', { value: 2, enumerable: false })
    expect(hex(object)).toBe(hex({ a: 1 }))
  })

  test('an enumerable symbol as key is an error', () => {
    expect(pathOf([{ [Symbol('tag')]: 1 }])).toBe('args[0][0]')
    expect(hex(Object.defineProperty({}, Symbol('tag'), { value: 1 }))).toBe('80')
  })

  test('a getter that throws is an error with path and cause', () => {
    const cause = new Error('no')
    const error = errorOf({
      a: {
        get b() {
          throw cause
        },
      },
    })
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[0].a.b', cause })
  })

  test('a getter that shortens an array that is being written leaves None', () => {
    const list: unknown[] = [
      {
        get a() {
          list.length = 1
          return 1
        },
      },
      2,
    ]
    expect(hex(list)).toBe(hex([{ a: 1 }, null]))
  })
})

describe('arrays', () => {
  test('holes are None', () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(hex([1, , 3])).toBe(hex([1, null, 3]))
  })

  test('an array of 2^32 - 1 holes is an error, at once', () => {
    const list: unknown[] = []
    list.length = 2 ** 32 - 1
    expect(pathOf({ list })).toBe('args[0].list')
  })
})

describe('other realms', () => {
  test.each(['({ a: 1 })', '[1, { a: 2 }]', 'new Map([[1, 2]])', 'new Set([1])', 'new Uint8Array([1, 2])'])(
    '%s is plain data',
    (source) => {
      // eslint-disable-next-line @typescript-eslint/no-implied-eval
      expect(hex(runInNewContext(source))).toBe(hex(new Function(`return ${source}`)()))
    },
  )

  test('an instance of a class is not', () => {
    expect(pathOf(runInNewContext('new (class Point {})()'))).toBe('args[0]')
  })
})

describe('collections and bytes', () => {
  test('tuples, sets and frozensets keep their kind', () => {
    expect(hex(new PyTuple(1, 2))).toBe('d40601920102')
    expect(hex(new Set([1]))).toBe('d4060291' + '01')
    expect(hex(new PyFrozenSet([1]))).toBe('d4060391' + '01')
  })

  test('a Map with string keys only is an ordinary dict', () => {
    expect(hex(new Map([['a', 1]]))).toBe(hex({ a: 1 }))
    expect(
      hex(
        new Map<unknown, unknown>([
          ['a', 1],
          [2, 3],
        ]),
      ),
    ).toBe('d4060482a161010203')
  })

  test('Buffer and Uint8Array are bytes', () => {
    expect(hex(Buffer.from([1, 2]))).toBe('c4020102')
    expect(hex(new Uint8Array([9, 1, 2]).subarray(1))).toBe('c4020102')
    expect(hex(new Uint8Array(new SharedArrayBuffer(2)))).toBe('c4020000')
  })
})

test('the path of a getter that throws names the property, also in later rows of a table', () => {
  const row = (value: number): object => ({ id: value, value })
  const failing = {
    id: 3,
    get value(): never {
      throw new RangeError('no value')
    },
  }
  expect(pathOf([failing])).toBe('args[0][0].value')
  expect(pathOf([row(1), row(2), row(3), failing])).toBe('args[0][3].value')
})

describe('references', () => {
  const known = Object.assign(() => null, { id: 5 })
  const pending = new (class Pending {})()
  const hooks = {
    reference: (value: object, writer: ByteWriter) => {
      if (value === known) writer.handle(5)
      else if (value === pending) writer.request(7)
      return value === known || value === pending
    },
  }

  test('handles and requests are written as such', () => {
    expect(bytesOf([known, { a: pending }], hooks).toString('hex')).toBe('92d6040500000081a161d60507000000')
  })

  test('what the hook throws passes through', () => {
    const disposed = new BridgeError('ERR_HANDLE_DISPOSED', 'disposed')
    const throwing = {
      reference: (_: object, _writer: ByteWriter, path: () => string): boolean => {
        expect(path()).toBe('args[0][1]')
        throw disposed
      },
    }
    expect(() => bytesOf([0, () => 1], throwing)).toThrow(disposed)
  })

  test('plain data is not asked for', () => {
    const reference = jest.fn(() => false)
    bytesOf([{}, [], new Map(), new Set(), new PyTuple(), Buffer.alloc(0)], { reference })
    expect(reference).not.toHaveBeenCalled()
  })
})

describe('values without a counterpart', () => {
  class Point {}
  class Row extends Array {}
  test.each([
    ['a symbol', Symbol('tag'), 'got the symbol `Symbol(tag)`'],
    ['a function', function walk() {}, 'got the function `walk`'],
    ['an instance', new Point(), 'got an instance of `Point`'],
    ['a subclass of Array', new Row(), 'got an instance of `Row`; pass `Array.from(it)`'],
    [
      'a kind of Date',
      new (class Stamp extends Date {
        readonly zone = 'UTC'
      })(),
      'got an instance of `Stamp`; pass `new Date(it)`',
    ],
    ['a Promise', Promise.resolve(1), 'got an instance of `Promise`'],
    ['a WeakMap', new WeakMap(), 'got an instance of `WeakMap`; its members cannot be listed'],
    ['a typed array', new Float64Array(1), 'got an instance of `Float64Array`; pass `Array.from(it)`'],
    ['an ArrayBuffer', new ArrayBuffer(1), 'got an instance of `ArrayBuffer`; pass `new Uint8Array(it)`'],
    ['a boxed number', Object(1), 'got an instance of `Number`; pass its `valueOf()`'],
    ['an object with a strange prototype', Object.create(Object.create(null)), 'an object with an unknown prototype'],
    ['a false Map', Object.create(Map.prototype), 'got an instance of `Map`'],
    ['a false array', Object.create(Array.prototype), 'got an instance of `Array`'],
  ])('%s', (_, value, message) => {
    const error = errorOf({ rows: [0, { 'unit price': value }] })
    expect(error).toMatchObject({ code: 'ERR_CONVERSION', path: 'args[0].rows[1]["unit price"]' })
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/^args\[0\]\.rows\[1\]\["unit price"\]: expected /)
  })
})

describe('paths', () => {
  const bad = Symbol('bad')
  test.each<[unknown, string]>([
    [bad, 'args[0]'],
    [{ a: { b_$: bad } }, 'args[0].a.b_$'],
    [{ '': bad }, 'args[0][""]'],
    [{ '1a': [bad] }, 'args[0]["1a"][0]'],
    [new Map([['key', bad]]), 'args[0].key'],
    [
      new Map<unknown, unknown>([
        [1, 2],
        [2, bad],
      ]),
      'args[0][2]',
    ],
    [new Map([[[], bad]]), 'args[0]<value 0>'],
    [new Map([[bad, 1]]), 'args[0]<key 0>'],
    [new Map([[[1, bad], 1]]), 'args[0]<key 0>[1]'],
    [new Set([1, bad]), 'args[0]<item 1>'],
    [new PyTuple(1, bad), 'args[0][1]'],
  ])('lead to the value (%#)', (value, path) => {
    expect(pathOf(value)).toBe(path)
  })
})

describe('depth and cycles', () => {
  test.each<[string, (inner: unknown) => unknown]>([
    ['arrays', (inner) => [inner]],
    ['objects', (inner) => ({ inner })],
    ['maps', (inner) => new Map([[1, inner]])],
    ['tuples', (inner) => new PyTuple(inner)],
  ])('100,000 nested %s survive', (_, wrap) => {
    const bytes = bytesOf(nested(100_000, wrap))
    const decoder = new Decoder({ handle: () => null, jsObject: () => null, exception: () => null, array: () => null })
    let value = decoder.decode(bytes, 0, bytes.length)
    let depth = 0
    for (; value !== null; depth++) {
      value = value instanceof Map ? value.get(1) : Object.values(value as object)[0]
    }
    expect(depth).toBe(100_000)
  })

  test('cycles are an error with the path to the repetition', () => {
    const object: Record<string, unknown> = {}
    object.list = [1, object]
    expect(pathOf(object)).toBe('args[0].list[1]')
    const map = new Map<string, unknown>()
    map.set('self', map)
    expect(pathOf(map)).toBe('args[0].self')
    const set = new Set<unknown>()
    set.add(set)
    expect(pathOf(set)).toBe('args[0]<item 0>')
  })

  test('a cycle deeper than the shallow search is found', () => {
    const innermost: unknown[] = []
    const list = nested(100, (inner) => [inner ?? innermost]) as unknown[]
    innermost.push(innermost)
    expect(errorOf(list).message).toContain('contains itself')
    innermost[0] = list
    expect(errorOf(list).message).toContain('contains itself')
  })

  test('data that is shared without a cycle is copied twice', () => {
    const shared = nested(50, (inner) => ({ inner }))
    expect(hex([shared, shared])).toBe(hex([nested(50, (inner) => ({ inner })), structuredClone(shared)]))
  })
})

test('an encoder works after an error, and its position is the caller’s', () => {
  const encoder = new Encoder(new ArrayBuffer(8), (bytes) => new ArrayBuffer(bytes), noReference)
  encoder.value([1], '')
  const kept = encoder.position
  const shared = { a: Symbol('bad') }
  expect(() => encoder.value([shared], '')).toThrow('expected')
  encoder.position = kept
  encoder.beginMessage()
  encoder.value([{ ...shared, a: 1 }, shared.a.description], '')
  expect(Buffer.from(encoder.bytes.subarray(0, encoder.position)).toString('hex')).toBe(
    hex([1]) + hex([{ a: 1 }, 'bad']),
  )
})

test('memory that ends with the next one is copied before', () => {
  let current = new ArrayBuffer(4)
  const grow = (bytes: number): ArrayBuffer => {
    new Uint8Array(current).fill(0xee)
    return (current = new ArrayBuffer(bytes))
  }
  const encoder = new Encoder(current, grow, noReference)
  const value = Array.from({ length: 1000 }, (_, index) => `item ${index}`)
  encoder.value(value, '')
  expect(Buffer.from(encoder.bytes.subarray(0, encoder.position)).toString('hex')).toBe(hex(value))
})

test('strings of 100 MB are written', () => {
  const bytes = bytesOf('0123456789'.repeat(10_000_000))
  expect(bytes.length).toBe(100_000_005)
  expect(bytes.subarray(0, 15).toString('latin1')).toBe('\xdb\x05\xf5\xe1\x000123456789')
})
