/* What is no table, or no valid one, is an error that says where and why. */
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { python, type Handle } from 'symphony-python-bridge'

let sources: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  sources = await python.import('arrow_sources')
}, 60_000)

test('objects that are no tables', async () => {
  await expect(sources.$toArrow()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message:
      'expected a table or column of pandas, polars or pyarrow, or an object with `__arrow_c_stream__` or `__arrow_c_array__`, got a builtins.module',
  })
  await expect(sources.polars_frame().lazy().$toArrow()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: 'expected a table, got a polars LazyFrame, which has no rows yet; call `collect()` first',
  })
  expect(() => sources.$sync.$toArrow()).toThrow('got a builtins.module')
})

test('a column that pyarrow cannot convert is named', async () => {
  await expect(sources.mixed().$toArrow()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    path: "['mixed column']",
    message: expect.stringContaining(
      "['mixed column']: pyarrow cannot make a column of these values: Could not convert 'a'",
    ) as string,
    cause: expect.objectContaining({ qualifiedType: 'pyarrow.lib.ArrowInvalid' }) as unknown,
  })
})

test('metadata that is no text', async () => {
  await expect(sources.bad_metadata().$toArrow()).rejects.toMatchObject({
    code: 'ERR_CONVERSION',
    message: expect.stringMatching(/^expected metadata in UTF-8.*got other bytes under b'k'; take it off/) as string,
  })
})

test.each(['pyarrow', 'polars'])('Python without %s', async (name) => {
  const { table } = sources.$sync as unknown as Record<string, () => { $toArrow(): arrow.Table }>
  const data = table!().$toArrow()
  const missing = { qualifiedType: 'builtins.ModuleNotFoundError' }
  await python.with(sources.without(name), async () => {
    const use = name === 'pyarrow' ? sources.table.$toArrow() : python.fromArrow(data, { to: 'polars' })
    await expect(use).rejects.toMatchObject({
      ...missing,
      message: expect.stringMatching(
        `needs ${name}, which this Python does not have; install it with \`.*pip install ${name}\``,
      ) as string,
    })
  })
})

test('arguments of `fromArrow`', () => {
  expect(() => python.fromArrow({} as never)).toThrow(
    '`fromArrow` takes a Table, RecordBatch or Vector of apache-arrow, but got an instance of `Object`',
  )
  expect(() => python.fromArrow({ schema: {}, data: [] } as never)).toThrow('perhaps of another copy of apache-arrow')
  expect(() => python.fromArrow(new arrow.Table(), { to: 'numpy' as never })).toThrow(
    "`to` must be 'pyarrow', 'pandas' or 'polars', but got \"numpy\"",
  )
  expect(() => python.fromArrow(new arrow.Table(), { index: true } as never)).toThrow('there is no option `index`')
  expect(() => python.fromArrow(new arrow.Table(), { arrow: {} as never })).toThrow(
    'expected the module apache-arrow, version 15 or newer, got an object without `Data`',
  )
})

test('options of `$toArrow`', async () => {
  await expect(sources.table().$toArrow({ preserveIndex: 1 as never })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: '`preserveIndex` must be a boolean, but got the number `1`',
  })
  await expect(sources.table().$toArrow({ index: false } as never)).rejects.toThrow('there is no option `index`')
  await expect(sources.table().$toArrow({ arrow: 'apache-arrow' as never })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
  })
})

describe('data of JavaScript’s that is not valid', () => {
  const { Data, Vector } = arrow
  const columnOf = (data: arrow.Data): arrow.Table => new arrow.Table({ 'my column': new Vector([data]) } as never)
  const utf8 = (offsets: number[], bytes: number[]): arrow.Data =>
    new Data(new arrow.Utf8(), 0, offsets.length - 1, 0, [Int32Array.from(offsets), Uint8Array.from(bytes)] as never)

  const int8 = (items: number[]): arrow.Data => arrow.makeData({ type: new arrow.Int8(), data: Int8Array.from(items) })
  const listOf = (offsets: number[], length: number, items: number[]): arrow.Data =>
    new Data(
      new arrow.List(new arrow.Field('item', new arrow.Int8())),
      0,
      length,
      0,
      [Int32Array.from(offsets)] as never,
      [int8(items)],
    )

  /** A map whose only key is null. */
  const nullKey = (): arrow.Data => {
    const key = new Data(new arrow.Utf8(), 0, 1, 1, [Int32Array.of(0, 0), new Uint8Array(0), Uint8Array.of(0)] as never)
    const fields = [new arrow.Field('key', new arrow.Utf8(), false), new arrow.Field('value', new arrow.Int8(), true)]
    const entry = new arrow.Struct(fields)
    const entries = new Data(entry, 0, 1, 0, [] as never, [key, int8([1])])
    const type = new arrow.Map_(new arrow.Field('entries', entry, false) as never)
    return new Data(type, 0, 1, 0, [Int32Array.of(0, 1)] as never, [entries])
  }

  test.each<[string, () => arrow.Data, RegExp]>([
    ['a null as the key of a map', nullKey, /keys are not null/],
    ['too few offsets of a list', () => listOf([0, 1], 2, [1, 2]), /isn't large enough/],
    ['lists that end before they begin', () => listOf([2, 1], 1, [1, 2]), /negative|non-monotonic/i],
    ['offsets that go back', () => utf8([0, 2, 1, 2], [97, 98]), /non-monotonic/i],
    ['offsets beyond the end', () => utf8([0, 1, 9], [97, 98]), /offset|too small|bounds/i],
    ['text that is no UTF-8', () => utf8([0, 1], [0xff]), /Invalid UTF8/],
    ['too few values', () => new Data(new arrow.Int32(), 0, 4, 0, [undefined, Int32Array.of(1)] as never), /too small/],
    [
      'too small a bitmap',
      () => new Data(new arrow.Int8(), 0, 20, 1, [undefined, new Int8Array(20), Uint8Array.of(1)] as never),
      /expected a validity bitmap of 20 bits, got 1 bytes/,
    ],
    [
      'an index beyond the dictionary',
      () =>
        new Data(
          new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8()),
          0,
          1,
          0,
          [undefined, Int8Array.of(3)] as never,
          [],
          arrow.vectorFromArray(['a'], new arrow.Utf8()),
        ),
      /out of bounds|out-of-bound/i,
    ],
  ])('%s', async (_, make, reason) => {
    await expect(python.fromArrow(columnOf(make()))).rejects.toMatchObject({
      code: 'ERR_CONVERSION',
      path: "table['my column']",
      message: expect.stringMatching(reason) as string,
    })
  })
})
