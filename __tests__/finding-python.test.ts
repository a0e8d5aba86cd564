/* The loader in a real Node process: the search, the report, opening a library, and what an allocator in the process changes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { chosenInterpreter } from '../ts/host/locate-report'
import { loadLoader, locate, locateAsync } from '../ts/native/loader'
import { nativePath } from '../ts/native/platform'

const loaderPath = nativePath('loader')
const environment = process.env.VIRTUAL_ENV
const interpreter = execFileSync(
  environment === undefined ? 'python3' : join(environment, 'bin', 'python'),
  ['-c', 'import sys; print(sys.executable)'],
  { encoding: 'utf8' },
).trim()
let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'symphony-finding-')))
})

afterEach(() => rmSync(folder, { recursive: true }))

const request = (options: { python?: string; env?: Record<string, string>; cache?: string | null } = {}) => ({
  cwd: folder,
  env: {},
  cache: null,
  ...options,
})

/** Runs code that has `loader` and `request` in a Node of its own; gives what it wrote and how it ended. */
function inNode(code: string, environment: Record<string, string> = {}) {
  const prelude = `const loader = require(${JSON.stringify(loaderPath)});
    const request = (more) => JSON.stringify({ cwd: ${JSON.stringify(folder)}, env: {}, cache: null, ...more });
    const report = JSON.parse(loader.locate(request({ python: ${JSON.stringify(interpreter)} })));`
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['-e', `${prelude}\n${code}`], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  return { stdout: stdout.trim(), stderr, status, signal }
}

test('a search gives the interpreter, its library and how to open it', () => {
  const report = locate(request({ python: interpreter }))
  expect(report).toEqual({
    ok: true,
    chosen: {
      source: 'option',
      executable: interpreter,
      realExecutable: realpathSync(interpreter),
      version: expect.stringMatching(/^3\.\d+\.\d+$/),
      implementation: 'cpython',
      prefix: expect.any(String),
      basePrefix: expect.any(String),
      libpython: expect.stringMatching(/libpython3/),
      deepbind: true,
      deepbindReason: "yes: keeps Python's OpenSSL and zlib apart from those in the Node executable",
      openssl: expect.stringMatching(/^OpenSSL /),
      freeThreaded: false,
      bits: 64,
      platform: 'linux-x86_64',
      libc: expect.stringMatching(/^glibc /),
      cached: false,
    },
    attempts: [
      { source: 'option', path: interpreter, outcome: 'chosen', reason: expect.stringMatching(/^is CPython 3/) },
    ],
    problem: null,
  })
})

test('a search on another thread gives the same report', async () => {
  expect(await locateAsync(request({ python: interpreter }))).toEqual(locate(request({ python: interpreter })))
})

test('searches on other threads at the same time all answer, and outlive the worker that began one', async () => {
  const reports = await Promise.all(Array.from({ length: 8 }, () => locateAsync(request({ python: interpreter }))))
  expect(reports.every((report) => report.ok)).toBe(true)
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     require(workerData.loader).locateAsync(workerData.request, () => {}); process.exit(0)`,
    { eval: true, workerData: { loader: loaderPath, request: JSON.stringify(request({ python: interpreter })) } },
  )
  expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0)
})

test('an empty search path gives an error with everything that was tried and a command that helps', () => {
  const report = locate(request())
  expect(report).toMatchObject({ ok: false, chosen: null, problem: { code: 'ERR_PYTHON_NOT_FOUND' } })
  expect(() => chosenInterpreter(report)).toThrow(
    expect.objectContaining({
      code: 'ERR_PYTHON_NOT_FOUND',
      message: [
        'no Python was found',
        'tried, in this order:',
        '  VIRTUAL_ENV: not set',
        `  .venv: none in \`${folder}\` or a folder above it`,
        '  conda: `CONDA_PREFIX` is not set',
        '  PATH: is empty',
        `to fix it, run: ${report.problem?.fix}`,
        '`npx symphony-python doctor` shows the details',
      ].join('\n'),
    }),
  )
})

test('an answer is remembered in the given folder and used by the next search', () => {
  const cache = join(folder, 'cache')
  expect(locate(request({ python: interpreter, cache })).chosen?.cached).toBe(false)
  expect(locate(request({ python: interpreter, cache })).chosen?.cached).toBe(true)
  expect(readdirSync(cache)).toHaveLength(1)
})

test('a remembered search starts no process', () => {
  const cache = join(folder, 'cache')
  const runs = join(folder, 'runs')
  // The dynamic linker writes a file for each process that is started with these variables.
  const counted = { cwd: folder, cache, python: interpreter, env: { LD_DEBUG: 'files', LD_DEBUG_OUTPUT: runs } }
  const processes = () => readdirSync(folder).filter((name) => name.startsWith('runs.')).length
  expect(locate(counted).ok).toBe(true)
  const first = processes()
  expect(first).toBeGreaterThan(0)
  expect(locate(counted).chosen?.cached).toBe(true)
  expect(processes()).toBe(first)
})

test('a request that is not one is an error with a code', () => {
  const loader = loadLoader()
  const complaint = expect.objectContaining({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('the request cannot be read'),
  })
  expect(() => loader.locate('{}')).toThrow(complaint)
  expect(() => loader.locateAsync('nonsense', () => undefined)).toThrow(complaint)
})

test('a library is opened once, and no other after it', () => {
  const { stdout, stderr } = inNode(`
    loader.open(report.chosen.libpython, report.chosen.deepbind)
    loader.open(report.chosen.libpython, report.chosen.deepbind)
    try { loader.open('/other/libpython3.99.so', true) } catch (error) { console.log(error.code, error.message) }`)
  expect(stderr).toBe('')
  expect(stdout).toMatch(
    /^ERR_PYTHON_ALREADY_CHOSEN this process already runs with `.*libpython3.*`; it cannot change to `\/other\/libpython3.99.so`$/,
  )
})

test('a library that cannot be opened is an error with the words of the linker, and another may follow', () => {
  const { stdout, stderr } = inNode(`
    const fail = (path) => { try { loader.open(path, true) } catch (error) { console.log(error.code, error.message) } }
    fail('/missing/libpython3.12.so.1.0')
    fail(${JSON.stringify(loaderPath)})
    loader.open(report.chosen.libpython, report.chosen.deepbind)`)
  expect(stderr).toBe('')
  expect(stdout.split('\n')).toEqual([
    'ERR_LIBPYTHON_LOAD cannot open `/missing/libpython3.12.so.1.0`: /missing/libpython3.12.so.1.0: cannot open shared object file: No such file or directory',
    `ERR_LIBPYTHON_LOAD cannot open \`${loaderPath}\`: it is not a libpython: it has no \`Py_GetVersion\``,
  ])
})

test('a free-threaded library is refused before the core could be loaded over it', () => {
  const source = join(folder, 'free.c')
  const library = join(folder, 'libpython3.14t.so')
  writeFileSync(source, 'const char *Py_GetVersion(void) { return "3.14.0 free-threading build (main) [GCC]"; }')
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source])
  const { stdout } = inNode(`
    try { loader.open(${JSON.stringify(library)}, true) } catch (error) { console.log(error.code, error.message) }`)
  expect(stdout).toBe(`ERR_PYTHON_UNSUPPORTED cannot open \`${library}\`: it is a free-threaded build`)
})

describe('an allocator that is preloaded', () => {
  const jemalloc = findLibrary('libjemalloc.so.2')

  test('turns DEEPBIND off, and Python works with it', () => {
    const { stdout, stderr, status } = inNode(
      `console.log(report.chosen.deepbind, report.chosen.deepbindReason)
       loader.open(report.chosen.libpython, report.chosen.deepbind)`,
      { LD_PRELOAD: jemalloc },
    )
    expect({ stdout, stderr, status }).toEqual({
      stdout: `false no: \`malloc\` comes from \`${jemalloc}\`, and RTLD_DEEPBIND would mix it with that of the C library`,
      stderr: '',
      status: 0,
    })
  })

  test('a preloaded library without an allocator changes nothing', () => {
    const source = join(folder, 'harmless.c')
    const library = join(folder, 'harmless.so')
    writeFileSync(source, 'int harmless(void) { return 1; }')
    execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source])
    expect(inNode('console.log(report.chosen.deepbind)', { LD_PRELOAD: library }).stdout).toBe('true')
  })
})

test('a library behind a link is the same library', () => {
  const { stdout, stderr } = inNode(`
    const { symlinkSync } = require('node:fs')
    const link = ${JSON.stringify(join(folder, 'libpython.so'))}
    symlinkSync(report.chosen.libpython, link)
    loader.open(report.chosen.libpython, true)
    loader.open(link, true)
    console.log('opened')`)
  expect({ stdout, stderr }).toEqual({ stdout: 'opened', stderr: '' })
})

function findLibrary(name: string): string {
  const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
  const path = folders.map((each) => join(each, name)).find((each) => existsSync(each))
  if (path === undefined) throw new Error(`\`${name}\` is needed for these tests: apt-get install libjemalloc2`)
  return path
}
