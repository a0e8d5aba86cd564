// The project's virtual environment: made once, kept while its interpreter and its requirements stay the same.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, note, step } from './command.mjs'
import { chooseInterpreter } from './interpreters.mjs'
import { environmentFolder, environmentPython, root } from './project.mjs'

/** What each set of requirements is for, and where it is listed. */
export const requirementFiles = {
  examples: join('examples', 'requirements.txt'),
  tests: join('__tests__', 'requirements.txt'),
}

/** The line of a package in the requirements, such as `numpy ~= 2.2`: for environments that need that one only. */
export function requirement(name) {
  for (const file of Object.values(requirementFiles)) {
    const line = readFileSync(join(root, file), 'utf8')
      .split('\n')
      .find((text) => text.split(' ')[0] === name)
    if (line !== undefined) return line
  }
  throw new Error(`no requirements name \`${name}\``)
}

/** Makes `.venv` ready for the given sets of requirements; costs milliseconds when nothing changed. */
export function prepareEnvironment(sets) {
  const interpreter = chooseInterpreter()
  makeEnvironment(environmentFolder, interpreter)
  for (const set of sets) {
    const file = requirementFiles[set]
    // The tests' requirements include the examples'.
    const text = Object.values(requirementFiles).map((name) => readFileSync(join(root, name), 'utf8'))
    installOnce(environmentFolder, `requirements-${set}`, ['--requirement', file], text.join('\n'))
  }
  return environmentPython
}

/** `python -m venv`, unless the folder already is the environment of this very interpreter. */
export function makeEnvironment(folder, interpreter) {
  const stamp = join(folder, 'made-from')
  const identity = `${interpreter.executable}\n${interpreter.version}\n`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === identity) return
  step(`Making a virtual environment from CPython ${interpreter.version} (${interpreter.path})`)
  execute(interpreter.path, ['-m', 'venv', '--clear', folder])
  writeFileSync(stamp, identity)
}

/** Installs packages unless the same text was installed under the same name before. */
export function installOnce(folder, name, packages, text = packages.join('\n')) {
  const stamp = join(folder, `${name}.installed`)
  const digest = createHash('sha256').update(text).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  step(`Installing Python packages (${name})`)
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', '--progress-bar', 'off']
  execute(join(folder, 'bin', 'python'), [...pip, ...packages])
  note(packages.join(' '))
  writeFileSync(stamp, digest)
}
