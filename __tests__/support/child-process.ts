/* Runs a program in a Node process of its own: for what would end or change the process of the tests. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

const root = join(__dirname, '..', '..')

/** How a program ended, and what it printed. */
export interface ProgramEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Options of a program. */
export interface ProgramOptions {
  /** Run as an ECMAScript module. @default false */
  readonly module?: boolean
  /** Options of Node. @default none */
  readonly node?: readonly string[]
  /** Environment variables on top of those of the tests. @default none */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs JavaScript that may `require` (or, as a module, `import`) the package by its name. The folder of the Python fixtures is the
 * global `fixtures`.
 */
export function runProgram(source: string, options: ProgramOptions = {}): Promise<ProgramEnd> {
  const type = options.module === true ? 'module' : 'commonjs'
  const prelude = `globalThis.fixtures = ${JSON.stringify(join(__dirname, '..', 'fixtures'))}\n`
  const args = [...(options.node ?? []), `--input-type=${type}`, '--eval', prelude + source]
  return new Promise((resolve) => {
    // Python buffers unless a machine's settings say otherwise, and what is buffered is what could be lost.
    const child = execFile(
      process.execPath,
      args,
      { cwd: root, env: { ...process.env, PYTHONUNBUFFERED: '', ...options.env }, maxBuffer: 2 ** 26 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    )
  })
}
