// Structured values: both ways and each way, beside a tree walk through Node-API and beside JSON.
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'
import floorModule from './floor/floor.cjs'

export const title = 'Values'

export async function measure({ floor, quick, onProgress }) {
  await python.start()
  const module = python.importSync('bench_values')
  const addon = floorModule.loadAddon(floor)
  addon.start('')
  addon.load('bench_values')

  const loops = pairs(module, addon)
  const samplers = {}
  for (const [name, loop] of Object.entries(loops)) {
    samplers[name] = await timedLoop(repeated(loop), { milliseconds: quick ? 4 : 20 })
  }
  const side = await interleave(samplers, { rounds: quick ? 7 : 31, onRound: onProgress })
  const row = (name, ours, comparedWith, other, target) =>
    ratioRow({ name, ours: side[ours], comparedWith, other: side[other], target })
  return [
    row('1000 dicts, in and back', 'rowsBoth', 'floor tree walk', 'floorRowsBoth', 0.45),
    row('1000 dicts, in', 'rowsIn', 'stringify, orjson.loads', 'jsonRowsIn', 0.9),
    row('1000 dicts, out', 'rowsOut', 'orjson.dumps, parse', 'jsonRowsOut', 0.5),
    row('10^5 floats, in and back', 'floatsBoth', 'floor element loop', 'floorFloatsBoth', 0.2),
    row('10^5 integers and floats, in and back', 'mixedBoth', 'floor element loop', 'floorMixedBoth', 0.25),
    row('10^5 times in milliseconds, in and back', 'timesBoth', 'floor element loop', 'floorTimesBoth', 0.25),
    row('100 integers, in and back', 'numbersBoth', 'floor element loop', 'floorNumbersBoth', 0.5),
    row('a dict of 5 fields as argument', 'rowIn', 'floor tree walk', 'floorRowIn', 1.1),
    row('1 MB of mixed text, in', 'textIn', 'floor string', 'floorTextIn', 1.2),
    row('1 MB of mixed text, out', 'textOut', 'floor string', 'floorTextOut', 1.2),
  ]
}

/** Each side's loops, on the same data. */
function pairs(module, addon) {
  const { identity, consume, produce } = module
  const names = ['rows', 'row', 'floats', 'mixed', 'times', 'numbers', 'text']
  const [rows, row, floats, mixed, times, numbers, text] = names.map((name) => produce(name))
  return {
    rowsBoth: () => identity(rows),
    floorRowsBoth: () => addon.echoValue(rows),
    rowsIn: () => consume(rows),
    jsonRowsIn: () => addon.consumeJson(JSON.stringify(rows)),
    rowsOut: () => produce('rows'),
    jsonRowsOut: () => JSON.parse(addon.produceJson('rows')),
    floatsBoth: () => identity(floats),
    floorFloatsBoth: () => addon.echoValue(floats),
    mixedBoth: () => identity(mixed),
    floorMixedBoth: () => addon.echoValue(mixed),
    timesBoth: () => identity(times),
    floorTimesBoth: () => addon.echoValue(times),
    numbersBoth: () => identity(numbers),
    floorNumbersBoth: () => addon.echoValue(numbers),
    rowIn: () => consume(row),
    floorRowIn: () => addon.consumeValue(row),
    textIn: () => consume(text),
    floorTextIn: () => addon.consumeValue(text),
    textOut: () => produce('text'),
    floorTextOut: () => addon.produceValue('text'),
  }
}

function repeated(step) {
  return (turns) => {
    for (let turn = 0; turn < turns; turn++) step()
  }
}
