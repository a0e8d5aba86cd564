/* Where Python's standard streams go. */
import { runProgram } from './support/child-process'

test('a function gets whole lines, in order, and what is left at the end', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const lines = []
    process.on('exit', () => setImmediate(() => {}))
    python.start({ stdout: (line) => lines.push(line), stderr: (line) => lines.push('err ' + line) }).then(async () => {
      await python.exec("import sys\\nprint('one', 'two')\\nprint('é\\\\nthree', end='')\\nprint('four', file=sys.stderr)")
      await python.stop()
      process.stdout.write(JSON.stringify(lines))
    })`)
  expect(end.stderr).toBe('')
  const lines = JSON.parse(end.stdout) as string[]
  expect(lines.filter((line) => !line.startsWith('err'))).toEqual(['one two', 'é', 'three'])
  expect(lines).toContain('err four')
})

test('ignored streams print nothing', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start({ stdout: 'ignore', stderr: 'ignore' }).then(async () => {
      await python.exec("import sys\\nprint('a')\\nprint('b', file=sys.stderr)")
    })`)
  expect([end.stdout, end.stderr]).toEqual(['', ''])
})

test('text from many threads is not torn apart within a line', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start().then(async () => {
      const ns = await python.exec("import sys\\ndef say(n):\\n    for _ in range(50):\\n        sys.stdout.write(str(n) * 200 + chr(10))")
      await Promise.all(Array.from({ length: 8 }, (_, n) => ns.say(n)))
    })`)
  const lines = end.stdout.trimEnd().split('\n')
  expect(lines.length).toBe(400)
  expect(lines.filter((line) => !/^(\d)\1{199}$/.test(line))).toEqual([])
})

test('a reader that goes away does not crash the process', async () => {
  const end = await runProgram(`
    const { spawn } = require('node:child_process')
    const program = \`
      const { python } = require('symphony-python-bridge')
      try { python.execSync("print('x' * 10_000_000)") } catch (error) { process.exitCode = error.type === 'BrokenPipeError' ? 9 : 8 }\`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.once('data', () => child.stdout.destroy())
    child.on('exit', (code, signal) => console.log(code, signal))`)
  expect(end.stdout).toBe('9 null\n')
})
