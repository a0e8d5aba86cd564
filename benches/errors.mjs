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
          // Our message begins with the type, as the last line of a traceback does.
          expectFailure(error.type, error.message, 'ValueError: expected failure')
        }
      }
    }, settings),
    thrownInJavaScript: await timedLoop((turns) => {
      for (let turn = 0; turn < turns; turn++) {
        try {
          thrownInJavaScript()
        } catch (error) {
          expectFailure(error.code, error.message, 'expected failure')
        }
      }
    }, settings),
    thrownNatively: await timedLoop((turns) => {
      for (let turn = 0; turn < turns; turn++) {
        try {
          thrownNatively()
        } catch (error) {
          expectFailure(error.code, error.message, 'expected failure')
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

function expectFailure(type, message, expected) {
  if (type !== 'ValueError' || message !== expected) throw new Error(`unexpected: ${type}, ${message}`)
}
