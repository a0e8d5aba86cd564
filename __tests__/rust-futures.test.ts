/* Rust futures as Python awaitables: the `*_async` functions of `symphony_bridge`, in asyncio loops of executor threads. */
import { isPythonError, python, type Handle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { embeddedTest } from './support/mode'
import { eventually } from './support/eventually'

const code = `
import asyncio, gc, threading, time
import symphony_bridge as sb

def futures(): return sb.get_system_info()['futures']

async def settled(count=0):
    while futures() > count: await asyncio.sleep(0)

def sleeps(seconds, *result):
    async def main(): return await sb.sleep_async(seconds, *result)
    return asyncio.run(main())

def info():
    async def main(): return await sb.get_system_info_async()
    return asyncio.run(main())

def many(count):
    async def main():
        return sum(await asyncio.gather(*(sb.sleep_async(index % 10 / 1000, index) for index in range(count))))
    return asyncio.run(main())

def cancelled():
    async def main():
        task = asyncio.ensure_future(sb.sleep_async(3600))
        await asyncio.sleep(0)
        before = futures()
        task.cancel()
        try: await task
        except asyncio.CancelledError: pass
        await settled(before - 1)
        return before
    return asyncio.run(main())

def times_out():
    async def main():
        try: await asyncio.wait_for(sb.sleep_async(3600), 0.01)
        except asyncio.TimeoutError: pass
        await settled()
        return 'timed out'
    return asyncio.run(main())

def shielded():
    async def main():
        inner = asyncio.ensure_future(sb.sleep_async(0.01, 'inner'))
        outer = asyncio.shield(inner)
        outer.cancel()
        return await inner
    return asyncio.run(main())

async def waits(): await sb.sleep_async(3600)

def abandoned_at_the_end():
    async def main():
        tasks = [asyncio.create_task(waits()) for _ in range(10)]
        await asyncio.sleep(0)
    asyncio.run(main())

class Result: pass

def drops_the_result_when_cancelled():
    import weakref
    result = Result()
    reference = weakref.ref(result)
    async def main():
        task = asyncio.ensure_future(sb.sleep_async(3600, result))
        await asyncio.sleep(0)
        task.cancel()
    asyncio.run(main())
    del result
    while reference() is not None: time.sleep(0)
    return True

def outlives_its_loop():
    loop = asyncio.new_event_loop()
    async def main(): return sb.sleep_async(0.05)
    loop.run_until_complete(main())
    loop.close()
    while futures() > 0: time.sleep(0)
    # One after it, so that what was to be told to the closed loop has been tried.
    return sleeps(0.01, 'told')

def unreferenced_task():
    done = []
    async def worker():
        await sb.sleep_async(0.01)
        done.append('done')
    async def main():
        asyncio.create_task(worker())
        await asyncio.sleep(0)
        gc.collect()
        while not done: await asyncio.sleep(0)
        return done[0]
    return asyncio.run(main())
`

let ns: Handle

beforeAll(async () => {
  ns = await python.exec(code)
})

afterEach(async () => {
  await eventually(() => ns.futures(), 0)
})

test('sleep_async waits and gives its result', async () => {
  const before = performance.now()
  expect(await ns.sleeps(0.05, ['result'])).toEqual(['result'])
  expect(performance.now() - before).toBeGreaterThanOrEqual(49)
  expect(await ns.sleeps(0)).toBeNull()
})

test('the result is the very object', async () => {
  const object = await python.eval<Handle>('object()')
  expect(await ns.sleeps(0.001, object)).toBe(object)
})

test('get_system_info_async gives what get_system_info does', async () => {
  const names = Object.keys((await ns.info()) as object)
  expect(names).toEqual(Object.keys((await ns.sb.get_system_info()) as object))
  expect(names).toContain('futures')
})

test.each([-1, Infinity, NaN, 1e300])('sleep_async(%p) is an error', async (seconds) => {
  const error = await Promise.resolve(ns.sleeps(python.float(seconds))).catch((reason: unknown) => reason)
  expect(isPythonError(error, 'ValueError') && error.message).toContain('`seconds` must be a number of seconds')
})

test('without a running loop it is an error', async () => {
  const error = await Promise.resolve(ns.sb.sleep_async(1)).catch((reason: unknown) => reason)
  expect(isPythonError(error, 'RuntimeError') && error.message).toContain('no running event loop')
})

test('thousands at once, in several loops at once', async () => {
  const sums = await Promise.all([ns.many(5000), ns.many(5000), ns.many(5000)])
  expect(sums).toEqual([12_497_500, 12_497_500, 12_497_500])
})

test('a task that is cancelled drops the Rust future, and what that holds', async () => {
  expect(await ns.cancelled()).toBe(1)
  expect(await ns.times_out()).toBe('timed out')
  expect(await ns.drops_the_result_when_cancelled()).toBe(true)
})

test('a shield protects it', async () => {
  expect(await ns.shielded()).toBe('inner')
})

test('the end of a loop drops what its tasks await', async () => {
  await ns.abandoned_at_the_end()
})

test('a task to which nothing else refers goes on', async () => {
  expect(await ns.unreferenced_task()).toBe('done')
})

test('a completion that comes when its loop is closed is dropped in silence', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.exec(${JSON.stringify(code)}).then(async (ns) => console.log(await ns.outlives_its_loop()))`)
  expect(end).toEqual({ code: 0, signal: null, stdout: 'told\n', stderr: '' })
})

test.each(['process.exit(3)', 'process.exitCode = 3; python.unref()'])(
  'an exit in flight is an exit: %s',
  async (ending) => {
    const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    python.exec(${JSON.stringify(code)}).then(async (ns) => {
      for (let loop = 0; loop < 3; loop++) void ns.sleeps(3600)
      while ((await ns.futures()) < 3);
      ${ending}
    })`)
    expect(end).toEqual({ code: 3, signal: null, stdout: '', stderr: '' })
  },
)

test('a forked child is told that it has none', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const ns = python.execSync(${JSON.stringify(`${code}
import os, warnings
warnings.simplefilter('ignore')
def fork():
    sleeps(0)
    child = os.fork()
    if child == 0:
        try: sleeps(0)
        except RuntimeError as error: os._exit(11 if 'forked child' in str(error) else 12)
        os._exit(13)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
`)})
    console.log(ns.fork())`)
  expect(end).toMatchObject({ stdout: '11\n', stderr: '', code: 0 })
})

embeddedTest('nothing is started before the first use', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    const { readdirSync, readFileSync } = require('node:fs')
    const names = () => readdirSync('/proc/self/task').map((task) => readFileSync('/proc/self/task/' + task + '/comm', 'utf8').trim())
    const started = () => names().filter((name) => /^py-(tokio|futures)$/.test(name)).sort().join()
    const ns = python.execSync(${JSON.stringify(code)})
    console.log(started())
    ns.sleeps(0)
    // A thread gives itself its name.
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (let i = 0; i < 1000 && started().split(',').length < 3; i++) Atomics.wait(pause, 0, 0, 10)
    console.log(started())`)
  expect(end).toMatchObject({ stdout: '\npy-futures,py-tokio,py-tokio\n', stderr: '', code: 0 })
})
