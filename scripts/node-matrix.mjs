// Runs the smoke test, the conversion matrix of the documentation and some of the tests in other Node versions, which npm installs into the cache folder.
//   node scripts/node-matrix.mjs [version ...]
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, execute, note, output, step } from './command.mjs'
import { cacheFolder, environmentFolder, root, run, Stop } from './project.mjs'

const versions = ['22', '24']

const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
/** What depends on the version of V8 most: memory, dates, and libraries in C++. */
const suites = ['arrays', 'arrow-types', 'cxx-libraries', 'dates', 'temporal', 'worker-termination']

const programs = [
  [join(root, 'scripts', 'smoke.mjs')],
  [join(root, 'scripts', 'generate-conversion-matrix.mjs'), '--check'],
  [jest, ...suites],
]

await run((args) => {
  const failed = (args.length > 0 ? args : versions).filter((version) => {
    const node = install(version)
    step(`Node ${output(node, ['--version']).trim()} with the project's environment`)
    return programs.some((program) => attempt(node, program, { environment: { VIRTUAL_ENV: environmentFolder } }) !== 0)
  })
  if (failed.length > 0) throw new Stop(`Failed in Node: ${failed.join(', ')}`)
})

/** The path of a Node binary of this major version; the newest one at the time of the first run. */
function install(version) {
  const folder = join(cacheFolder, 'node-matrix', version)
  const name = `node-${process.platform}-${process.arch}`
  const binary = join(folder, 'node_modules', name, 'bin', 'node')
  if (existsSync(binary)) return binary
  step(`Installing Node ${version}`)
  mkdirSync(folder, { recursive: true })
  // A manifest of its own: without one npm would install into the nearest folder that has one, the repository.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  execute('npm', ['install', '--no-audit', '--no-fund', '--no-save', `${name}@${version}`], {
    folder,
    advice: 'install npm',
  })
  note(binary)
  return binary
}
