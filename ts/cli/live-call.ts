/*
 * Makes a call in Python through the package, as a program would, in a process of its own: what crashes or hangs there must
 * not keep `doctor` from its report.
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'

/** How the call went. Times are milliseconds. */
export type LiveCall = LiveCallResult | LiveCallFailure

/** The call worked. */
export interface LiveCallResult {
  readonly ok: true
  /** The value of `1 + 1`. */
  readonly value: number
  readonly version: string
  readonly executable: string
  readonly prefix: string
  readonly libpython: string | null
  /** `ssl.OPENSSL_VERSION` as Python says it inside Node, or `null` without `ssl`. */
  readonly openssl: string | null
  /** Loading this package, starting Python, the first call, and importing `ssl`. */
  readonly times: { readonly load: number; readonly start: number; readonly call: number; readonly import: number }
}

/** The call did not work. */
export interface LiveCallFailure {
  readonly ok: false
  readonly code: string
  readonly message: string
}

/** A first import from a cold network disk takes long; a hang takes for ever. */
const limit = 60_000

/** Runs the call in a child process. Never rejects. */
export function callInChild(python: string | undefined): Promise<LiveCall> {
  return new Promise((resolve) => {
    const child = fork(join(__dirname, 'live-call-child.js'), python === undefined ? [] : [python], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    let said = ''
    let outcome: LiveCall | undefined
    const collect = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-2000)
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    const timer = setTimeout(() => {
      outcome ??= failure('ERR_TIMEOUT', `Python did not start and answer within ${limit / 1000} s`)
      child.kill('SIGKILL')
    }, limit)
    child.on('message', (message) => {
      outcome ??= message as LiveCall
    })
    child.on('error', (error) => {
      outcome ??= failure('ERR_PYTHON_START', `no process for the call could be started: ${error.message}`)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const ending = signal === null ? `exit code ${code}` : `signal ${signal}`
      const crash = failure(
        'ERR_PYTHON_START',
        `the process of the call ended with ${ending} and said \`${said.trim()}\``,
      )
      // An answer does not count if the process could not end properly after it.
      resolve(outcome === undefined || (outcome.ok && code !== 0) ? crash : outcome)
    })
  })
}

function failure(code: string, message: string): LiveCallFailure {
  return { ok: false, code, message }
}
