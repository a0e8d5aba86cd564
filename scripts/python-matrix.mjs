// Runs the smoke test with every CPython of this machine, and says which supported versions it does not have.
//   node scripts/python-matrix.mjs
import { join } from 'node:path'
import { attempt, note, step } from './command.mjs'
import { installOnce, makeEnvironment } from './environment.mjs'
import { findInterpreters } from './interpreters.mjs'
import { cacheFolder, root, run, Stop } from './project.mjs'

const verifiedMinors = [10, 11, 12, 13, 14]

await run(() => {
  const results = findInterpreters().map((interpreter) => {
    step(`CPython ${interpreter.version} (${interpreter.path}) in Node ${process.version}`)
    if (interpreter.problem !== null) {
      note(`left out: ${interpreter.problem}`)
      return { interpreter, outcome: 'left out' }
    }
    return { interpreter, outcome: smoke(interpreter) === 0 ? 'passed' : 'failed' }
  })
  report(results)
  const failed = results.filter((result) => result.outcome === 'failed')
  if (failed.length > 0) throw new Stop(`Failed with: ${failed.map((result) => result.interpreter.version).join(', ')}`)
  if (!results.some((result) => result.outcome === 'passed')) throw new Stop('No interpreter could be tested')
})

function smoke(interpreter) {
  const name = interpreter.executable.replaceAll(/[^\w.]+/g, '-')
  const folder = join(cacheFolder, 'python-matrix', `${interpreter.version}${name}`)
  makeEnvironment(folder, interpreter)
  installOnce(folder, 'smoke', ['--only-binary=:all:', 'numpy'])
  return attempt(process.execPath, [join(root, 'scripts', 'smoke.mjs')], { environment: { VIRTUAL_ENV: folder } })
}

function report(results) {
  step('Python matrix')
  for (const { interpreter, outcome } of results)
    note(`${interpreter.version.padEnd(10)} ${outcome.padEnd(9)} ${interpreter.path}`)
  const missing = verifiedMinors.filter(
    (minor) => !results.some(({ interpreter, outcome }) => interpreter.minor === minor && outcome === 'passed'),
  )
  if (missing.length > 0) note(`not on this machine: ${missing.map((minor) => `3.${minor}`).join(', ')}`)
}
