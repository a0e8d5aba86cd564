/* The two places that run Python for the same asynchronous calls: this process and one of its own. A suite that is written once with
   `describe.each(hosts)` runs in both; only what differs by design stays in a suite of one. */
import { Conductor, python, type Handle } from 'symphony-python-bridge'
import { isEmbedded } from './mode'

/** What `python` and a Conductor have in common. Types are those of `python`; handles of a Conductor have no `$sync`. */
export type HostedPython = Pick<typeof python, 'import' | 'exec' | 'eval' | 'session' | 'fromArrow' | 'tuple'>

/** What a suite may want of its host. */
export interface HostOptions {
  readonly paths: readonly string[]
  readonly threads?: number
}

export interface Host {
  readonly name: string
  start(options: HostOptions): Promise<HostedPython>
  /** Ends what `start` began; the suite has to call it last. */
  stop(): Promise<void>
  /** The ways in which it can be called, by name. */
  readonly ways: readonly string[]
  /** All views of an object that there are: a test that awaits each of them asks in every way that the host has. In the order of `ways`. */
  views(handle: Handle): readonly Handle[]
}

const here: Host = {
  name: 'this process',
  ways: ['asynchronous', 'synchronous'],
  async start(options) {
    await python.start(options)
    return python
  },
  // It ends with the process of the tests, as it does in programs.
  stop: () => Promise.resolve(),
  views: (handle) => [handle, handle.$sync as unknown as Handle],
}

class ProcessOfItsOwn implements Host {
  readonly name = 'a Conductor'
  readonly ways = ['asynchronous']
  #conductor: Conductor | undefined

  async start(options: HostOptions): Promise<HostedPython> {
    // A call that cannot be interrupted goes on, as it does in this process, instead of ending with its process.
    const conductor = await Conductor.start({ ...options, killAfter: Infinity })
    this.#conductor = conductor
    const hosted: { [K in keyof HostedPython]: unknown } = {
      import: conductor.import.bind(conductor),
      exec: conductor.exec.bind(conductor),
      eval: conductor.eval.bind(conductor),
      session: conductor.session.bind(conductor),
      fromArrow: async (...args: Parameters<HostedPython['fromArrow']>) => {
        await using session = await conductor.session()
        return await session.fromArrow(...args)
      },
      tuple: python.tuple.bind(python),
    }
    return hosted as HostedPython
  }

  async stop(): Promise<void> {
    await this.#conductor?.stop({ drain: 0 })
  }

  views(handle: Handle): readonly Handle[] {
    return [handle]
  }
}

// In worker mode `python` itself is the one of its own, and the other one was tested before.
export const hosts: readonly Host[] = isEmbedded ? [here, new ProcessOfItsOwn()] : [here]
