/* The loader: the native file that finds Python and opens its library. It needs no Python to load. */
import { nativePath } from './platform'

/** Where an interpreter was found. */
export type InterpreterSource = 'option' | 'VIRTUAL_ENV' | '.venv' | 'conda' | 'PATH'

/** What `locate` is asked. */
export interface LocateRequest {
  /** An interpreter or a venv folder; when it is given nothing else is tried. */
  readonly python?: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The folder for what interpreters answered; `null` for none. @default the user's cache folder */
  readonly cache?: string | null
}

/** The interpreter that will be embedded. */
export interface ChosenInterpreter {
  readonly source: InterpreterSource
  readonly executable: string
  readonly realExecutable: string
  readonly version: string
  readonly implementation: string
  readonly prefix: string
  readonly basePrefix: string
  readonly libpython: string | null
  readonly deepbind: boolean
  readonly deepbindReason: string
  readonly openssl: string | null
  readonly freeThreaded: boolean
  readonly bits: 64 | 32
  readonly platform: string
  readonly libc: string
  readonly cached: boolean
}

/** One place that was looked at, in the order of looking. */
export interface LocateAttempt {
  readonly source: InterpreterSource
  readonly path: string
  readonly outcome: 'chosen' | 'rejected' | 'absent'
  readonly reason: string
}

/** The answer of `locate`; a missing Python is an answer too. */
export interface LocateReport {
  readonly ok: boolean
  readonly chosen: ChosenInterpreter | null
  readonly attempts: readonly LocateAttempt[]
  readonly problem: { readonly code: string; readonly message: string; readonly fix: string | null } | null
}

/** The functions of the native file; requests and reports are JSON. */
export interface NativeLoader {
  locate(request: string): string
  locateAsync(request: string, callback: (report: string) => void): void
  open(libpython: string, deepbind: boolean): void
  opened(): string | null
}

let loaded: NativeLoader | undefined

/** The loader of this platform. Throws `ERR_PLATFORM_UNSUPPORTED` if there is none. */
export function loadLoader(): NativeLoader {
  return (loaded ??= require(nativePath('loader')) as NativeLoader)
}

/** Finds the interpreter, on this thread. */
export function locate(request: LocateRequest): LocateReport {
  return JSON.parse(loadLoader().locate(JSON.stringify(request))) as LocateReport
}

/** Finds the interpreter, on a thread of its own. */
export function locateAsync(request: LocateRequest): Promise<LocateReport> {
  return new Promise((resolve) => {
    loadLoader().locateAsync(JSON.stringify(request), (report) => resolve(JSON.parse(report) as LocateReport))
  })
}
