/* Every type of Arrow crosses in both directions: whole, in slices, and as JavaScript slices it. */
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { python, type ArrowModule, type SyncHandle } from 'symphony-python-bridge'

let tables: SyncHandle
let samples: Record<string, SyncHandle>

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  tables = python.importSync('arrow_tables')
  samples = tables.samples<Record<string, SyncHandle>>()
}, 60_000)

/** What differs once the array has been in JavaScript and is back. */
function difference(expected: SyncHandle, data: arrow.Vector): unknown {
  return tables.difference(expected, python.fromArrowSync(data))
}

function slice(array: SyncHandle, offset: number, length: number): SyncHandle {
  return tables.slice_of<SyncHandle>(array, offset, length)
}

test('each type comes back as it went, or as the type that stands for it', () => {
  const differences = Object.entries(samples).map(([name, array]) => [
    name,
    difference(tables.replaced<SyncHandle>(name, array), array.$toArrow<arrow.Vector>()),
  ])
  expect(differences.length).toBeGreaterThan(60)
  expect(differences.filter(([, difference]) => difference !== null)).toEqual([])
})

test.each([
  [1, 3],
  [2, 2],
  [4, 1],
  [5, 0],
  [0, 0],
])('so does a slice from %i of length %i, which Python or JavaScript takes', (offset, length) => {
  const differences = Object.entries(samples).flatMap(([name, array]) => {
    const expected = slice(tables.replaced<SyncHandle>(name, array), offset, length)
    const whole = array.$toArrow<arrow.Vector>()
    return [
      [name, 'by Python', difference(expected, slice(array, offset, length).$toArrow<arrow.Vector>())],
      [name, 'by JavaScript', difference(expected, whole.slice(offset, offset + length))],
      [name, 'twice', difference(expected, slice(array, 0, 5).$toArrow<arrow.Vector>().slice(offset).slice(0, length))],
    ]
  })
  expect(differences.filter(([, , difference]) => difference !== null)).toEqual([])
})

test('JavaScript reads the values', () => {
  const values = (name: string): unknown[] => [...samples[name]!.$toArrow<arrow.Vector>()].map(plain)
  expect(values('null')).toEqual([null, null, null, null, null])
  expect(values('bool')).toEqual([true, null, false, true, false])
  expect(values('int64')).toEqual([2n ** 63n - 1n, null, -(2n ** 63n), 0n, 2n ** 53n + 1n])
  expect(values('uint64')).toEqual([2n ** 64n - 1n, null, 0n, 1n, 2n ** 53n + 1n])
  expect(values('uint8')).toEqual([1, null, 0, 7, 100])
  expect(values('float16')).toEqual([1.5, null, -0, Infinity, 2])
  for (const name of ['string', 'large string', 'string view'])
    expect(values(name)).toEqual(['a', null, '', 'ü'.repeat(20), '\u{1f40d}'])
  expect(values('binary')[3]).toEqual([...Array(40).keys()].map((index) => (index % 2) * 255))
  expect(values('timestamp ms')).toEqual([1, null, -1, 1_700_000_000, 0])
  expect(values('timestamp s Europe/Berlin')).toEqual([1000, null, -1000, 1_700_000_000_000, 0])
  expect(values('list')).toEqual([[1n, null], null, [], [3n], [4n, 5n, 6n]])
  expect(values('list of lists')).toEqual([[[1], null], null, [], [[2, 3], []], [[null]]])
  expect(values('fixed size list')).toEqual([[1, 2], null, [3, null], [5, 6], [7, 8]])
  expect(values('struct')).toEqual([{ x: 1, y: 'p' }, null, { x: null, y: 'q' }, { x: 4, y: null }, { x: 5, y: 'r' }])
  expect(values('map')).toEqual([{ k: 1n }, null, {}, { a: 2n, b: null }, { c: 3n }])
  expect(values('dictionary')).toEqual(['x', null, 'y', 'x', 'z'])
  expect(values('dictionary of int64')).toEqual(['p', null, 'q', 'p', 'q'])
  expect(values('list of dictionary')).toEqual([['u'], [], ['v', null], ['u'], []])
  expect(values('dense union')).toEqual([1n, 'a', null, 'b', null])
  expect(values('sparse union')).toEqual([1n, 'b', null, null, 5n])
  expect(values('run-end encoded')).toEqual(['x', 'x', null, 'y', 'y'])
  expect(values('list view')).toEqual([[1], null, [2, 3], [], [4]])
  expect(values('large list view')).toEqual([['c', 'd'], ['a'], [null, 'c', 'd'], [], ['d']])
})

test('a decimal is its digits, in 32-bit words of the two’s complement', () => {
  for (const name of ['decimal32', 'decimal64', 'decimal128', 'decimal256']) {
    const vector = samples[name]!.$toArrow<arrow.Vector<arrow.Decimal>>()
    const integers = [...vector].map((words) => words && signed([...words]))
    expect([name, vector.type.scale, integers]).toEqual([name, 2, [123n, null, -456n, 0n, 1_234_567n]])
  }
})

test('an older `apache-arrow` gets the nearest types that it has', () => {
  const lacking = ['LargeUtf8', 'LargeBinary', 'LargeList', 'Utf8View', 'BinaryView', 'IntervalMonthDayNano']
  const Type = Object.fromEntries(Object.entries(arrow.Type).filter(([name]) => !lacking.includes(name)))
  const older = { ...arrow, Type } as unknown as ArrowModule
  const vectors = ['large string', 'string view', 'large binary', 'binary view', 'large list', 'large list view'].map(
    (name) => [name, samples[name]!.$toArrow<arrow.Vector>({ arrow: older })] as const,
  )
  expect(vectors.map(([, { type }]) => String(type))).toEqual([
    'Utf8',
    'Utf8',
    'Binary',
    'Binary',
    'List<Utf8>',
    'List<Utf8>',
  ])
  for (const [name, vector] of vectors)
    expect([...vector].map(plain)).toEqual([...samples[name]!.$toArrow<arrow.Vector>()].map(plain))
  expect(() => samples['month day nano']!.$toArrow({ arrow: older })).toThrow(
    'this version of apache-arrow has no type `IntervalMonthDayNano`',
  )
})

test('an extension type is its storage, and says in the metadata of its field what it is', () => {
  const table = python.importSync('pyarrow').table<SyncHandle>({ id: samples.extension, tensor: samples.tensors })
  const { schema } = table.$toArrow()
  expect(schema.fields.map(({ metadata }) => metadata.get('ARROW:extension:name'))).toEqual([
    'arrow.uuid',
    'arrow.fixed_shape_tensor',
  ])
  expect(String(schema.fields[0]!.type)).toBe('FixedSizeBinary[16]')
  expect(tables.difference(table, python.fromArrowSync(table.$toArrow()))).toBeNull()
})

/** The value of little-endian words in two's complement. */
function signed(words: number[]): bigint {
  return BigInt.asIntN(
    words.length * 32,
    words.reduceRight((value, word) => (value << 32n) | BigInt(word), 0n),
  )
}

/** A value of Arrow's as plain data. */
function plain(value: unknown): unknown {
  if (value instanceof arrow.Vector) return [...value].map(plain)
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)]
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries([...(value as Iterable<[string, unknown]>)].map(([key, item]) => [key, plain(item)]))
}

test('tables with one schema have schemas of their own, and another one does not get it', () => {
  const pyarrow = python.importSync('pyarrow')
  const table = (name: string, metadata: Record<string, string>): arrow.Table =>
    pyarrow
      .table<SyncHandle>({ [name]: [1, 2] })
      .replace_schema_metadata<SyncHandle>(metadata)
      .$toArrow()
  const first = table('n', { a: '1' })
  first.schema.metadata.set('a', 'changed')
  first.schema.fields[0]!.metadata.set('of', 'the field')
  const second = table('n', { a: '1' })
  expect([...second.schema.metadata]).toEqual([['a', '1']])
  expect(second.schema.fields[0]!.metadata.size).toBe(0)
  expect([...table('n', { a: '2' }).schema.metadata]).toEqual([['a', '2']])
  expect(table('m', { a: '1' }).schema.names).toEqual(['m'])
  for (let index = 0; index < 20; index++) expect(table(`n${index}`, {}).schema.names).toEqual([`n${index}`])
  expect([...table('n', { a: '1' }).schema.metadata]).toEqual([['a', '1']])
})
