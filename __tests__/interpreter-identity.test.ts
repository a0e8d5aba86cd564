/* The embedded interpreter behaves like the one on disk: its prefix, its flags, its child processes. */
import { execFileSync } from 'node:child_process'
import { python } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

/** Runs the same code in the interpreter itself. */
function outside(code: string): unknown {
  return JSON.parse(execFileSync(python.info().executable, ['-c', `import json\n${code}`], { encoding: 'utf8' }))
}

beforeAll(() => python.start({ args: ['--flag', 'value'] }))

test.each(['executable', 'prefix', 'base_prefix', 'exec_prefix', 'version', 'platform', '_base_executable'])(
  'sys.%s is that of the interpreter',
  async (name) => {
    expect(await python.eval(`__import__('sys').${name}`)).toBe(outside(`import sys\nprint(json.dumps(sys.${name}))`))
  },
)

test('sys.flags are those of the interpreter', async () => {
  expect(await python.eval('list(__import__("sys").flags)')).toEqual(
    outside('import sys\nprint(json.dumps(list(sys.flags)))'),
  )
})

test('sys.path is that of the interpreter, before the folder the process started in', async () => {
  const paths = outside('import sys\nprint(json.dumps(sys.path[1:]))')
  expect(await python.eval('__import__("sys").path')).toEqual([...(paths as string[]), process.cwd()])
})

test('sys.argv holds the given arguments', async () => {
  expect(await python.eval('__import__("sys").argv')).toEqual(['', '--flag', 'value'])
})

test('site-packages of the venv are there', async () => {
  const file = await python.eval<string>('__import__("numpy").__file__')
  expect(file.startsWith(python.info().prefix)).toBe(true)
})

test('subprocess starts the same interpreter, and its exit is seen', async () => {
  const code = `
import json, subprocess, sys
result = subprocess.run([sys.executable, '-c', 'import sys; print(sys.prefix); sys.exit(3)'], capture_output=True, text=True)
answer = [result.stdout.strip(), result.returncode]
`
  expect(await (await python.exec(code)).answer).toEqual([python.info().prefix, 3])
})

test('multiprocessing spawns by default, and its children have the right prefix', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start({ paths: [fixtures] }).then(async () => {
      const children = await python.import('children')
      console.log(JSON.stringify([await children.start_method(), await children.prefixes(), python.info().prefix]))
    })`)
  expect(end.stderr).toBe('')
  const [method, prefixes, prefix] = JSON.parse(end.stdout) as [string, string[], string]
  expect(method).toBe('spawn')
  expect(prefixes).toEqual([prefix, prefix])
})

test('a forked child refuses to use the bridge and can still end', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const ns = python.execSync(${JSON.stringify(`
import os, warnings
warnings.simplefilter('ignore')
def fork():
    child = os.fork()
    if child == 0:
        os._exit(11)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
`)})
    console.log(ns.fork(), python.evalSync('1 + 1'))`)
  expect([end.stdout, end.stderr, end.code]).toEqual(['11 2\n', '', 0])
})

test.each([
  ['a function', 'returns()', 0],
  ['a function that exits', 'exits(6)', 6],
  ['a method', 'Forks.classmethod()', 0],
  ['an attribute', 'Forks().property', 0],
  ['an attribute that is a method', 'Forks().method && last()', 0],
  ['a description of an error', '(() => { try { raises_forking() } catch {} return last() })()', 0],
  ['a function with data', 'returns([1])', 0],
  ['a function that raises', 'raises()', 1],
])('a child that is forked in %s, called synchronously, ends there', async (_what, use, status) => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const ns = python.execSync(${JSON.stringify(`
import os, sys, warnings
warnings.simplefilter('ignore')
def returns(data=None):
    return os.fork()
def exits(code):
    return os.fork() or sys.exit(code)
def raises():
    child = os.fork()
    if child == 0:
        sys.stderr = open(os.devnull, 'w')
        raise ValueError('in the child')
    return child
class Forks:
    @property
    def method(self):
        pids.append(os.fork())
        return self.real
    def real(self): pass
    property = property(lambda self: os.fork())
    classmethod = classmethod(lambda cls: os.fork())
class ForkingError(Exception):
    def __str__(self):
        pids.append(os.fork())
        return 'text'
def raises_forking():
    raise ForkingError()
pids = []
def last():
    return pids.pop()
def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
`)})
    const { returns, exits, raises, raises_forking, Forks, last } = ns
    console.log(ns.status(${use}), python.evalSync('1 + 1'))`)
  expect([end.stdout, end.stderr, end.code]).toEqual([`${status} 2\n`, '', 0])
})

test('threading knows the main thread, whichever thread imports it first', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const before = python.evalSync("'threading' in __import__('sys').modules")
    const threading = python.importSync('threading')
    python.eval("__import__('threading').main_thread() is __import__('threading').current_thread()").then((inPool) =>
      console.log(before, threading.main_thread().name, threading.current_thread().name !== 'MainThread', inPool))`)
  expect(end.stdout).toBe('false MainThread true false\n')
})

test('signals can be handled only where Python says: its main thread is nobody else', async () => {
  const code = 'import signal\nsignal.signal(signal.SIGUSR2, lambda *_: None)'
  await expect(python.exec(code)).rejects.toMatchObject({ type: 'ValueError' })
  expect(await python.eval("__import__('signal').getsignal(2).__name__")).toBe('default_int_handler')
})

test("Ctrl-C is Node's", async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.importSync('sys')
    process.on('SIGINT', () => { console.log('node got it'); process.exit(0) })
    process.kill(process.pid, 'SIGINT')
    setInterval(() => {}, 1000)`)
  expect([end.stdout, end.code]).toEqual(['node got it\n', 0])
})

test('without a handler Ctrl-C ends the process as it ends any Node process', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.importSync('sys')
    setInterval(() => {}, 1000)
    setImmediate(() => process.kill(process.pid, 'SIGINT'))`)
  expect(end.signal).toBe('SIGINT')
})

test('the C locale does not leak into the environment of the process', async () => {
  const end = await runProgram(
    `const { python } = require('symphony-python-bridge')
     python.importSync('sys')
     console.log(process.env.LC_CTYPE, python.evalSync("__import__('os').environ.get('LC_CTYPE')"))`,
    { env: { LC_ALL: '', LC_CTYPE: '', LANG: 'C' } },
  )
  expect(end.stdout.split(' ')[0]).toBe('')
})
