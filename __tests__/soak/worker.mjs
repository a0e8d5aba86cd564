// A worker of the soak: does as many steps as it is told, on two lanes, hands objects over, and ends; unless it is terminated before.
import { parentPort, workerData } from 'node:worker_threads'
import { python } from 'symphony-python-bridge'
import { step } from './actions.mjs'
import { Random } from './random.mjs'

const { namespace, seed, steps, ending } = workerData
const random = new Random(seed)
const ns = await python.adopt(namespace)

async function lane(random) {
  for (let left = steps; left > 0; left--) {
    await step(ns, random)
    if (random.chance(0.1)) parentPort.postMessage((await ns.Thing(left)).$share())
  }
}

await Promise.all([lane(random.fork()), lane(random.fork())])
if (ending === 'exit') {
  void ns.sleep(0.01)
  process.exit()
}
