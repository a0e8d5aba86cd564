/* Conductors of every CPython that this machine has, also of those that no process can embed. `npm run matrix` says which versions it lacks. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Conductor, kw, type Handle } from 'symphony-python-bridge'
import { gone } from './support/processes'

interface Interpreter {
  readonly version: string
  readonly minor: number
  readonly path: string
  readonly implementation: string
  readonly freeThreaded: boolean
}

const script = pathToFileURL(join(__dirname, '..', 'scripts', 'interpreters.mjs')).href
const all = JSON.parse(
  execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { findInterpreters } from '${script}'; console.log(JSON.stringify(findInterpreters()))`,
    ],
    { encoding: 'utf8' },
  ),
) as Interpreter[]
const usable = all.filter(({ implementation, freeThreaded }) => implementation === 'CPython' && !freeThreaded)

const fixtures = join(__dirname, 'fixtures')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-interpreters-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(usable.map(({ version, path }) => [version, path]))('CPython %s (%s)', (version, path) => {
  let conductor: Conductor
  let module: Handle
  beforeAll(async () => {
    conductor = await Conductor.start({ python: path, target: 'agents', paths: [fixtures], stderr: 'ignore' })
    module = (await conductor.import('agents')) as unknown as Handle
  })
  afterAll(() => conductor.stop({ drain: 0 }))

  test('is that interpreter, in its own process', async () => {
    expect(await conductor.call('platform:python_version')).toBe(version)
    expect(realpathSync(await conductor.eval<string>("__import__('sys').executable"))).toBe(realpathSync(path))
    const pid = await conductor.call<number>('pid')
    expect(pid).not.toBe(process.pid)
    expect(realpathSync(`/proc/${pid}/exe`)).toBe(realpathSync(path))
    expect(await conductor.call('was_set_up')).toBe(true)
  })

  test('calls, handles and values', async () => {
    expect(await conductor.call('decide', [[1, 3, 2]], kw({ top: 2 }))).toEqual([3, 2])
    expect(await module.Agent('Ada').greet('Hello')).toBe('Hello, Ada')
    const values = [
      null,
      true,
      1.5,
      'ä𝄞',
      2n ** 70n,
      Buffer.from('a'),
      new Map<unknown, unknown>([[1, 'a']]),
      new Set([1]),
    ]
    expect(await module.apply(await conductor.eval('lambda x: x'), values)).toEqual(values)
  })

  test('streams, callbacks and coroutines', async () => {
    for (const name of ['rows', 'later_rows']) {
      let count = 0
      for await (const _ of module.$get(name)(100)) count += 1
      expect(count).toBe(100)
    }
    expect(await module.apply((a: number, b: number) => a + b, 1, 2)).toBe(3)
    expect(await module.apply_async((x: number) => Promise.resolve(x + 1), 1)).toBe(2)
    await expect(conductor.call('asyncio:sleep', [100], { timeout: 20 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  test('errors, stacks and ends', async () => {
    await expect(conductor.call('fail', ['no plan'])).rejects.toMatchObject({
      type: 'LookupError',
      frames: [{ function: 'fail' }],
    })
    expect(await conductor.dump()).toMatch(/most recent call first/)
    const pid = await conductor.call<number>('pid')
    await expect(conductor.call('die', ['SIGSEGV'])).rejects.toMatchObject({
      code: 'ERR_WORKER_LOST',
      started: true,
      exit: { pid, signal: 'SIGSEGV', traceback: expect.stringMatching(/in die\n/) as string },
    })
    expect(await conductor.call('pid')).not.toBe(pid)
    await gone(pid)
  })

  test('a virtual environment of it', async () => {
    const environment = join(folder, path.replaceAll('/', '-'))
    execFileSync(path, ['-m', 'venv', '--without-pip', environment])
    await using inEnvironment = await Conductor.start({ python: environment })
    const sys = (await inEnvironment.import('sys')) as unknown as Handle
    expect(await sys.prefix).toBe(environment)
    expect(await sys.executable).toBe(join(environment, 'bin', 'python'))
    expect(await sys.version_info.$getItem(1)).toBe(Number(version.split('.')[1]))
  })
})
