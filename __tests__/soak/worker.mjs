// A worker of the soak: does as many steps as it is told, on two lanes, hands objects over, and ends; unless it is terminated before.
import { parentPort, workerData } from 'node:worker_threads'
import { python } from 'symphony-python-bridge'
import { step } from './actions.mjs'
import { Random } from './random.mjs'

const { namespace, seed, steps, ending } = workerData
const random = new Random(seed)

async function lane(ns, random) {
  for (let left = steps; left > 0; left--) {
    await step(ns, random)
    if (random.chance(0.1)) parentPort.postMessage((await ns.Thing(left)).$share())
  }
}

// Not at the top level of the module: V8 ends the whole process if a worker with hooks for promises is terminated as it begins a module that awaits.
async function main() {
  const ns = await python.adopt(namespace)
  await Promise.all([lane(ns, random.fork()), lane(ns, random.fork())])
  if (ending === 'exit') {
    void ns.sleep(0.01)
    process.exit()
  }
}

void main()
