// Runs other programs for the scripts: says what it does, passes their output through, and names a missing program.
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { accessSync, constants, statSync } from 'node:fs'
import { root, Stop } from './project.mjs'

export function step(text) {
  process.stdout.write(`\n\u001b[1m▸ ${text}\u001b[0m\n`)
}

export function note(text) {
  process.stdout.write(`  ${text}\n`)
}

/** Runs a program with its output on this terminal; a failure ends the script with the program's own words above. */
export function execute(program, args, { advice, environment, folder = root } = {}) {
  const status = attempt(program, args, { advice, environment, folder })
  if (status !== 0) throw new Stop(`\`${[program, ...args].join(' ')}\` failed with exit code ${status}`)
}

/** The same, for a program whose failure is an answer: gives the exit code. */
export function attempt(program, args, { advice, environment, folder = root } = {}) {
  const result = spawnSync(program, args, { cwd: folder, stdio: 'inherit', env: { ...process.env, ...environment } })
  if (result.error) throw missing(program, result.error, advice)
  return result.status ?? `signal ${result.signal}`
}

/** Runs a program and gives what it wrote on stdout; on failure the message holds what it wrote on stderr. */
export function output(program, args, { advice, environment, folder = root } = {}) {
  const result = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 28,
  })
  if (result.error) throw missing(program, result.error, advice)
  if (result.status !== 0)
    throw new Stop(`\`${[program, ...args].join(' ')}\` failed:\n${result.stderr || result.stdout}`)
  return result.stdout
}

/** The full path of a program on PATH, or null. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // not in this folder
    }
  }
  return null
}

function missing(program, error, advice) {
  if (error.code !== 'ENOENT') return new Stop(`\`${program}\` could not be run: ${error.message}`)
  return new Stop(`\`${program}\` was not found on PATH${advice ? `: ${advice}` : ''}`)
}
