// Several Pythons side by side. The interpreter of this process plays the other one too: it is reached through a second port, which knows
// nothing of the first one's handles.
import { isBridgeError, isPythonError, python, type Handle, type NdArray, type Python } from '../ts/index'
import { newConnection, remoteListener } from '../ts/host/connect'
import { HostCalls } from '../ts/host/host-calls'
import { loadCore } from '../ts/native/core'
import type { Connection } from '../ts/native/connection'
import { PythonSession } from '../ts/session'
import { openSession } from '../ts/host/session-scopes'

let connection: Connection
let other: Pick<Python, 'import' | 'eval' | 'exec'>

beforeAll(async () => {
  await python.start()
  connection = newConnection({ python: 'the other one', notStarted: 'the other one has not been started' })
  connection.attach(
    loadCore(),
    remoteListener(connection, () => undefined),
  )
  other = new HostCalls(connection.pool) as unknown as typeof other
})

afterAll(() => {
  connection.port.detach()
})

const belongsElsewhere = (path: string, what: string): object => ({
  code: 'ERR_INVALID_ARGUMENT',
  path,
  message: expect.stringContaining(`${path}: ${what} of another Python process: it is of `) as string,
})

test('each has its own handles of the same object', async () => {
  const here = await python.import('math')
  const there = await other.import('math')
  expect(there).not.toBe(here)
  expect(await other.import('math')).toBe(there)
  expect([await here.sqrt(16), await there.sqrt(25)]).toEqual([4, 5])
})

test('calls of both are under way at the same time', async () => {
  const here = await python.import('operator')
  const there = await other.import('operator')
  const sums = Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? here : there).add(index, 1))
  expect(await Promise.all(sums)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
})

test('a handle of the other one is no argument, and no part of one', async () => {
  const list = await other.eval('[1].__class__()').$ref()
  const before = await other.eval('1')
  expect(before).toBe(1)
  const here = (await python.import('builtins')) as Handle
  await expect(here.len(list)).rejects.toMatchObject(belongsElsewhere('args[0]', 'a handle'))
  await expect(here.dict({ rows: [1, list] })).rejects.toMatchObject(belongsElsewhere('args[0].rows[1]', 'a handle'))
  await expect(python.eval('x', { x: list })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect(await here.len(await list.$value<unknown[]>())).toBe(0)
})

test('nor is it one of a synchronous call', async () => {
  const list = await other.eval('[].__class__()').$ref()
  const { len } = python.importSync('builtins')
  expect(() => len(list)).toThrow(
    /args\[0\]: a handle of another Python process: it is of the other one, and this call is for/,
  )
})

test('calls and paths of the other one are refused before anything is sent', async () => {
  const builtins = (await python.import('builtins')) as Handle
  const numbers = await other.eval('[n for n in range(3)]').$ref()
  const log = await other.exec('calls = []\ndef note():\n    calls.append(1)\n    return 1')
  await expect(builtins.print(numbers.append)).rejects.toMatchObject(belongsElsewhere('args[0]', 'a path'))
  const noted = log.note()
  await expect(builtins.print(noted)).rejects.toMatchObject(belongsElsewhere('args[0]', 'a call'))
  expect(await noted).toBe(1)
  // A call that has settled with a value is that value.
  expect(await builtins.abs(noted)).toBe(1)
})

test('an exception of the other one is no argument', async () => {
  const error: unknown = await other.eval('1 / 0').catch((thrown: unknown) => thrown)
  expect(isPythonError(error, 'ArithmeticError')).toBe(true)
  await expect(python.eval('str(e)', { e: error })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('an exception of another Python process') as string,
  })
})

test('an exception of the other one that a callback throws is the same error again', async () => {
  const apply = await python.eval('lambda f: f()').$ref()
  const error: unknown = await other.eval("int('x')").catch((thrown: unknown) => thrown)
  const thrown: unknown = await (apply as Handle)(() => {
    throw error
  }).catch((caught: unknown) => caught)
  expect(thrown).toBe(error)
})

test('both call the same function, and each holds it by itself', async () => {
  const twice = (x: number): number => 2 * x
  const code =
    'def keep(f):\n    global kept\n    kept = f\ndef use(x):\n    return kept(x)\ndef drop():\n    global kept\n    kept = None'
  const here = await python.exec(code)
  const there = await other.exec(code)
  await here.keep(twice)
  await there.keep(twice)
  expect([await here.use(1), await there.use(2)]).toEqual([2, 4])
  await here.drop()
  expect(await there.use(3)).toBe(6)
  expect(await there.kept).toBe(twice)
})

test('callbacks get handles of the Python that calls', async () => {
  const got: Handle[] = []
  const call = await other.eval('lambda f, x: f(x)').$ref()
  await (call as Handle)((handle: Handle) => void got.push(handle), await other.eval('object()').$ref())
  const [handle] = got
  await expect(python.eval('x', { x: handle })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect(await ((await other.eval('lambda x: type(x).__name__').$ref()) as Handle)(handle)).toBe('object')
})

test('there are no synchronous views of the other one', async () => {
  const there = await other.import('math')
  expect(() => (there as { $sync: unknown }).$sync).toThrow(
    '[Python builtins.module] has no synchronous view: the object is in another process, that of the other one',
  )
  expect(() => (there as Handle).$share()).toThrow('cannot be shared with other threads')
})

test('arrays of the other one are data', async () => {
  const make = 'import numpy as np\nc = np.arange(6.0).reshape(2, 3)\nf = np.asfortranarray(c)'
  const there = await other.exec(make)
  const here = await python.exec(
    'def rows(a):\n    import numpy as np\n    return [type(a).__name__, np.asarray(a).tolist()]',
  )
  const [c, f] = [await there.c, await there.f] as NdArray[]
  expect(f!.strides).toEqual([1, 2])
  const rows = [
    [0, 1, 2],
    [3, 4, 5],
  ]
  expect(await here.rows(c)).toEqual(['ndarray', rows])
  expect(await here.rows(f)).toEqual(['ndarray', rows])
  expect(await here.rows(c!.data)).toEqual(['memoryview', [0, 1, 2, 3, 4, 5]])
  // And they still are themselves where they came from.
  expect(await ((await other.eval('lambda a, b: a is b').$ref()) as Handle)(f, there.f)).toBe(true)
})

test('memory of `python.ndarray` is that of both', async () => {
  const array = python.ndarray([2, 2])
  array.data.set([1, 2, 3, 4])
  const clear = await other.eval('lambda a: (a.tolist(), a.fill(0))[0]').$ref()
  expect(await (clear as Handle)(array)).toEqual([
    [1, 2],
    [3, 4],
  ])
  expect([...array.data]).toEqual([0, 0, 0, 0])
  expect(python.evalSync('float(a.sum())', { a: array })).toBe(0)
})

test('a session belongs to one of them', async () => {
  const session = PythonSession.over(await openSession(connection))
  try {
    const ident = await session.eval('__import__("threading").get_ident')
    const there = (await session.import('threading')) as unknown as Handle
    expect(await there.get_ident()).toBe(await there.get_ident())
    const here = (await python.import('threading')) as Handle
    expect(() => here.get_ident.$with({ thread: session as never })).toThrow(
      /`thread` is a session of another Python process/,
    )
    expect(ident).toBeDefined()
  } finally {
    await session.close()
  }
})

test('a context manager is entered where it is', async () => {
  const lock = await other.eval('__import__("threading").Lock()').$ref()
  await expect(python.with(lock, () => undefined)).rejects.toMatchObject(
    belongsElsewhere('the context manager', 'a handle'),
  )
  expect(() => python.withSync(lock as never, () => undefined)).toThrow(/the context manager: a handle of another/)
})

test('rules look at objects synchronously, so those of the other one stay handles', async () => {
  python.register({ type: 'ipaddress.IPv4Address', toJs: (address) => String(address.$str()) })
  const code = "__import__('ipaddress').ip_address('127.0.0.1')"
  expect(await python.eval(code, {}, { returns: 'value' })).toBe('127.0.0.1')
  expect(python.isHandle(await other.eval(code))).toBe(true)
  await expect(other.eval(code, {}, { returns: 'value' })).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
})

test('what is under way fails when the other one is gone, and so does what comes after', async () => {
  const lost = newConnection({ python: 'a lost one', notStarted: 'not started' })
  lost.attach(
    loadCore(),
    remoteListener(lost, () => undefined),
  )
  const { port } = lost
  const host = new HostCalls(lost.pool) as unknown as typeof other
  const time = await host.import('time')
  const sleep = time.sleep(0.2)
  const list = await host.eval('[1, 2]').$ref()
  const gone = (): Error => new Error('it is gone')
  lost.close(gone)
  lost.requests.failAll(() => gone)
  await expect(sleep).rejects.toThrow('it is gone')
  await expect((list as Handle).append(3)).rejects.toThrow('it is gone')
  expect(String(list)).toBe('[Python builtins.list]')
  expect(isBridgeError(gone())).toBe(false)
  expect(await (await python.import('math')).sqrt(4)).toBe(2)
  port.detach()
})
