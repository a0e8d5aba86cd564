/* Stands in for the supervisor of processes: each worker is a port of its own to the interpreter of this process, and ends when a test says so. What
   JavaScript does with calls, handles and losses is the same, and can be tested to the last step. */
import type { Supervised } from '../../ts/conductor/supervised'
import type { NativeConductor, NativeConductorEvent, NativeProblem } from '../../ts/native/conductor'
import { loadCore, type NativeCore, type PortCallbacks, type RemotePort } from '../../ts/native/core'
import type { ExitReport } from '../../ts/types/conductor'

/** What happened, without its time. */
type Happened<E = NativeConductorEvent> = E extends unknown ? Omit<E, 'at'> : never

/** One "process". */
interface Process {
  readonly worker: number
  readonly pid: number
  hasEnded: boolean
  onEnd: (() => void) | undefined
  /** Whether it has begun with a request. */
  hasStarted: (id: number) => boolean
}

/** How a test wants a process to end. */
export interface Death {
  /** Whether it had begun with its requests. @default true */
  readonly started?: boolean
  readonly exit?: Partial<ExitReport>
}

export class Supervisor implements NativeConductor {
  readonly spec: { readonly size: number }
  readonly #onEvent: (event: string) => void
  readonly #byPid = new Map<number, Process>()
  readonly #current = new Map<number, Process>()
  #lastPid = 1000
  /** Why the next connections fail. */
  readonly refusals: string[] = []
  /** What was asked of it, in order. */
  readonly asked: string[] = []

  private constructor(spec: string, onEvent: (event: string) => void) {
    this.spec = JSON.parse(spec) as { size: number }
    this.#onEvent = onEvent
  }

  /** The core, with this in the place of what starts and connects to processes; `then` gets the supervisor once there is one. */
  static core(then: (supervisor: Supervisor) => void): NativeCore {
    const core = loadCore()
    let supervisor: Supervisor
    return {
      ...core,
      startConductor: (spec, onEvent) => {
        supervisor = new Supervisor(spec, onEvent)
        setImmediate(() => then(supervisor))
        return supervisor
      },
      attachRemote: (descriptor, mailbox, callbacks, onEnd) =>
        supervisor.#attach(descriptor, mailbox, callbacks, onEnd),
    }
  }

  /** Starts all workers. */
  startAll(): void {
    for (let worker = 0; worker < this.spec.size; worker++)
      this.happened({ type: 'started', worker, pid: this.start(worker) })
  }

  /** A process for a worker; its number. */
  start(worker: number): number {
    const pid = (this.#lastPid += 1)
    const started = { worker, pid, hasEnded: false, onEnd: undefined, hasStarted: () => true }
    this.#byPid.set(pid, started)
    this.#current.set(worker, started)
    return pid
  }

  /** The process of a worker ends. */
  die(worker: number, { started = true, exit }: Death = {}): ExitReport {
    const dead = this.#current.get(worker)!
    dead.hasStarted = () => started
    const report = reportOf(dead.pid, exit)
    this.#end(dead)
    this.happened({ type: 'died', worker, pid: dead.pid, exit: report })
    return report
  }

  /** The connection of a worker ends, and its process does not. */
  breakConnection(worker: number): void {
    this.#end(this.#current.get(worker)!)
  }

  /** Another process takes the place of one that died. */
  restarted(worker: number, attempt = 1): void {
    this.happened({ type: 'restarted', worker, pid: this.start(worker), attempt })
  }

  happened(event: Happened): void {
    this.#onEvent(JSON.stringify({ at: Date.now(), ...event }))
  }

  connect(worker: number): number {
    const refusal = this.refusals.shift()
    if (refusal !== undefined) throw Object.assign(new Error(refusal), { code: 'ERR_WORKER_LOST' })
    return this.#current.get(worker)!.pid
  }

  status(): string {
    const workers = [...this.#current.values()].map(({ worker, pid }) => ({
      worker,
      state: 'running',
      pid,
      uptime: 1,
      restarts: 0,
      lastBeat: null,
      rssMb: null,
      lastExit: null,
    }))
    return JSON.stringify({ state: 'running', workers })
  }

  dump(worker: number, done: (problem: string | null, text: string) => void): void {
    done(null, `Thread of worker ${worker}`)
  }

  restart(worker: number, done: (problem: string | null) => void): void {
    this.asked.push(`restart ${worker}`)
    const old = this.#current.get(worker)!
    this.restarted(worker)
    this.happened({ type: 'replaced', worker, pid: old.pid })
    this.#end(old)
    this.happened({
      type: 'stopped',
      worker,
      pid: old.pid,
      exit: reportOf(old.pid, { code: 0, signal: null, reason: 'clean' }),
    })
    done(null)
  }

  reset(): void {
    this.asked.push('reset')
  }

  stop(drain: number, done: () => void): void {
    this.asked.push('stop')
    expect(drain).toBeGreaterThanOrEqual(0)
    for (const one of this.#current.values()) {
      if (one.hasEnded) continue
      this.#end(one)
      const exit = reportOf(one.pid, { code: 0, signal: null, reason: 'clean' })
      this.happened({ type: 'stopped', worker: one.worker, pid: one.pid, exit })
    }
    done()
  }

  keepAlive(keep: boolean): void {
    this.asked.push(keep ? 'keep alive' : 'let go')
  }

  #attach(descriptor: number, mailbox: ArrayBuffer, callbacks: PortCallbacks, onEnd: () => void): RemotePort {
    const { core } = { core: loadCore() }
    const attached = this.#byPid.get(descriptor)!
    const [onCompletions, ...others] = callbacks
    // What is done after the end is heard by nobody.
    const port = core.attach(mailbox, (batch) => void (attached.hasEnded || onCompletions(batch)), ...others)
    attached.onEnd = onEnd
    return { ...port, hasStarted: (id) => attached.hasStarted(id) }
  }

  #end(process: Process): void {
    process.hasEnded = true
    process.onEnd?.()
  }
}

export function reportOf(pid: number, exit: Partial<ExitReport> = {}): ExitReport {
  return {
    pid,
    code: null,
    signal: 'SIGSEGV',
    reason: 'crash',
    coreDumped: false,
    uptime: 1,
    maxRssMb: null,
    stderrTail: '',
    traceback: null,
    ...exit,
  }
}

export function problemOf(message: string): NativeProblem {
  return { code: 'ERR_WORKER_START', message, exit: reportOf(1, { code: 3, signal: null, reason: 'boot-error' }) }
}

/** A Conductor or pool over it. Its constructor is for the package alone. */
export async function supervised<T extends Supervised, O>(
  type: { prototype: T },
  options: O,
  begin: (supervisor: Supervisor) => void = (supervisor) => supervisor.startAll(),
): Promise<{ host: T; supervisor: Supervisor }> {
  let supervisor: Supervisor | undefined
  const core = Supervisor.core((started) => {
    supervisor = started
    begin(started)
  })
  const Type = type as unknown as new (native: object, options: O) => T
  const host = new Type({ core, executable: 'python' }, options)
  await (host as unknown as { workers: { start(executable: string): Promise<void> } }).workers.start('python')
  return { host, supervisor: supervisor! }
}
