/* Types of the host, of options and of errors. Compiled, never run: an unused `@ts-expect-error` is an error. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import * as arrow from 'apache-arrow'
import {
  isBridgeError,
  isPythonError,
  python,
  type BridgeErrorCode,
  type Call,
  type Handle,
  type Info,
  type LogRecord,
  type PythonError,
  type Session,
  type SyncHandle,
} from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

export async function host(): Promise<void> {
  expectType<Equal<Awaited<ReturnType<typeof python.start>>, Info>>()
  await python.start({
    python: 'venv',
    paths: ['a'],
    args: [],
    env: { A: '1' },
    threads: 2,
    stdout: 'ignore',
    stderr: (line) => line.trim(),
    logging: {
      handler: (record) => expectType<Equal<typeof record, LogRecord>>(),
      level: 'INFO',
    },
  })
  await python.start({ logging: ({ level, extra }) => [level.length, extra.user] })
  // @ts-expect-error no such level
  await python.start({ logging: { handler: () => undefined, level: 'LOUD' } })
  await python.start({ mode: 'worker' })
  // @ts-expect-error no such mode
  await python.start({ mode: 'thread' })
  // @ts-expect-error no such option
  await python.start({ pythonPath: 'x' })

  const numpy = await python.import('numpy')
  expectType<Equal<typeof numpy, Handle>>()
  const tools = await python.import(new URL('file:///tools.py'))
  expectType<Equal<typeof tools, Handle>>()
  const math = python.importSync('math')
  expectType<Equal<typeof math, SyncHandle>>()

  expectType<Equal<ReturnType<typeof python.evalSync>, unknown>>()
  const value = python.eval<number>('1')
  expectType<Equal<typeof value, Call<number>>>()
  const namespace = await python.exec('x = 1', { x: 1 })
  expectType<Equal<typeof namespace, Handle>>()
  await python.eval('1', namespace, { timeout: 1 })

  const entered = await python.with(numpy, async (file: Handle) => (await file.name) === 'x')
  expectType<Equal<typeof entered, boolean | undefined>>()
  await using session = await python.session()
  await python.with(numpy, (value: string, within) => {
    expectType<Equal<typeof within, Session>>()
    return value
  })
  await session.with(numpy, (value: string) => value)
  numpy.zeros.$with({ thread: 'any' }).$with({ thread: 'loop' }).$with({ thread: session })
  await python.import('numpy', { thread: session, timeout: 1 })
  numpy.zeros.$with({ stdout: (line) => line.trim(), stderr: console.error })
  // @ts-expect-error a function is what lines go to
  numpy.zeros.$with({ stdout: 'ignore' })
  // @ts-expect-error no such thread
  numpy.zeros.$with({ thread: 'main' })
  // @ts-expect-error a module has no form to choose
  await python.import('numpy', { returns: 'ref' })
  const inside = await session.import('sqlite3')
  expectType<Equal<typeof inside, Handle>>()
  // @ts-expect-error a session has asynchronous views only
  session.importSync('sqlite3')

  const unknownValue: unknown = value
  if (python.isHandle(unknownValue)) expectType<Equal<typeof unknownValue, Handle | SyncHandle>>()
}

export function errors(error: unknown): void {
  if (isPythonError(error, 'LookupError')) {
    expectType<Equal<typeof error, PythonError>>()
    expectType<Equal<typeof error.code, 'ERR_PYTHON_EXCEPTION'>>()
    expectType<Equal<typeof error.args, readonly unknown[]>>()
    expectType<Equal<typeof error.object, Handle>>()
    expectType<Equal<typeof error.cause, PythonError | undefined>>()
  }
  if (isPythonError(error, 'package.module.CustomError')) return
  if (isBridgeError(error, 'ERR_TIMEOUT')) expectType<Equal<typeof error.code, 'ERR_TIMEOUT'>>()
  if (isBridgeError(error)) expectType<Equal<typeof error.code, BridgeErrorCode>>()
  // @ts-expect-error no such code
  isBridgeError(error, 'ERR_NOTHING')
}

export async function tables(handle: Handle, sync: SyncHandle, table: arrow.Table): Promise<void> {
  const given = await handle.$toArrow()
  expectType<Equal<typeof given, arrow.Table>>()
  const vector = await handle.column('price').$toArrow<arrow.Vector<arrow.Float64>>({ arrow })
  expectType<Equal<typeof vector, arrow.Vector<arrow.Float64>>>()
  const rows = sync.$toArrow({ preserveIndex: false }).numRows
  expectType<Equal<typeof rows, number>>()
  // @ts-expect-error a number is no Arrow data
  await handle.$toArrow<number>()
  const call = python.fromArrow(table, { to: 'pandas' })
  expectType<Equal<typeof call, Call<Handle>>>()
  expectType<Equal<ReturnType<typeof python.fromArrowSync>, SyncHandle>>()
  python.fromArrowSync(vector)
  // @ts-expect-error there is no such library
  await python.fromArrow(table, { to: 'numpy' })
}
