/* `$with({ thread })`: where calls run, and where what they give belongs. */
import { join } from 'node:path'
import { python, type Handle, type Session } from 'symphony-python-bridge'

let affinity: Handle
let session: Session
/** The thread of `session`. */
let there: unknown

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')], threads: 2 })
  affinity = await python.import('affinity')
  session = await python.session()
  there = await session.eval('__import__("threading").get_ident()')
})

afterAll(() => session.close())

describe('a session as `thread`', () => {
  test('runs calls and paths of any handle on its thread', async () => {
    expect(await affinity.thread()).not.toBe(there)
    expect(await affinity.thread.$with({ thread: session })()).toBe(there)
    expect(await affinity.$with({ thread: session }).thread()).toBe(there)
    expect(await affinity.thread.$call([], {}, { thread: session })).toBe(there)
  })

  test('runs `eval`, `exec` and `import` of the host there', async () => {
    const code = 'import threading; here = threading.get_ident()'
    expect(await python.eval('__import__("threading").get_ident()', {}, { thread: session })).toBe(there)
    expect(await (await python.exec(code, {}, { thread: session })).here).toBe(there)
    const imported = await python.import('affinity', { thread: session })
    expect(await imported.thread()).toBe(there)
  })

  test('keeps handles that come from such a call on that thread, and so on', async () => {
    const cell = await affinity.Cell.$with({ thread: session })<Handle>(1)
    const second = await cell.with_value<Handle>(2)
    expect([await cell.get(), await second.get(), await second.value]).toEqual([1, 2, 2])
    const items: unknown[] = []
    for await (const item of second) items.push(item)
    expect(items).toEqual([2, 2])
    expect(await affinity.Cell.$with({ thread: session })(3).with_value(4).get()).toBe(4)
  })

  test('gives a callback handles of that thread', async () => {
    const cell = await affinity.Cell.$with({ thread: session })<Handle>(5)
    let later: Promise<unknown> | undefined
    await cell.apply((one: Handle) => {
      later = one.get()
    })
    expect(await later).toBe(5)
  })

  test('holds beside other options, and until another one is chosen', async () => {
    const path = affinity.thread.$with({ thread: session }).$with({ timeout: 60_000, thread: undefined })
    expect(await path()).toBe(there)
    expect(await path.$with({ thread: 'any' })()).not.toBe(there)
  })
})

describe("'any'", () => {
  test("takes a session's handle to the pool", async () => {
    const mine = await session.import('affinity')
    expect(await mine.thread()).toBe(there)
    expect(await mine.thread.$with({ thread: 'any' })()).not.toBe(there)
    const cell = await mine.Cell<Handle>(1)
    await expect(cell.get.$with({ thread: 'any' })()).rejects.toThrow('another thread made this cell')
    expect(await cell.get()).toBe(1)
  })

  test('gives handles of the pool', async () => {
    const mine = await session.import('affinity')
    const poolCell = await mine.Cell.$with({ thread: 'any' })<Handle>(1)
    const sessionCell = await mine.Cell<Handle>(1)
    const threads = await Promise.all([poolCell.thread, sessionCell.thread])
    expect(threads[0]).not.toBe(there)
    expect(threads[1]).toBe(there)
    expect(await mine.identity.$with({ thread: 'any' })(poolCell)).toBe(poolCell)
  })
})

describe('what is no thread', () => {
  test('is refused where it is chosen', async () => {
    for (const [thread, got] of [
      ['main', '"main"'],
      [1, 'the number `1`'],
      [null, 'null'],
      [{ close: () => undefined }, 'an instance of `Object`'],
      [python, 'an instance of'],
      [affinity, 'a function'],
    ] as [never, string][]) {
      const refusal = expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining("`thread` must be 'any', 'loop' or a session") as string,
      })
      expect(() => affinity.thread.$with({ thread })).toThrow(refusal)
      expect(() => affinity.thread.$with({ thread })).toThrow(got)
      expect(() => python.eval('1', {}, { thread })).toThrow(refusal)
      await expect(python.exec('1', {}, { thread })).rejects.toEqual(refusal)
      await expect(python.import('affinity', { thread })).rejects.toEqual(refusal)
      expect(() => affinity.thread.$call([], {}, { thread })).toThrow(refusal)
    }
  })

  test('is not an option of synchronous views, nor are options of results one of `import`', async () => {
    expect(() => affinity.$sync.$with({ thread: session } as never)).toThrow('there is no option `thread`')
    await expect(python.import('affinity', { returns: 'ref' } as never)).rejects.toThrow('there is no option `returns`')
  })
})

test('a session that was closed refuses each call', async () => {
  const closed = await python.session()
  const path = affinity.thread.$with({ thread: closed })
  await closed.close()
  for (const call of [path(), affinity.thread.$with({ thread: closed })(), python.eval('1', {}, { thread: closed })])
    await expect(call).rejects.toMatchObject({
      code: 'ERR_CLOSED',
      message: 'the session was closed; open another one',
    })
  expect(await path.$with({ thread: 'any' })()).toEqual(expect.any(Number))
})
