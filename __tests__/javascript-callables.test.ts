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

describe('a call with numbers, booleans and None', () => {
  /** The arguments that JavaScript gets, and the result that Python gets, with its type. */
  const round = (args: unknown[], give?: (...args: unknown[]) => unknown): unknown => {
    let got: unknown[] = []
    const told = sync.call_told((...all: unknown[]) => ((got = all), give === undefined ? all[0] : give(...all)), args)
    return [got, told]
  }

  test('passes each of them as it is', () => {
    for (const args of [[], [1], [1, 2.5], [-3, true, null], [false], [null, null], [2 ** 53 - 1], [1e300, 1, 1]])
      expect(round(args)).toEqual([args, expect.anything()])
    expect(round([python.float(2)])).toEqual([[2], ['int', '2']])
    expect(round([2n ** 60n])).toEqual([[2n ** 60n], ['int', String(2n ** 60n)]])
    expect(round([1, 2, 3, 4])).toEqual([
      [1, 2, 3, 4],
      ['int', '1'],
    ])
    expect(round([NaN])).toEqual([[NaN], ['float', 'nan']])
    expect(round(['text', 1])).toEqual([
      ['text', 1],
      ['str', "'text'"],
    ])
  })

  test('gives each of them as it is', () => {
    const results: [unknown, string, string][] = [
      [1, 'int', '1'],
      [-0, 'float', '-0.0'],
      [0.5, 'float', '0.5'],
      [2 ** 53, 'float', '9007199254740992.0'],
      [2 ** 53 - 1, 'int', '9007199254740991'],
      [Infinity, 'float', 'inf'],
      [true, 'bool', 'True'],
      [false, 'bool', 'False'],
      [null, 'NoneType', 'None'],
      [undefined, 'NoneType', 'None'],
      [5n, 'int', '5'],
      ['text', 'str', "'text'"],
      [[1, { a: 2 }], 'list', "[1, {'a': 2}]"],
    ]
    for (const [result, type, repr] of results) expect(round([1], () => result)).toEqual([[1], [type, repr]])
  })

  test('gives objects, and what is thrown, as themselves', () => {
    const made = new URL('file:///a')
    expect(sync.thread_free_call(() => made, 1)).toBe(made)
    const error = new RangeError('direct')
    const fail = (): never => {
      throw error
    }
    let caught: unknown
    try {
      sync.thread_free_call(fail, 1)
    } catch (thrown) {
      caught = thrown
    }
    expect(caught).toBe(error)
    const handle = python.evalSync<SyncHandle>('object()')
    expect(sync.thread_free_call(() => handle, 1)).toBe(handle)
    for (let index = 0; index < 1000; index++)
      expect(sync.thread_free_call(() => [handle, made], index)).toEqual([handle, made])
  })

  test('calls Python, which calls JavaScript, and so on', () => {
    const fibonacci = (n: number): number =>
      n < 2 ? n : sync.thread_free_call<number>(fibonacci, n - 1) + sync.thread_free_call<number>(fibonacci, n - 2)
    expect(fibonacci(12)).toBe(144)
    const deep = (n: number): number => (n === 0 ? 0 : 1 + sync.thread_free_call<number>(deep, n - 1))
    expect(deep(100)).toBe(100)
  })

  test('has no `this`', () => {
    const self = function (this: unknown): boolean {
      return this === undefined
    }
    expect(sync.thread_free_call(self, 1)).toBe(true)
  })

  test('keeps the options of the call that passed the function', () => {
    let got: unknown
    sync.thread_free_call.$with({ int: 'bigint' })((value: unknown) => void (got = value), 1)
    expect(got).toBe(1n)
  })

  test('takes keywords, as any call', () => {
    let passed: unknown[] = []
    sync.keyword_call((...args: unknown[]) => void (passed = args))
    expect(passed).toEqual([1, kw({ two: 2 })])
  })

  test('fails when Python has been stopped by the callback itself', async () => {
    const end = await runProgram(`
      const { python } = require('symphony-python-bridge')
      python.start({ paths: [fixtures] }).then(() => {
        const module = python.importSync('javascript_callables')
        let calls = 0
        try {
          module.call_twice(() => { if (++calls === 1) void python.stop() })
        } catch (error) { console.log(calls, error.message) }
      })`)
    expect(end.stderr).toBe('')
    expect(end.stdout).toMatch(/^1 .*(has ended|was stopped)/)
  })

  test('the class of functions is one that only the bridge makes objects of', () => {
    expect(sync.class_facts(() => 1)).toEqual([
      'symphony_bridge.JsFunction',
      true,
      "TypeError: functions of JavaScript's are made by JavaScript",
      'TypeError',
    ])
  })
})
