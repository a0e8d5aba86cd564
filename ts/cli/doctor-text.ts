/* The report of `symphony-python doctor` for people. */
import type { ChosenInterpreter, LocateReport } from '../native/loader'
import { embeddingProblem } from '../host/locate-report'
import type { Diagnosis } from './doctor'
import type { LiveCallResult } from './live-call'

type Row = readonly [label: string, value: string]

/** The whole report; ends with a line end. */
export function describeDiagnosis(diagnosis: Diagnosis): string {
  const { search, call, problem } = diagnosis
  const sections = [section('Package', packageRows(diagnosis))]
  if (search !== null) sections.push(section('Search, in this order', attemptRows(search)))
  if (search?.chosen) sections.push(section('Interpreter', interpreterRows(search.chosen)))
  if (call?.ok) sections.push(section('Call', callRows(call, search?.chosen ?? null)))
  sections.push(problem === null ? worksText(diagnosis) : problemText(problem))
  return sections.join('\n')
}

function packageRows({ bridge, node, platform, native }: Diagnosis): Row[] {
  return [
    ['version', bridge],
    ['platform', platform],
    ['loader', native.loader ?? 'missing'],
    ['core', native.core ?? 'missing'],
    ['Node', `${node.version}, Node-API ${node.napi}, OpenSSL ${node.openssl}`],
    ['', node.executable],
  ]
}

function attemptRows({ attempts }: LocateReport): Row[] {
  return attempts.map(({ source, path, reason }) => [source, path === '' ? reason : `${path} ${reason}`])
}

function interpreterRows(chosen: ChosenInterpreter): Row[] {
  const { executable, realExecutable, prefix, basePrefix } = chosen
  return [
    ['Python', `${chosen.implementation} ${chosen.version}, ${chosen.bits}-bit, ${chosen.platform}, ${chosen.libc}`],
    ['executable', executable],
    ...(realExecutable === executable ? [] : [['', realExecutable] as const]),
    ['prefix', prefix],
    ...(basePrefix === prefix ? [] : [['base prefix', basePrefix] as const]),
    ['libpython', chosen.libpython ?? 'none'],
    ['DEEPBIND', chosen.deepbindReason],
    ['OpenSSL', chosen.openssl ?? 'none'],
    ['answer', chosen.cached ? 'remembered from an earlier start' : 'asked now'],
  ]
}

function callRows(call: LiveCallResult, chosen: ChosenInterpreter | null): Row[] {
  const same = call.openssl === (chosen?.openssl ?? null)
  const ms = (time: number): string => `${time.toFixed(1)} ms`
  return [
    ['1 + 1', String(call.value)],
    ['mode', call.mode === 'embedded' ? 'embedded' : 'worker: a process of its own'],
    ['executable', call.executable],
    ['OpenSSL', `${call.openssl ?? 'none'}, ${same ? 'the same as outside Node' : 'NOT the same as outside Node'}`],
    ['load', `${ms(call.times.load)} for the package`],
    ['start', `${ms(call.times.start)} for Python`],
    ['first call', ms(call.times.call)],
    ['import ssl', ms(call.times.import)],
  ]
}

function worksText({ search, call }: Diagnosis): string {
  if (search === null || call?.ok !== true || call.mode === 'embedded') return 'Python works.\n'
  return `Python works, in a process of its own. ${embeddingProblem(search)}\n`
}

function problemText({ code, message, fix }: NonNullable<Diagnosis['problem']>): string {
  return `${code}: ${message}\n${fix === null ? '' : `To fix it, run: ${fix}\n`}`
}

function section(title: string, rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return [title, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`), ''].join('\n')
}
