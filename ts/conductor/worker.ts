/* One supervised process as JavaScript uses it: its connection, what is under way in it, and what becomes of that when it ends. */
import type { Call } from '../call/call'
import { Operation } from '../call/operation'
import { CallContext, type CallScope } from '../call/scope'
import type { CheckedOptions } from '../call/options'
import { newConnection, remoteListener } from '../host/connect'
import type { Connection } from '../native/connection'
import type { RemotePort } from '../native/remote-port'
import type { ExitReport } from '../types/conductor'
import { workerLost } from './errors'
import type { Load } from './load'
import type { NativeSide } from './native-side'
import type { Target } from './target'

/** What others are told of a worker. */
export interface WorkerListener {
  /** It is done with a call. */
  done(worker: Worker): void
  /** It has ended, and all its calls have failed. */
  lost(worker: Worker): void
  /** Its connection has ended, but the process has not. */
  disconnected(worker: Worker): void
  /** A call does not end that is to: its process has to. */
  overdue(worker: Worker): void
}

/** How long the end of a process and that of its connection may lie apart: another process may have inherited the connection. Milliseconds. */
const mostBetweenEnds = 1_000

/** What a worker is to its Conductor or pool. */
export interface WorkerIdentity {
  readonly number: number
  readonly pid: number
  /** How the program knows the process, in messages. */
  readonly name: string
  readonly concurrency: number
  /** How long a call may go on after it was interrupted; milliseconds. */
  readonly killAfter: number
}

/** A call by name, as a worker gets it. */
export interface RemoteCall {
  readonly target: Target
  readonly args: readonly unknown[]
  readonly named: object | undefined
  readonly options: CheckedOptions
}

/**
 * The life of a worker: usable -> ending -> lost. It ends when its process has, or its connection; it is lost when both have, because then
 * everything that it said has been heard and it is known how it ended.
 */
export class Worker implements Load {
  readonly connection: Connection
  inFlight = 0
  sessions = 0
  /** Whether it may get calls: not once another process was put in its place. */
  isUsable = true
  readonly #port: RemotePort
  readonly #listener: WorkerListener
  readonly #scopes: Readonly<Record<'any' | 'loop', CallScope>>
  readonly #modules = new Map<string, Call>()
  /** Of calls that were lost with it: whether they had begun. */
  readonly #losses = new WeakMap<Call, boolean>()
  #hasEnded = false
  #exit: ExitReport | undefined
  #isLost = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    readonly identity: WorkerIdentity,
    { core, attachRemote }: NativeSide,
    descriptor: number,
    listener: WorkerListener,
  ) {
    this.#listener = listener
    const { name } = identity
    const connection = newConnection({ python: name, notStarted: `${name} has not been started` })
    this.connection = connection
    connection.kill = () => listener.overdue(this)
    connection.killAfter = identity.killAfter
    let port: RemotePort | undefined
    // What it prints besides its calls comes from its pipes, as what its C code prints does.
    connection.attach(core, remoteListener(connection, ignore), (mailbox, ...callbacks) => {
      const events = {
        welcome: ignore,
        cancelled: (id: number, place: number) => connection.requests.cancelled(id, place),
        ended: () => this.#connectionEnded(),
      }
      return (port = attachRemote(core, descriptor, events, mailbox, ...callbacks))
    })
    this.#port = port!
    this.#scopes = { any: this.#counting(connection.pool.scope), loop: this.#counting(connection.loop) }
  }

  get concurrency(): number {
    return this.identity.concurrency
  }

  /** How it ended, once that is known. */
  get exit(): ExitReport | undefined {
    return this.#exit
  }

  /** Starts a call. Never throws: what goes wrong rejects the call. */
  start({ target, args, named, options }: RemoteCall): Call {
    const scope = this.#scopes[options.thread === 'loop' ? 'loop' : 'any']
    const context = new CallContext(scope, { ...options, thread: undefined })
    return context.start(Operation.call, this.#module(target.module), target.steps, args, named)
  }

  /** Whether a call had begun that failed because this worker was lost; `undefined` if it failed for another reason. */
  lossOf(call: Call): boolean | undefined {
    return this.#losses.get(call)
  }

  /** The process has ended. */
  exited(exit: ExitReport): void {
    this.#exit = exit
    this.#end()
  }

  /**
   * Its Conductor or pool was stopped, or its connection broke: what is still under way fails, whatever is known of the process.
   *
   * @param makeError gets whether the call had begun
   */
  close(makeError: (started?: boolean) => Error): void {
    this.#lose(makeError)
  }

  #connectionEnded(): void {
    this.#hasEnded = true
    this.#end()
  }

  #end(): void {
    if (this.#isLost) return
    this.isUsable = false
    if (this.#hasEnded && this.#exit !== undefined)
      this.#lose(() => workerLost(this.identity.name, this.#exit!, undefined))
    else
      this.#timer ??= setTimeout(() => {
        if (this.#exit === undefined) this.#listener.disconnected(this)
        else this.#lose(() => workerLost(this.identity.name, this.#exit!, undefined))
      }, mostBetweenEnds)
  }

  #lose(makeError: (started?: boolean) => Error): void {
    if (this.#isLost) return
    this.#isLost = true
    clearTimeout(this.#timer)
    this.isUsable = false
    const { connection } = this
    const port = this.#port
    connection.close(makeError)
    connection.requests.failAll((call) => {
      const started = call.status === 'submitted' && port.hasStarted(call.id)
      this.#losses.set(call, started)
      const exit = this.#exit
      const { unwanted } = call
      if (unwanted !== undefined) return () => unwanted(started ? 'killed' : 'not started', exit)
      return () => (exit === undefined ? makeError(started) : workerLost(this.identity.name, exit, started))
    })
    connection.outputs.closeAll()
    port.detach()
    this.#listener.lost(this)
  }

  /** Imported once; calls name it before it is there, and fail as it does. */
  #module(name: string): Call {
    let module = this.#modules.get(name)
    if (module === undefined || module.status === 'error') {
      module = this.connection.pool.start(Operation.import, undefined, [], [name])
      this.#modules.set(name, module)
    }
    return module
  }

  #counting(scope: CallScope): CallScope {
    return {
      connection: scope.connection,
      session: scope.session,
      ended: false,
      viewOf: (state) => scope.viewOf(state),
      begin: () => {
        this.inFlight += 1
      },
      end: () => {
        this.inFlight -= 1
        if (!this.#isLost) this.#listener.done(this)
      },
    }
  }
}

function ignore(): void {}
