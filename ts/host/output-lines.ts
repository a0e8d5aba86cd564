/* Cuts what Python prints into whole lines for a callback. */

/** Receives text in pieces of any size and passes on lines without their ends. */
export class OutputLines {
  #rest = ''

  constructor(private readonly receive: (line: string) => void) {}

  push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.receive(line.endsWith('\r') ? line.slice(0, -1) : line)
  }

  /** The program ends: what is there is the last line. */
  end(): void {
    if (this.#rest === '') return
    const line = this.#rest
    this.#rest = ''
    this.receive(line)
  }
}
