/* Libraries that insist on one thread or one context: in sessions and in `python.with`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kw, python, type Handle, type Session } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'

let affinity: Handle
let session: Session
let mine: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')], threads: 2 })
  affinity = await python.import('affinity')
})

beforeEach(async () => {
  session = await python.session()
  mine = await session.import('affinity')
})

afterEach(() => session.close())

async function openSessions(): Promise<unknown> {
  return await (await python.import('symphony_bridge')).get_system_info().$getItem('sessions')
}

describe('across the calls of a session', () => {
  test('a connection of sqlite3 is used, committed by `with`, and closed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'symphony-sqlite-'))
    const sqlite = await session.import('sqlite3')
    const database = await sqlite.connect<Handle>(join(folder, 'items.db'))
    await database.execute('create table item (name text)')
    await python.with(database, async () => {
      await database.execute('insert into item values (?)', ['apple'])
    })
    await expect(
      python.with(database, async () => {
        await database.execute('insert into item values (?)', ['pear'])
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    const names: unknown[] = []
    for await (const row of database.execute<Handle>('select name from item')) names.push((row as string[])[0])
    expect(names).toEqual(['apple'])
    await expect(database.commit.$with({ thread: 'any' })()).rejects.toThrow('ProgrammingError')
    expect(() => database.$sync.commit()).toThrow('ProgrammingError')
    await database.close()
    rmSync(folder, { recursive: true })
  })

  test('thread-local data stays', async () => {
    await mine.set_mode('kept')
    expect(await mine.mode()).toBe('kept')
    expect(await affinity.mode()).toBe('default')
  })

  test("the decimal context stays, and is the session's alone", async () => {
    const decimal = await session.import('decimal')
    await decimal.getcontext().$set('prec', 5)
    expect(String(await decimal.Decimal(1).__truediv__(3))).toBe('0.33333')
    const pool = await python.import('decimal')
    expect(String(await pool.Decimal(1).__truediv__(3))).toHaveLength(30)
  })

  test('context variables stay', async () => {
    const space = await session.exec('import contextvars\nvar = contextvars.ContextVar("var", default=0)')
    await space.var.set(1)
    expect(await space.var.get()).toBe(1)
    expect(await space.var.get.$with({ thread: 'any' })()).toBe(0)
  })

  test('a lock is released by the thread that took it', async () => {
    const lock = await session.eval<Handle>('__import__("threading").RLock()')
    await lock.acquire()
    expect(await lock.acquire.$with({ thread: 'any' })(false)).toBe(false)
    await lock.release()
    expect(await lock.acquire.$with({ thread: 'any' })(false)).toBe(true)
  })
})

describe('in the body of `python.with`', () => {
  test('a mode of the thread holds for what runs in the session that the body gets', async () => {
    await python.with(affinity.Mode(), async (_, inside) => {
      expect(await affinity.mode.$with({ thread: inside })()).toBe('special')
      expect(await (await inside.import('affinity')).mode()).toBe('special')
      expect(await affinity.mode()).toBe('default')
    })
  })

  test('`numpy.errstate` holds', async () => {
    const numpy = await python.import('numpy')
    const divided = python.with(numpy.errstate(kw({ divide: 'raise' })), async (_, inside) => {
      const here = numpy.$with({ thread: inside })
      return await here.divide(here.float64(1), 0)
    })
    await expect(divided).rejects.toThrow('FloatingPointError')
  })

  test('`decimal.localcontext` holds', async () => {
    const decimal = await python.import('decimal')
    const third = await python.with(decimal.localcontext(), async (context: Handle) => {
      await context.$set('prec', 3)
      const one = await context.create_decimal<Handle>(1).$ref()
      return await one.__truediv__(3)
    })
    expect(String(third)).toBe('0.333')
  })

  test('locks and temporary folders work', async () => {
    const lock = await python.eval<Handle>('__import__("threading").Lock()')
    await python.with(lock, async () => expect(await lock.locked()).toBe(true))
    expect(await lock.locked()).toBe(false)
    const reentrant = await python.eval<Handle>('__import__("threading").RLock()')
    await python.with(reentrant, async () => expect(await reentrant.acquire(false)).toBe(false))
    const os = await python.import('os.path')
    const folder = await python.with((await python.import('tempfile')).TemporaryDirectory(), async (name: string) => {
      expect(await os.isdir(name)).toBe(true)
      return name
    })
    expect(await os.isdir(folder)).toBe(false)
  })

  test('a manager of a session is entered there, and the body gets that session', async () => {
    const before = await openSessions()
    await python.with(mine.Mode(), async (_, inside) => {
      expect(inside).toBe(session)
      expect(await mine.mode()).toBe('special')
      expect(await openSessions()).toBe(before)
    })
    expect(await mine.mode()).toBe('default')
    await session.close()
    await expect(python.with(mine.Mode(), () => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('`session.with` enters any manager in the session', async () => {
    await session.with(affinity.Mode(), async (_, inside) => {
      expect(inside).toBe(session)
      await inside.with(affinity.Mode(), async () => expect(await mine.mode()).toBe('special'))
      expect(await mine.mode()).toBe('special')
    })
    expect(await mine.mode()).toBe('default')
  })

  test('closing the session lets the block come to its end', async () => {
    let closing: Promise<void> | undefined
    const order: string[] = []
    await session.with(affinity.Mode(), async () => {
      closing = session.close().then(() => void order.push('closed'))
      await expect(mine.mode()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
      order.push('body')
    })
    await closing
    expect(order).toEqual(['body', 'closed'])
    // The block for which a session was opened can be closed as well.
    const manager = await affinity.Mode<Handle>()
    await python.with(manager, async (_, inside) => {
      await inside.eval('1')
      void inside.close()
    })
    expect(await manager.before).toBe('default')
  })
})

describe('closing', () => {
  test('waits for what was started, in order, and refuses what comes after', async () => {
    const order: string[] = []
    const first = mine.wait('closing').then(() => order.push('first'))
    const second = mine.identity(2).then(() => order.push('second'))
    affinity.$sync.await_entered('closing')
    const closed = session.close().then(() => order.push('closed'))
    await expect(mine.identity(3)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(order).toEqual([])
    await affinity.open_gate('closing')
    await Promise.all([first, second, closed])
    expect(order).toEqual(['first', 'second', 'closed'])
  })

  test('waits for a call that waits for one of the pool', async () => {
    const outer = mine.identity(affinity.wait('pool'))
    affinity.$sync.await_entered('pool')
    const closed = session.close()
    await affinity.open_gate('pool')
    expect(await outer).toBe('pool')
    await closed
  })

  test('waits for calls that were given up, since they run on', async () => {
    const controller = new AbortController()
    const given = mine.wait.$with({ signal: controller.signal })('given up')
    affinity.$sync.await_entered('given up')
    const queued = mine.identity.$with({ signal: controller.signal })(1)
    const withdrawn = new AbortController()
    const never = mine.identity.$with({ signal: withdrawn.signal })(1)
    withdrawn.abort()
    await expect(never).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    controller.abort()
    await expect(given).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    await expect(queued).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    let closed = false
    const closing = session.close().then(() => (closed = true))
    await python.eval('1')
    expect(closed).toBe(false)
    await affinity.open_gate('given up')
    await closing
  })

  test('does not wait for iterators that rest', async () => {
    const items = (await mine.Cell<Handle>(1)).$iter()
    expect(await items.next()).toEqual({ done: false, value: 1 })
    await session.close()
    const other = await affinity.Cell.$with({ thread: session })().catch((error: { code: string }) => error.code)
    expect(other).toBe('ERR_CLOSED')
  })

  test('happens at the end of `await using`', async () => {
    let call: Promise<unknown>
    let settled = false
    {
      await using inside = await python.session()
      call = inside.eval('sum(range(1000))').then((sum) => {
        settled = true
        return sum
      })
    }
    expect(settled).toBe(true)
    expect(await call).toBe(499_500)
  })

  test('leaves no thread behind, for many sessions', async () => {
    const before = await openSessions()
    const sessions = await Promise.all(Array.from({ length: 100 }, () => python.session()))
    const threads = await Promise.all(sessions.map((one) => one.eval('__import__("threading").get_ident()')))
    expect(new Set(threads).size).toBe(100)
    expect(await openSessions()).toBe((before as number) + 100)
    await Promise.all(sessions.map((one) => one.close()))
    expect(await openSessions()).toBe(before)
  })
})

test('a session of a Worker works there, and ends with it', async () => {
  const end = await runProgram(`
    const { once } = require('node:events')
    const { Worker } = require('node:worker_threads')
    const { python } = require('symphony-python-bridge')
    const work = \`
      const { parentPort } = require('node:worker_threads')
      const { python } = require('symphony-python-bridge')
      python.session().then(async (session) => {
        const sqlite = await session.import('sqlite3')
        const database = await sqlite.connect(':memory:')
        const [row] = await database.execute('select 41 + 1').fetchone()
        const last = await python.session()
        await last.eval('1')
        parentPort.postMessage(row)
        setInterval(() => {}, 1000)
      })\`
    python.start().then(async () => {
      const worker = new Worker(work, { eval: true })
      const [row] = await once(worker, 'message')
      const info = (await python.import('symphony_bridge')).get_system_info
      const during = await info().$getItem("sessions")
      await worker.terminate()
      console.log(row, during, await info().$getItem("sessions"))
    })`)
  expect([end.stdout, end.stderr]).toEqual(['42 2 0\n', ''])
})

test('a session whose thread is blocked does not keep `python.stop` or the process from ending', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.session().then(async (session) => {
      const call = session.exec('import threading; entered.set(); threading.Event().wait()', {
        entered: await python.eval('__import__("threading").Event()').$ref(),
      }).catch((error) => error.code)
      await python.eval('1')
      const closed = session.close().then(() => 'closed')
      await python.stop()
      console.log(await call, await closed)
    })`)
  expect([end.code, end.stdout, end.stderr]).toEqual([0, 'ERR_CLOSED closed\n', ''])
})

test('the thread ends when nothing refers to the session any more', async () => {
  const end = await runProgram(
    `
    const { python } = require('symphony-python-bridge')
    const open = async () => { await (await python.session()).eval('1') }
    open().then(async () => {
      const info = (await python.import('symphony_bridge')).get_system_info
      let sessions
      do {
        globalThis.gc()
        await new Promise((resolve) => setImmediate(resolve))
        sessions = await info().$getItem("sessions")
      } while (sessions > 0)
      console.log(sessions)
    })`,
    { node: ['--expose-gc'] },
  )
  expect([end.stdout, end.stderr]).toEqual(['0\n', ''])
})
