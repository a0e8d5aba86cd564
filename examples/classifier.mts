// Trains a scikit-learn classifier on two real data sets, then scores each test set from TypeScript: one row at a time on
// the synchronous view, and all rows at once on the asynchronous one. All three ways must agree.
import { kw, python, type Handle, type NdArray } from 'symphony-python-bridge'
import { duration, percent, printTable, progress, rate } from './output.mts'

const [datasets, selection, linear, pipeline, preprocessing, metrics] = await progress('importing scikit-learn', () =>
  Promise.all([
    python.import('sklearn.datasets'),
    python.import('sklearn.model_selection'),
    python.import('sklearn.linear_model'),
    python.import('sklearn.pipeline'),
    python.import('sklearn.preprocessing'),
    python.import('sklearn.metrics'),
  ]),
)
const { version, executable } = python.info()
console.log(`  CPython ${version} in Node ${process.version}: ${executable}`)

await evaluate('digits', 'load_digits')
await evaluate('breast cancer', 'load_breast_cancer')

async function evaluate(title: string, loader: string): Promise<void> {
  console.log(`\n  ── ${title} ──`)
  const data = await datasets.$get(loader)<Handle>()
  const [trainRows, testRows, trainLabels, testLabels] = await selection.train_test_split<
    [NdArray, NdArray, NdArray, NdArray]
  >(data.data, data.target, kw({ test_size: 0.25, random_state: 0 }))

  const model = await pipeline.make_pipeline<Handle>(
    preprocessing.StandardScaler(),
    linear.LogisticRegression(kw({ max_iter: 2000 })),
  )
  await progress(`training on ${trainLabels.size} rows`, () => model.fit(trainRows, trainLabels))

  // What Python says of the whole test set in one call; the argument stays in Python.
  const whole = await model.predict(testRows).tolist<number[]>()
  const labels = testLabels.toArray<bigint[]>().map(Number)
  const rows = testRows.toArray<number[][]>()

  const predict = model.$sync.predict
  const oneByOne = await measure('scoring one row at a time (sync)', () =>
    rows.map((row) => Number(predict<NdArray>([row]).data[0])),
  )
  const concurrent = await measure('scoring all rows at once (async)', () =>
    Promise.all(rows.map((row) => model.predict([row]).item<number>())),
  )

  const row = (way: string, calls: number, predictions: number[], milliseconds: number) => [
    way,
    calls,
    percent(shareOfEqual(predictions, labels)),
    duration(milliseconds / calls),
    rate(labels.length, milliseconds),
  ]
  const batch = await measure('scoring the whole set in one call', () => model.predict(testRows).tolist<number[]>())
  printTable(
    ['way', 'calls', 'accuracy', 'a call', 'rows'],
    [
      row('one call, whole set', 1, batch.result, batch.milliseconds),
      row('one row a call, sync', rows.length, oneByOne.result, oneByOne.milliseconds),
      row('one row a call, async', rows.length, concurrent.result, concurrent.milliseconds),
    ],
  )
  for (const predictions of [oneByOne.result, concurrent.result, batch.result]) {
    if (shareOfEqual(predictions, whole) !== 1) throw new Error(`${title}: the ways to score do not agree`)
  }

  const names = await data.target_names.astype('str').tolist<string[]>()
  console.log(await metrics.classification_report<string>(testLabels, oneByOne.result, kw({ target_names: names })))
}

async function measure<T>(what: string, work: () => T | Promise<T>): Promise<{ result: T; milliseconds: number }> {
  return progress(what, async () => {
    const start = performance.now()
    const result = await work()
    return { result, milliseconds: performance.now() - start }
  })
}

function shareOfEqual(values: readonly number[], others: readonly number[]): number {
  return values.filter((value, index) => value === others[index]).length / others.length
}
