/* Stands in for the supervisor of processes: each worker is a port of its own to the interpreter of this process, and ends when a test says so. What
   JavaScript does with calls, handles and losses is the same, and can be tested to the last step. */
import type { Supervised } from '../../ts/conductor/supervised'
import type { NativeConductor, NativeConductorEvent, NativeProblem } from '../../ts/native/conductor'
import type { NativeSide } from '../../ts/conductor/native-side'
import { loadCore } from '../../ts/native/core'
import type { ExitReport } from '../../ts/types/conductor'

/** What happened, without its time. */
type Happened<E = NativeConductorEvent> = E extends { at: number } ? Omit<E, 'at'> : E

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
  #state = 'running'
  /** Why the next connections fail. */
  readonly refusals: string[] = []
  /** What was asked of it, in order. */
  readonly asked: string[] = []

  private constructor(spec: string, onEvent: (event: string) => void) {
    this.spec = JSON.parse(spec) as { size: number }
    this.#onEvent = onEvent
  }

  /** The native side, with this in the place of what starts processes and connects to them; `then` gets the supervisor once there is one. */
  static side(then: (supervisor: Supervisor) => void): NativeSide {
    const core = loadCore()
    let supervisor: Supervisor
    return {
      core: {
        ...core,
        startConductor: (spec, onEvent) => {
          supervisor = new Supervisor(spec, onEvent)
          setImmediate(() => then(supervisor))
          return supervisor
        },
      },
      attachRemote: (...args) => supervisor.#attach(...args),
      executable: 'python',
    }
  }

  /** Starts all workers. */
  startAll(): void {
    for (let worker = 0; worker < this.spec.size; worker++)
      this.happened({ type: 'started', worker, pid: this.start(worker) })
    this.happened({ type: 'ready' })
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
    this.happened({ type: 'died', worker, pid: dead.pid, exit: report, error: null })
    return report
  }

  /** The connection of a worker ends, and its process does not. */
  breakConnection(worker: number): void {
    this.#current.get(worker)!.onEnd?.()
  }

  /** Another process takes the place of one that died. */
  restarted(worker: number, attempt = 1): void {
    this.happened({ type: 'restarted', worker, pid: this.start(worker), attempt })
  }

  happened(event: Happened): void {
    if (event.type === 'changed') this.#state = event.to
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
      spare: false,
      uptime: 1,
      restarts: 0,
      health: 'healthy',
      rssMb: null,
      task: null,
      done: 0,
      lastExit: null,
    }))
    return JSON.stringify({ state: this.#state, workers, metrics: [] })
  }

  dump(worker: number, done: (problem: string | null, text: string) => void): void {
    done(null, `Thread of worker ${worker}`)
  }

  restart(done: (problem: string | null) => void): void {
    this.asked.push('restart')
    for (const [worker, old] of [...this.#current]) {
      this.#current.delete(worker)
      const next = this.#lastPid - 990
      this.happened({ type: 'started', worker: next, pid: this.start(next) })
      this.happened({ type: 'changed', worker, pid: old.pid, from: 'running', to: 'draining', reason: 'asked' })
      this.#end(old)
      const exit = reportOf(old.pid, { code: 0, signal: null, reason: 'clean' })
      this.happened({ type: 'stopped', worker, pid: old.pid, exit })
    }
    done(null)
  }

  kill(worker: number, pid: number): void {
    this.asked.push(`kill ${worker}`)
    if (this.#current.get(worker)?.pid === pid) this.die(worker, { exit: { signal: 'SIGABRT', reason: 'timeout' } })
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

  close(): void {
    this.asked.push('close')
  }

  keepAlive(keep: boolean): void {
    this.asked.push(keep ? 'keep alive' : 'let go')
  }

  #attach: NativeSide['attachRemote'] = (core, descriptor, events, mailbox, ...callbacks) => {
    const attached = this.#byPid.get(descriptor)!
    const [onCompletions, ...others] = callbacks
    let isBroken = false
    // What is done after the end is heard by nobody.
    const port = core.attach(mailbox, (batch) => void (isBroken || onCompletions(batch)), ...others)
    attached.onEnd = () => {
      isBroken = true
      events.ended()
    }
    return {
      ...port,
      isRemote: true,
      sharesMemory: false,
      hasStarted: (id) => attached.hasStarted(id),
      close: port.detach,
    }
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
    userTime: 0,
    systemTime: 0,
    lastTasks: [],
    stderrTail: '',
    stdoutTail: '',
    traceback: null,
    summary: '',
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
  const side = Supervisor.side((started) => {
    supervisor = started
    begin(started)
  })
  const Type = type as unknown as new (native: object, options: O) => T
  const host = new Type(side, options)
  await (host as unknown as { workers: { start(executable: string): Promise<void> } }).workers.start('python')
  return { host, supervisor: supervisor! }
}
