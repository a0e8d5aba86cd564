// Costs by size as a drawing, both axes logarithmic: a cost that is linear in the size is a level line.
const width = 880
const height = 420
const left = 70
const right = 190
const top = 50
const bottom = 50
const colours = ['#2da44e', '#0969da', '#bf3989', '#9a6700', '#8250df', '#cf222e']

/** @param curves for each kind the nanoseconds that one element takes, at each of the sizes */
export function curveChart({ sizes, nanosecondsPerElement }) {
  const costs = Object.values(nanosecondsPerElement).flat()
  const [low, high] = [Math.floor(Math.log10(Math.min(...costs))), Math.ceil(Math.log10(Math.max(...costs)))]
  const x = (size) =>
    left + ((Math.log10(size) - Math.log10(sizes[0])) / Math.log10(sizes.at(-1) / sizes[0])) * (width - left - right)
  const y = (cost) => top + ((high - Math.log10(cost)) / (high - low)) * (height - top - bottom)
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  const kinds = Object.entries(nanosecondsPerElement)
  // Labels stand beside the ends of their lines, far enough apart to be read.
  const labels = kinds.map(([kind, line], index) => ({ kind, index, at: y(line.at(-1)) })).sort((a, b) => a.at - b.at)
  for (const [index, label] of labels.entries()) {
    if (index > 0) label.at = Math.max(label.at, labels[index - 1].at + 15)
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    '<title id="title">Nanoseconds for one element, in and back, by the number of elements</title>',
    `<style>${style}</style>`,
    '<text class="head" x="16" y="26">Nanoseconds for one element, in and back</text>',
    ...decades.map((cost) => `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(cost)}" y2="${y(cost)}"/>`),
    ...decades.map((cost) => `<text class="quiet" x="${left - 8}" y="${y(cost) + 4}" text-anchor="end">${cost}</text>`),
    ...sizes.map(
      (size) =>
        `<text class="quiet" x="${x(size)}" y="${height - bottom + 20}" text-anchor="middle">${size.toLocaleString('en')}</text>`,
    ),
    `<text class="quiet" x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">elements</text>`,
    ...kinds.map(([, line], index) => {
      const points = line.map((cost, at) => `${x(sizes[at]).toFixed(1)},${y(cost).toFixed(1)}`)
      return `<polyline fill="none" stroke="${colours[index]}" stroke-width="2" points="${points.join(' ')}"/>`
    }),
    ...labels.map(
      ({ kind, index, at }) =>
        `<text x="${width - right + 10}" y="${(at + 4).toFixed(1)}" style="fill: ${colours[index]}">${kind}</text>`,
    ),
    '</svg>',
    '',
  ].join('\n')
}

const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.head { font-size: 16px; font-weight: 600; }
.quiet { font-size: 11px; fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  .head { fill: #e6edf3; }
  .quiet { fill: #9198a1; }
  .grid { stroke: #3d444d; }
}
`
