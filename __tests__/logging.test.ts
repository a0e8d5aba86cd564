/* `python.start({ logging })`: records of Python's `logging`. */
import { join } from 'node:path'
import { python, type Handle, type LogRecord } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { embeddedTest } from './support/mode'

const records: LogRecord[] = []
const handler = (record: LogRecord): number => records.push(record)
const stderr: string[] = []
let logs: Handle

beforeAll(async () => {
  await python.start({
    paths: [join(__dirname, 'fixtures')],
    logging: { handler, level: 'INFO' },
    stderr: (line) => stderr.push(line),
  })
  logs = await python.import('logs')
})

afterEach(() => records.splice(0))

test('a record has what Python knows of it, and comes before the promise settles', async () => {
  const before = Date.now()
  await logs.log(20, 'hello %s, %d', 'you', 5)
  expect(records).toEqual([
    {
      name: 'app.module',
      level: 'INFO',
      levelNumber: 20,
      message: 'hello you, 5',
      time: expect.any(Number) as number,
      file: join(__dirname, 'fixtures', 'logs.py'),
      line: 20,
      function: 'log',
      thread: expect.any(String) as string,
      extra: {},
    },
  ])
  expect(records[0]?.time).toBeGreaterThan(before - 1000)
})

test('the level holds for the root logger, and levels may be added', async () => {
  await logs.log(10, 'below')
  await python.eval('__import__("logging").addLevelName(25, "NOTICE")')
  await logs.log(25, 'notice')
  expect(records.map(({ level, levelNumber }) => [level, levelNumber])).toEqual([['NOTICE', 25]])
})

test('what the program added is plain data, or words', async () => {
  await logs.log_with_extra()
  expect(records[0]?.extra).toEqual({
    user: 'ada',
    nested: [1, { a: null }],
    object: '<opaque>',
    broken: '<Broken object whose repr fails>',
  })
})

test('exceptions and stacks are texts', async () => {
  await logs.log_exception()
  expect(records[0]).toMatchObject({ level: 'ERROR', message: 'failed' })
  expect(records[0]?.exception).toMatch(/^Traceback[^]*KeyError: 'missing'$/)
  expect(records[1]?.stack).toMatch(/^Stack \(most recent call last\)[^]*log_exception/)
  expect(records[1]).not.toHaveProperty('exception')
})

test('a record that cannot be formatted is reported as Python does', async () => {
  await logs.log_badly()
  await python.exec('import sys; sys.stderr.flush()')
  expect(records).toEqual([])
  expect(stderr.join('\n')).toContain('--- Logging error ---')
})

test('records of many threads come in the order of each', async () => {
  await logs.log_in_threads(4, 200)
  expect(records).toHaveLength(800)
  for (const thread of [0, 1, 2, 3]) {
    const numbers = records.map(({ message }) => message.split(' ').map(Number)).filter(([one]) => one === thread)
    expect(numbers.map(([, number]) => number)).toEqual(Array.from({ length: 200 }, (_, number) => number))
  }
})

embeddedTest('beyond 10,000 that wait, records are counted instead', async () => {
  // The JavaScript thread is busy in a synchronous call, so nobody takes them.
  logs.$sync.log_many(10_250)
  await new Promise((resolve) => setImmediate(resolve))
  await logs.log(20, 'afterwards')
  expect(records).toHaveLength(10_002)
  expect(records[9_999]?.message).toBe('0 9999')
  expect(records[10_000]).toMatchObject({
    name: 'symphony_bridge.logging',
    level: 'WARNING',
    message: expect.stringMatching(/^250 log records were dropped/) as string,
    extra: { dropped: 250 },
  })
  expect(records[10_001]?.message).toBe('afterwards')
})

test('another start agrees with the same function and options only', async () => {
  await python.start({ logging: { handler, level: 'INFO' } })
  for (const logging of [
    handler,
    { handler, level: 10 },
    { handler, level: 20, warnings: true },
    { handler: () => 1, level: 20 },
  ])
    await expect(python.start({ logging })).rejects.toMatchObject({ code: 'ERR_PYTHON_ALREADY_CHOSEN' })
})

test('what cannot be meant is refused', async () => {
  for (const [logging, words] of [
    [true, '`logging` must be a function or an object of options, but got the boolean `true`'],
    [{}, '`logging.handler` must be a function, but got undefined'],
    [{ handler, level: 'LOUD' }, "`logging.level` must be one of 'DEBUG'"],
    [{ handler, level: 1.5 }, 'or an integer from 0 to 1000, but got the number `1.5`'],
    [{ handler, warnings: 1 }, '`logging.warnings` must be a boolean'],
    [{ handler, uncaught: 'yes' }, '`logging.uncaught` must be a boolean'],
    [{ handler, filter: 1 }, 'there is no option `filter`'],
  ] as [never, string][])
    await expect(python.start({ logging })).rejects.toThrow(words)
})

test('a function alone leaves the level, and nothing is written to the error stream', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const messages = []
    python.start({ paths: [fixtures], logging: (record) => messages.push(record.level + ' ' + record.message) }).then(async () => {
      const logs = await python.import('logs')
      await logs.log(20, 'info')
      await logs.log(30, 'warning')
      await python.exec('import warnings; warnings.simplefilter("always"); warnings.warn("careful")')
      console.log(messages.join())
    })`)
  expect(end.stdout).toBe('WARNING warning\n')
  expect(end.stderr).toContain('UserWarning: careful')
})

test('warnings and exceptions that nobody catches come when asked for', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const seen = []
    const handler = ({ name, level, message, exception }) => seen.push([name, level, message.split(':').at(-1).split('\\n')[0].trim(), exception?.split('\\n').at(-1)])
    python.start({ paths: [fixtures], logging: { handler, warnings: true, uncaught: true } }).then(async () => {
      await python.exec('import warnings; warnings.warn("careful")')
      const logs = await python.import('logs')
      await logs.fail_in_thread()
      await logs.fail_in_finalizer()
      console.log(JSON.stringify(seen.map(([, level, message, exception]) => [level, message, exception])))
      console.log(seen.map(([name]) => name).join())
    })`)
  const [lines = '', names] = end.stdout.split('\n')
  expect(end.stderr).toBe('')
  expect(names).toBe('py.warnings,symphony_bridge.uncaught,symphony_bridge.uncaught')
  expect(JSON.parse(lines)).toEqual([
    ['WARNING', 'careful', null],
    ['ERROR', 'Exception in thread failing', 'ValueError: nobody catches this'],
    ['ERROR', expect.stringMatching(/^<function|^Exception ignored/) as string, 'ValueError: in a finalizer'],
  ])
})

test('a function that throws gets the other records, and those of the end come before `stop` is done', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    const logging = ({ message }) => { if (message === 'b') throw new Error('thrown'); seen.push(message) }
    python.start({ logging }).then(async () => {
      await python.exec('import logging, atexit\\nfor word in "abc": logging.warning(word)\\natexit.register(logging.warning, "end")')
      await python.stop()
      console.log(seen.sort().join())
    })`)
  expect([end.stdout, end.stderr]).toEqual(['a,c,end,thrown\n', ''])
})

test('a forked child logs to nobody and ends', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const seen = []
    python.start({ logging: ({ message }) => seen.push(message) }).then(async () => {
      const code = "import logging, os\\nlogging.warning('parent')\\npid = os.fork()\\nif pid == 0:\\n    logging.warning('child')\\n    os._exit(0)\\nos.waitpid(pid, 0)"
      await python.exec(code)
      console.log(seen.join())
    })`)
  expect(end.stdout).toBe('parent\n')
})
