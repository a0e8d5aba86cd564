// An exception that Python raises, thrown and caught in JavaScript: its type and its message are read.
import { python } from 'symphony-python-bridge'
import { fastest, interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'
import floorModule from './floor/floor.cjs'

export const title = 'Errors'

export async function measure({ floor, quick, onProgress }) {
  await python.start()
  const { fail } = python.importSync('bench_target')
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_target')
  const { thrownInJavaScript, thrownNatively } = floorModule.failures(addon)

  const settings = { milliseconds: quick ? 5 : 30 }
  const samplers = {
    ours: await timedLoop((turns) => {
      for (let turn = 0; turn < turns; turn++) {
        try {
          fail()
        } catch (error) {
          expectFailure(error.type, error.message)
        }
      }
    }, settings),
    thrownInJavaScript: await timedLoop((turns) => {
      for (let turn = 0; turn < turns; turn++) {
        try {
          thrownInJavaScript()
        } catch (error) {
          expectFailure(error.code, error.message)
        }
      }
    }, settings),
    thrownNatively: await timedLoop((turns) => {
      for (let turn = 0; turn < turns; turn++) {
        try {
          thrownNatively()
        } catch (error) {
          expectFailure(error.code, error.message)
        }
      }
    }, settings),
  }
  const side = await interleave(samplers, { rounds: quick ? 7 : 31, onRound: onProgress })
  return [
    ratioRow({
      name: 'exception raised and caught, sync',
      ours: side.ours,
      comparedWith: 'floor exception',
      other: fastest([side.thrownInJavaScript, side.thrownNatively]),
      target: 2,
    }),
  ]
}

function expectFailure(type, message) {
  if (type !== 'ValueError' || message !== 'expected failure') throw new Error(`unexpected: ${type}: ${message}`)
}
