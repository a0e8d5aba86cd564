// A report: orders as an Arrow table go to pandas, the summary comes back as one, and a matplotlib chart of it as a PNG in a Buffer.
import { tableFromArrays } from 'apache-arrow'
import { kw, python, type Handle } from 'symphony-python-bridge'
import { printTable, progress } from './output.mts'

await python.start({ env: { MPLBACKEND: 'Agg' } }) // a chart in memory, no window
const matplotlib = await progress('importing pandas and matplotlib', async () => {
  // Building its font cache, once in the life of an installation, is nothing to warn of.
  await (await python.import('logging')).getLogger('matplotlib.font_manager').setLevel('ERROR')
  await python.import('pandas')
  return await python.import('matplotlib.figure')
})

// What a service has: columns of numbers and names. A hundred thousand orders of one year, always the same ones.
const count = 100_000
const regions = ['north', 'east', 'south', 'west']
const day = 86_400_000
const orders = tableFromArrays({
  time: Array.from({ length: count }, (_, index) => new Date(Date.UTC(2025, 0, 1) + ((index * 7919) % 365) * day)),
  region: Array.from({ length: count }, (_, index) => regions[((index * 31) % 7) % 4] ?? ''),
  amount: Float64Array.from({ length: count }, (_, index) => 20 + ((index * 104_729) % 9_973) / 100),
})

// One table goes, column by column; what pandas makes of it stays in Python.
const frame = await python.fromArrow(orders, { to: 'pandas' })
const month = await frame.time.dt.month_name<Handle>()
const revenue = await frame
  .pivot_table<Handle>(
    kw({ values: 'amount', index: month, columns: 'region', aggfunc: 'sum', sort: false, observed: true }),
  )
  .$ref()

// The summary as an Arrow table: its numbers are read where pandas has them.
const summary = await revenue.reset_index().$toArrow()
console.log(`  ${count.toLocaleString('en')} orders, ${summary.numRows} months, ${summary.numCols - 1} regions`)
printTable(
  summary.schema.fields.map(({ name }) => name),
  [...summary]
    .slice(0, 3)
    .map((row) => [...row].map(([, value]) => (typeof value === 'number' ? value.toFixed(2) : String(value)))),
)

// The chart.
const figure = await matplotlib.Figure<Handle>(kw({ figsize: python.tuple(9, 4.5), layout: 'constrained' }))
const axes = await figure.subplots<Handle>()
await revenue.plot.bar(kw({ ax: axes, stacked: true, xlabel: '', ylabel: 'revenue', title: 'Orders of 2025' }))
const file = await (await python.import('io')).BytesIO<Handle>()
await figure.savefig(file, kw({ format: 'png', dpi: 100 }))
const png = await file.getvalue<Buffer>()
console.log(
  `  chart: ${png.toString('latin1', 1, 4)}, ${png.readUInt32BE(16)} x ${png.readUInt32BE(20)} pixels in a Buffer`,
)
