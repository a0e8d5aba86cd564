/* `$with`: signals, timeouts, and what a call gives back. */
import { getEventListeners } from 'node:events'
import { join } from 'node:path'
import { isPythonHandle, type Handle } from 'symphony-python-bridge'
import { hosts, type HostedPython } from './support/hosts'

interface Fractions {
  (...args: number[]): { limit_denominator(): { __str__(): Promise<string> } }
}

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let handles: Handle
  /** Has a thread of its own, for what must not wait behind a call that blocks. */
  let aside: Awaited<ReturnType<HostedPython['session']>>

  beforeAll(async () => {
    // One thread, so that a call behind a blocked one stays in the queue.
    python = await host.start({ paths: [join(__dirname, 'fixtures')], threads: 1 })
    handles = await python.import('handles')
    aside = await python.session()
  })

  afterAll(() => aside.close())

  /** A call that occupies the only thread until `open` is called, and has begun to. */
  async function blockade(): Promise<{ open(): Promise<void> }> {
    const gate = await handles.Gate<Handle>()
    const blocked = gate.wait()
    await aside.eval('gate.await_entered()', { gate })
    return {
      async open() {
        await aside.eval('gate.open()', { gate })
        await blocked
      },
    }
  }

  describe('signal', () => {
    test('keeps a call that has not started from starting', async () => {
      const gate = await handles.Gate<Handle>()
      const other = await blockade()
      const controller = new AbortController()
      const call = gate.wait.$with({ signal: controller.signal })()
      controller.abort(new Error('changed my mind'))
      await expect(call).rejects.toMatchObject({
        name: 'AbortError',
        code: 'ERR_CANCELLED',
        cause: new Error('changed my mind'),
      })
      await other.open()
      expect(await gate.calls).toBe(0)
    })

    test('rejects while the call goes on in Python, where it cannot be interrupted', async () => {
      const gate = await handles.Gate<Handle>()
      const controller = new AbortController()
      const call = gate.wait.$with({ signal: controller.signal })()
      await aside.eval('gate.await_entered()', { gate })
      controller.abort()
      await expect(call).rejects.toMatchObject({
        name: 'AbortError',
        cause: { name: 'AbortError' },
        callState: 'still running',
      })
      await aside.eval('gate.open()', { gate })
      expect(await gate.calls).toBe(1)
    })

    test('that is aborted already submits nothing', async () => {
      const gate = await handles.Gate<Handle>()
      await expect(gate.wait.$with({ signal: AbortSignal.abort('why') })()).rejects.toMatchObject({
        code: 'ERR_CANCELLED',
        cause: 'why',
      })
      expect(await gate.calls).toBe(0)
    })

    test('is left alone when the call settles', async () => {
      const { signal } = new AbortController()
      const add = handles.add.$with({ signal })
      const call = add(1, 2)
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      expect(await call).toBe(3)
      await expect(add(1)).rejects.toThrow('TypeError')
      await expect(add(Symbol('s'))).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    })

    test('cancels a chain', async () => {
      const other = await blockade()
      const controller = new AbortController()
      const chain = handles.identity.$with({ signal: controller.signal })([1]).__len__()
      controller.abort()
      await expect(chain).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
      await other.open()
    })

    test('has the frames of who waits in its error', async () => {
      const other = await blockade()
      const controller = new AbortController()
      async function whoWaits(): Promise<void> {
        await handles.add.$with({ signal: controller.signal })(1, 2)
      }
      const waiting = whoWaits()
      controller.abort()
      await expect(waiting).rejects.toMatchObject({ stack: expect.stringContaining('whoWaits') })
      await other.open()
    })
  })

  describe('timeout', () => {
    test('rejects a call that takes longer', async () => {
      const other = await blockade()
      await expect(handles.add.$with({ timeout: 1 })(1, 2)).rejects.toMatchObject({
        code: 'ERR_TIMEOUT',
        message: 'the call did not finish within 1 ms and has not started',
        callState: 'not started',
      })
      await other.open()
    })

    test('does nothing to a call that is faster', async () => {
      expect(await handles.add.$with({ timeout: 60_000 })(1, 2)).toBe(3)
    })
  })

  describe('returns', () => {
    test("'ref' gives a handle of anything", async () => {
      const number = await handles.add.$with({ returns: 'ref' })(1, 2)
      expect(isPythonHandle(number)).toBe(true)
      expect(number.$type).toBe('builtins.int')
      expect(await number.$value()).toBe(3)
      expect(await handles.$with({ returns: 'ref' }).add(1, 2).$value()).toBe(3)
      expect(await handles.collect.$call([1], {}, { returns: 'ref' }).$getItem(0)).toEqual([1])
    })

    test("'value' rejects, with a path, what is not plain data", async () => {
      const values = handles.identity.$with({ returns: 'value' })
      expect(await values([1, { a: 2 }])).toEqual([1, { a: 2 }])
      await expect(values([1, { a: handles.point }])).rejects.toMatchObject({
        code: 'ERR_CONVERSION',
        path: expect.stringContaining('[1].a'),
      })
    })

    test('does not change what fixed results are', async () => {
      const point = handles.point.$with({ returns: 'ref' })
      expect(await point.$len()).toBe(0)
      expect(await point.$repr()).toBe('Point(1, 2)')
    })
  })

  test('options that cannot be meant are errors at once', () => {
    const add = handles.add as { $with(options: object): unknown }
    for (const options of [{ timeout: -1 }, { timeout: 'x' }, { signal: {} }, { returns: 'json' }]) {
      expect(() => add.$with(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    }
  })

  test('a call whose outcome only others use leaves no listener behind', async () => {
    const fractions = await python.import('fractions')
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners += 1
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
      listeners -= 1
      removeEventListener.apply(signal, args)
    }
    for (let round = 0; round < 10; round += 1) {
      await (fractions.Fraction.$with({ signal }) as unknown as Fractions)(1, 3).limit_denominator().__str__()
    }
    expect(listeners).toBe(0)
  })

  afterAll(() => host.stop())
})
