/* Python exceptions as JavaScript errors. Those of synchronous calls alone are in python-error-sync.test.ts. */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { isBridgeError, isPythonError, isPythonHandle, PythonError, type Handle } from 'symphony-python-bridge'
import { caught } from './support/caught'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let errors: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    errors = await python.import('errors')
  })

  /** Each way of calling must tell the same. */
  const ways = host.ways.map((name, index): [string, (name: string, ...args: unknown[]) => Promise<PythonError>] => [
    name,
    (name, ...args) => caught(() => host.views(errors)[index]!.$get(name)(...args)),
  ])

  describe.each(ways)('of an %s call', (_way, raised) => {
    test('is an error with the type, the message and a code', async () => {
      const error = await raised('value_error', 'no good')
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe('PythonError')
      expect(error.code).toBe('ERR_PYTHON_EXCEPTION')
      expect(error.type).toBe('ValueError')
      expect(error.message).toBe('ValueError: no good')
      expect(error.args).toEqual(['no good'])
      expect(Object.keys(error)).toEqual([])
    })

    test('has the name of the class with its module', async () => {
      const error = await raised('custom')
      expect(error.type).toBe('CustomError')
      expect(error.qualifiedType).toBe('errors.CustomError')
      expect(error.args).toEqual(['custom', 404])
      expect(error.message).toContain('errors.CustomError: ')
    })

    test('is recognised by the classes that it derives from', async () => {
      const error = await raised('custom')
      for (const type of ['errors.CustomError', 'LookupError', 'builtins.LookupError', 'Exception', 'BaseException']) {
        expect(isPythonError(error, type)).toBe(true)
      }
      for (const type of ['ValueError', 'CustomError', 'KeyError']) expect(isPythonError(error, type)).toBe(false)
      expect(isPythonError(error)).toBe(true)
      expect(isBridgeError(error)).toBe(false)
    })

    test('has the frames of Python, the innermost last', async () => {
      const { frames } = await raised('nested')
      expect(frames.slice(-3).map((frame) => frame.function)).toEqual(['nested', 'inner', 'value_error'])
      expect(frames.at(-1)).toMatchObject({
        file: join(__dirname, 'fixtures', 'errors.py'),
        source: expect.stringContaining('raise ValueError(message)'),
      })
      expect(frames.at(-1)!.line).toBeGreaterThan(1)
    })

    test('has the traceback as Python prints it', async () => {
      const { traceback } = await raised('nested')
      expect(traceback).toMatch(/^Traceback \(most recent call last\):\n/)
      expect(traceback).toContain('in inner')
      expect(traceback.trimEnd().endsWith('ValueError: from the inside')).toBe(true)
    })

    test('has the cause', async () => {
      const error = await raised('caused')
      expect(error.message).toBe('RuntimeError: second')
      expect(error.cause).toBeInstanceOf(PythonError)
      expect(error.cause!.message).toBe('ValueError: first')
      expect(error.cause!.frames.at(-1)!.function).toBe('value_error')
      expect(error.cause).toBe(error.cause)
      expect(error.traceback).toContain('The above exception was the direct cause of the following exception')
    })

    test('has the context as the cause, unless it is suppressed', async () => {
      expect((await raised('in_context')).cause!.message).toBe('ValueError: first')
      expect((await raised('suppressed')).cause).toBeUndefined()
      expect((await raised('value_error')).cause).toBeUndefined()
    })

    test('may have no message', async () => {
      const error = await raised('no_message')
      expect(error.message).toBe('ValueError')
      expect(error.text).toBe('')
      expect(error.args).toEqual([])
    })

    test('is no exit and no interruption', async () => {
      const exit = await raised('leave')
      expect(exit.type).toBe('SystemExit')
      expect(exit.args).toEqual([3])
      expect((await raised('really_leave')).message).toBe('SystemExit: with words')
      expect((await raised('interrupt')).type).toBe('KeyboardInterrupt')
    })

    test('can be of a class whose text cannot be had', async () => {
      expect((await raised('unprintable')).type).toBe('Unprintable')
    })

    test('has a handle of the exception', async () => {
      const error = await raised('custom')
      expect(await error.object.status).toBe(404)
      expect(error.object.$type).toBe('errors.CustomError')
      expect(await python.eval('type(error).__name__', { error })).toBe('CustomError')
    })

    test('is another error each time, of the same exception', async () => {
      const first = await raised('same')
      const second = await raised('same')
      expect(first).not.toBe(second)
      expect(first.object).toBe(second.object)
      expect(await errors.$get('last').$ref()).toBe(first.object)
    })

    test('prints the JavaScript stack, and then what Python prints', async () => {
      const text = inspect(await raised('caused'))
      expect(text).toMatch(/^PythonError: RuntimeError: second\n +at /)
      expect(text).toContain('raise RuntimeError("second") from error')
      expect(text).toContain('ValueError: first')
      expect(text.indexOf('    at ')).toBeLessThan(text.indexOf('Traceback'))
    })

    test('has a stack without the frames of the bridge', async () => {
      const error = await raised('value_error')
      expect(error.stack).toMatch(/^PythonError: ValueError: bad value\n/)
      expect(error.stack!.split('\n').filter((line) => /[\\/]dist[\\/]/.test(line)).length).toBeLessThanOrEqual(1)
    })
  })

  const version = async (): Promise<number> => await python.eval<number>('__import__("sys").version_info[1]')

  describe('since Python 3.11', () => {
    test('notes are there', async () => {
      for (const [, raised] of ways) {
        const error = await raised('with_notes')
        expect(error.notes).toEqual((await version()) >= 11 ? ['a note', 'another'] : [])
      }
    })

    test('groups have their errors', async () => {
      if ((await version()) < 11) return
      for (const [, raised] of ways) {
        const error = await raised('group')
        expect(error.type).toBe('ExceptionGroup')
        expect(error.errors!.map(({ message }) => message)).toEqual([
          'ValueError: one',
          'ExceptionGroup: more (1 sub-exception)',
        ])
        expect(error.errors![1]!.errors![0]!.type).toBe('KeyError')
        expect((await raised('value_error')).errors).toBeUndefined()
      }
    })
  })

  describe('the JavaScript stack of an asynchronous call', () => {
    async function innerCaller(): Promise<unknown> {
      return await errors.value_error()
    }

    test('has the functions that await', async () => {
      async function outerCaller(): Promise<unknown> {
        return await innerCaller()
      }
      const error = await caught(() => outerCaller())
      expect(error.stack).toMatch(/innerCaller[^]*outerCaller/)
    })

    test('has them through Promise.all, chains and iteration', async () => {
      async function together(): Promise<unknown> {
        return await Promise.all([errors.value_error(), 1])
      }
      async function chained(): Promise<unknown> {
        return await errors.value_error().x.y()
      }
      async function iterated(): Promise<void> {
        for await (const _ of errors.value_error()) return
      }
      async function path(): Promise<unknown> {
        return await errors.nowhere
      }
      expect((await caught(together)).stack).toContain('together')
      expect((await caught(chained)).stack).toContain('chained')
      expect((await caught(iterated)).stack).toContain('python-error.test.ts')
      expect((await caught(path)).stack).toContain('path')
    })

    test('has them for importing and evaluating', async () => {
      async function importing(): Promise<unknown> {
        return await python.import('no_such_module')
      }
      async function evaluating(): Promise<unknown> {
        return await python.eval('nothing')
      }
      expect((await caught(importing)).stack).toContain('importing')
      expect((await caught(evaluating)).stack).toContain('evaluating')
    })
  })

  test('other values are not Python errors', () => {
    for (const value of [new Error('x'), null, undefined, 'ValueError', { type: 'ValueError' }, errors]) {
      expect(isPythonError(value)).toBe(false)
      expect(isPythonError(value, 'ValueError')).toBe(false)
    }
  })

  test('the stack that a logger writes has the Python traceback after the JavaScript frames', async () => {
    for (const [, raised] of ways) {
      const error = await raised('value_error', 'no good')
      expect(error.stack).toMatch(/^PythonError: ValueError: no good\n +at /)
      expect(error.stack).toContain('\n  Python:\n    Traceback (most recent call last):\n')
      expect(inspect(error)).toBe(error.stack)
      expect(error.stack?.split('Traceback')).toHaveLength(2)
      error.stack = 'mine'
      expect(error.stack).toBe('mine')
    }
  })

  test('what cannot be described is still the exception, and the stacks of others stay', async () => {
    const limit = Error.stackTraceLimit
    const space = await python.exec(`
class Nameless(Exception):
    def __str__(self):
        raise SystemExit(3)

class Empty(Exception):
    args = property(lambda self: 1 / 0)

def nameless():
    raise Nameless('x')

def empty():
    raise Empty('x')
`)
    for (const view of host.views(space)) {
      for (const name of ['nameless', 'empty']) {
        const error = await caught(() => (view as unknown as Record<string, () => unknown>)[name]!())
        expect(error.type).toBe(name === 'empty' ? 'Empty' : 'Nameless')
        expect(error.traceback).toEqual(expect.any(String))
        expect(Error.stackTraceLimit).toBe(limit)
      }
    }
  })

  describe('an exception that is a value', () => {
    const code = '(lambda kept: [kept, {"same": kept}])(KeyError("k", [1]))'

    test('is a PythonError, with everything that is known of it, and goes back as itself', async () => {
      const scope = await python.exec(
        'def make():\n  try: 1 / 0\n  except Exception as e: return e\ndef kept(): return ' + code,
      )
      for (const view of host.views(scope)) {
        const [error, { same }] = (await view.kept()) as [PythonError, { same: PythonError }]
        expect(error).toBeInstanceOf(PythonError)
        expect(error).toMatchObject({ type: 'KeyError', text: "('k', [1])", args: python.tuple('k', [1]) })
        expect(error.stack).toContain("KeyError: ('k', [1])")
        expect(await python.eval('a is b', { a: error, b: same })).toBe(true)
        expect(error.object).toBe(same.object)
        expect(await error.object.args).toEqual(python.tuple('k', [1]))
        expect(((await view.make.$with({ int: 'bigint', dict: 'map' })()) as PythonError).frames).toMatchObject([
          { line: 2, function: 'make' },
        ])
        expect(await view.make()).toMatchObject({ message: 'ZeroDivisionError: division by zero' })
      }
    })

    test('may be an argument of itself, and a handle where one is asked for', async () => {
      const error = (await python.eval('(lambda e: (setattr(e, "args", (e,)), e)[1])(ValueError())')) as PythonError
      expect(isPythonHandle(error.args[0])).toBe(true)
      expect((error.args[0] as Handle).$async).toBe(error.object)
      expect(isPythonHandle(await python.eval('ValueError(1)', {}, { returns: 'ref' }))).toBe(true)
      expect(await python.eval('ValueError(1)', {}, { returns: 'value' })).toBeInstanceOf(PythonError)
      expect(await (await python.eval<Handle>('ValueError', {}, { returns: 'ref' })).$call([1])).toBeInstanceOf(
        PythonError,
      )
    })

    test('that JavaScript threw is what it threw', async () => {
      const thrown = new RangeError('far')
      const scope = await python.exec('def caught(f):\n  try: f()\n  except Exception as e: return [e]')
      const fail = (): never => {
        throw thrown
      }
      for (const view of host.views(scope)) {
        expect(await view.caught(fail)).toEqual([thrown])
        expect(((await view.caught(fail)) as unknown[])[0]).toBe(thrown)
      }
    })
  })

  afterAll(() => host.stop())
})
