/* The asyncio loop of Python's main thread: which one it is, and how it ends. Each in a process of its own, which has one loop. */
import { runProgram } from './support/child-process'

const start = `
  const { python } = require('symphony-python-bridge')
  const main = async (options) => {
    await python.start({ paths: [fixtures], ...options })
    return python.import('asynchronous')
  }
`

test("is asyncio's own", async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => console.log(await asyncio.running_loop_name()))`)
  expect(end).toMatchObject({ code: 0, stdout: 'asyncio\n', stderr: '' })
})

test('is uvloop, if that is asked for', async () => {
  const end = await runProgram(`${start}
    main({ eventLoop: 'uvloop' }).then(async (asyncio) => {
      console.log(await asyncio.running_loop_name(), await asyncio.add(1, 2))
      const items = []
      for await (const item of asyncio.numbers(1000)) items.push(item)
      const gate = await asyncio.Gate()
      const waiting = gate.wait.$with({ timeout: 20 })()
      console.log(items.length, await waiting.catch((error) => error.callState))
      console.log((await Promise.all(Array.from({ length: 1000 }, () => asyncio.later(1)))).length)
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'uvloop 3\n1000 cancelled\n1000\n', stderr: '' })
})

test("is asyncio's own, with a warning, if uvloop is not there", async () => {
  const end = await runProgram(`${start}
    main({ eventLoop: 'uvloop' }).then(async (asyncio) => {
      await python.exec("import sys; sys.modules['uvloop'] = None")
      console.log(await asyncio.running_loop_name())
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'asyncio\n' })
  expect(end.stderr).toContain("RuntimeWarning: `eventLoop: 'uvloop'` was asked for")
})

test('another choice later is an error, as is one that cannot be meant', async () => {
  const end = await runProgram(`${start}
    main({}).then(async () => {
      console.log(await python.start({ eventLoop: 'uvloop' }).catch((error) => error.code))
      console.log(await python.start({ eventLoop: 'twisted' }).catch((error) => error.code))
    })`)
  expect(end.stdout).toBe('ERR_PYTHON_ALREADY_CHOSEN\nERR_INVALID_ARGUMENT\n')
})

test('what it runs keeps the process alive, the loop itself does not', async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => {
      await asyncio.later(1)
      const gate = await asyncio.Gate()
      gate.wait().then((value) => console.log(value))
      setTimeout(() => gate.open(), 20)
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'opened\n' })
})

test('a stream that nobody waits for does not keep the process alive', async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => {
      const source = await asyncio.Source()
      const first = source.async_items(1e9).$iter()
      const second = source.items(1e9).$iter()
      console.log((await first.next()).value, (await second.next()).value)
    })`)
  expect(end).toMatchObject({ code: 0, stdout: '0 0\n' })
})

test('python.stop() cancels what is awaited, and `finally` runs', async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => {
      const scope = await python.exec(\`
import asyncio
async def wait(entered):
    entered.append(1)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print('cleaned up', flush=True)
async def stubborn(entered):
    entered.append(1)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
\`)
      const entered = await python.eval('[]', {}, { returns: 'ref' })
      const waiting = [scope.wait(entered), scope.stubborn(entered)]
      while ((await entered.$len()) < 2);
      const outcomes = Promise.allSettled(waiting)
      await python.stop()
      console.log((await outcomes).map((outcome) => outcome.reason.code).join())
      console.log(await scope.wait(entered).catch((error) => error.code))
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'cleaned up\nERR_CLOSED,ERR_CLOSED\nERR_CLOSED\n', stderr: '' })
})

test('process.exit() in the middle of everything keeps its code', async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => {
      const gate = await asyncio.Gate()
      const source = await asyncio.Source()
      for (let index = 0; index < 50; index++) gate.wait().catch(() => {})
      gate.stubborn().catch(() => {})
      const items = source.endless_wait().$iter()
      await items.next()
      items.next().catch(() => {})
      await gate.entered()
      process.exit(7)
    })`)
  expect(end).toMatchObject({ code: 7, stderr: '' })
})

test('a child process that asyncio starts', async () => {
  const end = await runProgram(`${start}
    main({}).then(async () => {
      const scope = await python.exec(\`
import asyncio, sys
async def run():
    process = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(6 * 7)', stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return [output.decode().strip(), process.returncode]
\`)
      console.log(await scope.run())
    })`)
  expect(end).toMatchObject({ code: 0, stdout: "[ '42', 0 ]\n" })
})

test('sockets and threads of Python wake it', async () => {
  const end = await runProgram(`${start}
    main({}).then(async () => {
      const scope = await python.exec(\`
import asyncio, threading
async def echo():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'over the wire\\\\n')
    line = await reader.readline()
    writer.close()
    server.close()
    return line.decode().strip()
async def from_thread():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, 'woken')).start()
    return await future
async def in_thread():
    return await asyncio.to_thread(lambda: threading.current_thread() is not threading.main_thread())
\`)
      console.log(await Promise.all([scope.echo(), scope.from_thread(), scope.in_thread()]))
    })`)
  expect(end).toMatchObject({ code: 0, stdout: "[ 'over the wire', 'woken', true ]\n" })
})

test('what would stop it is the end of one task', async () => {
  const end = await runProgram(`${start}
    main({}).then(async (asyncio) => {
      console.log(await asyncio.exits_in_background())
      console.log(await asyncio.stops_the_loop())
      console.log(await asyncio.add(1, 2))
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'still here\nstill here\n3\n' })
  expect(end.stderr).toContain('SystemExit: 3')
})

test('a queued stream that is called off leaves other calls what they are', async () => {
  const end = await runProgram(`${start}
    main({ threads: 1 }).then(async (asyncio) => {
      const time = await python.import('time')
      const sleeping = time.sleep(0.2).then(() => console.log('slept'))
      const loop = async () => {
        for await (const item of asyncio.numbers.$with({ timeout: 20 })(3)) console.log(item)
      }
      loop().catch((error) => console.log(error.code, error.callState))
      await sleeping
    })`)
  expect(end).toMatchObject({ code: 0, stdout: 'ERR_TIMEOUT not started\nslept\n' })
})

test('the first thing that a program does may be a loop', async () => {
  const end = await runProgram(`
    const { python } = require('symphony-python-bridge')
    ;(async () => {
      for await (const item of python.eval('(n for n in range(3))')) console.log(item)
    })()`)
  expect(end).toMatchObject({ code: 0, stdout: '0\n1\n2\n' })
})

test('an iterator is not forgotten while its item is waited for, and is closed when it is', async () => {
  const end = await runProgram(
    `${start}
    main({}).then(async (asyncio) => {
      const source = await asyncio.Source()
      const gate = await asyncio.Gate()
      const scope = await python.exec('async def waits(gate, source):\\n    try:\\n        yield await gate.wait()\\n        await gate.wait()\\n        yield 2\\n    finally:\\n        source.events.append(1)')
      const first = scope.waits(gate, source).$iter().next()
      await gate.entered()
      for (let round = 0; round < 5; round++) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)) }
      await gate.open()
      console.log(await first)
      while ((await source.events.__len__()) === 0) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)) }
      console.log(await source.events)
    })`,
    { node: ['--expose-gc'] },
  )
  expect(end).toMatchObject({ code: 0, stdout: "{ done: false, value: 'opened' }\n[ 1 ]\n" })
})
