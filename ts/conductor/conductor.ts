/* One supervised Python process. */
import { HostCalls } from '../host/host-calls'
import type { ConductorOptions, RemoteModule } from '../types/conductor'
import type { CallOptions, RunOptions } from '../types/options'
import type { RemoteHandle } from '../types/remote-handle'
import type { AsyncObject } from '../types/typed-modules'
import type { Untyped } from '../types/untyped'
import { nativeSide, type NativeSide } from './native-side'
import { checkedConductorOptions, type CheckedConductorOptions } from './options'
import { Supervised } from './supervised'

/**
 * A Python process of its own, which is watched and restarted: a crash, a leak or a call that has to be killed stays outside of Node. Python is used as through
 * `python`, but asynchronously only; handles live and die with the process.
 *
 * ```ts
 * await using conductor = await Conductor.start({ target: 'agents.planner' })
 * const plan = await conductor.call('decide', [context])
 * ```
 */
export class Conductor extends Supervised {
  static {
    // The bundler gives another name to a class that names itself.
    Object.defineProperty(this, 'name', { value: 'Conductor', configurable: true })
  }

  private constructor(native: NativeSide, options: CheckedConductorOptions) {
    super(native, options, nameOf('Conductor', options))
  }

  /**
   * Starts the process; resolves when it is ready, `target` imported and its `setup()` done. Rejects with `ERR_WORKER_START`,
   * `ERR_PYTHON_NOT_FOUND`, `ERR_PYTHON_UNSUPPORTED`; throws `ERR_INVALID_ARGUMENT` for options that cannot be meant.
   */
  static async start(options?: ConductorOptions): Promise<Conductor> {
    const checked = checkedConductorOptions(options)
    const native = await nativeSide(checked)
    const conductor = new Conductor(native, checked)
    await conductor.workers.start(native.executable)
    return conductor
  }

  /** As `python.import`, in the process that is there now: the handle ends with it. */
  import<const M extends string>(module: M, options?: RunOptions): Promise<RemoteModule<M>>
  import(module: URL, options?: RunOptions): Promise<RemoteHandle>
  import<T extends object>(module: string | URL, options?: RunOptions): Promise<AsyncObject<T>>
  async import(module: string | URL, options?: RunOptions): Promise<unknown> {
    return await (await this.#host()).import(module, options)
  }

  /** As `python.eval`, in the process that is there now. */
  async eval<T = Untyped>(code: string, scope?: object, options?: CallOptions): Promise<T> {
    const host = await this.#host()
    return (await (host.eval(code, scope, options) as Promise<unknown>)) as T
  }

  /** As `python.exec`, in the process that is there now. */
  async exec(code: string, scope?: object, options?: CallOptions): Promise<RemoteHandle> {
    return (await (await this.#host()).exec(code, scope, options)) as RemoteHandle
  }

  async #host(): Promise<HostCalls> {
    this.checkOpen()
    const { connection } = await this.workers.ready()
    return new HostCalls(connection.pool)
  }
}

/** @internal How the program knows it, in messages. */
export function nameOf(kind: string, { target }: CheckedConductorOptions): string {
  return target === undefined ? `a ${kind}` : `the ${kind} of ${[target.module, ...target.steps].join('.')}`
}
