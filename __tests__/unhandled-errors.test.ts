/* Errors of asynchronous calls that nobody awaits. In processes of their own, because Jest listens for them too. */
import { runProgram } from './support/child-process'

/** Collects what is unhandled until the event loop has nothing left to do. */
function program(body: string): string {
  return `
    const { python } = require('symphony-python-bridge')
    const unhandled = []
    process.on('unhandledRejection', (reason) => unhandled.push(reason.message))
    process.on('exit', () => console.log(JSON.stringify(unhandled)))
    async function main() {
      await python.start({ paths: [fixtures] })
      const handles = await python.import('handles')
      ${body}
    }
    main()`
}

test.each([
  ['a failed call is an unhandled rejection', "void handles.fail('alone')", ['ValueError: alone']],
  ['so is one whose argument cannot cross', 'void handles.identity(Symbol("s"))', [expect.stringContaining('args[0]')]],
  ['a chain reports its error once', "void handles.fail('chain').x.y()", ['ValueError: chain']],
  ['an error that a further call took over is not', "await handles.fail('x').y().catch(() => {})", []],
  ['nor is one that was passed on', "await handles.identity(handles.fail('x')).catch(() => {})", []],
  [
    'nor is one that is awaited in the same tick',
    'const c = handles.identity(Symbol("s")); await c.catch(() => {})',
    [],
  ],
  ['a path that is not awaited does nothing', 'handles.nowhere', []],
])('%s', async (_name, body, unhandled) => {
  const { stdout, stderr, code } = await runProgram(program(body))
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(unhandled)
  expect(code).toBe(0)
})

test('without a listener the process ends with the error', async () => {
  const { code, stderr } = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start({ paths: [fixtures] }).then(async () => {
      const handles = await python.import('handles')
      handles.fail('nobody')
    })`)
  expect(code).toBe(1)
  expect(stderr).toContain('PythonError: ValueError: nobody')
})
