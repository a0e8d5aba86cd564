// Runs the smoke test, the conversion matrix of the documentation, in Node and in a process of its own, and the tests of values, tasks and
// Conductors with every CPython of this machine, and says which supported versions it does not have. Of an interpreter that cannot be embedded
// it is the matrix in a process of its own alone.
//   node scripts/python-matrix.mjs [3.11 ...]
import { join } from 'node:path'
import { attempt, note, step } from './command.mjs'
import { installOnce, makeEnvironment, requirement } from './environment.mjs'
import { findInterpreters } from './interpreters.mjs'
import { cacheFolder, root, run, Stop } from './project.mjs'

const verifiedMinors = [10, 11, 12, 13, 14]

/** The tests in which Python's own types, and so its versions, matter most. */
const valueTests = [
  'property-round-trip',
  'value-classes-python',
  'convert-options',
  'handle-as-data',
  'bad-input',
  'python-error',
]

/** Tasks are made and run in a way of their own before CPython 3.12, and before 3.11. */
const taskTests = ['coroutines', 'cancellation', 'streams']

const matrix = join(root, 'scripts', 'generate-conversion-matrix.mjs')

/** What is run with each interpreter that may be a process of its own: name and program. */
const childParts = { 'conversion matrix in a Conductor': [matrix, '--conductor'] }

/** What is run with each interpreter that can be embedded. */
const parts = {
  'smoke test': [join(root, 'scripts', 'smoke.mjs')],
  'conversion matrix': [matrix, '--check'],
  ...childParts,
  tests: [
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    '--runTestsByPath',
    ...[...valueTests, ...taskTests, 'conductor'].map((name) => join(root, '__tests__', `${name}.test.ts`)),
  ],
}

await run((versions) => {
  const found = findInterpreters().filter(
    ({ minor, version }) => versions.length === 0 || versions.some((name) => name === `3.${minor}` || name === version),
  )
  if (found.length === 0) throw new Stop(`no CPython ${versions.join(', ')} of 3.10 or newer was found on this machine`)
  const results = found.map((interpreter, index) => {
    step(
      `${index + 1} of ${found.length}: CPython ${interpreter.version} (${interpreter.path}) in Node ${process.version}`,
    )
    if (interpreter.problem === null) return { interpreter, ...tried(interpreter, parts) }
    const { implementation, freeThreaded } = interpreter
    const isChild = implementation === 'CPython' && !freeThreaded
    note(`${isChild ? 'not embedded' : 'left out'}: ${interpreter.problem}`)
    return { interpreter, ...(isChild ? tried(interpreter, childParts) : { outcome: 'left out', failed: [] }) }
  })
  report(results, versions)
  const failed = results.filter(({ outcome }) => outcome === 'failed')
  if (failed.length > 0)
    throw new Stop(`Failed with: ${failed.map(({ interpreter }) => interpreter.version).join(', ')}`)
  if (!results.some(({ outcome }) => outcome === 'passed')) throw new Stop('No interpreter could be tested')
})

/** Runs all parts, also after one of them failed: each says something else about the interpreter. */
function tried(interpreter, parts) {
  const started = Date.now()
  const folder = environmentOf(interpreter)
  const failed = Object.entries(parts)
    .filter(([name, args]) => {
      step(`CPython ${interpreter.version}: ${name}`)
      return attempt(process.execPath, args, { environment: { VIRTUAL_ENV: folder } }) !== 0
    })
    .map(([name]) => name)
  const seconds = Math.round((Date.now() - started) / 1000)
  return { outcome: failed.length === 0 ? 'passed' : 'failed', failed, seconds }
}

/** A virtual environment of the interpreter with what the parts import. */
function environmentOf(interpreter) {
  const name = interpreter.executable.replaceAll(/[^\w.]+/g, '-')
  const folder = join(cacheFolder, 'python-matrix', `${interpreter.version}${name}`)
  makeEnvironment(folder, interpreter)
  installOnce(folder, 'matrix', ['--only-binary=:all:', requirement('numpy'), requirement('hypothesis')])
  return folder
}

function report(results, versions) {
  step(`Python matrix: ${Object.keys(parts).join(', ')}`)
  for (const { interpreter, outcome, failed, seconds } of results) {
    const reason = outcome === 'left out' ? interpreter.problem : failed.join(', ')
    const words = [
      interpreter.version.padEnd(10),
      outcome.padEnd(9),
      (seconds === undefined ? '' : `${seconds} s`).padEnd(6),
      interpreter.path,
    ]
    note(`${words.join(' ')}${reason === '' ? '' : `: ${reason}`}`)
  }
  if (versions.length > 0) return note(`only what was asked for: ${versions.join(', ')}`)
  const missing = verifiedMinors.filter((minor) => !results.some(({ interpreter }) => interpreter.minor === minor))
  if (missing.length > 0) note(`not on this machine: ${missing.map((minor) => `3.${minor}`).join(', ')}`)
}
