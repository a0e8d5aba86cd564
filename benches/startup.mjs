// A fresh process each time: from before `require` to after the result of the first call. The bridge's answer about where
// Python is comes from its cache, as it does on every start but the first.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { interleave } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'

export const title = 'Start-up'

const run = promisify(execFile)

export async function measure({ floor, executable, quick, onProgress }) {
  const samplers = {
    ours: () => start('./startup/ours.cjs'),
    floor: () => start('./startup/floor.cjs', [floor, executable]),
  }
  // Fills the bridge's cache and the file system's.
  for (const sample of Object.values(samplers)) await sample()
  const side = await interleave(samplers, { rounds: quick ? 5 : 25, onRound: onProgress })
  return [
    ratioRow({
      name: 'require + start + first call',
      ours: side.ours,
      comparedWith: 'floor start',
      other: side.floor,
      target: 1.5,
    }),
  ]
}

/** @returns nanoseconds, measured inside the process */
async function start(script, args = []) {
  const { stdout } = await run(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args])
  return Number(stdout)
}
