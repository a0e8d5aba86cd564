/* The life of Python as this environment sees it: not started, starting, attached, stopped. */
import { callDirectly } from '../callback/direct-call'
import { BridgeError } from '../errors/bridge-error'
import { OutputLines } from '../call/output-lines'
import { isBridgeError } from '../errors/bridge-error'
import { bridgeVersion, loadCore, type CoreConfig, type NativeCore } from '../native/core'
import { checkedConversion } from '../call/options'
import type { PortListener } from '../native/connection'
import { environment } from '../native/environment'
import { loadLoader, locate, locateAsync, type LocateReport } from '../native/loader'
import { platformName } from '../native/platform'
import type { Info, StartOptions } from '../types/python'
import { closedError } from './closed-error'
import { commonListener } from './connect'
import { embedded } from './embedded'
import { chosenInterpreter, childInterpreter, locateRequest, needsItsOwnProcess } from './locate-report'
import { deliverRecords, receiverOf } from './log-records'
import { guarded, type Residence } from './residence'
import { openStub, warnOfWorkerMode, workerProcess, type WorkerConfig } from './worker-process'
import {
  checkSameConversion,
  checkSameMode,
  checkSameOptions,
  checkSameReceivers,
  checkStartOptions,
  coreConfig,
  wantedMode,
} from './start-options'

/** How long the end of the process, or `stop`, may wait for Python. */
const shutdownMilliseconds = 2000

/** How long other listeners of the exit have at least, if a worker is stuck in Python. */
const shortestWait = 200

/** Where Python can be started, and with what. */
interface Prepared {
  readonly core: NativeCore
  readonly residence: Residence
  readonly config: string
}

class Interpreter {
  #options: StartOptions = {}
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #keepsAlive = true
  #residence: Residence | undefined
  /** Whether it is this environment that starts Python: then it gets the output. */
  #starts = false
  readonly #output: [stdout: OutputLines | undefined, stderr: OutputLines | undefined] = [undefined, undefined]

  /** `python.start`. */
  async start(options: StartOptions): Promise<Info> {
    checkStartOptions(options)
    if (environment.attached || this.#starting !== undefined) {
      await this.ready()
      const executable =
        options.python === undefined
          ? undefined
          : childInterpreter(await locateAsync(locateRequest(options))).executable
      this.#checkSame(options, executable)
    } else {
      this.#options = options
      if (options.convert !== undefined) environment.conversion = checkedConversion(options.convert)
      await this.ready()
    }
    return this.info()
  }

  /** Resolves when Python runs, and starts it if nobody has. */
  ready(): Promise<void> {
    if (environment.attached) return Promise.resolve()
    if (environment.closed) return Promise.reject(environment.closedError())
    return (this.#starting ??= this.#start().finally(() => (this.#starting = undefined)))
  }

  /** Returns when Python runs, and starts it if nobody has. */
  readySync(): void {
    if (environment.attached) return
    if (environment.closed) throw environment.closedError()
    const running = runningPython()
    if (running !== undefined) {
      this.#join(running)
      return
    }
    const prepared = this.#prepare(locate(locateRequest(this.#options)))
    try {
      prepared.residence.startSync(prepared.config, () => (this.#starts = true))
    } catch (error) {
      this.#starts = false
      throw error
    }
    this.#join(prepared)
  }

  info(): Info {
    if (environment.closed) throw environment.closedError()
    if (!environment.attached) {
      throw new BridgeError(
        'ERR_PYTHON_NOT_STARTED',
        'Python has not been started in this process; call `await python.start()`, which gives the same information, or import a module first',
      )
    }
    const { mode } = this.#residence!
    const { version, executable, prefix, libpython } = this.#residence!.info()
    return { mode, version, executable, prefix, libpython, platform: platformName(), bridge: bridgeVersion }
  }

  /** `python.ref` and `python.unref`. */
  keepAlive(keep: boolean): void {
    this.#keepsAlive = keep
    if (environment.attached) environment.port.keepAlive(keep)
  }

  /** `python.stop`. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  async #start(): Promise<void> {
    const running = runningPython()
    if (running !== undefined) {
      this.#join(running)
      return
    }
    const report = await locateAsync(locateRequest(this.#options))
    // A synchronous use may have started Python meanwhile.
    if (environment.attached) return
    const prepared = this.#prepare(report)
    try {
      await prepared.residence.start(prepared.config, () => (this.#starts = true))
    } catch (error) {
      this.#starts = false
      throw error
    }
    if (!environment.attached) this.#join(prepared)
  }

  /** The core over the library of the interpreter; or over none, where it cannot or is not to run in this process. */
  #prepare(report: LocateReport): Prepared {
    const mode = wantedMode(this.#options)
    if (mode === 'worker') return this.#prepareWorker(report)
    if (mode === 'auto' && needsItsOwnProcess(report)) {
      const prepared = this.#prepareWorker(report)
      warnOfWorkerMode(report, undefined)
      return prepared
    }
    const chosen = chosenInterpreter(report)
    try {
      guarded(() => loadLoader().open(chosen.libpython, chosen.deepbind))
    } catch (error) {
      if (mode === 'embedded' || !isBridgeError(error, 'ERR_LIBPYTHON_LOAD')) throw error
      const prepared = this.#prepareWorker(report)
      warnOfWorkerMode(report, error)
      return prepared
    }
    const core = loadCore()
    return { core, residence: embedded(core), config: JSON.stringify(coreConfig(this.#options, chosen)) }
  }

  #prepareWorker(report: LocateReport): Prepared {
    const chosen = childInterpreter(report)
    openStub()
    const { version, prefix } = chosen
    const common = coreConfig(this.#options, { ...chosen, libpython: null })
    const config: WorkerConfig = { ...common, libpython: null, drains: false, version, prefix }
    const core = loadCore()
    return { core, residence: workerProcess(core), config: JSON.stringify(config) }
  }

  /** Attaches this environment to a Python that runs. */
  #join({ core, residence }: Pick<Prepared, 'core' | 'residence'>): void {
    if (core.state() === 'closed') throw closedError()
    this.#residence = residence
    const { stdout, stderr } = this.#options
    if (this.#starts && typeof stdout === 'function') this.#output[0] = new OutputLines(stdout)
    if (this.#starts && typeof stderr === 'function') this.#output[1] = new OutputLines(stderr)
    const listener: PortListener = {
      ...commonListener(environment),
      printed: (stream, text, request) => {
        if (request !== 0) environment.outputs.push(stream, text, request)
        else if (stream !== 0) this.#output[stream - 1]?.push(text)
      },
      logged: (batch) =>
        deliverRecords(batch, environment.pool.scope, receiverOf(this.#options.logging) ?? ignoreRecord),
      called: callDirectly,
    }
    residence.join(listener)
    environment.port.keepAlive(this.#keepsAlive)
    if (this.#starts) environment.port.listen()
    this.#checkSame(this.#options, undefined)
    process.on('exit', (code) => this.#exit(core, residence, code))
  }

  #checkSame(options: StartOptions, executable: string | undefined): void {
    const { mode, info } = this.#residence!
    const { config } = info()
    checkSameMode(options, mode)
    checkSameOptions(options, executable, JSON.parse(config) as CoreConfig)
    checkSameReceivers(options, this.#starts ? this.#options : {})
    checkSameConversion(options, environment.conversion)
  }

  async #stop(): Promise<void> {
    // A start that fails is reported to whoever asked for it.
    if (this.#starting !== undefined) await this.#starting.catch(() => undefined)
    if (!environment.attached) {
      // Nothing has been started, so nothing is stopped for ever.
      this.#stopping = undefined
      return
    }
    const { port } = environment
    environment.requests.flush()
    environment.close(closedError)
    environment.requests.failAll(() => closedError)
    port.refuseQuestions()
    await this.#residence!.stop(shutdownMilliseconds)
    // What Python wrote to the very end, before the lines end; and a call that still runs must not keep the process alive.
    port.deliverOutput()
    port.detach()
    this.#endOutput()
  }

  /** A worker thread or a sandbox leaves; only the main thread takes the interpreter with it. */
  #exit(core: NativeCore, residence: Residence, code: number): void {
    const begin = performance.now()
    // An `atexit` handler that calls JavaScript would wait for this thread.
    const { port } = environment
    port.refuseQuestions()
    environment.close(closedError)
    if (core.isMainThread) residence.stopSync(shutdownMilliseconds, port)
    port.deliverOutput()
    port.detach()
    this.#endOutput()
    // Node waits for its workers, however long the Python calls take that they are in.
    const left = shutdownMilliseconds - (performance.now() - begin)
    if (core.isMainThread) core.exitWithin(Math.max(left, shortestWait), code)
  }

  #endOutput(): void {
    environment.outputs.closeAll()
    for (const lines of this.#output) lines?.end()
  }
}

/** The start of another environment did not ask for records, so there are none. */
function ignoreRecord(): void {}

/** The one of this environment. */
export const interpreter = new Interpreter()
environment.start = () => interpreter.ready()
environment.startNow = () => interpreter.readySync()

/** Python, if another environment of this process has started it. */
function runningPython(): Omit<Prepared, 'config'> | undefined {
  // Without a library in the process the core does not load.
  if (loadLoader().opened() === null) return undefined
  const core = loadCore()
  const residence = [embedded(core), workerProcess(core)].find((one) => one.isRunning())
  return residence && { core, residence }
}
