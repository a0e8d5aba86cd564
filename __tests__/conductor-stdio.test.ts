/* What a process of its own does with its standard streams and other descriptors disturbs neither calls nor anybody else. */
import { join } from 'node:path'
import { Conductor, type ConductorEvent, type ConductorOptions, type Handle } from 'symphony-python-bridge'
import { runProgram } from './support/child-process'
import { eventually } from './support/eventually'

const fixtures = join(__dirname, 'fixtures')
const started: Conductor[] = []
let out: string[]
let err: string[]

async function start(more: ConductorOptions = {}): Promise<Conductor> {
  ;[out, err] = [[], []]
  const conductor = await Conductor.start({
    target: 'faults',
    paths: [fixtures],
    stdout: (line) => out.push(line),
    stderr: (line) => err.push(line),
    ...more,
  })
  started.push(conductor)
  return conductor
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((conductor) => conductor.stop({ drain: 0 })))
})

const died = (conductor: Conductor): Promise<Extract<ConductorEvent, { type: 'died' }>> =>
  new Promise((resolve) => conductor.once('died', resolve))

describe('what it writes', () => {
  test('by print, to the descriptors, and in C comes in lines', async () => {
    const conductor = await start()
    const scope = (await conductor.exec(`
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None)
def write():
    print('print')
    print('print to stderr', file=sys.stderr)
    sys.__stdout__.write('sys.__stdout__\\n')
    sys.__stdout__.flush()
    os.write(1, b'os.write 1\\n')
    os.write(2, b'os.write 2\\n')
    libc.puts(b'puts')
    libc.fflush(None)
    subprocess.run(['echo', 'a child'])
`)) as unknown as Handle
    await scope.write()
    await eventually(() => out.length === 5 && err.length === 2, true)
    expect(out.sort()).toEqual(['a child', 'os.write 1', 'print', 'puts', 'sys.__stdout__'])
    expect(err.sort()).toEqual(['os.write 2', 'print to stderr'])
  })

  test('looks like frames, and is none', async () => {
    const conductor = await start()
    const scope = (await conductor.exec(`
import os
def write():
    for _ in range(100):
        os.write(1, bytes(range(256)) * 100)
        os.write(2, bytes([64, 0, 0, 0] * 100))
`)) as unknown as Handle
    await scope.write()
    expect(await conductor.call('identity', [[1, 2]])).toEqual([1, 2])
  })

  test('does not hold it up, however much it is; the end of it is in the report', async () => {
    const conductor = await start()
    await conductor.call('noise')
    expect(await conductor.call('identity', ['on'])).toBe('on')
    const [ended] = await Promise.all([died(conductor), conductor.call('commit', ['exit1']).catch(() => undefined)])
    expect(ended.exit!.stderrTail.length).toBeGreaterThan(60 * 1024)
    expect(ended.exit!.stderrTail.length).toBeLessThanOrEqual(64 * 1024)
    // Lines beyond a rate are counted rather than told.
    expect(err.length).toBeLessThan(100_000)
    expect(err.length).toBeGreaterThan(0)
  })

  test('without the end of a line comes at the end', async () => {
    const conductor = await start()
    await conductor.call('os:write', [1, Buffer.from('no end of line')])
    await conductor.stop()
    await eventually(() => out.includes('no end of line'), true)
  })

  test('goes to the streams of this process, by itself', async () => {
    const { stdout, stderr } = await runProgram(`
      const { Conductor } = require('symphony-python-bridge')
      async function main() {
        const conductor = await Conductor.start()
        await conductor.call('os:write', [1, Buffer.from('to stdout\\n')])
        await conductor.call('os:write', [2, Buffer.from('to stderr\\n')])
        await conductor.call('builtins:print', ['printed'])
        await conductor.stop()
      }
      main()`)
    expect({ stdout, stderr }).toEqual({ stdout: 'to stdout\nprinted\n', stderr: 'to stderr\n' })
  })

  test('is thrown away where nobody wants it', async () => {
    const { stdout, stderr } = await runProgram(`
      const { Conductor } = require('symphony-python-bridge')
      async function main() {
        const conductor = await Conductor.start({ stdout: 'ignore', stderr: 'ignore' })
        await conductor.call('os:write', [1, Buffer.from('to stdout\\n')])
        await conductor.call('os:write', [2, Buffer.from('to stderr\\n')])
        await conductor.stop()
      }
      main()`)
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' })
  })
})

test('what it reads from stdin is the end, also where this process has a stdin', async () => {
  const conductor = await start()
  expect(await conductor.eval("__import__('sys').stdin.read()")).toBe('')
  expect(await conductor.call('os:read', [0, 10])).toEqual(Buffer.alloc(0))
  await expect(conductor.call('builtins:input')).rejects.toMatchObject({ type: 'EOFError' })
})

describe('a descriptor that it closes', () => {
  test.each([
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 3],
  ])('is a standard stream: calls go on (%i to %i)', async (low, high) => {
    const conductor = await start()
    const pid = await conductor.call('pid')
    await conductor.call('os:closerange', [low, high])
    await conductor.call('builtins:print', ['to nobody']).catch(({ type }: { type: string }) => {
      expect(type).toBe('OSError')
    })
    // What is opened next has the numbers that are free, and is no channel of ours.
    const file = await conductor.eval('open("/dev/null", "w")')
    expect(await conductor.call('identity', ['on'])).toBe('on')
    expect(await conductor.call('pid')).toBe(pid)
    void file
    const stopped = new Promise((resolve) => conductor.once('stopped', resolve))
    await conductor.stop()
    expect(await stopped).toMatchObject({ exit: { code: 0, reason: 'clean' } })
  })

  test('is `sys.stdout`: calls go on', async () => {
    const conductor = await start()
    await (await conductor.exec('import sys\ndef close():\n    sys.stdout.close()\n    sys.stderr.close()')).close()
    expect(await conductor.call('identity', ['on'])).toBe('on')
  })

  test.each([3, 6])('is one of the supervision (%i): calls go on', async (number) => {
    const conductor = await start()
    const pid = await conductor.call('pid')
    await conductor.call('os:closerange', [number, number + 1])
    expect(await conductor.call('pid')).toBe(pid)
    await conductor.stop()
  })

  test.each([4, 5])(
    'is one by which it sees its parent (%i): it ends, and another one takes its place',
    async (number) => {
      const conductor = await start()
      const [pid, ended] = [await conductor.call('pid'), died(conductor)]
      // It may end before it has answered.
      await conductor.call('os:closerange', [number, number + 1]).catch(({ code }: { code: string }) => {
        expect(code).toBe('ERR_WORKER_LOST')
      })
      expect(await ended).toMatchObject({ exit: { pid, reason: 'lifeline-lost' } })
      expect(await conductor.call('pid')).not.toBe(pid)
    },
  )

  test('are those of its connection: its calls fail, and the next ones have another connection', async () => {
    const conductor = await start()
    const pid = await conductor.call('pid')
    await expect(conductor.call('os:closerange', [7, 256])).rejects.toMatchObject({
      code: 'ERR_WORKER_LOST',
      started: true,
      message: expect.stringContaining('although its process goes on; the call had begun') as string,
    })
    expect(await conductor.call('pid')).toBe(pid)
  })

  test.each([256, 65_536])('are all of them (3 to %i): it ends, and another one takes its place', async (high) => {
    const conductor = await start()
    const [pid, ended] = [await conductor.call('pid'), died(conductor)]
    await expect(conductor.call('os:closerange', [3, high])).rejects.toMatchObject({
      code: 'ERR_WORKER_LOST',
      started: true,
    })
    expect(await ended).toMatchObject({ exit: { pid, reason: 'lifeline-lost' } })
    expect(await conductor.call('pid')).not.toBe(pid)
  })
})
