/* `$with({ stdout, stderr })`: what Python prints during one call. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { python, type CallOptions, type Handle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { eventually } from './support/eventually'

let printing: Handle
/** What went past all functions of calls. */
const elsewhere: string[] = []

beforeAll(async () => {
  await python.start({
    paths: [join(__dirname, 'fixtures')],
    stdout: (line) => elsewhere.push(line),
    stderr: (line) => elsewhere.push(`error: ${line}`),
  })
  printing = await python.import('printing')
})

afterEach(() => elsewhere.splice(0))

function collector(): { lines: string[]; options: CallOptions } {
  const lines: string[] = []
  return {
    lines,
    options: { stdout: (line) => lines.push(line), stderr: (line) => lines.push(`error: ${line}`) },
  }
}

test('whole lines go to the functions of the call, and the rest at its end', async () => {
  const { lines, options } = collector()
  await printing.say.$with(options)('one\ntwo', 'three', '\nfour')
  expect(lines).toEqual(['one', 'two three ', 'four'])
  lines.splice(0)
  await printing.say.$with(options)('rest')
  await printing.$with(options).say.$call(['no end'], { end: '' })
  await printing.complain.$with(options)('bad')
  expect(lines).toEqual(['rest', 'no end', 'error: bad'])
  await printing.say('not for the call')
  expect(lines).toHaveLength(3)
  expect(elsewhere).toEqual(['not for the call'])
})

test('one of the streams may be wanted alone, and options are kept apart by `$with`', async () => {
  const { lines, options } = collector()
  const out = printing.$with({ stdout: options.stdout })
  await out.say('a')
  await out.complain('b')
  await out.$with({ stderr: options.stderr }).complain('c')
  await out.$with({ stdout: undefined }).say('d')
  expect(lines).toEqual(['a', 'error: c', 'd'])
  expect(elsewhere).toEqual(['error: b'])
})

test('lines come before the promise settles, also when the call fails', async () => {
  for (let round = 0; round < 200; round += 1) {
    const { lines, options } = collector()
    await printing.say.$with(options)(round)
    expect(lines).toEqual([String(round)])
    await expect(printing.both_and_fail.$with(options)('x')).rejects.toThrow('ValueError: x')
    expect(lines).toEqual([String(round), 'x', 'error: x'])
  }
  expect(elsewhere).toEqual([])
})

test('`eval`, `exec`, `import` and chains have it too', async () => {
  const { lines, options } = collector()
  await python.eval('print("eval")', {}, options)
  await python.exec('print("exec")', {}, options)
  await python.import('prints_on_import', options)
  await printing.identity.$with(options)(printing.say).__call__('chain')
  expect(lines).toEqual([
    'eval',
    'exec',
    'printed by the import',
    'error: warned by the import',
    'without an end',
    'chain',
  ])
  expect(elsewhere).toEqual([])
})

test('what a generator prints goes there item by item', async () => {
  const { lines, options } = collector()
  const loud = await printing.Loud<Handle>()
  for await (const number of loud.$with({ ...options, highWaterMark: 0 })) {
    expect(lines).toEqual([`next 0`, `next 1`].slice(0, Number(number) + 1))
    if (number === 1) break
  }
  expect(lines).toEqual(['next 0', 'next 1', 'closed'])
})

test('coroutines and asynchronous generators have it, on the loop and from sessions', async () => {
  await using session = await python.session()
  const calls = ['any', 'loop', session].map(async (thread, index) => {
    const { lines, options } = collector()
    const word = String(index)
    const talk = printing.talk.$with({ ...options, thread } as CallOptions)
    // The second time it is known to be a coroutine function.
    for (let round = 0; round < 2; round += 1) {
      await talk(word)
      expect(lines.splice(0).sort()).toEqual(['begins', 'ends', 'task', 'thread'].map((end) => `${word} ${end}`))
    }
    const items: unknown[] = []
    const owner = thread === 'loop' ? 'any' : thread
    for await (const item of printing.count.$with({ ...options, thread: owner } as CallOptions)<Handle>(3))
      items.push(item)
    expect(items).toEqual([0, 1, 2])
    expect(lines).toEqual(['async next 0', 'async next 1', 'async next 2', 'async closed'])
  })
  await Promise.all(calls)
  await session.eval('print("free")')
  expect(elsewhere).toEqual(['free'])
})

describe('what a call starts', () => {
  test('threads', async () => {
    const { lines, options } = collector()
    await printing.in_thread.$with(options)('thread')
    expect(await printing.in_own_thread.$with(options)()).toBe(false)
    expect(lines).toEqual(['thread', 'thread timer', 'own run', 'nested'])
    expect(elsewhere).toEqual([])
  })

  test('tasks', async () => {
    const { lines, options } = collector()
    await printing.in_tasks.$with(options)('asyncio')
    expect(lines).toEqual(['main', 'task', 'to_thread', 'in executor', 'soon'].map((word) => `asyncio ${word}`))
    expect(elsewhere).toEqual([])
  })

  test('work for pools, whose threads belong to no call', async () => {
    const words = ['executor', 'mapped', 'pool', '', '', 'star']
    const expected = (word: string): string[] => words.map((end) => `${word} ${end}`.trim())
    const first = collector()
    await printing.in_pools.$with(first.options)('first')
    expect(first.lines).toEqual(expected('first'))
    const second = collector()
    await printing.in_pools.$with(second.options)('second')
    await printing.in_pools('third')
    expect(second.lines).toEqual(expected('second'))
    expect(first.lines).toHaveLength(words.length)
    expect(elsewhere).toEqual(expected('third'))
    await printing.end_pools()
  })

  test('threads that outlive it, whose last line comes when they end', async () => {
    const { lines, options } = collector()
    await printing.outlive.$with(options)('thread')
    expect(lines).toEqual(['thread now'])
    await printing.open_gate('thread')
    await eventually(() => lines.length, 3)
    expect(lines).toEqual(['thread now', 'thread later', 'thread rest'])
    expect(elsewhere).toEqual([])
  })
})

test('calls at the same time have each their own', async () => {
  const collectors = Array.from({ length: 20 }, collector)
  const calls = collectors.flatMap(({ options }, number) => [
    printing.in_thread.$with(options)(number),
    printing.in_tasks.$with(options)(number),
    printing.say(number),
  ])
  await Promise.all(calls)
  for (const [number, { lines }] of collectors.entries()) {
    expect(lines).toHaveLength(7)
    expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(new Set([String(number)]))
  }
  expect(elsewhere).toHaveLength(20)
})

test('a session forgets it after the call', async () => {
  await using session = await python.session()
  const mine = await session.import('printing')
  const { lines, options } = collector()
  await mine.say.$with(options)('captured')
  await mine.both_and_fail
    .$with(options)('failed')
    .catch(() => undefined)
  await mine.say('free')
  await printing.say.$with({ ...options, thread: session })('there')
  expect(lines).toEqual(['captured', 'failed', 'error: failed', 'there'])
  expect(elsewhere).toEqual(['free'])
})

test('a call that was given up goes on printing to it; one that never starts prints nothing', async () => {
  const { lines, options } = collector()
  const controller = new AbortController()
  const call = printing.wait.$with({ ...options, signal: controller.signal })('given up')
  await eventually(() => lines.length, 1)
  controller.abort()
  await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
  await printing.open_gate('given up')
  await eventually(() => lines.length, 2)
  expect(lines).toEqual(['given up before', 'given up after'])
  const withdrawn = new AbortController()
  const never = printing.say.$with({ ...options, signal: withdrawn.signal })('never')
  withdrawn.abort()
  await expect(never).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
  await printing.say()
  expect(lines).toHaveLength(2)
})

test('the functions run in the asynchronous context of the call', async () => {
  const storage = new AsyncLocalStorage<number>()
  const seen: unknown[] = []
  const stdout = (): void => void seen.push(storage.getStore())
  await Promise.all([1, 2, 3].map((store) => storage.run(store, () => printing.say.$with({ stdout })('x'))))
  expect(seen.sort()).toEqual([1, 2, 3])
})

test('the function may call Python', async () => {
  const lengths: unknown[] = []
  const builtins = python.importSync('builtins')
  await printing.say.$with({ stdout: (line) => lengths.push(builtins.len(line)) })('four\nfives')
  expect(lengths).toEqual([4, 5])
})

test('redirection in Python comes first, and other uses of the stream work', async () => {
  const { lines, options } = collector()
  expect(await printing.redirected.$with(options)()).toBe('redirected\n')
  expect(await printing.odd.$with(options)()).toBe('write() argument must be str, not int')
  expect(lines).toEqual(['back', '? lone', 'a', 'b', 'tty False'])
})

test('what is no function is refused', () => {
  for (const stdout of ['inherit', 1, null, {}, printing] as never[]) {
    expect(() => printing.say.$with({ stdout })).toThrow('`stdout` must be a JavaScript function that gets lines')
    expect(() => python.eval('1', {}, { stderr: stdout })).toThrow('`stderr` must be a JavaScript function')
  }
  expect(() => printing.$sync.$with({ stdout: () => undefined } as never)).toThrow('there is no option `stdout`')
})

test('without functions at the start, the streams of the process get the rest only', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.start({ paths: [fixtures] }).then(async () => {
      const printing = await python.import('printing')
      await printing.say('first')
      const lines = []
      await Promise.all([printing.say.$with({ stdout: (line) => lines.push(line) })('captured'), printing.say('free')])
      const child = "import os\\nprint('parent')\\npid = os.fork()\\nif pid == 0:\\n    print('child', flush=True)\\n    os._exit(0)\\nos.waitpid(pid, 0)"
      await python.exec('import sys; sys.stdout.flush()')
      await python.exec(child, {}, { stdout: (line) => lines.push(line) })
      await printing.complain('problem')
      process.on('exit', () => console.error(JSON.stringify(lines)))
    })`)
  expect(
    end.stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
  ).toEqual(['child', 'first', 'free'])
  expect(end.stderr.split('\n').filter((line) => !line.includes('Warning') && line !== '')).toEqual([
    'problem',
    '["captured","parent"]',
  ])
})

test('a function that throws is an uncaught exception, and gets the other lines', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    const stdout = (line) => { if (line === 'b') throw new Error('thrown'); seen.push(line) }
    python.eval("print('a', 'b', 'c', sep=chr(10))", {}, { stdout }).then(() => setImmediate(() => console.log(seen.sort().join())))`)
  expect([end.stdout, end.stderr]).toEqual(['a,c,thrown\n', ''])
})

test('functions are let go when nothing can print to them any more', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    python.start({ paths: [fixtures], threads: 1 }).then(async () => {
      const printing = await python.import('printing')
      const functions = []
      const options = (more) => {
        const stdout = () => {}
        functions.push(new WeakRef(stdout))
        return { stdout, ...more }
      }
      const aborted = (abort) => {
        const controller = new AbortController()
        setImmediate(() => controller.abort())
        if (abort) controller.abort()
        return controller.signal
      }
      const use = async () => {
        const session = await python.session()
        await Promise.allSettled([
          printing.say.$with(options())('ends'),
          printing.both_and_fail.$with(options())('fails'),
          printing.say.$with(options())(Symbol('is not encoded')),
          printing.say.$with(options({ thread: session }))('in a session'),
          printing.identity.$with(options())(printing.say).__call__('chain'),
          printing.talk.$with(options())('coroutine'),
          printing.in_thread.$with(options())('thread'),
          python.eval('__import__("time").sleep(0.05)'),
          printing.say.$with(options({ signal: aborted(true) }))('is not started'),
          printing.say.$with(options({ signal: aborted() }))('is taken out'),
        ])
        for await (const item of (await printing.Loud()).$with(options())) break
        await session.close()
      }
      await use()
      let left
      do {
        await printing.say()
        globalThis.gc()
        await new Promise((resolve) => setTimeout(resolve, 1))
        left = functions.filter((one) => one.deref() !== undefined).length
      } while (left > 0)
      console.log(functions.length, left)
    })`,
    { node: ['--expose-gc'], env: { PYTHONUNBUFFERED: '1' } },
  )
  expect(end.stdout.trim().split('\n').at(-1)).toBe('10 0')
})

test('a Worker gets the lines of its own calls', async () => {
  const end = await runProgram(`
    const { once } = require('node:events')
    const { Worker } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    const work = \`
      const { parentPort } = require('node:worker_threads')
      const { python } = require('symphony-python-bridge')
      const lines = []
      python.eval('print("worker")', {}, { stdout: (line) => lines.push(line) }).then(() => parentPort.postMessage(lines))\`
    const lines = []
    python.start({ stdout: (line) => lines.push('start ' + line) }).then(async () => {
      const worker = new Worker(work, { eval: true })
      const [[theirs]] = await Promise.all([
        once(worker, 'message'),
        python.eval('print("main")', {}, { stdout: (line) => lines.push(line) }),
      ])
      console.log(JSON.stringify([theirs, lines]))
    })`)
  expect(JSON.parse(end.stdout)).toEqual([['worker'], ['main']])
})

test('the last lines of what still runs arrive before `python.stop` is done', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const lines = []
    const stdout = (line) => lines.push(line)
    python.start({ paths: [fixtures] }).then(async () => {
      const printing = await python.import('printing')
      await printing.outlive.$with({ stdout })('x')
      printing.wait.$with({ stdout })('y').catch(() => {})
      while (lines.length < 2) await new Promise(setImmediate)
      printing.$sync.open_gate('x')
      printing.$sync.open_gate('y')
      await python.stop()
      console.log(JSON.stringify(lines.sort()))
    })`)
  expect(JSON.parse(end.stdout)).toEqual(['x later', 'x now', 'x rest', 'y after', 'y before'])
})
