// Runs the soak (__tests__/soak/run.mjs), on its wish under AddressSanitizer; or that of processes of their own (processes.mjs).
//   node scripts/soak.mjs [--sanitize] [--seconds 60] [--seed 1]
//   node scripts/soak.mjs --processes [--sanitize] [--tasks 10000] [--cycles 10000] [--seed 1]
import { join } from 'node:path'
import { attempt, step } from './command.mjs'
import { environmentFolder, root, run, Stop } from './project.mjs'
import { buildSanitizedPackage, sanitizedEnvironment } from './sanitized-package.mjs'
import { setUp } from './set-up.mjs'

const flags = ['--sanitize', '--processes']

await run((args) => {
  setUp()
  const passed = args.filter((argument) => !flags.includes(argument))
  const [sanitize, processes] = flags.map((flag) => args.includes(flag))
  const program = join('__tests__', 'soak', processes ? 'processes.mjs' : 'run.mjs')
  const folder = sanitize ? buildSanitizedPackage() : root
  step(sanitize ? 'The soak, under AddressSanitizer' : 'The soak')
  const status = attempt(process.execPath, ['--expose-gc', join(folder, program), ...passed], {
    environment: { VIRTUAL_ENV: environmentFolder, ...(sanitize && sanitizedEnvironment()) },
  })
  if (status !== 0) throw new Stop(`the soak failed (${status})`)
})
