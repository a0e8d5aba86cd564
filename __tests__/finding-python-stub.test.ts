/* The library that stands in for libpython: made from what a core asks for, loaded in its place, and loud if it is used. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nativePath } from '../ts/native/platform'

const script = join(__dirname, '..', 'scripts', 'generate-stub-library.mjs')
let folder: string

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'symphony-stub-')))
})

afterAll(() => rmSync(folder, { recursive: true }))

/** A library that asks Python for a function, an exception and a type, as the core does. */
function makeCore(body: string): { core: string; stub: string } {
  const [source, core, stub] = ['core.c', 'core.so', 'stub.so'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(
    source,
    `#include <stdio.h>
     extern void *PyLong_FromLong(long); extern void *PyExc_ValueError; extern char PyLong_Type[];
     __attribute__((constructor)) static void start(void) { ${body} fflush(stdout); }`,
  )
  execFileSync('gcc', ['-shared', '-fPIC', '-Wl,-z,now', '-o', core, source])
  execFileSync(process.execPath, [script, core, stub])
  return { core, stub }
}

/** Opens the stub with the loader and then the core, in a Node of its own. */
function loadInNode({ core, stub }: { core: string; stub: string }) {
  const code = `
    const { constants } = require('node:os')
    if (${JSON.stringify(stub)}) require(${JSON.stringify(nativePath('loader'))}).open(${JSON.stringify(stub)}, false)
    try {
      process.dlopen({ exports: {} }, ${JSON.stringify(core)}, constants.dlopen.RTLD_NOW)
    } catch (error) {
      console.log(error.message)
    }`
  return spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' })
}

test('a core loads over it, and finds its data as zeroes', () => {
  const files = makeCore(
    'printf("%d %d\\n", PyExc_ValueError == NULL, PyLong_Type[8]); if (PyExc_ValueError) PyLong_FromLong(1);',
  )
  expect(loadInNode({ ...files, stub: '' }).stdout).toMatch(/undefined symbol: Py/)
  const { stdout, status } = loadInNode(files)
  // It is no addon, which is all that Node complains of.
  expect(stdout).toBe(`1 0\nModule did not self-register: '${files.core}'.\n`)
  expect(status).toBe(0)
})

test('a function that is called names itself and ends the process', () => {
  const { stderr, signal } = loadInNode(makeCore('PyLong_FromLong(1); printf("%p %p", PyExc_ValueError, PyLong_Type);'))
  expect(signal).toBe('SIGABRT')
  expect(stderr).toBe(
    'symphony-python-bridge: `PyLong_FromLong` was called, but no Python is embedded in this process; this is a bug in symphony-python-bridge\n',
  )
})

test('it is small', () => {
  const { stub } = makeCore('PyLong_FromLong((long)PyExc_ValueError + PyLong_Type[0]);')
  expect(statSync(stub).size).toBeLessThan(24 * 1024)
})

test('the public names of a real libpython are told apart into functions and data', () => {
  const python = process.env.VIRTUAL_ENV === undefined ? 'python3' : join(process.env.VIRTUAL_ENV, 'bin', 'python')
  const question = "import sysconfig as s; print(s.get_config_var('LIBDIR') + '/' + s.get_config_var('INSTSONAME'))"
  const library = execFileSync(python, ['-c', question], { encoding: 'utf8' }).trim()
  const symbols = execFileSync('nm', ['-D', '--defined-only', '--format=posix', library], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([name]) => /^Py/.test(name ?? '') && !/^PyUnstable/.test(name ?? ''))
  expect(symbols.length).toBeGreaterThan(900)
  const data = symbols.filter(([, kind]) => /^[BDRV]$/.test(kind ?? '')).map(([name]) => name)
  const code = `
    const { isData } = await import(${JSON.stringify(pathToFileURL(script).href)})
    console.log(JSON.stringify(${JSON.stringify(symbols.map(([name]) => name))}.filter(isData)))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual(data)
})

test('something that asks nothing of Python is refused', () => {
  const { stderr, status } = spawnSync(process.execPath, [script, nativePath('loader'), join(folder, 'none.so')], {
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(stderr).toContain('asks nothing of libpython, so it is not the core')
})
