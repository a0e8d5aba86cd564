/* Cuts what Python prints into whole lines for a callback. */

/** A line that goes on is passed on in pieces of this many characters, so that memory has a limit. */
const longestLine = 64 * 1024

/** Receives text in pieces of any size and passes on lines without their ends. A carriage return ends a line too: progress bars use it. */
export class OutputLines {
  #rest = ''
  /** Whether the last piece ended in a carriage return, whose line feed may come with the next one. */
  #returned = false

  constructor(private readonly receive: (line: string) => void) {}

  push(piece: string): void {
    const text = this.#returned && piece.startsWith('\n') ? piece.slice(1) : piece
    if (piece !== '') this.#returned = text.endsWith('\r')
    let start = 0
    // Only the new piece is searched: the rest has no end of line.
    for (const { 0: end, index } of text.matchAll(/\r\n?|\n/g)) {
      this.#append(text.slice(start, index))
      this.#passRest()
      start = index + end.length
    }
    this.#append(text.slice(start))
  }

  /** The program ends: what is there is the last line. */
  end(): void {
    if (this.#rest !== '') this.#passRest()
  }

  #append(text: string): void {
    this.#rest += text
    while (this.#rest.length > longestLine) {
      const next = this.#rest.slice(longestLine)
      this.#rest = this.#rest.slice(0, longestLine)
      this.#passRest()
      this.#rest = next
    }
  }

  #passRest(): void {
    const line = this.#rest
    this.#rest = ''
    try {
      this.receive(line)
    } catch (error) {
      // An uncaught exception, as it would be in any event handler; the lines that follow are not lost.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
