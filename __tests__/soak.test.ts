/* The soak at small scale: everything at once for a few seconds, and in the end nothing is left. `npm run soak` runs it for longer. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { runProgram } from './support/child-process'

const program = join(__dirname, 'soak', 'run.mjs')

test('the same seed gives the same plan', async () => {
  const end = await runProgram(
    `import { Random } from ${JSON.stringify(pathToFileURL(join(__dirname, 'soak', 'random.mjs')).href)}
    const plan = (seed) => {
      const random = new Random(seed)
      const lane = random.fork()
      const next = () => [lane.choose({ a: 1, b: 2, c: 0.5 }), lane.integer(10), random.chance(0.5)]
      return JSON.stringify(Array.from({ length: 50 }, next))
    }
    console.log(plan(7) === plan(7), plan(7) === plan(8))`,
    { module: true },
  )
  expect(end).toMatchObject({ stderr: '', stdout: 'true false\n' })
})

test.each([1, 2])(
  'eight seconds of everything leave nothing behind (seed %d)',
  async (seed) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', program, '--seconds', '8', '--seed', String(seed)],
      { maxBuffer: 2 ** 24 },
    )
    const { counts, figures } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, Record<string, number>>
    expect(figures).toEqual({
      handles: 1,
      handle_faults: 0,
      requests: 1,
      sessions: 0,
      shares: 0,
      js_objects: 0,
      array_bytes: 0,
      futures: 0,
      tasks: 0,
      environments: 1,
    })
    expect(counts?.['worker: terminate']).toBeGreaterThan(0)
  },
  120_000,
)
