// `npm run bench`: measures every subject beside the hand-written C addon, prints a table, and writes it with a chart to
// `results/`. The exit code says whether everything could be measured, never how fast it was.
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { buildFloor } from './floor/build.mjs'
import { chart } from './harness/chart.mjs'
import { curveChart } from './harness/curve-chart.mjs'
import { describeRun } from './harness/machine.mjs'
import { runInProcess } from './harness/processes.mjs'
import { showProgress } from './harness/progress.mjs'
import { curveTable, markdownReport, textTable } from './harness/table.mjs'

const subjects = [
  'sync-calls',
  'async-calls',
  'coroutines',
  'streams',
  'values',
  'value-sizes',
  'arrays',
  'tables',
  'errors',
  'callbacks',
  'startup',
  'conductor',
  'event-loop-delay',
]
const results = new URL('./results/', import.meta.url)

const usage = `npm run bench -- [--only <subject>]... [--quick]

  --only   ${subjects.join(', ')}; may be given more than once
  --quick  few rounds, for a first look; nothing is written to benches/results/`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const unknown = options.only.filter((name) => !subjects.includes(name))
if (options.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`unknown subject: ${unknown.join(', ')}\n`)
  console.log(usage)
  process.exit(options.help ? 0 : 2)
}

const chosen = await runInProcess({
  file: new URL('./harness/chosen-python.mjs', import.meta.url),
  name: 'chosenPython',
  context: { onProgress() {} },
})
if (chosen.libpython === null) throw new Error('the bridge embeds no interpreter here, so there is nothing to compare')
console.log(`Python ${chosen.version}, Node ${process.versions.node}; building the floor where needed`)
const floor = await buildFloor(chosen)
const run = await describeRun({ pythonVersion: chosen.version, quick: options.quick })

const rows = []
const failures = []
let curves
for (const subject of subjects.filter((name) => options.only.length === 0 || options.only.includes(name))) {
  const progress = showProgress(subject)
  try {
    const measured = await runInProcess({
      file: new URL(`./${subject}.mjs`, import.meta.url),
      name: subject === 'value-sizes' ? 'curves' : 'measure',
      context: { floor, executable: chosen.executable, quick: options.quick, onProgress: progress.update },
    })
    if (subject === 'value-sizes') curves = measured
    else rows.push(...measured.map((row) => ({ subject, ...row })))
    progress.end('done')
  } catch (error) {
    failures.push({ subject, message: error.message })
    progress.end(`failed\n${error.message}`)
    process.exitCode = 1
  }
}

console.log(`\n${textTable(rows)}\n`)
if (curves !== undefined) {
  console.log(`nanoseconds for one element, in and back\n${curveTable(curves)}\n`)
}
if (!options.quick && options.only.length === 0) {
  await mkdir(results, { recursive: true })
  await writeFile(new URL('latest.json', results), `${JSON.stringify({ run, rows, curves, failures }, null, 2)}\n`)
  await writeFile(new URL('latest.md', results), markdownReport({ run, rows, failures }))
  await writeFile(new URL('latest.svg', results), chart(rows))
  if (curves !== undefined) await writeFile(new URL('value-sizes.svg', results), curveChart(curves))
  console.log('written: benches/results/latest.{json,md,svg} and value-sizes.svg')
}
