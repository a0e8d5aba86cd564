/* The command `symphony-python`: what it prints for people and for programs, and its exit codes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '..')
const command = join(root, 'dist', 'cli', 'symphony-python.js')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
let folder: string

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'symphony-doctor-')))
  const environment = process.env.VIRTUAL_ENV
  const python = environment === undefined ? 'python3' : join(environment, 'bin', 'python')
  execFileSync(python, ['-m', 'venv', '--without-pip', join(folder, '.venv')])
})

afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the command in the folder of this test, with these variables and nothing that would name another Python. */
function run(args: string[], environment: Record<string, string> = {}) {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, ...environment }
  const { stdout, stderr, status } = spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  return { stdout, stderr, status }
}

test('the file can be run by its path', () => {
  expect(execFileSync(command, ['--version'], { encoding: 'utf8' })).toBe(`${version}\n`)
})

test('--help says how it is used', () => {
  const { stdout, stderr, status } = run(['--help'])
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  expect(stdout).toMatch(/^Usage: symphony-python doctor \[--python <path>\] \[--json\]\n/)
})

test.each([
  [[], 'a command is missing'],
  [['cure'], 'unexpected argument `cure`'],
  [['doctor', 'now'], 'unexpected argument `now`'],
  [['doctor', '--loud'], "Unknown option '--loud'"],
  [['doctor', '--python'], "Option '--python <value>' argument missing"],
])('%j is refused with the usage and exit code 2', (args, complaint) => {
  const { stdout, stderr, status } = run(args)
  expect({ stdout, status }).toEqual({ stdout: '', status: 2 })
  expect(stderr.startsWith(`symphony-python: ${complaint}`)).toBe(true)
  expect(stderr).toContain('\nUsage: symphony-python doctor')
})

test('with a Python that works it reports the search, the interpreter and a call, and ends with 0', () => {
  const { stdout, stderr, status } = run(['doctor'])
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  const text = stdout.replaceAll(folder, '~').replace(/\d+\.\d+ ms/g, '# ms')
  expect(text).toMatch(/^Package\n {2}version {3}\d/)
  expect(text).toContain('Search, in this order\n  VIRTUAL_ENV  not set\n  .venv        ~/.venv is CPython 3.')
  expect(text).toMatch(/\n {2}executable +~\/\.venv\/bin\/python\n/)
  expect(text).toMatch(/\n {2}prefix +~\/\.venv\n/)
  expect(text).toMatch(/\n {2}DEEPBIND +yes: /)
  expect(text).toMatch(/\nCall\n {2}1 \+ 1 +2\n/)
  expect(text).toMatch(/\n {2}OpenSSL +OpenSSL \S.*, the same as outside Node\n/)
  expect(text).toMatch(/\n {2}start +# ms for Python\n/)
  expect(text.endsWith('\nPython works.\n')).toBe(true)
})

test('--json gives the same as one object', () => {
  const { stdout, status } = run(['doctor', '--json'])
  const diagnosis = JSON.parse(stdout)
  expect(status).toBe(0)
  expect(diagnosis).toMatchObject({
    ok: true,
    bridge: version,
    node: { version: process.versions.node, napi: process.versions.napi, openssl: process.versions.openssl },
    search: { ok: true, chosen: { source: '.venv', prefix: join(folder, '.venv'), cached: expect.any(Boolean) } },
    call: { ok: true, value: 2, executable: join(folder, '.venv', 'bin', 'python'), prefix: join(folder, '.venv') },
    problem: null,
  })
  expect(diagnosis.call.openssl).toBe(diagnosis.search.chosen.openssl)
  expect(diagnosis.call.libpython).toBe(diagnosis.search.chosen.libpython)
})

test('without any Python it lists what was tried, and ends with 1', () => {
  const empty = mkdtempSync(join(tmpdir(), 'symphony-empty-'))
  const env = { PATH: empty, HOME: empty }
  const { stdout, stderr, status } = spawnSync(process.execPath, [command, 'doctor'], {
    cwd: empty,
    env,
    encoding: 'utf8',
  })
  rmSync(empty, { recursive: true })
  expect({ stderr, status }).toEqual({ stderr: '', status: 1 })
  expect(stdout).toContain('\nSearch, in this order\n  VIRTUAL_ENV  not set\n')
  expect(stdout).toContain('\n  PATH         has no `python3` or `python` in its only folder\n')
  expect(stdout).toMatch(/\nERR_PYTHON_NOT_FOUND: no Python was found\nTo fix it, run: .+\n$/)
  expect(stdout).not.toContain('\nCall\n')
})

test('--python names the interpreter, and one that is none is never replaced by another', () => {
  const garbage = join(folder, 'garbage')
  writeFileSync(garbage, '#!/bin/sh\necho "not a snake" >&2\nexit 3\n')
  chmodSync(garbage, 0o755)
  const { stdout, status } = run(['doctor', '--python', garbage, '--json'])
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    search: {
      chosen: null,
      attempts: [
        {
          source: 'option',
          path: garbage,
          outcome: 'rejected',
          reason: 'is not a working Python: it ended with exit code 3 and said `not a snake`',
        },
      ],
    },
    call: null,
    problem: { code: 'ERR_PYTHON_NOT_FOUND', fix: null },
  })
})

test('a Python that takes the process with it while it starts is reported like any other failure', () => {
  const environment = join(folder, 'crashing')
  execFileSync(join(folder, '.venv', 'bin', 'python'), ['-m', 'venv', '--without-pip', environment])
  const packages = readdirSync(join(environment, 'lib')).map((name) => join(environment, 'lib', name, 'site-packages'))
  writeFileSync(
    join(packages[0] ?? '', 'sitecustomize.py'),
    'import os, sys\nprint("so long", file=sys.stderr, flush=True)\nos._exit(7)\n',
  )
  const { stdout, status } = run(['doctor', '--python', environment])
  expect(status).toBe(1)
  expect(stdout).toContain('\nInterpreter\n')
  expect(stdout).toMatch(/\nERR_PYTHON_START: the process of the call ended with exit code 7 and said `so long`\n$/)
})

test('with an allocator preloaded it says that DEEPBIND is off, and the call works', () => {
  const jemalloc = '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2'
  const { stdout, status } = run(['doctor'], { LD_PRELOAD: jemalloc })
  expect(stdout).toMatch(/\n {2}DEEPBIND +no: `malloc` comes from `.*libjemalloc/)
  expect(stdout).toMatch(/\nCall\n {2}1 \+ 1 +2\n/)
  expect(status).toBe(0)
})
