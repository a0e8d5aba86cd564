/* Worker mode: `python` as a process of its own, for an interpreter that cannot run in this one. */
import { workerLost } from '../conductor/errors'
import { BridgeError } from '../errors/bridge-error'
import { errorFromProblem } from '../errors/from-native'
import type { CoreConfig, NativeCore, Port } from '../native/core'
import { environment } from '../native/environment'
import { loadLoader, type LocateReport } from '../native/loader'
import { stubPath } from '../native/platform'
import { attachRemote, type RemotePort } from '../native/remote-port'
import type { ExitReport } from '../types/conductor'
import type { PortListener } from '../native/connection'
import { closedError } from './closed-error'
import { childInterpreter, embeddingProblem } from './locate-report'
import { guarded, reported, type Residence } from './residence'

/** The configuration of the process, with what `python.info()` says of it. */
export interface WorkerConfig extends Omit<CoreConfig, 'libpython'> {
  readonly libpython: null
  /** Its end does not wait for calls, as that of an embedded Python does not. */
  readonly drains: false
  readonly version: string
  readonly prefix: string
}

/** How long after its connection the end of the process may come to be known, in milliseconds. */
const mostUntilReport = 500

const name = 'the process of `python`'

/** Opens what the core needs to load where there is no libpython. */
export function openStub(): void {
  const loader = loadLoader()
  guarded(() => {
    if (loader.opened() === null) loader.open(stubPath(), false)
  })
}

export function workerProcess(core: NativeCore): Residence {
  const isRunning = (): boolean => core.worker() !== null
  return {
    mode: 'worker',
    isRunning,
    startSync(config, begins) {
      if (!isRunning()) begins()
      guarded(() => core.startWorker(config))
    },
    async start(config, begins) {
      if (!isRunning()) begins()
      await reported((done) => core.startWorkerAsync(config, done))
    },
    join: (listener) => join(core, listener),
    info() {
      const config = core.worker() ?? '{}'
      return { ...(JSON.parse(config) as WorkerConfig), config }
    },
    stop: (milliseconds) => new Promise((resolve) => core.stopWorkerAsync(milliseconds, resolve)),
    stopSync: (milliseconds, port) => stopWorker(core, port, milliseconds),
  }
}

/** Connects this environment to the process, which runs. */
function join(core: NativeCore, listener: PortListener): void {
  let port: RemotePort | undefined
  let lost: BridgeError | undefined
  const lostError = (): BridgeError =>
    (lost ??= lossOf(core) ?? new BridgeError('ERR_WORKER_LOST', `the connection to ${name} broke`))
  environment.attach(core, listener, (mailbox, ...callbacks) => {
    const events = {
      welcome: () => undefined,
      cancelled: (id: number, place: number) => environment.requests.cancelled(id, place),
      lostError,
      ended: () => {
        if (environment.closed) return
        environment.close(lostError)
        environment.requests.failAll((call) => {
          const started = call.status === 'submitted' && port!.hasStarted(call.id)
          return () => withStarted(lostError(), started)
        })
        environment.outputs.closeAll()
      },
    }
    try {
      return (port = attachRemote(core, core.connectWorker(), events, mailbox, ...callbacks))
    } catch (problem) {
      throw lossOf(core) ?? errorFromProblem(problem)
    }
  })
}

/**
 * The error of what fails because the process has ended; nothing if it has not. It is known in a moment how; JavaScript may be in a
 * synchronous call.
 */
function lossOf(core: NativeCore): BridgeError | undefined {
  if (core.workerIsStopped()) return closedError()
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const deadline = performance.now() + mostUntilReport
  let exit = core.workerExit()
  while (exit === null && performance.now() < deadline) {
    Atomics.wait(pause, 0, 0, 1)
    exit = core.workerExit()
  }
  if (exit === null) return undefined
  return workerLost(name, JSON.parse(exit) as ExitReport, undefined)
}

function withStarted(lost: BridgeError, started: boolean): BridgeError {
  return lost.exit === undefined ? lost : workerLost(name, lost.exit, started)
}

/** How often it is looked whether the process has ended, in milliseconds: another one may have inherited its connection. */
const endPause = 10

/** Ends the process, and reads meanwhile what it has to say: it could say no more than what a socket holds otherwise. */
function stopWorker(core: NativeCore, port: Port, milliseconds: number): void {
  const end = performance.now() + milliseconds
  core.stopWorkerAsync(milliseconds, () => undefined)
  while (core.workerExit() === null && performance.now() < end && port.deliverOutput(endPause)) continue
  core.stopWorker(Math.max(0, Math.round(end - performance.now())))
}

/** Warns once a process that Python does not run in it, and why. */
export function warnOfWorkerMode(report: LocateReport, problem: Error | undefined): void {
  const { executable } = childInterpreter(report)
  const why = problem?.message ?? embeddingProblem(report)
  process.emitWarning(
    `Python runs in a process of its own: \`${executable}\` cannot be embedded. ${why}\n` +
      "Calls take longer so, and arrays are copied; `python.start({ mode: 'worker' })` asks for it without this warning.",
    { type: 'SymphonyWarning', code: 'SYMPHONY_WORKER_MODE' },
  )
}
