// Makes a clone ready to run: npm packages, native core, TypeScript, virtual environment. Plain Node: runs before `npm ci`.
//   node scripts/set-up.mjs [--requirements=examples,tests] [--debug]
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, note, step } from './command.mjs'
import { prepareEnvironment, requirementFiles } from './environment.mjs'
import { isProgram, root, run, Stop } from './project.mjs'

const oldestNode = [20, 17]

/** Brings everything up to date; a second run takes seconds. */
export function setUp({ requirements = Object.keys(requirementFiles), debug = false } = {}) {
  checkNode()
  installPackages()
  execute(process.execPath, [join('scripts', 'build-native.mjs'), ...(debug ? ['--debug'] : [])])
  execute(process.execPath, [join('scripts', 'build-typescript.mjs')])
  prepareEnvironment(requirements)
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  throw new Stop(`Node ${oldestNode.join('.')} or newer is needed, this is ${process.version} (${process.execPath})`)
}

function installPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex')
  const stamp = join(root, 'node_modules', '.installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  step('Installing npm packages')
  // Not `npm ci`, which begins by deleting what is there. `--no-save` keeps the lock file as it is.
  execute('npm', ['install', '--no-save', '--no-audit', '--no-fund'], { advice: 'install npm' })
  writeFileSync(stamp, digest)
  note('node_modules is up to date')
}

if (isProgram(import.meta)) {
  await run((args) => {
    const option = args.find((argument) => argument.startsWith('--requirements='))
    const requirements = option?.slice('--requirements='.length).split(',').filter(Boolean)
    const unknown = requirements?.find((name) => !(name in requirementFiles))
    if (unknown)
      throw new Stop(`no requirements \`${unknown}\`; there are: ${Object.keys(requirementFiles).join(', ')}`)
    setUp({ ...(requirements ? { requirements } : {}), debug: args.includes('--debug') })
  })
}
