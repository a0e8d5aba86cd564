// What docs/conversion-matrix.md shows. Each case is an expression of the language that a value comes from, as text; what becomes of
// it is not said here, but found out by generate-conversion-matrix.mjs.
//
// The page must be the same with every supported Python and Node: no expression whose repr or message differs between their versions.

/** What the Python expressions know. */
export const pythonNames = `
import array, collections, dataclasses, datetime, enum, re, types, typing, zoneinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID
import numpy as np

class Level(enum.IntEnum):
    LOW = 1

class Color(enum.Enum):
    RED = 'red'

class Celsius(float):
    pass

class Name(str):
    pass

class Stamp(datetime.datetime):
    pass

class Eastern(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=-5)

    def __repr__(self):
        return 'Eastern()'

class Row(typing.TypedDict):
    id: int

@dataclasses.dataclass
class Point:
    x: int
    y: int

Pair = collections.namedtuple('Pair', 'left right')

def generate():
    yield 1

async def generate_later():
    yield 1

cycle = [1]
cycle.append({'again': cycle})
`

/** Python expressions, by what they are about. */
export const fromPython = {
  'Nothing and truth': ['None', 'True', 'False'],
  Integers: ['0', '-1', '2**53 - 1', '-(2**53 - 1)', '2**53', '-2**63', '2**64 - 1', '10**30', '-(10**30)'],
  Floats: ['1.5', '2.0', '0.0', '-0.0', '5e-324', '1e300', '2.0**53', "float('nan')", "float('-inf')"],
  Text: ["''", "'é'", "'😀'", "'a\\0b'", "'\\ud800'", "['\\udc00', '\\ud800']"],
  Bytes: ["b''", "b'\\x00\\xff'", "bytearray(b'ab')"],
  Lists: [
    '[]',
    "[1, 'a', None, [2.5]]",
    '[0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, -0.0]',
    '[1, 2, 3, 4, 5, 6, 7, -2**31]',
    '[1, 0.5, 2, 1.5, 3, 2.5, 4, 2**53 - 1]',
    '[1, 0.5, 2, 1.5, 3, 2.5, 4, 2**53]',
    '[1, 2, 3, 4, 5, 6, 7, True]',
    '[len, 1]',
  ],
  Tuples: ['()', '(1,)', "('a', (1, 2))"],
  Dicts: [
    '{}',
    "{'b': 1, 'a': {'c': None}}",
    "[{'id': 1, 'ok': True}, {'id': 2, 'ok': False}, {'id': 3, 'ok': None}]",
    "{'b': 0, '2': 0, '1': 0}",
    "{'__proto__': 1, 'constructor': 2, 'length': 3}",
    "{'': 0, 'a b': 1, 'é': 2}",
    "{1: 'one', 2.5: 'two and a half'}",
    "{2: 0, 'b': 0, 1: 0}",
    "{(1, 'a'): 'tuple', None: 'none', True: 'true'}",
    "{'then': 1}",
    "{'then': len}",
    'Row(id=1)',
  ],
  Sets: ['set()', '{1}', "{(1, 'a')}", 'frozenset()', "frozenset({'a'})", '{frozenset({1})}', '{-0.0}'],
  'Values with a class of their own in JavaScript': [
    'complex(1.5, -2)',
    'complex(-0.0, 0.0)',
    "Decimal('0.10')",
    "Decimal('1E+400')",
    "Decimal('-0')",
    "Decimal('sNaN')",
    'Fraction(1, 3)',
    'Fraction(-(2**64), 3**40)',
    "UUID('12345678-1234-5678-1234-567812345678')",
    "Path('/tmp/é')",
    "Path('')",
    'range(10)',
    'range(10, 0, -3)',
    'range(2**64)',
    'slice(1, None, 2)',
    "slice('a', (1, 2))",
    '...',
  ],
  NumPy: [
    'np.bool_(True)',
    'np.int8(-1)',
    'np.uint64(2**64 - 1)',
    'np.float32(0.1)',
    'np.float64(1.5)',
    'np.float64(2.0)',
    'np.complex128(1j)',
    "np.str_('a')",
  ],
  Arrays: [
    'np.array([1, 2, 3])',
    "np.array([[1.5, 2.5], [3.5, 4.5]], 'f4')",
    "np.array([[1, 2], [3, 4]], 'i2', order='F')",
    "np.array([1, -1], 'i1')",
    "np.array([2**64 - 1], 'u8')",
    "np.array([1.5, -0.25], 'f2')",
    'np.array([True, False])',
    'np.array([1+2j])',
    'np.array(7.5)',
    'np.zeros((0, 3))',
    'np.arange(5.0)[::2]',
    "np.frombuffer(b'ab', 'u1')",
    "np.array([1.5], '>f8')",
    'np.array([None, 1])',
    "np.array(['a'])",
    "np.array(['2025-03-14'], 'M8[D]')",
    "np.zeros(1, 'i4,f8')",
    'np.matrix([1])',
    "array.array('i', [1, -1])",
    "array.array('d', [])",
    "memoryview(bytearray(b'ab'))",
    "memoryview(bytearray(4)).cast('H')",
    "memoryview(bytearray(4)).cast('B', (2, 2))",
    'memoryview(bytearray(4))[::2]',
    "memoryview(b'ab')",
    "[np.array([1, 2]), {'a': array.array('f', [0.5])}]",
  ],
  'Subclasses of what is copied': [
    'Level.LOW',
    'Celsius(21.5)',
    "Name('Ada')",
    'Pair(1, 2)',
    'collections.OrderedDict()',
    'collections.defaultdict(int)',
    "collections.Counter('a')",
  ],
  'Dates and times': [
    'datetime.date(2025, 3, 14)',
    'datetime.datetime(2025, 3, 14, 15, 9, 26, 535897)',
    'datetime.datetime(2025, 3, 14, tzinfo=datetime.timezone.utc)',
    'datetime.time(15, 9, fold=1)',
    "datetime.datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))",
    "datetime.datetime(2025, 3, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=-5), 'EST'))",
    'datetime.datetime.min',
    'datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(microseconds=1)))',
    'datetime.time(15, 9, 26, 535897, tzinfo=datetime.timezone.utc)',
    'datetime.timedelta(days=1, microseconds=1)',
    'datetime.timedelta(microseconds=-1)',
    'Stamp(2025, 3, 14)',
    'datetime.datetime(2025, 3, 14, tzinfo=Eastern())',
  ],
  Objects: [
    'Color.RED',
    'Point(1, 2)',
    'object()',
    'len',
    'lambda: 1',
    'Point',
    "types.ModuleType('made')",
    'iter([1])',
    'generate()',
    'generate_later()',
    "{'a': 1}.keys()",
    "ValueError('no')",
    "re.compile('a+')",
    'typing.List[int]',
  ],
  'What cannot cross': ['cycle', "'\\ud83d\\ude00'", "{float('nan'), float('inf') - float('inf')}"],
}

/** What the JavaScript expressions know beyond the package's exports: `other`, which evaluates in another realm, and `thing`, a handle. */
export const fromJavaScript = {
  'Nothing and truth': ['null', 'true', 'false'],
  Numbers: ['0', '-1', '1.5', '2.0', '-0', 'NaN', '-Infinity', '2 ** 53 - 1', '2 ** 53', '1e300', 'Number.MIN_VALUE'],
  Bigints: ['0n', '5n', '-(2n ** 63n)', '2n ** 64n', '10n ** 30n', '-(2n ** 4000n) % 10n ** 20n'],
  'Numbers of one type': ['python.float(1)', 'python.float(-0)', 'python.int(2 ** 60)', 'python.int(10n ** 30n)'],
  Strings: ["''", "'é'", "'😀'", "'a\\0b'", "'\\ud800'", "'\\ud83d' + '\\ude00'"],
  Bytes: [
    "Buffer.from('ab')",
    'new Uint8Array([0, 255])',
    'new Uint8Array(0)',
    'Uint8Array.of(1, 2, 3, 4).subarray(1, 3)',
    'python.bytes(Uint8Array.of(65))',
    "other('Uint8Array.of(1)')",
  ],
  Arrays: [
    '[]',
    "[1, 'a', null, [2.5]]",
    '[undefined, 1]',
    '[1, , 3]',
    '[0.5, 1, 2, 3, 4, 5, 6, -0]',
    '[1, 2, 3, 4, 5, 6, 7, 2 ** 53]',
    'Object.assign([1], { extra: 2 })',
    "other('[1, [2]]')",
    'Object.freeze([1])',
  ],
  Tuples: ['python.tuple()', "python.tuple(1, 'a')", 'PyTuple.from([1, [2]])'],
  'Plain objects': [
    '{}',
    '{ b: 1, a: { c: null } }',
    '[{ id: 1, ok: true }, { id: 2, ok: false }, { id: 3, ok: null }]',
    '{ b: 0, 2: 0, 1: 0 }',
    'JSON.parse(\'{"__proto__": 1}\')',
    '{ a: undefined, b: 1 }',
    'Object.assign(Object.create(null), { a: 1 })',
    "other('({ a: 1 })')",
    '{ get a() { return 1 } }',
    "Object.defineProperty({ a: 1 }, 'hidden', { value: 2 })",
    '{ then: 1 }',
  ],
  Maps: [
    'new Map()',
    "new Map([['a', 1]])",
    "new Map([[1, 'one'], [2.5, 'two and a half']])",
    "new Map([[python.tuple(1, 'a'), 1], [null, 2]])",
    'new Map([[2, 0], [1, 0]])',
    "other('new Map([[1, 2]])')",
    "new Map([[1, 'number'], [1n, 'bigint']])",
    "new Map([[1, 'number'], [true, 'boolean']])",
    "new Map([[[1], 'list']])",
  ],
  'Typed arrays and other memory': [
    'Int8Array.of(1, -1)',
    'Uint8ClampedArray.of(255)',
    'Int16Array.of(1, -1)',
    'Uint16Array.of(1, 2)',
    'Int32Array.of(1, -1)',
    'Uint32Array.of(1, 2)',
    'BigInt64Array.of(-(2n ** 63n))',
    'BigUint64Array.of(2n ** 64n - 1n)',
    'Float32Array.of(1.5)',
    'Float64Array.of(0.1)',
    'new Float64Array(0)',
    'Float64Array.of(1, 2, 3).subarray(1)',
    "other('Float32Array.of(1)')",
    'new ArrayBuffer(2)',
    'new DataView(new ArrayBuffer(4), 1, 2)',
    'new SharedArrayBuffer(2)',
    'new Int32Array(new SharedArrayBuffer(8))',
    'python.memoryview(2)',
    'python.memoryview(Int16Array.of(1, -1))',
    "python.ndarray([2, 2], 'int32')",
    "python.ndarray(2, 'complex64')",
    "python.ndarray(2, 'float16')",
    "python.ndarray([], 'bool')",
    '[Float64Array.of(1.5), { a: python.ndarray(1) }]',
  ],
  Sets: [
    'new Set()',
    "new Set(['a'])",
    'python.set([1])',
    'new PyFrozenSet([1])',
    'new Set([new PyFrozenSet([1])])',
    'new Set([1, true])',
    'new Set([{}])',
  ],
  'Classes for Python types': [
    'python.complex(1.5, -2)',
    "python.decimal('0.10')",
    "python.decimal('-Infinity')",
    'python.fraction(2, -6)',
    "python.uuid('12345678-1234-5678-1234-567812345678')",
    "python.path('/tmp/é')",
    'python.range(10, 0, -3)',
    'python.slice(1, null, 2)',
    'python.ellipsis',
  ],
  'Python objects': ['thing', '[thing, { thing }]', 'thing.$sync'],
  'Functions and instances of classes': [
    'function named(a, b) {}',
    'Math.max',
    'new (class Point { x = 1 })()',
    '[new (class Point { x = 1 })(), { area: (point) => 0 }]',
    '/a+/g',
    "new RangeError('no')",
    'new (class Price extends PyDecimal {})("1.50")',
    'Object.assign(Object.create({ inherited: 1 }), { a: 1 })',
    'other("new (class Point { x = 1 })()")',
    '(() => { const node = new (class Node {})(); node.self = node; return node })()',
  ],
  'Promises, iterators and streams': [
    'Promise.resolve(1)',
    'async function later(a) {}',
    '({ then(resolve) { resolve(1) }, __proto__: { isQuery: true } })',
    '[1, 2].values()',
    'new URLSearchParams("a=1")',
    'new (class Rows { *[Symbol.iterator]() { yield 1 } })()',
    '(async function* () { yield 1 })()',
    'new Blob(["text"]).stream()',
  ],
  'Dates and times': [
    'new Date(1234)',
    "other('new Date(0)')",
    'new (class Bare extends Date {})(0)',
    'python.datetime(2025, 3, 14, 15, 9, 26, 535897)',
    "python.datetime('2025-03-14T15:09Z')",
    "python.datetime({ year: 2025, month: 7, day: 1, zone: 'Europe/Berlin' })",
    'python.date(2025, 3, 14)',
    "python.time('15:09:26.535897+01:00')",
    'python.timedelta({ hours: -1.5 })',
  ],
  'What cannot cross': [
    'new Date(NaN)',
    'new Date(8.64e15)',
    'new (class Zoned extends Date { get zone() { return "UTC" } })()',
    "Symbol('tag')",
    'new WeakMap()',
    'new (class List extends Array {})()',
    'new (class Index extends Map {})()',
    'Object(1)',
    '{ rows: [{ when: new Date(NaN) }] }',
    "{ [Symbol('tag')]: 1 }",
    'new Map([[{ a: 1 }, Symbol.iterator]])',
    '{ get a() { throw new RangeError("of the getter") } }',
    '(() => { const cycle = { list: [] }; cycle.list.push(cycle); return cycle })()',
  ],
}

/** Paths and calls that stand for their outcome, which stays in Python. */
export const notAwaited = ['thing.real', 'thing.is_integer()', '[thing.real, { a: thing.hex() }]']

/** Arguments of a call, to show where `undefined` is no value. */
export const argumentLists = [
  '',
  'undefined',
  '1, undefined',
  'undefined, 1',
  'null',
  'kw({ a: 1, b: undefined })',
  '1, kw({})',
  '{ a: undefined }, kw({ b: { c: undefined } })',
  '[undefined]',
]

/** Options, each with what shows it: expressions of Python for results, of JavaScript for arguments. */
export const options = [
  { options: { int: 'number' }, python: ['1', '2**53 - 1', '2**53', "{'rows': [{'id': 2**60}]}", '2.0**60'] },
  {
    options: { int: 'bigint' },
    python: [
      '1',
      '2.0',
      'True',
      "[1, {'a': 2}]",
      '[1, 2, 3, 4, 5, 6, 7, 8]',
      '[1, 0.5, 2, 1.5, 3, 2.5, 4, 3.0]',
      '{1: 1}',
      'Decimal(1)',
    ],
  },
  {
    options: { number: 'float' },
    javascript: ['1', '-1.5', '5n', '[1, { a: 2 }]', 'true', 'python.int(1)', 'new Map([[1, 2]])'],
  },
  { options: { dict: 'map' }, python: ['{}', "{'a': {'b': 1}}", '{1: 2}', "[{'a': 1}, {'a': 2}, {'a': 3}]"] },
  {
    options: { dict: 'object' },
    python: ['{}', "{'a': 1}", '{1: 2}', "{'rows': [{'a': 1}, {2: 3}]}", "{'then': len}"],
  },
  { options: { returns: 'ref' }, python: ['1', "'a'", '[1, 2]', 'None'] },
  { options: { returns: 'value' }, python: ['[1, 2]', 'object()', "{'rows': [1, len]}"] },
]
