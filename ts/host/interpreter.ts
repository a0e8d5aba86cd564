/* The life of Python as this environment sees it: not started, starting, attached, stopped. */
import { callDirectly } from '../callback/direct-call'
import { BridgeError } from '../errors/bridge-error'
import { errorFromProblem } from '../errors/from-native'
import { OutputLines } from '../call/output-lines'
import { bridgeVersion, loadCore, type CoreConfig, type CoreInfo, type NativeCore } from '../native/core'
import { checkedConversion } from '../call/options'
import { environment } from '../native/environment'
import { loadLoader, locate, locateAsync, type LocateReport } from '../native/loader'
import { platformName } from '../native/platform'
import type { Info, StartOptions } from '../types/python'
import { commonListener } from './connect'
import { chosenInterpreter, locateRequest } from './locate-report'
import { deliverRecords, receiverOf } from './log-records'
import {
  checkSameConversion,
  checkSameOptions,
  checkSameReceivers,
  checkStartOptions,
  coreConfig,
} from './start-options'

/** How long the end of the process, or `stop`, may wait for Python. */
const shutdownMilliseconds = 2000

/** How long other listeners of the exit have at least, if a worker is stuck in Python. */
const shortestWait = 200

class Interpreter {
  #options: StartOptions = {}
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #keepsAlive = true
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
          : chosenInterpreter(await locateAsync(locateRequest(options))).executable
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
    if (environment.closed) return Promise.reject(closedError())
    return (this.#starting ??= this.#start().finally(() => (this.#starting = undefined)))
  }

  /** Returns when Python runs, and starts it if nobody has. */
  readySync(): void {
    if (environment.attached) return
    if (environment.closed) throw closedError()
    const running = runningCore()
    if (running !== undefined) {
      this.#join(running)
      return
    }
    const { core, config } = this.#load(locate(locateRequest(this.#options)))
    waitWhileStarting(core)
    if (core.state() !== 'running') {
      guarded(() => core.initialize(config))
      this.#starts = true
    }
    this.#join(core)
  }

  info(): Info {
    if (environment.closed) throw closedError()
    if (!environment.attached) {
      throw new BridgeError(
        'ERR_PYTHON_NOT_STARTED',
        'Python has not been started in this process; call `await python.start()`, which gives the same information, or import a module first',
      )
    }
    const { version, executable, prefix, libpython } = JSON.parse(environment.core.info()) as CoreInfo
    return { mode: 'embedded', version, executable, prefix, libpython, platform: platformName(), bridge: bridgeVersion }
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
    const running = runningCore()
    if (running !== undefined) {
      this.#join(running)
      return
    }
    const report = await locateAsync(locateRequest(this.#options))
    // A synchronous use may have started Python meanwhile.
    if (environment.attached) return
    const { core, config } = this.#load(report)
    while (core.state() === 'starting') await new Promise((resolve) => setTimeout(resolve, startingPause))
    if (core.state() !== 'running') {
      this.#starts = true
      await new Promise<void>((resolve, reject) => {
        core.initializeAsync(config, (problem) => {
          if (problem !== null) this.#starts = false
          if (problem === null || core.state() === 'running') resolve()
          else reject(errorFromProblem(JSON.parse(problem)))
        })
      })
    }
    if (!environment.attached) this.#join(core)
  }

  #load(report: LocateReport): { core: NativeCore; config: string } {
    const chosen = chosenInterpreter(report)
    guarded(() => loadLoader().open(chosen.libpython, chosen.deepbind))
    return { core: loadCore(), config: JSON.stringify(coreConfig(this.#options, chosen)) }
  }

  /** Attaches this environment to a Python that runs. */
  #join(core: NativeCore): void {
    if (core.state() === 'closed') throw closedError()
    const { stdout, stderr } = this.#options
    if (this.#starts && typeof stdout === 'function') this.#output[0] = new OutputLines(stdout)
    if (this.#starts && typeof stderr === 'function') this.#output[1] = new OutputLines(stderr)
    environment.attach(core, {
      ...commonListener(environment),
      printed: (stream, text, request) => {
        if (request !== 0) environment.outputs.push(stream, text, request)
        else if (stream !== 0) this.#output[stream - 1]?.push(text)
      },
      logged: (batch) =>
        deliverRecords(batch, environment.pool.scope, receiverOf(this.#options.logging) ?? ignoreRecord),
      called: callDirectly,
    })
    environment.port.keepAlive(this.#keepsAlive)
    if (this.#starts) environment.port.listen()
    this.#checkSame(this.#options, undefined)
    process.on('exit', (code) => this.#exit(core, code))
  }

  #checkSame(options: StartOptions, executable: string | undefined): void {
    const { config } = JSON.parse(environment.core.info()) as CoreInfo
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
    const { core, port } = environment
    environment.requests.flush()
    environment.close(closedError)
    environment.requests.failAll(() => closedError)
    port.refuseQuestions()
    await new Promise<void>((resolve) => core.shutdownAsync(shutdownMilliseconds, resolve))
    // What Python wrote to the very end, before the lines end; and a call that still runs must not keep the process alive.
    port.deliverOutput()
    port.detach()
    this.#endOutput()
  }

  /** A worker thread or a sandbox leaves; only the main thread takes the interpreter with it. */
  #exit(core: NativeCore, code: number): void {
    const begin = performance.now()
    // An `atexit` handler that calls JavaScript would wait for this thread.
    environment.port.refuseQuestions()
    if (core.isMainThread) core.shutdown(shutdownMilliseconds)
    environment.port.deliverOutput()
    environment.port.detach()
    this.#endOutput()
    environment.close(closedError)
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

/** The core, if another environment of this process has started it. */
function runningCore(): NativeCore | undefined {
  // Without a libpython in the process the core does not load.
  if (loadLoader().opened() === null) return undefined
  const core = loadCore()
  return core.state() === 'running' ? core : undefined
}

/** Another thread is starting Python; nothing reports to this one when it has, so it looks again. Milliseconds. */
const startingPause = 1

/** The same for a synchronous use, which may also come in the middle of an asynchronous start of this environment. */
function waitWhileStarting(core: NativeCore): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  while (core.state() === 'starting') Atomics.wait(pause, 0, 0, startingPause)
}

function guarded(action: () => void): void {
  try {
    action()
  } catch (problem) {
    throw errorFromProblem(problem)
  }
}

function closedError(): BridgeError {
  return new BridgeError('ERR_CLOSED', 'Python was stopped; it cannot be started again in this process')
}
