#!/usr/bin/env node
/* The command `symphony-python`: reads the command line, runs what it asks for, and sets the exit code. */
import { parseArgs } from 'node:util'
import { bridgeVersion } from '../native/core'
import { diagnose } from './doctor'
import { describeDiagnosis } from './doctor-text'

const usage = `Usage: symphony-python doctor [--python <path>] [--json]

Says which Python this package finds from here and why, and makes a call in it.

  --python <path>  an interpreter or the folder of an environment, instead of a search
  --json           the report as one JSON object
  --help           this text
  --version        the version of symphony-python-bridge

The exit code is 0 if Python works, 1 if it does not, 2 if the command line is wrong.
`

/** Runs one command line; gives the exit code. */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', short: 'v', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  if (values.version) {
    process.stdout.write(`${bridgeVersion}\n`)
    return 0
  }
  const [command, ...others] = positionals
  if (command !== 'doctor' || others.length > 0) {
    const unexpected = others[0] ?? command
    throw new TypeError(unexpected === undefined ? 'a command is missing' : `unexpected argument \`${unexpected}\``)
  }
  const diagnosis = await diagnose(values.python)
  process.stdout.write(values.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : describeDiagnosis(diagnosis))
  return diagnosis.ok ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    // Both `parseArgs` and the checks above complain with a TypeError; anything else is a bug and shall be seen whole.
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`symphony-python: ${error.message}\n\n${usage}`)
    process.exitCode = 2
  },
)
