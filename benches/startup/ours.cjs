// One start of the bridge: prints the nanoseconds from before `require` to after the first result.
const begin = process.hrtime.bigint()
const { python } = require('symphony-python-bridge')
const sum = python.importSync('bench_target').add(1, 2)
const end = process.hrtime.bigint()
if (sum !== 3) throw new Error(`expected 3, got ${sum}`)
process.stdout.write(String(end - begin))
