/* Tables and columns of pandas, polars, pyarrow and of whatever speaks the Arrow PyCapsule interface. */
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'

let sources: Handle
let sync: SyncHandle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sources = await python.import('arrow_sources')
  sync = sources.$sync
}, 60_000)

test('a pandas frame keeps its index, categories, zones and nulls, there and back', async () => {
  const frame = await sources.pandas_frame<Handle>()
  const table = await frame.$toArrow()
  expect(table).toBeInstanceOf(arrow.Table)
  expect(table.schema.fields.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([
    'id: Int64',
    'price: Float64',
    'name: Utf8',
    'kind: Dictionary<Int8, Utf8>',
    'when: Timestamp<NANOSECOND, Europe/Berlin>',
    'count: Int64',
    'row: Utf8',
  ])
  expect(table.get(1)!.toJSON()).toEqual({
    id: 2n,
    price: null,
    name: null,
    kind: 'y',
    when: null,
    count: null,
    row: 'r2',
  })
  // pandas has one type for whole numbers with nulls, and this column says in its metadata that it is one.
  const back = await python.fromArrow(table, { to: 'pandas' })
  expect(back.$type).toContain('DataFrame')
  expect(await sources.pandas_same(back.astype({ count: 'Int64' }), frame)).toBe(true)
})

test('`preserveIndex` decides on the index of a pandas frame', async () => {
  const frame = await sources.pandas_frame<Handle>()
  const names = (table: arrow.Table): string[] => table.schema.fields.map(({ name }) => name)
  expect(names(await frame.$toArrow({ preserveIndex: false }))).not.toContain('row')
  expect(names(await frame.$toArrow({ preserveIndex: true }))).toContain('row')
  const counted = frame.reset_index()
  expect(names(await counted.$toArrow())).not.toContain('__index_level_0__')
  expect(names(await counted.$toArrow({ preserveIndex: true }))).toContain('__index_level_0__')
  await expect(sources.table().$toArrow({ preserveIndex: true })).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: '`preserveIndex` is about pandas DataFrames, but this is a pyarrow.lib.Table',
  })
})

test('a polars frame keeps its categories, lists and structs, there and back', async () => {
  const frame = await sources.polars_frame<Handle>()
  const table = await frame.$toArrow()
  expect(table.get(0)!.toJSON()).toMatchObject({
    id: 1n,
    text: 'a',
    kind: 'x',
    choice: 'lo',
    when: Date.UTC(2025, 0, 1),
  })
  expect(String(table.schema.fields[1]!.type)).toBe('Utf8View')
  const back = await python.fromArrow(table, { to: 'polars' })
  expect(await back.equals(frame)).toBe(true)
  expect(await back.schema.$is(null)).toBe(false)
  expect(await back.schema.$str()).toBe(await frame.schema.$str())
})

test('series and arrays are vectors, record batches are record batches, readers are tables', async () => {
  const { pandas_frame, polars_frame, table, reader } = sync as Record<string, (...args: unknown[]) => SyncHandle>
  const numbers = (data: SyncHandle): unknown[] => [...data.$toArrow<arrow.Vector<arrow.Int64>>()]
  expect(numbers(pandas_frame!().$getItem('id'))).toEqual([1n, 2n, 3n])
  expect([...(pandas_frame!().index as unknown as SyncHandle).$toArrow<arrow.Vector>()]).toEqual(['r1', 'r2', 'r3'])
  expect(numbers(polars_frame!().$getItem('id'))).toEqual([1n, 2n, 3n])
  expect([...polars_frame!().$getItem<SyncHandle>('text').$toArrow<arrow.Vector>()].slice(0, 2)).toEqual(['a', null])
  expect(numbers(table!().column<SyncHandle>('number'))).toEqual([0n, 1n, 2n])

  const batch = table!().to_batches<SyncHandle[]>()[0]!.$toArrow<arrow.RecordBatch>()
  expect(batch).toBeInstanceOf(arrow.RecordBatch)
  expect(python.fromArrowSync(batch).$type).toBe('pyarrow.lib.RecordBatch')
  expect(python.fromArrowSync(batch.getChild('text') as arrow.Vector).$type).toBe('pyarrow.lib.ChunkedArray')
  expect(
    reader!()
      .$toArrow()
      .batches.map(({ numRows }) => numRows),
  ).toEqual([2, 1])

  const batches: arrow.RecordBatch[] = []
  for await (const one of sources.reader()) batches.push(await (one as Handle).$toArrow<arrow.RecordBatch>())
  expect(batches.map(({ numRows }) => numRows)).toEqual([2, 1])
})

test('what speaks the Arrow PyCapsule interface is a table or a vector', async () => {
  const table = await sources.stream(sources.table()).$toArrow()
  expect([table.numRows, table.numCols]).toEqual([3, 2])
  const column = sources.table().column('text')
  expect([...(await sources.stream(column).$toArrow<arrow.Vector>())]).toEqual(['0', '1', '2'])
  expect([...(await sources.array(column.chunk(0)).$toArrow<arrow.Vector>())]).toEqual(['0', '1', '2'])
})

test('chunks get one dictionary, or keep their own where one would be too large', async () => {
  const vector = await sources.chunks(['a', 'b'], ['b', 'c', null]).$toArrow<arrow.Vector<arrow.Dictionary>>()
  expect([...vector]).toEqual(['a', 'b', 'b', 'c', null])
  expect(vector.data[0]!.dictionary).toBe(vector.data[1]!.dictionary)
  expect(await python.fromArrow(vector).to_pylist()).toEqual(['a', 'b', 'b', 'c', null])

  const large = await sources.too_many_names().$toArrow<arrow.Vector<arrow.Dictionary>>()
  expect([large.get(0), large.get(99), large.get(299)]).toEqual(['a-0', 'a-99', 'c-99'])
  const back = await python.fromArrow(large)
  expect(await back.to_pylist()).toEqual(await sources.too_many_names().to_pylist())
})

test('memory that no typed array could lie over is copied', async () => {
  expect([...(await sources.misaligned().$toArrow<arrow.Vector<arrow.Int64>>())]).toEqual([1n, 2n, 2n ** 40n])
})

test('tables without rows, without columns and without both', async () => {
  const empty = await sources.table(0).$toArrow()
  expect([empty.numRows, empty.numCols, [...empty.getChild('text')!]]).toEqual([0, 2, []])
  expect(empty.slice(0, 0).numRows).toBe(0)
  expect(await (await python.fromArrow(empty)).num_columns).toBe(2)
  const rows = await sources.rows_only().$toArrow<arrow.RecordBatch>()
  expect([rows.numRows, rows.numCols]).toEqual([5, 0])
  expect(await python.fromArrow(rows).num_rows).toBe(5)
  expect((await python.import('pyarrow').then((pa) => pa.table({}).$toArrow())).numRows).toBe(0)
  expect(await python.fromArrow(new arrow.Table()).num_rows).toBe(0)
})

test('tables that JavaScript made', async () => {
  const text = arrow.vectorFromArray(['x', 'y', 'x', null])
  const table = new arrow.Table({
    text,
    again: text,
    number: arrow.vectorFromArray([1, 2, null, 4], new arrow.Int32()),
    list: arrow.vectorFromArray(
      [[1], [], null, [2, 3]],
      new arrow.List(new arrow.Field('item', new arrow.Float64(), true)),
    ),
    when: arrow.vectorFromArray([new Date(0), null, new Date(1), new Date(2)], new arrow.TimestampMillisecond('UTC')),
  })
  const both = table.concat(table).slice(3, 6)
  expect(await python.fromArrow(both).to_pylist().$str()).toBe(
    await python
      .eval<Handle>(
        `[
          {'text': None, 'again': None, 'number': 4, 'list': [2, 3], 'when': time(2)},
          {'text': 'x', 'again': 'x', 'number': 1, 'list': [1], 'when': time(0)},
          {'text': 'y', 'again': 'y', 'number': 2, 'list': [], 'when': None},
        ]`.replaceAll('\n', ' '),
        {
          time: await python.eval<Handle>(
            'lambda ms: (pa := __import__("pyarrow")).scalar(ms, pa.timestamp("ms", "UTC")).as_py()',
          ),
        },
        { returns: 'ref' },
      )
      .$str()
      .then((expected) => expected.replaceAll('[2, 3]', '[2.0, 3.0]').replaceAll('[1]', '[1.0]')),
  )
})
