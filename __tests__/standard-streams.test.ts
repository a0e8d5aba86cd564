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

test('what is written while Python ends arrives before `stop` is done', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const lines = []
    python.start({ stdout: (line) => lines.push(line) }).then(async () => {
      await python.exec("import atexit\\natexit.register(lambda: print('left'))\\nprint('last', end='|')")
      await python.stop()
      process.stdout.write(JSON.stringify(lines))
    })`)
  expect(JSON.parse(end.stdout)).toEqual(['last|left'])
})

test('a line that never ends comes in pieces, and a carriage return ends one', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const lines = []
    python.start({ stdout: (line) => lines.push(line) }).then(async () => {
      await python.exec("import sys\\nfor part in ('10%\\\\r', '20%', '\\\\r', '\\\\n', 'done\\\\r\\\\n', 'x' * 100_000):\\n    sys.stdout.write(part)\\n    sys.stdout.flush()")
      await python.stop()
      process.stdout.write(JSON.stringify(lines.map((line) => (line.length > 9 ? line.length : line))))
    })`)
  expect(JSON.parse(end.stdout)).toEqual(['10%', '20%', 'done', 65_536, 34_464])
})

test('a function that throws gets the other lines too', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    const stdout = (line) => { if (line === 'b') throw new Error('thrown'); seen.push(line) }
    python.start({ stdout }).then(async () => {
      await python.exec("print('a\\\\nb\\\\nc')")
      await python.stop()
      process.stdout.write(JSON.stringify(seen.sort()))
    })`)
  expect(JSON.parse(end.stdout)).toEqual(['a', 'b', 'c'].map((line) => (line === 'b' ? 'thrown' : line)).sort())
})

test('the output stays with the thread that started Python', async () => {
  const end = await runProgram(`
    const { once } = require('node:events')
    const { Worker } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    const lines = []
    python.start({ stdout: (line) => lines.push(line) }).then(async () => {
      const worker = new Worker("require('symphony-python-bridge').python.evalSync('print(1)')", { eval: true })
      await once(worker, 'exit')
      await python.exec('print(2)')
      await python.stop()
      process.stdout.write(JSON.stringify(lines))
    })`)
  expect(JSON.parse(end.stdout)).toEqual(['1', '2'])
})
