// Which Python interpreters a machine has, and what each one is: version, and whether a process can embed it.
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { which } from './command.mjs'
import { Stop } from './project.mjs'

export const oldestMinor = 10

const question = `
import json, os, platform, sys, sysconfig
get = sysconfig.get_config_var
folders = [get('LIBDIR'), os.path.join(sys.base_prefix, 'lib'), get('LIBPL')]
names = [get('INSTSONAME'), get('LDLIBRARY'), 'libpython%d.%d.so.1.0' % sys.version_info[:2]]
files = [os.path.join(f, n) for n in names for f in folders if f and n and '.so' in n]
print(json.dumps({
    'version': platform.python_version(), 'minor': sys.version_info[1] if sys.version_info[0] == 3 else -1,
    'implementation': platform.python_implementation(), 'freeThreaded': bool(get('Py_GIL_DISABLED')),
    'executable': os.path.realpath(sys.executable), 'prefix': sys.prefix,
    'library': next((f for f in files if os.path.exists(f)), None)}))
`

/** What the interpreter at a path says of itself, or null if it does not run. */
export function inspectInterpreter(path) {
  const result = spawnSync(path, ['-I', '-S', '-c', question], { encoding: 'utf8' })
  if (result.error || result.status !== 0) return null
  const facts = JSON.parse(result.stdout)
  return { path, ...facts, problem: problemOf(facts) }
}

/** Every CPython of this machine that this version supports, one entry an installation, oldest first. */
export function findInterpreters() {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions')
  const candidates = [
    ...(existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin', 'python3')) : []),
    ...['/usr/bin', '/usr/local/bin'].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /^python3(\.\d+)?$/.test(name))
        .map((name) => join(folder, name)),
    ),
  ]
  const found = new Map()
  for (const path of candidates.filter(existsSync)) {
    const real = realpathSync(path)
    if (!found.has(real)) found.set(real, inspectInterpreter(path))
  }
  return [...found.values()]
    .filter((interpreter) => interpreter !== null && interpreter.minor >= oldestMinor)
    .sort((a, b) => a.minor - b.minor || a.path.localeCompare(b.path))
}

/** The interpreter that this project's environment is made from: PYTHON, or the first on PATH that can be embedded. */
export function chooseInterpreter() {
  const names = process.env.PYTHON
    ? [process.env.PYTHON]
    : ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10']
  const tried = []
  for (const name of names) {
    const path = name.includes('/') ? name : which(name)
    const interpreter = path === null ? null : inspectInterpreter(path)
    if (interpreter !== null && interpreter.problem === null) return interpreter
    tried.push(`  ${name}: ${interpreter === null ? 'not found' : `${interpreter.path}, ${interpreter.problem}`}`)
  }
  throw new Stop(`No Python that this project can use was found. Tried, in order:\n${tried.join('\n')}`)
}

function problemOf(facts) {
  if (facts.implementation !== 'CPython') return `it is ${facts.implementation}, and this project needs CPython`
  if (facts.minor < oldestMinor) return `it is ${facts.version}, and this project needs 3.${oldestMinor} or newer`
  if (facts.freeThreaded) return 'it is a free-threaded build, which cannot be embedded'
  if (facts.library === null) {
    return `it has no shared libpython (Debian and Ubuntu: apt-get install libpython3.${facts.minor}; pyenv: build with --enable-shared)`
  }
  return null
}
