/* `python.with`, `python.withSync` and `python.session`. */
import { join } from 'node:path'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'

let contexts: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  contexts = await python.import('contexts')
})

describe('with', () => {
  test('enters, runs the body and exits, on one thread and in one context', async () => {
    const manager = await contexts.Manager<Handle>()
    const result = await python.with(manager, async (entered: Handle) => {
      expect(await entered.here()).toBe('inside')
      expect(await entered.here()).toBe('inside')
      return 'result'
    })
    expect(result).toBe('result')
    expect(await manager.names()).toEqual(['enter', 'here', 'here', 'exit'])
    expect(await manager.threads()).toBe(1)
    expect(await manager.seen()).toBeNull()
    expect(await contexts.get_mode()).toBe('none')
  })

  test('takes a call that has not been awaited, and any value that is entered', async () => {
    expect(await python.with(contexts.Manager(false, [1, 2]), (value) => value)).toEqual([1, 2])
  })

  test('exits also if what was entered cannot be converted', async () => {
    const cycle = await python.eval('(lambda l: l.append(l) or l)([])', {}, { returns: 'ref' })
    const manager = await contexts.Manager<Handle>(false, cycle)
    const body = jest.fn()
    await expect(python.with(manager, body)).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
    expect(() => python.withSync(manager.$sync, body)).toThrow(expect.objectContaining({ code: 'ERR_CONVERSION' }))
    expect(await manager.names()).toEqual(['enter', 'exit', 'enter', 'exit'])
    expect(await manager.seen()).toContain('cycles')
    expect(body).not.toHaveBeenCalled()
  })

  test('shows a Python error of the body to __exit__ and passes it on', async () => {
    const manager = await contexts.Manager<Handle>()
    await expect(python.with(manager, (entered: Handle) => entered.fail())).rejects.toThrow("KeyError: 'inside'")
    expect(await manager.seen()).toBe("KeyError: 'inside'")
  })

  test('shows a JavaScript error of the body to __exit__ and passes on the same error', async () => {
    const manager = await contexts.Manager<Handle>()
    const error = new RangeError('from JavaScript')
    const body = (): never => {
      throw error
    }
    await expect(python.with(manager, body)).rejects.toBe(error)
    expect(await manager.seen()).toContain('from JavaScript')
    expect(await manager.names()).toEqual(['enter', 'exit'])
  })

  test('resolves to undefined if the error is swallowed', async () => {
    const manager = await contexts.Manager<Handle>(true)
    await expect(python.with(manager, () => Promise.reject(new Error('swallowed')))).resolves.toBeUndefined()
  })

  test('rejects with the error of __exit__', async () => {
    await expect(python.with(contexts.FailingExit(), () => 1)).rejects.toThrow('RuntimeError: exit failed')
  })

  test('rejects what is no context manager, and a body that is no function', async () => {
    await expect(python.with(contexts, () => 1)).rejects.toThrow('Error')
    await expect(python.with({}, () => 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(python.with(contexts, 1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})

describe('with an asynchronous context manager', () => {
  let asynchronous: Handle

  beforeAll(async () => {
    asynchronous = await python.import('asynchronous')
  })

  test('enters and exits in one task', async () => {
    const manager = await asynchronous.AsyncManager<Handle>()
    expect(await python.with(manager, (entered: Handle) => entered.hello())).toBe('inside')
    expect(await manager.events).toEqual(['enter', ['exit', true, null]])
  })

  test('shows the error of the body, and passes on the same error', async () => {
    const manager = await asynchronous.AsyncManager<Handle>()
    const error = new RangeError('out')
    await expect(python.with(manager, () => Promise.reject(error))).rejects.toBe(error)
    expect(await manager.events).toEqual(['enter', ['exit', true, 'RangeError: out']])
    const other = await asynchronous.AsyncManager<Handle>()
    await expect(python.with(other, () => asynchronous.fail('inner'))).rejects.toThrow('ValueError: inner')
    expect(await other.events).toEqual(['enter', ['exit', true, 'inner']])
  })

  test('may swallow the error', async () => {
    const manager = await asynchronous.AsyncManager<Handle>(true)
    await expect(python.with(manager, () => Promise.reject(new Error('out')))).resolves.toBeUndefined()
  })

  test('fails as it fails to enter or to exit', async () => {
    const body = jest.fn()
    await expect(python.with(asynchronous.AsyncManager(false, 'enter'), body)).rejects.toThrow('ValueError: in enter')
    expect(body).not.toHaveBeenCalled()
    await expect(python.with(asynchronous.AsyncManager(false, 'exit'), body)).rejects.toThrow('ValueError: in exit')
  })

  test('excludes others, and can be entered inside itself', async () => {
    const lock = await asynchronous.lock<Handle>()
    const order: number[] = []
    await Promise.all(
      [1, 2, 3].map((number) =>
        python.with(lock, async () => {
          order.push(number)
          await asynchronous.later(number)
          order.push(number)
        }),
      ),
    )
    expect(order).toHaveLength(6)
    for (let index = 0; index < 6; index += 2) expect(order[index]).toBe(order[index + 1])
    const manager = await asynchronous.AsyncManager<Handle>()
    await python.with(manager, () => python.with(manager, () => 1))
    expect(await manager.events.__len__()).toBe(4)
  })

  test.each([0, 1])('is left if whoever enters is cancelled just then (%d)', async (pauses) => {
    expect(await asynchronous.enter_cancelled(pauses)).toEqual(['enter', 'CancelledError'])
  })

  test('is refused by withSync', () => {
    expect(() => python.withSync(asynchronous.$sync.AsyncManager(), () => 1)).toThrow('asynchronous context manager')
  })
})

describe('withSync', () => {
  test('enters, runs the body and exits', () => {
    const manager = contexts.$sync.Manager<SyncHandle>()
    const result = python.withSync(manager, (entered: SyncHandle) => entered.here())
    expect(result).toBe('inside')
    expect(manager.names()).toEqual(['enter', 'here', 'exit'])
  })

  test('shows errors to __exit__', () => {
    const manager = contexts.$sync.Manager<SyncHandle>()
    expect(() => python.withSync(manager, (entered: SyncHandle) => entered.fail())).toThrow('KeyError')
    expect(manager.seen()).toBe("KeyError: 'inside'")
    const swallowing = contexts.$sync.Manager<SyncHandle>(true)
    expect(python.withSync(swallowing, (entered: SyncHandle) => entered.fail())).toBeUndefined()
  })

  test('exits at once when the body returns a promise, and says so', () => {
    const manager = contexts.$sync.Manager<SyncHandle>()
    expect(() => python.withSync(manager, () => Promise.resolve())).toThrow('use `python.with`')
    expect(manager.names()).toEqual(['enter', 'exit'])
  })
})

describe('a session', () => {
  test('runs everything on one thread of its own, in one context', async () => {
    const session = await python.session()
    const other = await python.session()
    const mine = (await session.import('contexts')) as Handle
    const theirs = (await other.import('contexts')) as Handle
    const threads = await Promise.all([
      mine.thread(),
      mine.thread(),
      session.eval('__import__("threading").get_ident()'),
    ])
    expect(new Set(threads).size).toBe(1)
    expect(await theirs.thread()).not.toBe(threads[0])
    await mine.set_mode('mine')
    expect(await mine.get_mode()).toBe('mine')
    expect(await theirs.get_mode()).toBe('none')
    expect(await contexts.get_mode()).toBe('none')
    await session.close()
    await other.close()
  })

  test('keeps what comes from it on its thread', async () => {
    await using session = await python.session()
    const mine = (await session.import('contexts')) as Handle
    const manager = await mine.Manager<Handle>()
    await manager.here()
    await manager.itself.$has('x').catch(() => undefined)
    await manager.here()
    await (await session.exec('def here(manager): return manager.here()')).here(manager)
    expect(await manager.threads()).toBe(1)
    expect(await manager.$is(manager)).toBe(true)
  })

  test('is closed once, and cannot be used afterwards', async () => {
    const session = await python.session()
    const mine = (await session.import('contexts')) as Handle
    const last = mine.thread()
    await session.close()
    await session.close()
    expect(typeof (await last)).toBe('number')
    await expect(session.eval('1')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(mine.thread()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

test('the manager is left although the body disposed its handle', async () => {
  const space = await python.exec(`
state = []
class Manager:
    def __enter__(self): state.append('in')
    def __exit__(self, *error): state.append('out')
`)
  const manager = await space.Manager<Handle>()
  // The second time does nothing, as everywhere.
  await python.with(manager, () => {
    manager.$dispose()
    manager.$dispose()
  })
  const second = (space.$sync as unknown as { Manager(): SyncHandle }).Manager()
  python.withSync(second, () => second.$dispose())
  expect(await space.state).toEqual(['in', 'out', 'in', 'out'])
  await expect(manager.$str()).rejects.toMatchObject({ code: 'ERR_HANDLE_DISPOSED' })
})
