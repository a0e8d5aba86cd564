// The result as text: a table for the terminal and the same as Markdown.

const heads = ['measure', 'ours', 'compared with', 'its time', 'figure', 'of minima', 'target', '']

export function textTable(rows) {
  const lines = [heads, ...rows.map(cells)]
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function markdownReport({ run, rows, failures }) {
  const lines = [
    '# Benchmark results',
    '',
    'Written by `npm run bench`; what the columns mean is in [docs/benchmarks.md](../../docs/benchmarks.md).',
    '',
    ...Object.entries(describe(run)).map(([name, value]) => `- ${name}: ${value}`),
    '',
    '![Each figure as a share of its target](latest.svg)',
    '',
    `| ${heads.join(' | ')} |`,
    `|${heads.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
    ...failures.map(({ subject, message }) => `\n\`${subject}\` failed: ${message.split('\n')[0]}`),
    '',
  ]
  return lines.join('\n')
}

function describe(run) {
  return {
    date: run.date,
    commit: run.commit ?? 'none',
    machine: `${run.processor}, ${run.cpus} CPUs, ${run.system}, load ${run.loadBefore.toFixed(2)} before the run`,
    Node: run.node,
    Python: run.python,
    ...(run.quick ? { note: 'a quick run: few rounds, for a first look only' } : {}),
  }
}

function cells(row) {
  return [
    row.name,
    formatAmount(row.ours.median, row.unit),
    row.comparedWith,
    row.other === null ? '' : formatAmount(row.other.median, row.unit),
    formatFigure(row, row.figure),
    formatFigure(row, row.figureOfMinima),
    row.target === null ? '' : `≤ ${formatTarget(row)}`,
    row.met === null ? '' : row.met ? 'met' : 'missed',
  ]
}

export function formatFigure(row, figure) {
  if (row.kind === 'ratio') return `${figure.toFixed(2)} ×`
  if (row.kind === 'value') return formatAmount(figure, row.unit)
  return `${figure >= 0 ? '+' : '-'}${Math.abs(figure).toFixed(2)} ms`
}

export function formatTarget(row) {
  if (row.kind === 'ratio') return `${row.target} ×`
  return row.kind === 'value' ? formatAmount(row.target, row.unit) : `+${row.target} ms`
}

function formatAmount(amount, unit) {
  if (unit === 'ns') return formatTime(amount)
  return unit === 'ms' ? `${amount.toFixed(2)} ms` : `${Math.round(amount)} ${unit}`
}

function formatTime(time) {
  if (time < 1e3) return `${time.toFixed(1)} ns`
  if (time < 1e6) return `${(time / 1e3).toFixed(2)} µs`
  return `${(time / 1e6).toFixed(1)} ms`
}

/** What one element costs, a line for each kind of value and a column for each size. */
export function curveTable({ sizes, nanosecondsPerElement }) {
  const lines = [
    ['elements', ...sizes.map((size) => size.toLocaleString('en'))],
    ...Object.entries(nanosecondsPerElement).map(([kind, costs]) => [kind, ...costs.map((cost) => cost.toFixed(1))]),
  ]
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  return lines.map((line) => line.map(pad).join('  ')).join('\n')
}
