/* Python in this process. */
import type { CoreInfo, NativeCore } from '../native/core'
import { environment } from '../native/environment'
import { guarded, reported, type Residence } from './residence'

/** Another thread is starting Python; nothing reports to this one when it has, so it looks again. Milliseconds. */
const startingPause = 1

export function embedded(core: NativeCore): Residence {
  const isRunning = (): boolean => core.state() === 'running'
  return {
    mode: 'embedded',
    isRunning,
    startSync(config, begins) {
      waitWhileStarting(core)
      if (isRunning()) return
      begins()
      guarded(() => core.initialize(config))
    },
    async start(config, begins) {
      while (core.state() === 'starting') await new Promise((resolve) => setTimeout(resolve, startingPause))
      if (isRunning()) return
      begins()
      try {
        await reported((done) => core.initializeAsync(config, done))
      } catch (error) {
        // A synchronous use may have started it meanwhile.
        if (!isRunning()) throw error
      }
    },
    join: (listener) => environment.attach(core, listener),
    info: () => JSON.parse(core.info()) as CoreInfo,
    stop: (milliseconds) => new Promise((resolve) => core.shutdownAsync(milliseconds, resolve)),
    stopSync: (milliseconds) => core.shutdown(milliseconds),
  }
}

/** A synchronous use may also come in the middle of an asynchronous start of this environment. */
function waitWhileStarting(core: NativeCore): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  while (core.state() === 'starting') Atomics.wait(pause, 0, 0, startingPause)
}
