/* The process of the live call: loads the package, starts Python, calls, and sends the outcome to the parent. */
import type { LiveCall } from './live-call'

async function call(python: string | undefined): Promise<LiveCall> {
  const begun = performance.now()
  // Only now, so that the time of loading is seen.
  const bridge = await import('../index.js')
  const loaded = performance.now()
  try {
    const info = await bridge.python.start(python === undefined ? {} : { python })
    const started = performance.now()
    const value = await bridge.python.eval<number>('1 + 1')
    const called = performance.now()
    const openssl = await bridge.python
      .import('ssl')
      .then((ssl) => ssl.$get('OPENSSL_VERSION') as PromiseLike<string>)
      .catch((error: unknown) => {
        // A Python may be built without it.
        if (bridge.isPythonError(error, 'ImportError')) return null
        throw error
      })
    const imported = performance.now()
    return {
      ok: true,
      value,
      mode: info.mode,
      version: info.version,
      executable: info.executable,
      prefix: info.prefix,
      libpython: info.libpython,
      openssl,
      times: { load: loaded - begun, start: started - loaded, call: called - started, import: imported - called },
    }
  } catch (error) {
    if (bridge.isBridgeError(error) || bridge.isPythonError(error)) {
      return { ok: false, code: error.code, message: error.message }
    }
    throw error
  }
}

void call(process.argv[2]).then((outcome) => {
  // Without the channel the process ends by itself, as a program does.
  process.send?.(outcome, undefined, undefined, () => process.disconnect())
})
