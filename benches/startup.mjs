// A fresh process each time, from nothing to the result of the first call; the bridge's answer about where Python is comes from
// its cache, as it does on every start but the first. Measured from outside, as the time a program takes that does nothing
// else, and from inside, from before `require` on.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { interleave } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'

export const title = 'Start-up'

const run = promisify(execFile)

export async function measure({ floor, executable, quick, onProgress }) {
  const ours = ['./startup/ours.cjs', []]
  const addon = ['./startup/floor.cjs', [floor, executable]]
  const samplers = {
    ours: () => fromOutside(...ours),
    floor: () => fromOutside(...addon),
    oursInside: () => fromInside(...ours),
    floorInside: () => fromInside(...addon),
  }
  // Fills the bridge's cache and the file system's.
  for (const sample of Object.values(samplers)) await sample()
  const side = await interleave(samplers, { rounds: quick ? 5 : 25, onRound: onProgress })
  return [
    ratioRow({
      name: 'process: require + start + first call',
      ours: side.ours,
      comparedWith: 'floor process',
      other: side.floor,
      target: 1.5,
    }),
    ratioRow({
      name: 'the same without the start of Node',
      ours: side.oursInside,
      comparedWith: 'floor start',
      other: side.floorInside,
      target: null,
    }),
  ]
}

/** @returns nanoseconds from the start of the process to its end */
async function fromOutside(script, args) {
  const begin = process.hrtime.bigint()
  await start(script, args)
  return Number(process.hrtime.bigint() - begin)
}

/** @returns nanoseconds, as the process measured them */
async function fromInside(script, args) {
  return Number(await start(script, args))
}

async function start(script, args) {
  const { stdout } = await run(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args])
  return stdout
}
