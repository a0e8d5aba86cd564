/* Every row of docs/conversion-matrix.md, sent to a process of its own: the outcomes are those of this process. That the page is up to date is
   checked by `npm run check`. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

test('values become the same in a Conductor', async () => {
  const root = join(__dirname, '..')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'scripts', 'generate-conversion-matrix.mjs'), '--conductor'],
    { env: { ...process.env, VIRTUAL_ENV: join(root, '.venv') } },
  )
  const [, rows] = /^(\d+) rows .* are the same in a Conductor\n$/.exec(stdout) ?? []
  expect(Number(rows)).toBeGreaterThan(300)
})
