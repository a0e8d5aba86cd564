/* Signals and timeouts of calls that run: what becomes of them in Python, and what their promises say. */
import { join } from 'node:path'
import { isBridgeError, type Handle } from 'symphony-python-bridge'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython

  let asyncio: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    asyncio = await python.import('asynchronous')
  })

  afterAll(async () => {
    expect(await asyncio.tasks()).toBe(0)
  })

  describe('a coroutine', () => {
    test('is cancelled as a task', async () => {
      const gate = await asyncio.Gate<Handle>()
      const controller = new AbortController()
      const waiting = gate.wait.$with({ signal: controller.signal })()
      await gate.entered()
      controller.abort(new Error('changed my mind'))
      await expect(waiting).rejects.toMatchObject({
        name: 'AbortError',
        code: 'ERR_CANCELLED',
        callState: 'cancelled',
        cause: new Error('changed my mind'),
      })
      expect(await gate.events).toEqual(['entered', 'cancelled'])
    })

    test('is cancelled by its timeout', async () => {
      const gate = await asyncio.Gate<Handle>()
      await expect(gate.wait.$with({ timeout: 1 })()).rejects.toMatchObject({
        name: 'BridgeError',
        code: 'ERR_TIMEOUT',
      })
    })

    test('decides itself how it ends: a value, another error', async () => {
      for (const [method, outcome] of [
        ['stubborn', 'finished anyway'],
        ['fails_on_cancel', 'ValueError: while cleaning up'],
      ] as const) {
        const gate = await asyncio.Gate<Handle>()
        const controller = new AbortController()
        const waiting = gate.$get(method).$with({ signal: controller.signal })()
        await gate.entered()
        controller.abort()
        await gate.open()
        expect(await waiting.catch((error: unknown) => (error as Error).message)).toBe(outcome)
      }
    })

    test('leaves what it shields alone', async () => {
      const gate = await asyncio.Gate<Handle>()
      const controller = new AbortController()
      const waiting = gate.shielded.$with({ signal: controller.signal })()
      await gate.entered()
      controller.abort()
      await expect(waiting).rejects.toMatchObject({ callState: 'cancelled' })
      expect(await gate.events).toEqual(['entered'])
      await gate.open()
    })

    test('that cancels itself raises what Python raises', async () => {
      const error: unknown = await asyncio.cancel_itself().catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'ERR_PYTHON_EXCEPTION', type: 'CancelledError' })
    })

    test("that runs into a timeout of Python's own raises that", async () => {
      const error: unknown = await asyncio.own_timeout
        .$with({ timeout: 60_000 })()
        .catch((error: unknown) => error)
      expect(isBridgeError(error)).toBe(false)
      expect(error).toMatchObject({ code: 'ERR_PYTHON_EXCEPTION', type: 'TimeoutError' })
    })

    test('is cancelled although only others use its result', async () => {
      const gate = await asyncio.Gate<Handle>()
      const controller = new AbortController()
      const length = gate.wait.$with({ signal: controller.signal })().__len__()
      await gate.entered()
      controller.abort()
      await expect(length).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    })
  })

  describe('blocking code', () => {
    test('gets an exception that is no Exception', async () => {
      const spinner = await asyncio.Spinner<Handle>()
      const controller = new AbortController()
      const spinning = spinner.spin.$with({ signal: controller.signal })()
      await spinner.wait_started()
      controller.abort()
      const error: unknown = await spinning.catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'ERR_CANCELLED' })
      await spinner.wait_ended()
      expect(await spinner.error).toBe('symphony_bridge.CallCancelled')
    })

    test('leaves its thread free of the exception afterwards', async () => {
      const threads = 4
      for (let round = 0; round < 20; round++) {
        const controllers = Array.from({ length: threads }, () => new AbortController())
        const calls = controllers.map(({ signal }) => asyncio.add.$with({ signal })(1, 2))
        const builtin = controllers.map(({ signal }) => python.eval('sum(range(1000))', {}, { signal }))
        controllers[round % threads]!.abort()
        const outcomes = await Promise.allSettled([...calls, ...builtin])
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ERR_CANCELLED' })
        }
        expect(await Promise.all(controllers.map(() => python.eval('sum(range(1000))')))).toEqual(
          controllers.map(() => 499_500),
        )
      }
    })

    test('that ends in spite of it gives its value, or has said that it is still running', async () => {
      const spinner = await asyncio.Spinner<Handle>()
      const controller = new AbortController()
      const spinning = spinner.swallow.$with({ signal: controller.signal })()
      await spinner.wait_started()
      controller.abort()
      const outcome: unknown = await spinning.catch((error: unknown) => (error as { callState: string }).callState)
      expect(['swallowed', 'still running']).toContain(outcome)
    })

    test('is interrupted also while its result is converted', async () => {
      const slow = await asyncio.Slow<Handle>()
      const controller = new AbortController()
      const object = (await slow.result.$with({ returns: 'ref' })()) as Handle
      const result = object.$with({ signal: controller.signal }).$value()
      await slow.wait_started()
      controller.abort()
      await expect(result).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    })

    test('is interrupted while it waits for a promise of JavaScript', async () => {
      const waiting = Array.from({ length: 8 }, () =>
        python.eval('promise.result()', { promise: new Promise(() => undefined) }, { timeout: 20 }),
      )
      for (const outcome of await Promise.allSettled(waiting)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TIMEOUT' } })
      }
      // All threads are free again.
      expect(await Promise.all(Array.from({ length: 8 }, () => python.eval('1 + 1')))).toEqual(Array(8).fill(2))
    })

    test('of a session is interrupted there, and the session goes on', async () => {
      await using session = await python.session()
      const same = await session.import('asynchronous')
      const spinner = await asyncio.Spinner<Handle>()
      const inSession = await session.eval<Handle>('spinner', { spinner })
      const controller = new AbortController()
      const spinning = inSession.spin.$with({ signal: controller.signal })()
      await spinner.wait_started()
      controller.abort()
      await expect(spinning).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
      expect(await same.add(1, 2)).toBe(3)
    })
  })

  test('many calls share a signal without a warning', async () => {
    const warned = jest.fn()
    process.on('warning', warned)
    const { signal } = new AbortController()
    const add = asyncio.add.$with({ signal })
    await Promise.all(Array.from({ length: 100 }, () => add(1, 2)))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
  })

  afterAll(() => host.stop())
})
