// One line that tells how far a subject is: rewritten in place on a terminal, printed at its start and end elsewhere.

export function showProgress(subject) {
  const terminal = process.stdout.isTTY === true
  const started = performance.now()
  const show = (text) => process.stdout.write(terminal ? `\r\x1b[K${subject}: ${text}` : `${subject}: ${text}\n`)
  show('measuring')
  return {
    update(share) {
      if (terminal) show(`${Math.round(100 * share)} %`)
    },
    end(text) {
      show(`${text} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
      if (terminal) process.stdout.write('\n')
    },
  }
}
