// How the examples print: progress with its duration, and aligned tables.

/** Says what is being done, and when it is done how long that took. */
export async function progress<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  process.stdout.write(`  ${what} … `)
  const start = performance.now()
  const result = await work()
  process.stdout.write(`${duration(performance.now() - start)}\n`)
  return result
}

/** Prints rows under their headers; columns of numbers are aligned to the right. */
export function printTable(headers: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const cells = rows.map((row) => row.map(String))
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const numeric = headers.map((_, column) => cells.every((row) => /^[\d.,%+-]/.test(row[column] ?? '')))
  const line = (row: readonly string[]) =>
    `  ${widths.map((width, column) => (numeric[column] ? row[column]?.padStart(width) : row[column]?.padEnd(width))).join('   ')}`.trimEnd()
  console.log()
  console.log(line(headers))
  console.log(line(widths.map((width) => '─'.repeat(width))))
  for (const row of cells) console.log(line(row))
  console.log()
}

/** A duration in the unit that a person would choose. */
export function duration(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`
  if (milliseconds >= 1) return `${milliseconds.toFixed(0)} ms`
  if (milliseconds >= 0.001) return `${(milliseconds * 1000).toFixed(milliseconds >= 0.01 ? 0 : 1)} µs`
  return `${(milliseconds * 1e6).toFixed(0)} ns`
}

/** A count a second, as a person would write it. */
export function rate(count: number, milliseconds: number): string {
  return `${Math.round((count * 1000) / milliseconds).toLocaleString('en')} / s`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`
}
