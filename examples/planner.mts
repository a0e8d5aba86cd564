// A backend whose planning agent runs in a process of its own, and is killed while it works: those who asked do not notice, and the
// backend has a line in its log. `answer` and the Conductor above it are the part to copy.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Conductor, isBridgeError } from 'symphony-python-bridge'
import { duration, printTable } from './output.mts'

type Stop = readonly [x: number, y: number]

interface Plan {
  readonly order: readonly number[]
  readonly given: number
  readonly planned: number
  readonly process: number
}

// A second process is ready to take the place of the first one, so that nobody waits for Python to start.
const planner = await Conductor.start({ target: 'planning_agent', paths: [import.meta.dirname], standby: 1 })
planner.on('died', ({ exit }) => console.log(`  [log] the planner has died (${exit?.signal}): another one goes on`))

const server = createServer((request, response) => void answer(request, response))

/** POST / with stops as JSON. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  try {
    const stops = (await json(request)) as Stop[]
    // A plan changes nothing outside, so it may be made again when a process dies in the middle of it.
    reply(200, await planner.call<Plan>('plan', [stops], { idempotent: true, timeout: 30_000 }))
  } catch (error) {
    reply(isBridgeError(error, 'ERR_QUEUE_FULL') ? 503 : 500, { error: (error as Error).message })
  }
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

/** Stops here and there, the same each time. */
function stopsOf(seed: number): Stop[] {
  let state = seed
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  return Array.from({ length: 150 }, () => [next() * 20, next() * 20] as const)
}

/** Asks for a route, as a client does. */
async function ask(seed: number) {
  const begin = performance.now()
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(stopsOf(seed)) })
  return { status: response.status, plan: (await response.json()) as Plan, took: performance.now() - begin }
}

/** What nobody wants to happen: the process ends that has all the work. */
async function killPlanner(): Promise<void> {
  let worker
  while (!(worker = planner.status().workers.find(({ pid, inFlight }) => pid !== null && inFlight > 0))) await sleep(1)
  await sleep(20)
  process.kill(worker.pid!, 'SIGKILL')
}

console.log('\n  ── four routes at a time; in the second and third round the planner is killed ──\n')
const answers = []
for (const round of [1, 2, 3]) {
  const asked = Array.from({ length: 4 }, (_, index) => ask(100 * round + index))
  if (round > 1) await killPlanner()
  for (const got of await Promise.all(asked)) answers.push({ round, ...got })
}
printTable(
  ['round', 'status', 'as they came', 'planned', 'answered after', 'by process'],
  answers.map(({ round, status, plan, took }) => [
    round,
    status,
    `${plan.given} km`,
    `${plan.planned} km`,
    duration(took),
    plan.process,
  ]),
)
const processes = new Set(answers.map(({ plan }) => plan.process)).size
const { repeated, lost } = planner.status().calls
console.log(
  `  ${answers.length} asked, ${answers.filter(({ status }) => status === 200).length} answered, by ${processes} processes`,
)
console.log(`  made again: ${repeated} plans; lost: ${lost}\n`)

server.close()
await planner.stop()
