/* What Python prints during calls whose options have functions for it. */
import { AsyncResource } from 'node:async_hooks'
import { OutputLines } from './output-lines'

/** The functions of one call. */
export interface OutputFunctions {
  readonly stdout: ((line: string) => void) | undefined
  readonly stderr: ((line: string) => void) | undefined
}

/** Of a piece of text: the number of its stream, or that nothing more will come. */
export type OutputStream = 0 | 1 | 2

type Lines = readonly [stdout: OutputLines | undefined, stderr: OutputLines | undefined]

/**
 * The functions of the calls of one connection by request id, from the moment that a call starts until the core says that nothing of it can print any more: threads
 * that it started may outlive it.
 */
export class CallOutputs {
  readonly #lines = new Map<number, Lines>()

  /** A call starts. Its functions run in the asynchronous context of this moment. */
  open(request: number, { stdout, stderr }: OutputFunctions): void {
    this.#lines.set(request, [linesOf(stdout), linesOf(stderr)])
  }

  /** Whether the functions of a call with this id are still needed. */
  has(request: number): boolean {
    return this.#lines.size > 0 && this.#lines.has(request)
  }

  push(stream: OutputStream, text: string, request: number): void {
    if (stream === 0) this.close(request)
    else this.#lines.get(request)?.[stream - 1]?.push(text)
  }

  /** The call has settled: what there is of a line is the last one. */
  settle(request: number): void {
    for (const lines of this.#lines.get(request) ?? []) lines?.end()
  }

  /** Nothing more will come. */
  close(request: number): void {
    this.settle(request)
    this.#lines.delete(request)
  }

  /** Python was stopped. */
  closeAll(): void {
    for (const request of this.#lines.keys()) this.close(request)
  }
}

function linesOf(receive: ((line: string) => void) | undefined): OutputLines | undefined {
  return receive && new OutputLines(AsyncResource.bind(receive))
}

/** Which streams a call wants for itself, as the core knows it. */
export function wantedStreams(functions: OutputFunctions | undefined): number {
  if (functions === undefined) return 0
  return (functions.stdout === undefined ? 0 : 1) | (functions.stderr === undefined ? 0 : 2)
}
