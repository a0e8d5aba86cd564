// Builds the floor addon for one interpreter. It is built once for each interpreter and state of the sources, into `.cache/floor/`.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, readdir, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

const run = promisify(execFile)
const folder = path.dirname(fileURLToPath(import.meta.url))
const cache = path.resolve(folder, '../../.cache/floor')
const flags = [
  '-O3',
  '-fPIC',
  '-shared',
  '-fno-plt',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wl,-z,now',
]

/** @returns the path of the addon that links `libpython` */
export async function buildFloor({ executable, libpython }) {
  const compiler = process.env.CC ?? 'gcc'
  const include = await pythonHeaders(executable)
  const sources = (await readdir(folder)).filter((name) => /\.[ch]$/.test(name)).sort()
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags, include, libpython]))
  for (const source of sources) hash.update(await readFile(path.join(folder, source)))
  const output = path.join(cache, `floor-${hash.digest('hex').slice(0, 16)}.node`)
  if (await exists(output)) return output

  await mkdir(cache, { recursive: true })
  const unfinished = `${output}.${process.pid}`
  await run(compiler, [
    ...flags,
    ...[nodeHeaders(), include].map((headers) => `-isystem${headers}`),
    ...sources.filter((source) => source.endsWith('.c')).map((source) => path.join(folder, source)),
    libpython,
    `-Wl,-rpath,${path.dirname(libpython)}`,
    '-lpthread',
    '-o',
    unfinished,
  ])
  await rename(unfinished, output)
  return output
}

async function pythonHeaders(executable) {
  const { stdout } = await run(executable, ['-c', 'import sysconfig; print(sysconfig.get_path("include"))'])
  const include = stdout.trim()
  if (!(await exists(path.join(include, 'Python.h')))) {
    throw new Error(`the headers of ${executable} are not installed: expected Python.h in ${include}`)
  }
  return include
}

function nodeHeaders() {
  return createRequire(import.meta.url)('node-api-headers').include_dir
}

function exists(file) {
  return access(file).then(
    () => true,
    () => false,
  )
}
