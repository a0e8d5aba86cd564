/* What is asked about Pythons, and the error for one that cannot be used: what was tried, in order, and what to do. */
import { BridgeError } from '../errors/bridge-error'
import { isErrorCode, type BridgeErrorCode } from '../generated/error-codes'
import type { ChosenInterpreter, LocateReport, LocateRequest } from '../native/loader'

/** Asks for the Python that these options mean. */
export function locateRequest(options: {
  readonly python?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}): LocateRequest {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...process.env, ...options.env }))
    if (value !== undefined) env[name] = value
  const base = { cwd: process.cwd(), env }
  return options.python === undefined ? base : { ...base, python: options.python }
}

/** Whether the only obstacle is that the interpreter has no library for this process: one of its own can run it. */
function runsByItself({ problem }: LocateReport): boolean {
  return problem?.code === 'ERR_LIBPYTHON_NOT_FOUND' || problem?.code === 'ERR_LIBPYTHON_LOAD'
}

/** Whether the interpreter that was chosen can run, but not in this process. */
export function needsItsOwnProcess(report: LocateReport): boolean {
  return !report.ok && report.chosen !== null && runsByItself(report)
}

/** Why nothing can be embedded, and how that could be changed: whole sentences. */
export function embeddingProblem({ problem, chosen, attempts }: LocateReport): string {
  const reason = attempts.find(({ outcome, source }) => outcome === 'rejected' && source === chosen?.source)?.reason
  const fix = problem?.fix ? ` To embed it, run: ${problem.fix}` : ''
  return `It ${reason ?? 'has no library for that'}.${fix}`
}

/** The interpreter for a process of its own, which needs no library; throws if there is none. */
export function childInterpreter(report: LocateReport): ChosenInterpreter {
  const { ok, chosen } = report
  return chosen !== null && (ok || runsByItself(report)) ? chosen : chosenInterpreter(report)
}

/** The interpreter that was chosen; throws if there is none. */
export function chosenInterpreter(report: LocateReport): ChosenInterpreter & { libpython: string } {
  const { chosen, problem } = report
  if (report.ok && chosen !== null && chosen.libpython !== null) return { ...chosen, libpython: chosen.libpython }
  const code =
    problem !== null && isErrorCode(problem.code) ? (problem.code as BridgeErrorCode) : 'ERR_PYTHON_NOT_FOUND'
  throw new BridgeError(code, explanation(report))
}

function explanation({ problem, attempts }: LocateReport): string {
  const lines = [problem?.message ?? 'no Python that can be embedded was found']
  if (attempts.length > 0) lines.push('tried, in this order:')
  for (const { source, path, reason } of attempts)
    lines.push(`  ${source}${path === '' ? '' : ` \`${path}\``}: ${reason}`)
  if (problem?.fix) lines.push(`to fix it, run: ${problem.fix}`)
  const asked = attempts.find(({ source }) => source === 'option')
  const choice = asked === undefined ? '' : ` --python ${shellWord(asked.path)}`
  lines.push(`\`npx symphony-python doctor${choice}\` shows the details`)
  return lines.join('\n')
}

/** A path as it is typed in a shell. */
function shellWord(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : JSON.stringify(path)
}
