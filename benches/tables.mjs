// Tables: a pandas frame as an apache-arrow table beside pyarrow's own conversion of it, and the way back beside an IPC stream.
import * as arrow from 'apache-arrow'
import { python } from 'symphony-python-bridge'
import { interleave, timedLoop } from './harness/interleave.mjs'
import { ratioRow } from './harness/row.mjs'

export const title = 'Tables'

export async function measure({ quick, onProgress }) {
  await python.start()
  const module = python.importSync('bench_tables')
  const frame = module.frame()
  const table = frame.$toArrow()
  // Of JavaScript's own memory, since what is Python's goes back as it is.
  const own = arrow.tableFromIPC(arrow.tableToIPC(table, 'stream'))

  const loops = {
    toArrow: () => frame.$toArrow(),
    fromPandas: () => module.from_pandas(frame),
    andBack: () => python.fromArrowSync(frame.$toArrow()).$dispose(),
    fromArrow: () => python.fromArrowSync(own).$dispose(),
    throughStream: () => module.read_stream(arrow.tableToIPC(own, 'stream')).$dispose(),
  }
  const samplers = {}
  for (const [name, loop] of Object.entries(loops)) {
    samplers[name] = await timedLoop(repeated(loop), { milliseconds: quick ? 20 : 100 })
  }
  const side = await interleave(samplers, { rounds: quick ? 5 : 31, onRound: onProgress })
  const row = (name, ours, comparedWith, other, target) =>
    ratioRow({ name, ours: side[ours], comparedWith, other: side[other], target })
  return [
    row('pandas, 10^6 rows of 5 columns, to apache-arrow', 'toArrow', 'pyarrow.Table.from_pandas', 'fromPandas', 1.2),
    row('the same, and back', 'andBack', 'pyarrow.Table.from_pandas', 'fromPandas', 1.5),
    row('apache-arrow, the same table, to pyarrow', 'fromArrow', 'tableToIPC, open_stream', 'throughStream', 1),
  ]
}

function repeated(step) {
  return (turns) => {
    for (let turn = 0; turn < turns; turn++) step()
  }
}
