/* The soak of processes of their own at small scale; `npm run soak -- --processes` runs it in full. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const program = join(__dirname, 'soak', 'processes.mjs')

async function soak(...args: readonly string[]): Promise<Record<string, Record<string, number>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args])
  return JSON.parse(stdout) as Record<string, Record<string, number>>
}

test('a worker is killed every 50 tasks: each runs as often as was promised, and nothing is left', async () => {
  const { ledger } = await soak('--tasks', '1500', '--cycles', '0')
  // The program compares what was promised with the ledger, and throws.
  expect(ledger).toMatchObject({ tasks: 1500 })
  expect(ledger!.kills).toBeGreaterThan(10)
  expect(ledger!.repeated).toBeGreaterThan(0)
  expect(ledger!.done! + ledger!.lost! + ledger!.quarantined!).toBe(1500)
}, 120_000)

test('many lives from start to stop succeed, and nothing is left', async () => {
  const { lives } = await soak('--tasks', '0', '--cycles', '120')
  expect(lives).toMatchObject({ cycles: 120, succeeded: 120, failed: 0 })
}, 120_000)
