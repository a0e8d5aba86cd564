// Sets the clone up and runs the examples, in reading order, each in its own process.
//   node scripts/demo.mjs [name of an example ...]
import { join } from 'node:path'
import { execute, step } from './command.mjs'
import { environmentFolder, root, run, Stop } from './project.mjs'
import { setUp } from './set-up.mjs'

const examples = {
  classifier: 'Train a scikit-learn classifier; score its test set from TypeScript',
  'data-frame': 'Describe a pandas DataFrame',
  report: 'A pandas report of an Arrow table, with a matplotlib chart as a PNG',
  traceback: 'A Python exception, with its traceback, in TypeScript',
  'streaming-server': 'An HTTP server that streams what a Python generator makes',
  'image-filter': 'An HTTP service that filters images with NumPy and TypeScript in the same memory',
  planner: 'A planning agent in a process of its own, killed while it works',
  latency: 'What calls cost',
}

await run((args) => {
  const unknown = args.find((name) => !(name in examples))
  if (unknown) throw new Stop(`no example \`${unknown}\`; there are: ${Object.keys(examples).join(', ')}`)
  setUp({ requirements: ['examples'] })
  for (const [name, title] of Object.entries(examples)) {
    if (args.length > 0 && !args.includes(name)) continue
    step(`${title}  (examples/${name}.mts)`)
    runTypescript(join(root, 'examples', `${name}.mts`))
  }
})

function runTypescript(file) {
  const hook = new URL('./typescript-hook.mjs', import.meta.url).href
  execute(process.execPath, ['--enable-source-maps', '--import', hook, file], {
    environment: { VIRTUAL_ENV: environmentFolder },
  })
}
