/* JavaScript's iterators and Python in one process: waits on JavaScript's own thread, what is collected, and what closing brings. */
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { python } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

test('what JavaScript would give later cannot be waited for on its own thread', async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  const sync = python.importSync('javascript_iterables')
  const items = async function* (): AsyncGenerator<number> {
    yield await Promise.resolve(1)
  }
  expect(() => sync.run(items())).toThrow(expect.objectContaining({ type: 'RuntimeError' }))
  expect(() => sync.read(new PassThrough())).toThrow(expect.objectContaining({ type: 'RuntimeError' }))
})

test('iterators that Python drops are collected on both sides', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    const module = python.importSync(new URL('file://' + fixtures + '/javascript_iterables.py'))
    let collected = 0
    const registry = new FinalizationRegistry(() => { collected += 1 })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    async function main() {
      for (let index = 0; index < 100; index++) {
        const generator = (function* () { yield 1; yield 2; yield 3 })()
        const later = (async function* () { yield 1; yield 2; yield 3 })()
        registry.register(generator)
        registry.register(later)
        if (index % 2 === 0) module.first(generator, index % 4)
        else await module.$async.items(generator)
        await module.$async.run_first(later, 1 + index % 4)
      }
      while (collected < 198) { await turn(); globalThis.gc() }
      console.log('collected')
    }
    main()`,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ stdout: 'collected\n', stderr: '' })
})

test('what fails in closing a dropped iterator is a warning', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const module = python.importSync(new URL('file://' + fixtures + '/javascript_iterables.py'))
    function* stubborn() { try { yield 1; yield 2 } finally { throw new Error('stuck') } }
    module.first(stubborn(), 1)
    setImmediate(() => console.log('alive'))`)
  expect(end.stdout).toBe('alive\n')
  expect(end.stderr).toContain('PythonCallbackWarning: closing an iterator that Python dropped failed: Error: stuck')
})
