// Sets the clone up and runs the tests: Rust, then Python, then Node; each ends with its runner's own summary.
//   node scripts/test.mjs [rust] [python] [node] [-- arguments of the last runner]
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { attempt, step } from './command.mjs'
import { inspectInterpreter } from './interpreters.mjs'
import { cacheFolder, environmentFolder, environmentPython, root, run, Stop } from './project.mjs'
import { setUp } from './set-up.mjs'

const suites = { rust: testRust, python: testPython, node: testNode }

await run((args) => {
  const separator = args.includes('--') ? args.indexOf('--') : args.length
  const names = args.slice(0, separator)
  const unknown = names.find((name) => !(name in suites))
  if (unknown) throw new Stop(`no suite \`${unknown}\`; there are: ${Object.keys(suites).join(', ')}`)
  setUp()
  const chosen = names.length === 0 ? Object.keys(suites) : names
  const failed = chosen.filter((name) => suites[name](args.slice(separator + 1)) !== 0)
  if (failed.length > 0) throw new Stop(`Failed: ${failed.join(', ')} (its summary is above)`)
})

function testRust(args) {
  step('Rust tests')
  const library = inspectInterpreter(environmentPython).library
  return attempt('cargo', ['test', '--workspace', '--locked', ...args], {
    advice: 'install Rust from https://rustup.rs',
    environment: {
      PYO3_PYTHON: environmentPython,
      // The linker looks for libpython3.X.so, which Debian has only in its -dev package; the library itself will do.
      LIBRARY_PATH: prepend(linkFolder(library), process.env.LIBRARY_PATH),
      LD_LIBRARY_PATH: prepend(dirname(library), process.env.LD_LIBRARY_PATH),
    },
  })
}

function testPython(args) {
  step('Python tests')
  const folder = join('crates', 'symphony-python-bridge', 'python')
  return attempt(environmentPython, ['-m', 'pytest', join(folder, 'tests'), ...args], {
    environment: { PYTHONPATH: prepend(join(root, folder), process.env.PYTHONPATH) },
  })
}

function testNode(args) {
  step('Node tests')
  const jest = (...options) =>
    attempt(process.execPath, [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...options, ...args], {
      environment: { VIRTUAL_ENV: environmentFolder },
    })
  const embedded = jest()
  step('Node tests, with Python in a process of its own')
  return jest('--config', 'jest.worker-mode.config.cjs', '--passWithNoTests') || embedded
}

/** A folder in which the linker finds the library under its development name. */
function linkFolder(library) {
  const folder = join(cacheFolder, 'link', basename(library))
  const link = join(folder, basename(library).replace(/\.so[.\d]*$/, '.so'))
  mkdirSync(folder, { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(library, link)
  if (!existsSync(link)) throw new Stop(`\`${library}\` is missing`)
  return folder
}

function prepend(folder, list) {
  return list ? `${folder}${delimiter}${list}` : folder
}
