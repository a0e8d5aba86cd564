/* Every type of Arrow crosses in both directions: whole, in slices, and as JavaScript slices it. */
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import type { ArrowModule, Handle } from 'symphony-python-bridge'
import { hosts, type HostedPython } from './support/hosts'

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

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let tables: Handle
  let samples: Record<string, Handle>

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    tables = await python.import('arrow_tables')
    samples = await tables.samples<Record<string, Handle>>()
  }, 60_000)

  /** What differs once the arrays have been in JavaScript and are back. */
  async function differences(
    cases: (
      name: string,
      array: Handle,
      whole: arrow.Vector,
    ) => Promise<[what: string, expected: Handle, data: arrow.Vector][]>,
  ): Promise<{ compared: number; different: unknown[] }> {
    const compared = await Promise.all(
      Object.entries(samples).map(async ([name, array]) => {
        const all = await cases(name, array, await array.$toArrow<arrow.Vector>())
        return await Promise.all(
          all.map(async ([what, expected, data]) => [
            name,
            what,
            await tables.difference(expected, await python.fromArrow(data)),
          ]),
        )
      }),
    )
    return { compared: compared.length, different: compared.flat().filter(([, , difference]) => difference !== null) }
  }

  const slice = async (array: Handle, offset: number, length: number): Promise<Handle> =>
    await tables.slice_of<Handle>(array, offset, length)

  test('each type comes back as it went, or as the type that stands for it', async () => {
    const { compared, different } = await differences(async (name, array, whole) => [
      ['whole', await tables.replaced<Handle>(name, array), whole],
    ])
    expect(compared).toBeGreaterThan(60)
    expect(different).toEqual([])
  })

  test.each([
    [1, 3],
    [2, 2],
    [4, 1],
    [5, 0],
    [0, 0],
  ])('so does a slice from %i of length %i, which Python or JavaScript takes', async (offset, length) => {
    const { different } = await differences(async (name, array, whole) => {
      const expected = await slice(await tables.replaced<Handle>(name, array), offset, length)
      const [part, five] = await Promise.all(
        [slice(array, offset, length), slice(array, 0, 5)].map(
          async (sliced) => await (await sliced).$toArrow<arrow.Vector>(),
        ),
      )
      return [
        ['by Python', expected, part!],
        ['by JavaScript', expected, whole.slice(offset, offset + length)],
        ['twice', expected, five!.slice(offset).slice(0, length)],
      ]
    })
    expect(different).toEqual([])
  })

  test('JavaScript reads the values', async () => {
    const values = async (name: string): Promise<unknown[]> =>
      [...(await samples[name]!.$toArrow<arrow.Vector>())].map(plain)
    expect(await values('null')).toEqual([null, null, null, null, null])
    expect(await values('bool')).toEqual([true, null, false, true, false])
    expect(await values('int64')).toEqual([2n ** 63n - 1n, null, -(2n ** 63n), 0n, 2n ** 53n + 1n])
    expect(await values('uint64')).toEqual([2n ** 64n - 1n, null, 0n, 1n, 2n ** 53n + 1n])
    expect(await values('uint8')).toEqual([1, null, 0, 7, 100])
    expect(await values('float16')).toEqual([1.5, null, -0, Infinity, 2])
    for (const name of ['string', 'large string', 'string view'])
      expect(await values(name)).toEqual(['a', null, '', 'ü'.repeat(20), '\u{1f40d}'])
    expect((await values('binary'))[3]).toEqual([...Array(40).keys()].map((index) => (index % 2) * 255))
    expect(await values('timestamp ms')).toEqual([1, null, -1, 1_700_000_000, 0])
    expect(await values('timestamp s Europe/Berlin')).toEqual([1000, null, -1000, 1_700_000_000_000, 0])
    expect(await values('list')).toEqual([[1n, null], null, [], [3n], [4n, 5n, 6n]])
    expect(await values('list of lists')).toEqual([[[1], null], null, [], [[2, 3], []], [[null]]])
    expect(await values('fixed size list')).toEqual([[1, 2], null, [3, null], [5, 6], [7, 8]])
    expect(await values('struct')).toEqual([
      { x: 1, y: 'p' },
      null,
      { x: null, y: 'q' },
      { x: 4, y: null },
      { x: 5, y: 'r' },
    ])
    expect(await values('map')).toEqual([{ k: 1n }, null, {}, { a: 2n, b: null }, { c: 3n }])
    expect(await values('dictionary')).toEqual(['x', null, 'y', 'x', 'z'])
    expect(await values('dictionary of int64')).toEqual(['p', null, 'q', 'p', 'q'])
    expect(await values('list of dictionary')).toEqual([['u'], [], ['v', null], ['u'], []])
    expect(await values('dense union')).toEqual([1n, 'a', null, 'b', null])
    expect(await values('sparse union')).toEqual([1n, 'b', null, null, 5n])
    expect(await values('run-end encoded')).toEqual(['x', 'x', null, 'y', 'y'])
    expect(await values('list view')).toEqual([[1], null, [2, 3], [], [4]])
    expect(await values('large list view')).toEqual([['c', 'd'], ['a'], [null, 'c', 'd'], [], ['d']])
  })

  test('a decimal is its digits, in 32-bit words of the two’s complement', async () => {
    for (const name of ['decimal32', 'decimal64', 'decimal128', 'decimal256']) {
      const vector = await samples[name]!.$toArrow<arrow.Vector<arrow.Decimal>>()
      const integers = [...vector].map((words) => words && signed([...words]))
      expect([name, vector.type.scale, integers]).toEqual([name, 2, [123n, null, -456n, 0n, 1_234_567n]])
    }
  })

  test('an older `apache-arrow` gets the nearest types that it has', async () => {
    const lacking = ['LargeUtf8', 'LargeBinary', 'LargeList', 'Utf8View', 'BinaryView', 'IntervalMonthDayNano']
    const Type = Object.fromEntries(Object.entries(arrow.Type).filter(([name]) => !lacking.includes(name)))
    const older = { ...arrow, Type } as unknown as ArrowModule
    const names = ['large string', 'string view', 'large binary', 'binary view', 'large list', 'large list view']
    const vectors = await Promise.all(
      names.map(async (name) => [name, await samples[name]!.$toArrow<arrow.Vector>({ arrow: older })] as const),
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
      expect([...vector].map(plain)).toEqual([...(await samples[name]!.$toArrow<arrow.Vector>())].map(plain))
    await expect(samples['month day nano']!.$toArrow({ arrow: older })).rejects.toThrow(
      'this version of apache-arrow has no type `IntervalMonthDayNano`',
    )
  })

  test('an extension type is its storage, and says in the metadata of its field what it is', async () => {
    const pyarrow = await python.import('pyarrow')
    const table = await pyarrow.table<Handle>({ id: samples.extension, tensor: samples.tensors })
    const { schema } = await table.$toArrow()
    expect(schema.fields.map(({ metadata }) => metadata.get('ARROW:extension:name'))).toEqual([
      'arrow.uuid',
      'arrow.fixed_shape_tensor',
    ])
    expect(String(schema.fields[0]!.type)).toBe('FixedSizeBinary[16]')
    expect(await tables.difference(table, await python.fromArrow(await table.$toArrow()))).toBeNull()
  })

  test('tables with one schema have schemas of their own, and another one does not get it', async () => {
    const pyarrow = await python.import('pyarrow')
    const table = async (name: string, metadata: Record<string, string>): Promise<arrow.Table> =>
      await pyarrow
        .table({ [name]: [1, 2] })
        .replace_schema_metadata(metadata)
        .$toArrow()
    const first = await table('n', { a: '1' })
    first.schema.metadata.set('a', 'changed')
    first.schema.fields[0]!.metadata.set('of', 'the field')
    const second = await table('n', { a: '1' })
    expect([...second.schema.metadata]).toEqual([['a', '1']])
    expect(second.schema.fields[0]!.metadata.size).toBe(0)
    expect([...(await table('n', { a: '2' })).schema.metadata]).toEqual([['a', '2']])
    expect((await table('m', { a: '1' })).schema.names).toEqual(['m'])
    for (let index = 0; index < 20; index++) expect((await table(`n${index}`, {})).schema.names).toEqual([`n${index}`])
    expect([...(await table('n', { a: '1' })).schema.metadata]).toEqual([['a', '1']])
  })

  afterAll(() => host.stop())
})
