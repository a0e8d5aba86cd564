// Runs the soak (__tests__/soak/run.mjs), on its wish under AddressSanitizer.
//   node scripts/soak.mjs [--sanitize] [--seconds 60] [--seed 1]
import { join } from 'node:path'
import { attempt, step } from './command.mjs'
import { environmentFolder, root, run, Stop } from './project.mjs'
import { buildSanitizedPackage, sanitizedEnvironment } from './sanitized-package.mjs'
import { setUp } from './set-up.mjs'

const program = join('__tests__', 'soak', 'run.mjs')

await run((args) => {
  setUp()
  const passed = args.filter((argument) => argument !== '--sanitize')
  const sanitize = passed.length < args.length
  const folder = sanitize ? buildSanitizedPackage() : root
  step(sanitize ? 'The soak, under AddressSanitizer' : 'The soak')
  const status = attempt(process.execPath, ['--expose-gc', join(folder, program), ...passed], {
    environment: { VIRTUAL_ENV: environmentFolder, ...(sanitize && sanitizedEnvironment()) },
  })
  if (status !== 0) throw new Stop(`the soak failed (${status})`)
})
