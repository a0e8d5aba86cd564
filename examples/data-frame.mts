// Describes a pandas DataFrame: the frame stays in Python, only the summaries cross.
import { kw, python, type Handle } from 'symphony-python-bridge'
import { printTable, progress } from './output.mts'

type Column = Record<string, number>

const datasets = await progress('importing scikit-learn and pandas', () => python.import('sklearn.datasets'))
const data = await datasets.load_breast_cancer<Handle>(kw({ as_frame: true }))
const frame = await data.frame.$ref()
const [rows, columns] = (await frame.shape) as [number, number]
console.log(`  ${String(frame)}: ${rows} rows, ${columns} columns`)

// A column list is an item, as in Python's frame[['mean radius', ...]]; the chain is one round trip.
const chosen = ['mean radius', 'mean texture', 'mean area', 'mean smoothness']
const summary = await frame.$getItem(chosen).describe().to_dict<Record<string, Column>>()
const statistics = Object.keys(summary[chosen[0] ?? ''] ?? {})
printTable(
  ['', ...chosen],
  statistics.map((statistic) => [statistic, ...chosen.map((name) => (summary[name]?.[statistic] ?? NaN).toFixed(3))]),
)

const names = await data.target_names.tolist<string[]>()
const diagnosis = data.target.map(python.eval('dict(enumerate(names))', { names })).rename('diagnosis')
const means = await frame
  .$getItem(chosen)
  .groupby(diagnosis)
  .agg(['mean'])
  .droplevel(1, kw({ axis: 1 }))
  .to_dict<Record<string, Column>>('index')
console.log('  means by diagnosis')
printTable(
  ['', ...chosen],
  Object.entries(means).map(([name, row]) => [name, ...chosen.map((column) => (row[column] ?? NaN).toFixed(3))]),
)
