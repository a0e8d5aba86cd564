/* Random tables cross in both directions, and read the same as those that `apache-arrow` reads from the bytes which pyarrow writes. */
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { python, type Handle } from 'symphony-python-bridge'

const count = 250

let tables: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  tables = await python.import('arrow_tables')
}, 60_000)

test('random types, nulls, slices and chunks', async () => {
  const sync = tables.$sync
  let rows = 0
  for (let seed = 0; seed < count; seed += 1) {
    const original = await tables.random_table<Handle>(seed)
    const table = await original.$toArrow()
    rows += table.numRows
    const read = arrow.tableFromIPC(sync.stream_of<Uint8Array>(original))
    expect([seed, text(table)]).toEqual([seed, text(read)])
    expect([seed, String(table.schema)]).toEqual([seed, String(read.schema)])

    expect([seed, await tables.difference(original, python.fromArrow(table))]).toEqual([seed, null])
    const [begin, end] = [Math.floor(table.numRows / 3), table.numRows - Math.floor(table.numRows / 4)]
    const expected = original.slice(begin, end - begin)
    expect([seed, await tables.difference(expected, python.fromArrow(table.slice(begin, end)))]).toEqual([seed, null])
    expect([seed, await tables.difference(original, python.fromArrow(read))]).toEqual([seed, null])
  }
  expect(rows).toBeGreaterThan(count)
})

test('what `apache-arrow` writes of a table over the memory of Python’s, pyarrow reads', async () => {
  for (let seed = 0; seed < count; seed += 1) {
    // Not of all types: apache-arrow 21 itself fails to write slices of some.
    const original = await tables.random_table<Handle>(seed, false)
    const stream = arrow.tableToIPC(await original.$toArrow(), 'stream')
    expect([seed, await tables.difference(original, tables.table_of_stream(stream))]).toEqual([seed, null])
  }
})

/** All values of a table. */
function text(table: arrow.Table): string[] {
  return table.schema.fields.map((_, index) =>
    JSON.stringify([...table.getChildAt(index)!], (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : typeof value === 'number' ? String(value) : value,
    ),
  )
}
