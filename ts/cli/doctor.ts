/* What `symphony-python doctor` finds out: the machine, the search for Python, and whether a call works. */
import { isBridgeError } from '../errors/bridge-error'
import { bridgeVersion } from '../native/core'
import { locateAsync, type LocateReport } from '../native/loader'
import { nativePath, platformName } from '../native/platform'
import { needsItsOwnProcess } from '../host/locate-report'
import { callInChild, type LiveCall } from './live-call'

/** Everything that `doctor` reports. Programs get it as JSON; fields may be added in any release. */
export interface Diagnosis {
  /** Whether Python was found and a call works. */
  readonly ok: boolean
  readonly bridge: string
  readonly node: {
    readonly version: string
    readonly napi: string
    readonly openssl: string
    readonly executable: string
  }
  readonly platform: string
  /** The native files; `null` for one that is missing. */
  readonly native: { readonly loader: string | null; readonly core: string | null }
  /** The search, unless the loader itself is missing. Its problem is one of this diagnosis only if Python cannot run at all. */
  readonly search: LocateReport | null
  /** The call, unless no Python was found. */
  readonly call: LiveCall | null
  /** What is wrong. */
  readonly problem: { readonly code: string; readonly message: string; readonly fix: string | null } | null
}

type Problem = NonNullable<Diagnosis['problem']>

/** Examines this machine as a program in this folder would find it; `python` is the option of `python.start`. */
export async function diagnose(python: string | undefined): Promise<Diagnosis> {
  const loader = findNativeFile('loader')
  const core = findNativeFile('node')
  const search = loader.path === null ? null : await searchFromHere(python)
  // What only keeps it from being embedded is no obstacle: it runs in a process of its own.
  const isWorker = search !== null && needsItsOwnProcess(search)
  const obstacle = loader.problem ?? (isWorker ? null : search?.problem) ?? core.problem
  const call = obstacle === null ? await callInChild(python) : null
  const problem = obstacle ?? (call === null || call.ok ? null : { code: call.code, message: call.message, fix: null })
  return {
    ok: problem === null,
    bridge: bridgeVersion,
    node: {
      version: process.versions.node,
      napi: process.versions.napi ?? 'none',
      openssl: process.versions.openssl ?? 'none',
      executable: process.execPath,
    },
    platform: platformName(),
    native: { loader: loader.path, core: core.path },
    search,
    call,
    problem,
  }
}

function searchFromHere(python: string | undefined): Promise<LocateReport> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return locateAsync({ ...(python === undefined ? {} : { python }), cwd: process.cwd(), env })
}

function findNativeFile(file: 'loader' | 'node'): { path: string | null; problem: Problem | null } {
  try {
    return { path: nativePath(file), problem: null }
  } catch (error) {
    if (!isBridgeError(error)) throw error
    return { path: null, problem: { code: error.code, message: error.message, fix: null } }
  }
}
