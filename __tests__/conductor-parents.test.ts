/* A Node process that is killed takes its processes with it, whatever they are doing: the kernel sees to that. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './support/eventually'
import { childrenOf, processState } from './support/processes'

const root = join(__dirname, '..')
/** From the end of the parent until none of the others is there; milliseconds. */
const deadline = 1_000
let folder: string
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symphony-parents-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A Node process that does something with a Conductor and says when it is in the middle of that, by a file. */
async function parent(body: string, options = '{}'): Promise<{ pid: number; ended: Promise<unknown> }> {
  const path = join(folder, String((files += 1)))
  const source = `
    const { existsSync, writeFileSync } = require('node:fs')
    const { Conductor, WorkerPool } = require('symphony-python-bridge')
    const path = ${JSON.stringify(path)}
    const begun = () => writeFileSync(path, 'begun')
    const options = { target: 'faults', paths: [${JSON.stringify(join(__dirname, 'fixtures'))}], stderr: 'ignore', ...${options} }
    // What is idle keeps nobody alive.
    setInterval(() => undefined, 1000)
    async function main() { ${body} }
    main()`
  const child = spawn(process.execPath, ['--eval', source], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await eventually(() => existsSync(path) && readFileSync(path).length > 0, true)
  return { pid: child.pid!, ended }
}

/** All processes below one. */
function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)])
}

const start = 'const conductor = await Conductor.start(options)'

test.each([
  ['starting', `void Conductor.start(options)`, `{ env: { FAULT_IN_IMPORT: 'sleep_at_path', FAULT_PATH: path } }`],
  [
    'starting, spinning in C',
    `void Conductor.start(options)`,
    `{ env: { FAULT_IN_IMPORT: 'spin_at_path', FAULT_PATH: path } }`,
  ],
  ['idle', `${start}; begun()`],
  ['with a spare', `${start}; begun()`, '{ standby: 1 }'],
  ['of a pool', `await WorkerPool.start({ ...options, size: 3 }); begun()`],
  ['busy in Python', `${start}; conductor.call('begin', ['spin', path])`],
  ['asleep', `${start}; conductor.call('begin', ['sleep', path])`],
  ['spinning in C, with the GIL', `${start}; conductor.call('begin', ['spin_in_c', path])`],
  ['deaf', `${start}; conductor.call('begin', ['deaf', path])`],
  [
    'with a child of its own',
    `${start}; await conductor.call('grandchild'); conductor.call('begin', ['spin_in_c', path])`,
  ],
  ['stopped', `${start}; conductor.call('begin', ['stop', path])`],
  [
    'draining',
    `${start}; conductor.call('hold', [path]); while (!existsSync(path)) await new Promise(setImmediate); void conductor.restart()`,
  ],
  [
    'being ended',
    `${start}; conductor.call('begin', ['deaf', path + '1']); while (!existsSync(path + '1')) await new Promise(setImmediate); void conductor.stop({ drain: 0 }); setImmediate(begun)`,
  ],
])('%s', async (_state, body, options = '{}') => {
  const { pid, ended } = await parent(body, options)
  const all = descendants(pid)
  expect(all.length).toBeGreaterThan(0)
  process.kill(pid, 'SIGKILL')
  await ended
  const killed = performance.now()
  await eventually(() => all.every((one) => isOver(one)) || performance.now() - killed > deadline, true)
  expect(all.filter((one) => !isOver(one))).toEqual([])
})

/** Where nobody waits for orphans they stay as zombies, which are no processes any more. */
function isOver(pid: number): boolean {
  const state = processState(pid)?.state
  return state === undefined || state === 'Z'
}
