/* Python exceptions of synchronous calls, which there are in this process only. */
import { join } from 'node:path'
import { python, PythonError, type Handle, type SyncHandle } from 'symphony-python-bridge'

let errors: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  errors = await python.import('errors')
})

test.each([
  ['a call', (module: SyncHandle) => module.fail()],
  ['a call with structured data', (module: SyncHandle) => module.fail({ a: [1] })],
  ['a method', (module: SyncHandle) => module.Thing<SyncHandle>().fail()],
  ['a method with structured data', (module: SyncHandle) => module.Thing<SyncHandle>().fail([1])],
  ['an attribute', (module: SyncHandle) => module.nope],
  ['an attribute that was found before', (module: SyncHandle) => module.Thing<SyncHandle>().fail.nope],
  ['$get', (module: SyncHandle) => module.$get('nope')],
  ['a view with options', (module: SyncHandle) => module.$with({ returns: 'value' }).name],
  ['a value that cannot cross', (module: SyncHandle) => module.fail({ a: Symbol('s') })],
  [
    'a disposed handle',
    (module: SyncHandle) => {
      const thing = module.Thing<SyncHandle>()
      thing.$dispose()
      return thing.fail()
    },
  ],
])('the stack of %s begins at the caller', (_what, use) => {
  const module = python.execSync(`
class Thing:
    def fail(self, value=None):
        raise ValueError(value)
def fail(value=None):
    raise ValueError(value)
`)
  // Twice: what is remembered of the first time may take another way.
  for (let turn = 0; turn < 2; turn++) {
    let caught: unknown
    try {
      function theCaller(): unknown {
        return use(module)
      }
      theCaller()
    } catch (error) {
      caught = error
    }
    const frames = (caught as Error).stack!.split('\n').filter((line) => line.startsWith('    at '))
    expect(frames[0]).toMatch(/python-error-sync\.test\.ts/)
    expect(frames.join('\n')).toContain('theCaller')
  }
})

test('the traceback of a synchronous error can be had later', () => {
  let error: unknown
  try {
    errors.$sync.nested()
  } catch (caughtError) {
    error = caughtError
  }
  expect(errors.$sync.inner).toBeDefined()
  expect((error as PythonError).traceback).toContain('in inner')
})

test('an exception that is a value is the same on a synchronous view', () => {
  const error = python.evalSync('(lambda e: (setattr(e, "args", (e,)), e)[1])(ValueError())') as PythonError
  expect(error).toBeInstanceOf(PythonError)
  expect(error.args[0]).toBe(error.object.$sync)
})
