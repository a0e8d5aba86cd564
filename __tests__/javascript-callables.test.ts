/* Functions of JavaScript's as Python's libraries see them, and threads that wait for one that waits for them. */
import { join } from 'node:path'
import { kw, python, type Handle, type SyncHandle } from 'symphony-python-bridge'

import { runProgram } from './support/child-process'

const fixtures = join(__dirname, 'fixtures')

let sync: SyncHandle
let later: Handle

beforeAll(async () => {
  await python.start({ paths: [fixtures], callbackTimeout: 150 })
  sync = python.importSync('javascript_callables')
  later = sync.$async
})

describe('a function is one for', () => {
  test('inspect and typing', () => {
    const signature = '(arg0=None, arg1=None, /, *args, **kwargs)'
    expect(
      sync.faces(function add(a: number, b: number) {
        return a + b
      }),
    ).toEqual({
      callable: true,
      Callable: true,
      name: 'add',
      qualname: 'add',
      signature,
      bound: '(arg1=None, /, *args, **kwargs)',
      routine: false,
      hash: true,
      weak: true,
    })
    expect(sync.hints(() => 1)).toEqual({})
  })

  test('functools', () => {
    expect(
      sync.wrapped(function twice(a: number) {
        return 2 * a
      }),
    ).toEqual(python.tuple('twice', '(arg0=None, /, *args, **kwargs)', true, 40))
    let passed: unknown[] = []
    sync.partial((...args: unknown[]) => void (passed = args))
    expect(passed).toEqual([1, 3, kw({ key: 2, other: 4 })])
    expect(sync.reduced((a: number, b: number) => a * 10 + b)).toEqual(python.tuple(123, [3, 2, 1], [12]))
    let calls = 0
    expect(sync.cached(() => (calls += 1))).toEqual(python.tuple(1, 1, 1))
    expect(sync.dispatched((value: number) => value + 1)).toEqual(python.tuple(2, 'other'))
    expect(sync.ordered((text: string) => text.length)).toEqual(['a', 'bb', 'ccc'])
  })

  test('threading, concurrent.futures and atexit', async () => {
    const seen: unknown[] = []
    const see = (...args: unknown[]): void => void seen.push(...args)
    await later.thread(see, 'thread', 1)
    await later.timer(see, 'timer')
    expect(seen).toEqual(['thread', 1, 'timer'])
    expect(await later.future((done: Handle) => seen.push(done.$type))).toBe(5)
    expect(seen.at(-1)).toBe('concurrent.futures._base.Future')
    sync.at_exit(see)
  })

  test('asyncio', async () => {
    const seen: string[] = []
    const see = (text: string): string => {
      seen.push(text)
      return text
    }
    expect(await later.in_loop(see)).toBe('executor')
    expect(seen.sort()).toEqual(['executor', 'later', 'soon', 'task', 'threadsafe'])
    let task: unknown
    await later.task_callback((handle: Handle) => (task = handle.$type))
    expect(task).toBe('_asyncio.Task')
  })

  test('weakref', async () => {
    const ended = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.start({ paths: [fixtures] }).then(async () => {
        const module = await python.import('javascript_callables')
        const parts = await module.weak(() => 1)
        console.log(JSON.stringify(parts[2]), await parts[0]())
      })`)
    expect(ended).toMatchObject({ stdout: '["finalized",true] null\n', stderr: '' })
    class Owner {
      method(): number {
        return 1
      }
    }
    expect(sync.weak_method(new Owner())).toBe(1)
  })

  test('pydantic', () => {
    expect(sync.pydantic_model(() => 1)).toBe(true)
  })
})

describe('JavaScript waits in a synchronous call for a thread that waits for JavaScript', () => {
  /** What the error says, and what it shows of both threads. */
  function expectBothStacks(error: unknown): void {
    const [type, message, notes] = sync.told<[string, string, string[]]>(error)
    expect(type).toBe('TimeoutError')
    expect(message).toMatch(/^JavaScript's thread has been in one synchronous call for 0\.15 seconds/)
    const told = [message, ...notes].join('\n')
    expect(told).toMatch(/this thread \(asking\)[^]*in ask_javascript/)
    expect(told).toMatch(/JavaScript's thread, in the synchronous call:[^]*in join_asking[^]*in wait_for_the_thread/)
  }

  test('a callback', () => {
    expectBothStacks(sync.join_asking.$with({ returns: 'ref' })(() => 1))
    expect(sync.join_asking(python.evalSync('lambda: 3'))).toBe(3)
  })

  test('a promise', () => {
    expectBothStacks(sync.join_awaiting.$with({ returns: 'ref' })(new Promise(() => undefined)))
  })

  test('an asynchronous call waits as long as it takes', async () => {
    expect(await later.join_asking(() => 7)).toBe(7)
    const slow = new Promise((resolve) => setTimeout(resolve, 400, 'slow'))
    expect(await later.join_awaiting(slow)).toBe('slow')
    expect(await later.join_loop(slow)).toBe('slow')
  })

  test('many short synchronous calls are no long one', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.start({ paths: [fixtures], callbackTimeout: 50 }).then(async () => {
        const module = python.importSync('javascript_callables')
        const asked = module.$async.join_asking(() => 'answered')
        const end = Date.now() + 300
        while (Date.now() < end) module.told(null)
        console.log(await asked)
      })`)
    expect(end).toMatchObject({ stdout: 'answered\n', stderr: '' })
  })
})
