/* That Python in Node uses its own OpenSSL and zlib, not those in Node's executable, and lives with another allocator. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(__dirname, '..')
const environment = process.env.VIRTUAL_ENV ?? join(root, '.venv')
const python = join(environment, 'bin', 'python')
const facts = `{
  'openssl': __import__('ssl').OPENSSL_VERSION,
  'certificates': list(__import__('ssl').get_default_verify_paths()[2:]),
  'zlib': __import__('zlib').ZLIB_RUNTIME_VERSION,
  'digest': __import__('hashlib').sha256(b'symphony').hexdigest(),
}`.replaceAll('\n', ' ')

/** What Python says outside Node. */
function outside(): unknown {
  const code = `import json; print(json.dumps(${facts}))`
  return JSON.parse(execFileSync(python, ['-c', code], { encoding: 'utf8' }))
}

/** Runs Node with the package; the code may use `python` and `facts`, and prints its outcome. */
function inNode(code: string, variables: Record<string, string> = {}) {
  const program = `const { python } = require(${JSON.stringify(root)}); const facts = ${JSON.stringify(facts)}; ${code}`
  const env = { ...process.env, VIRTUAL_ENV: environment, ...variables }
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env })
  return { stdout: stdout.trim(), stderr, status, signal }
}

test("OpenSSL, its certificate paths and zlib are Python's own", () => {
  const { stdout, stderr } = inNode('console.log(JSON.stringify(python.evalSync(facts)))')
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(outside())
})

describe('with jemalloc preloaded', () => {
  const jemalloc = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '.']
    .map((folder) => join('/usr/lib', folder, 'libjemalloc.so.2'))
    .find((path) => existsSync(path))

  beforeAll(() => {
    if (jemalloc === undefined) throw new Error('these tests need jemalloc: apt-get install libjemalloc2')
  })

  test('libraries that allocate across their borders work and the process ends well', () => {
    const { stdout, stderr, status, signal } = inNode(
      `const numpy = python.importSync('numpy')
       console.log(numpy.arange(1_000_000).$sync.sum())
       python.execSync('import ssl, readline, sqlite3, hashlib; ssl.create_default_context()')
       python.execSync('import numpy; a = [numpy.random.rand(1000) for _ in range(1000)]; del a')
       console.log('done')`,
      { LD_PRELOAD: jemalloc ?? '' },
    )
    expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null })
    expect(stdout.split('\n').at(-1)).toBe('done')
  })
})
