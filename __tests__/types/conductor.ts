/* Types of Conductors and pools. Compiled, never run: an unused `@ts-expect-error` is an error. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import {
  Conductor,
  kw,
  WorkerPool,
  type ConductorEvent,
  type ConductorStatus,
  type ExitReport,
  type RemoteHandle,
  type RemoteSession,
} from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

export async function conductor(): Promise<void> {
  await using host = await Conductor.start({
    target: 'agents.planner',
    restart: { policy: 'permanent', intensity: { restarts: 3 } },
    limits: { addressSpaceMb: 512 },
    stdout: (line) => line.trim(),
  })
  // @ts-expect-error made by `start`
  new Conductor()
  // @ts-expect-error a Conductor has one process
  await Conductor.start({ size: 2 })
  // @ts-expect-error no such policy
  await Conductor.start({ restart: { policy: 'always' } })

  expectType<Equal<Awaited<ReturnType<typeof host.call>>, unknown>>()
  const plan = await host.call<string>('decide', [1], kw({ top: 3 }), { timeout: 5, idempotent: true, retries: 1 })
  expectType<Equal<typeof plan, string>>()
  // @ts-expect-error keyword arguments are made by `kw`
  await host.call('decide', [1], { top: 3 })
  // @ts-expect-error sessions belong to one process, and a call to any
  await host.call('decide', [1], { thread: await host.session() })

  const module = await host.import('agents.planner')
  expectType<Equal<typeof module, RemoteHandle>>()
  expectType<Equal<typeof module.$type, string>>()
  // There is no synchronous view, and nothing to share.
  expectType<Equal<typeof module.$sync, never>>()
  expectType<Equal<typeof module.$share, never>>()
  expectType<Equal<typeof module.$async, RemoteHandle>>()
  const size = await module.size<number>()
  expectType<Equal<typeof size, number>>()
  const typed = await host.import<{ size(of: string): number }>('agents.planner')
  expectType<Equal<Awaited<ReturnType<typeof typed.size>>, number>>()

  expectType<Equal<ReturnType<typeof host.status>, ConductorStatus>>()
  host.on('died', (event) => {
    expectType<Equal<typeof event.exit, ExitReport | null>>()
    expectType<Equal<typeof event.worker, number>>()
  })
  for await (const event of host.events({ signal: AbortSignal.timeout(5) })) {
    expectType<Equal<typeof event, ConductorEvent>>()
    if (event.type === 'restarted') expectType<Equal<typeof event.attempt, number>>()
  }
  await host.restart()
  await host.stop({ drain: 0 })
}

export async function pool(): Promise<void> {
  await using host = await WorkerPool.start({ size: 4 })
  const lengths = await host.map<number>('texts:length', ['a', 'b'], {
    concurrency: 2,
    onProgress: (done, total) => [done, total],
  })
  expectType<Equal<typeof lengths, number[]>>()
  await host.map('texts:length', (async function* () {})())
  // @ts-expect-error not to be iterated over
  await host.map('texts:length', 5)
  await using session = await host.session()
  expectType<Equal<typeof session, RemoteSession>>()
  const handle = await session.exec('x = 1')
  expectType<Equal<typeof handle, RemoteHandle>>()
  const value = await session.eval<number>('1').$str()
  expectType<Equal<typeof value, string>>()
}
