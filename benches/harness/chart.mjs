// The result as a drawing: a bar for each measure, as long as its share of the target, so that all targets stand on one line.
import { formatFigure, formatTarget } from './table.mjs'

const width = 880
const rowHeight = 34
const top = 56
const left = 330
const right = 190
/** Where the target stands in the drawing; what is longer than `longest` is cut and says so by its label. */
const targetX = left + 240
const longest = (width - left - right) / (targetX - left)

export function chart(rows) {
  const measured = rows.filter((row) => row.target !== null)
  const height = top + measured.length * rowHeight + 46
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    '<title id="title">Cost against the target</title>',
    `<desc id="description">${escape(measured.map(sentence).join('; '))}</desc>`,
    `<style>${style}</style>`,
    `<text class="head" x="16" y="26">Cost against the target</text>`,
    `<text class="quiet" x="${targetX}" y="44" text-anchor="middle">target</text>`,
    ...measured.map((row, index) => drawRow(row, top + index * rowHeight)),
    `<line class="target" x1="${targetX}" x2="${targetX}" y1="${top - 6}" y2="${height - 40}"/>`,
    `<text class="quiet" x="16" y="${height - 14}">Shorter is better. The small mark on a bar is the thing it is compared with (1 ×).</text>`,
    '</svg>',
    '',
  ].join('\n')
}

function drawRow(row, y) {
  const share = Math.max(0, row.figure / row.target)
  const length = Math.max(2, Math.min(share, longest) * (targetX - left))
  const end = left + length
  const middle = y + rowHeight / 2
  const one = row.kind === 'ratio' ? left + (targetX - left) / row.target : null
  return [
    `<text class="name" x="${left - 12}" y="${middle - 2}" text-anchor="end">${escape(row.name)}</text>`,
    `<text class="quiet" x="${left - 12}" y="${middle + 11}" text-anchor="end">${row.kind === 'value' ? '' : `against ${escape(row.comparedWith)}`}</text>`,
    `<rect class="${row.met ? 'met' : 'missed'}" x="${left}" y="${y + 7}" width="${length.toFixed(1)}" height="${rowHeight - 14}" rx="3"/>`,
    ...(one === null
      ? []
      : [`<line class="one" x1="${one.toFixed(1)}" x2="${one.toFixed(1)}" y1="${y + 4}" y2="${y + rowHeight - 4}"/>`]),
    `<text class="figure" x="${(Math.max(end, targetX) + 8).toFixed(1)}" y="${middle + 4}">${escape(label(row))}</text>`,
  ].join('\n')
}

function label(row) {
  return `${formatFigure(row, row.figure)} (${row.met ? '' : 'missed, '}≤ ${formatTarget(row)})`
}

function sentence(row) {
  const against = row.kind === 'value' ? '' : ` against ${row.comparedWith}`
  return `${row.name}${against}: ${formatFigure(row, row.figure)}, target ${formatTarget(row)}`
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

// Colours that keep their contrast on white and on near-black paper; text follows the reader's scheme.
const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.head { font-size: 16px; font-weight: 600; }
.quiet { font-size: 11px; fill: #59636e; }
.figure { font-variant-numeric: tabular-nums; }
.met { fill: #2da44e; }
.missed { fill: #d1662b; }
.one { stroke: #1f2328; stroke-width: 1.5; }
.target { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9198a1; }
  .one { stroke: #e6edf3; }
  .target { stroke: #9198a1; }
}
`
