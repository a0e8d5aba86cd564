/* The core, for a program that may have no Python in its own process. */
import { childInterpreter, locateRequest } from '../host/locate-report'
import { errorFromProblem } from '../errors/from-native'
import { loadCore, type NativeCore } from '../native/core'
import { attachRemote } from '../native/remote-port'
import { loadLoader, locateAsync } from '../native/loader'
import { stubPath } from '../native/platform'

/** The core, how it connects to processes, and the interpreter for them. */
export interface NativeSide {
  readonly core: NativeCore
  readonly attachRemote: typeof attachRemote
  readonly executable: string
}

/** Rejects with `ERR_PYTHON_NOT_FOUND` and the like. */
export async function nativeSide(options: {
  readonly python: string | undefined
  readonly env: Readonly<Record<string, string>>
}): Promise<NativeSide> {
  const report = await locateAsync(locateRequest(options))
  const { executable } = childInterpreter(report)
  const loader = loadLoader()
  try {
    // The core needs a library to load; that of this interpreter may be used by `python` later.
    if (loader.opened() === null) {
      const { ok, chosen } = report
      const libpython = ok ? chosen?.libpython : undefined
      if (typeof libpython === 'string') loader.open(libpython, chosen?.deepbind === true)
      else loader.open(stubPath(), false)
    }
  } catch (problem) {
    throw errorFromProblem(problem)
  }
  return { core: loadCore(), attachRemote, executable }
}
