/* `python.start`, `python.info` and `python.stop`. Each program has a process of its own, which has one Python for its life. */
import { join } from 'node:path'
import { runProgram } from './support/child-process'

/** Runs the body of an asynchronous function and gives what it returned. */
async function result(body: string): Promise<unknown> {
  const { stdout, stderr } = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const failure = async (action) => {
      try { await action() } catch (error) { return { code: error.code, message: error.message } }
    }
    const main = async () => { ${body} }
    main().then((value) => console.log(JSON.stringify(value)))`)
  expect(stderr).toBe('')
  return JSON.parse(stdout) as unknown
}

describe('start', () => {
  test('gives what runs', async () => {
    expect(await result('return await python.start()')).toEqual({
      mode: 'embedded',
      version: expect.stringMatching(/^3\.\d+\.\d+/),
      executable: expect.any(String),
      prefix: expect.any(String),
      libpython: expect.stringContaining('python'),
      platform: expect.stringContaining(process.platform),
      bridge: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
  })

  test('happens by itself on first use', async () => {
    expect(await result("await python.import('math'); return python.info().mode")).toBe('embedded')
    expect(await result("return await python.eval('[1, 2]').__len__()")).toBe(2)
    expect(await result("return python.importSync('math').sqrt(4)")).toBe(2)
    expect(await result("return python.evalSync('1 + 1')")).toBe(2)
    expect(await result("return python.execSync('x = 1').x")).toBe(1)
    expect(
      await result('return await python.with(python.eval(\'open(__import__("os").devnull)\'), (file) => file.name)'),
    ).toBe('/dev/null')
  })

  test('happens once, however it is asked for', async () => {
    expect(
      await result(`
        const asynchronous = python.import('json')
        const sync = python.importSync('json')
        const [one, two, three] = await Promise.all([python.start(), asynchronous, python.start()])
        return [two.$sync === sync, JSON.stringify(one) === JSON.stringify(three)]`),
    ).toEqual([true, true])
  })

  test.each([0, 1, 2, 4, 8])('may be under way when a synchronous use comes, %i macrotasks later', async (count) => {
    const root = await result(`
      const starting = python.start()
      for (let task = 0; task < ${count}; task += 1) await new Promise((resolve) => setTimeout(resolve, 1))
      const root = python.importSync('math').sqrt(4)
      return [root, (await starting).mode]`)
    expect(root).toEqual([2, 'embedded'])
  })

  test('takes its options', async () => {
    expect(
      await result(`
        await python.start({ paths: [fixtures], args: ['one', 'two'], env: { FROM_START: 'yes' }, threads: 2 })
        return await python.eval('[__import__("sys").argv[1:], __import__("os").environ["FROM_START"], __import__("sys").path[0]]')`),
    ).toEqual([['one', 'two'], 'yes', join(__dirname, 'fixtures')])
  })

  test('with the same options again gives the same', async () => {
    expect(
      await result(`
        const options = { threads: 2, env: { A: '1', B: '2' } }
        const first = await python.start(options)
        const second = await python.start({ ...options, env: { B: '2', A: '1' } })
        const third = await python.start()
        const fourth = await python.start({ python: first.executable })
        return [second, third, fourth].every((info) => JSON.stringify(info) === JSON.stringify(first))`),
    ).toBe(true)
  })

  test.each([
    ['{ threads: 3 }', 'threads', '2'],
    ['{ env: { A: "2" } }', 'env', 'A'],
    ['{ paths: ["/elsewhere"] }', 'paths', '/elsewhere'],
    ['{ stdout: "ignore" }', 'stdout', 'inherit'],
    ['{ stderr: () => {} }', 'stderr', 'callback'],
  ])('with other options rejects and names the difference: %s', async (options, name, words) => {
    const failure = await result(`
      await python.start({ threads: 2, env: { A: '1' } })
      return await failure(() => python.start(${options}))`)
    expect(failure).toMatchObject({
      code: 'ERR_PYTHON_ALREADY_CHOSEN',
      message: expect.stringContaining(`\`${name}\``),
    })
    expect((failure as { message: string }).message).toContain(words)
  })

  test('with other options rejects also after Python started by itself', async () => {
    expect(
      await result("python.importSync('math'); return await failure(() => python.start({ threads: 3 }))"),
    ).toMatchObject({
      code: 'ERR_PYTHON_ALREADY_CHOSEN',
    })
  })

  test('that fails in Python itself says why, also when it is tried again in another way', async () => {
    const failures = await result(`
      const start = await failure(() => python.start({ env: { PYTHONHASHSEED: 'no number' } }))
      return [start, await failure(() => python.importSync('math')), await failure(() => python.import('math'))]`)
    const expected = { code: 'ERR_PYTHON_START', message: expect.stringContaining('PYTHONHASHSEED') }
    expect(failures).toMatchObject([expected, expected, expected])
  })

  test('with a Python that does not exist says what was tried, for every way of starting', async () => {
    const expected = { code: 'ERR_PYTHON_NOT_FOUND', message: expect.stringContaining('/no/such/python') }
    const failures = await result(`
      const start = await failure(() => python.start({ python: '/no/such/python' }))
      return [start, await failure(() => python.import('math')), await failure(() => python.importSync('math')), await failure(() => python.eval('1').x)]`)
    expect(failures).toEqual([expected, expected, expected, expected])
  })

  test('that failed can be tried again with other options', async () => {
    expect(
      await result(
        "await failure(() => python.start({ python: '/no/such/python' })); return (await python.start({})).mode",
      ),
    ).toBe('embedded')
  })

  test('rejects options that cannot be meant', async () => {
    const options = [
      '1',
      'null',
      '{ mode: "thread" }',
      '{ python: 1 }',
      '{ paths: "x" }',
      '{ args: [1] }',
      '{ env: { A: 1 } }',
      '{ threads: 0 }',
      '{ callbackTimeout: 0 }',
      '{ stdout: 1 }',
    ]
    const failures = (await result(
      `return await Promise.all([${options.join()}].map((options) => failure(() => python.start(options))))`,
    )) as unknown[]
    for (const failure of failures) expect(failure).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})

describe('info', () => {
  test('throws before the start and after the stop', async () => {
    expect(
      await result(`
        const before = await failure(() => python.info())
        await python.start()
        await python.stop()
        return [before.code, (await failure(() => python.info())).code]`),
    ).toEqual(['ERR_PYTHON_NOT_STARTED', 'ERR_CLOSED'])
  })
})

describe('stop', () => {
  test('makes every use an error, and can be called again', async () => {
    const codes = await result(`
      const math = python.importSync('math')
      const { sqrt } = math
      const asynchronous = math.$async
      await python.stop()
      await python.stop()
      const uses = [
        () => math.pi, () => sqrt(2), () => math.$dir(), () => asynchronous.pi, () => asynchronous.sqrt(2), () => asynchronous.$str(),
        () => python.import('json'), () => python.importSync('json'), () => python.eval('1'), () => python.evalSync('1'), () => python.session(),
        () => python.start(), () => python.with(math, () => 1), () => python.withSync(math, () => 1),
      ]
      return await Promise.all(uses.map(async (use) => (await failure(use))?.code))`)
    expect(codes).toEqual(Array.from({ length: 14 }, () => 'ERR_CLOSED'))
  })

  test('rejects what is under way', async () => {
    expect(
      await result(`
        const time = await python.import('time')
        const sleeping = failure(() => time.sleep(0.2))
        await python.stop()
        return (await sleeping).code`),
    ).toBe('ERR_CLOSED')
  })

  test('runs atexit handlers', async () => {
    const { stdout } = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.exec('import atexit; atexit.register(print, "goodbye")').then(() => python.stop()).then(() => console.log('stopped'))`)
    expect(stdout).toBe('goodbye\nstopped\n')
  })

  test('before the start does nothing', async () => {
    expect(await result("await python.stop(); return await python.eval('1 + 1')")).toBe(2)
  })

  test('leaves handles printable', async () => {
    expect(
      await result(
        "const math = python.importSync('math'); await python.stop(); return [require('util').inspect(math), String(math)]",
      ),
    ).toEqual([expect.stringContaining('(Python was stopped)'), '[Python builtins.module]'])
  })
})

describe('output', () => {
  test('goes to functions as whole lines', async () => {
    expect(
      await result(`
        const lines = []
        await python.start({ stdout: (line) => lines.push(['out', line]), stderr: (line) => lines.push(['error', line]) })
        await python.exec('import sys; print("one\\\\ntwo"); print("thr", end=""); print("ee"); sys.stderr.write("four\\\\n"); sys.stdout.write("five\\\\r\\\\n"); print("rest", end="")')
        await python.stop()
        return [lines.filter(([stream]) => stream === 'out').map(([, line]) => line), lines.filter(([stream]) => stream === 'error').map(([, line]) => line)]`),
    ).toEqual([['one', 'two', 'three', 'five', 'rest'], ['four']])
  })

  test('can be ignored', async () => {
    expect(
      await result(
        "await python.start({ stdout: 'ignore', stderr: 'ignore' }); await python.exec('print(1)'); return 'quiet'",
      ),
    ).toBe('quiet')
  })
})

test('a program ends by itself when nothing is under way', async () => {
  const { code, stdout } = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.import('math').then(async (math) => console.log(await math.sqrt(16)))`)
  expect([code, stdout]).toEqual([0, '4\n'])
})

test('a program does not end while a call is under way', async () => {
  const { stdout } = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.exec('import time; time.sleep(0.1)').then(() => console.log('done'))`)
  expect(stdout).toBe('done\n')
})

describe('before and after', () => {
  test('a call that is cancelled while Python starts never runs, nor do those that use it', async () => {
    expect(
      await result(`
        const abort = new AbortController()
        const cancelled = python.eval('__import__("builtins").__dict__.setdefault("ran", 1)', {}, { signal: abort.signal })
        const dependent = cancelled.bit_length()
        const other = python.eval('1 + 1')
        const codes = Promise.all([failure(() => cancelled), failure(() => dependent)])
        await Promise.resolve()
        abort.abort()
        return [(await codes).map(({ code }) => code), await other, await python.eval('"ran" in __import__("builtins").__dict__')]`),
    ).toEqual([['ERR_CANCELLED', 'ERR_CANCELLED'], 2, false])
  })

  test('a name that was read before Python ran is still one that libraries probe', async () => {
    expect(
      await result(`
        void python.eval('iter([1])').next
        const object = await python.eval('object()')
        return typeof object.next`),
    ).toBe('undefined')
  })

  test('stop does not fail because a start did, and does not remember it', async () => {
    expect(
      await result(`
        const start = failure(() => python.start({ python: '/nonexistent/python' }))
        await python.stop()
        const { code, message } = await start
        return [code, message.includes('doctor --python /nonexistent/python'), await python.start().then(() => python.eval('1 + 1'))]`),
    ).toEqual(['ERR_PYTHON_NOT_FOUND', true, 2])
  })

  test('stop lets the process end although a call goes on', async () => {
    expect(
      await result(`
        const space = await python.exec('import threading\\nrunning = threading.Event()\\nnever = threading.Event()\\ndef wait():\\n    running.set()\\n    never.wait()')
        const waiting = failure(() => space.wait())
        await space.running.wait()
        await python.stop()
        return (await waiting).code`),
    ).toBe('ERR_CLOSED')
  })

  test('another function for the output is another option', async () => {
    expect(
      await result(`
        const mine = () => {}
        await python.start({ stdout: mine })
        await python.start({ stdout: mine })
        return (await failure(() => python.start({ stdout: () => {} }))).code`),
    ).toBe('ERR_PYTHON_ALREADY_CHOSEN')
  })

  test('info says what to do first', async () => {
    expect(await result('return (await failure(() => python.info())).message')).toContain('python.start()')
  })
})
