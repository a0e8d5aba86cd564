/* ECMAScript modules and CommonJS load the package, and share one state. */
import * as exported from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

test('require and import give the same objects', async () => {
  const { stdout, stderr, code } = await runProgram(
    `
    import { createRequire } from 'node:module'
    import * as module from 'symphony-python-bridge'
    const required = createRequire(process.cwd() + '/')('symphony-python-bridge')
    const names = Object.keys(required).sort()
    const math = module.python.importSync('math')
    const error = await required.python.eval('nothing').catch((reason) => reason)
    console.log(JSON.stringify({
      names,
      same: names.every((name) => module[name] === required[name]),
      more: Object.keys(module).filter((name) => !names.includes(name)),
      handle: required.python.importSync('math') === math && required.isPythonHandle(math),
      error: error instanceof module.PythonError && module.isPythonError(error, 'NameError'),
    }))`,
    { module: true },
  )
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    names: Object.keys(exported).sort(),
    same: true,
    more: [],
    handle: true,
    error: true,
  })
  expect(code).toBe(0)
})

test('import() works from CommonJS', async () => {
  const { stdout } = await runProgram(
    "import('symphony-python-bridge').then(({ python }) => console.log(python.evalSync('1 + 1')))",
  )
  expect(stdout).toBe('2\n')
})

test('a worker thread has its own handles of the same Python', async () => {
  const { stdout, stderr, code } = await runProgram(`
    const { Worker, isMainThread, parentPort } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    python.evalSync('__import__("builtins").__dict__.__setitem__("shared", 42)')
    const worker = new Worker(\`
      const { parentPort } = require('node:worker_threads')
      const { python } = require('symphony-python-bridge')
      python.eval('shared').then(async (shared) => parentPort.postMessage([shared, python.evalSync('shared + 1'), await python.eval('[shared]').__len__()]))
    \`, { eval: true })
    worker.on('message', (message) => console.log(JSON.stringify(message)))
    worker.on('exit', (code) => console.log('exit', code, python.evalSync('shared')))`)
  expect(stderr).toBe('')
  expect(stdout).toBe('[42,43,1]\nexit 0 42\n')
  expect(code).toBe(0)
})

test('what is exported has the name by which it is', () => {
  const functions = Object.entries(exported).filter((entry) => typeof entry[1] === 'function')
  expect(functions.map(([, value]) => (value as { name: string }).name)).toEqual(functions.map(([name]) => name))
  expect(functions.length).toBeGreaterThan(20)
})
