/* What the operating system knows of processes; Linux only, as Conductors are. */
import { readdirSync, readFileSync } from 'node:fs'
import { eventually } from './eventually'

/** What `/proc` says of a process: `undefined` once it is gone. A process that has ended and was not waited for is a zombie, state `Z`. */
export function processState(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it may contain anything.
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: state!, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** Resolves when they are all gone, zombies included; the timeout of the test ends the wait. */
export async function gone(...pids: readonly number[]): Promise<void> {
  await eventually(() => pids.every((pid) => processState(pid) === undefined), true)
}

/** The processes whose parent this one is. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && processState(pid)?.parent === parent)
}

/** What a process must not lose for good: open files, threads, children. */
export function possessions(): { readonly descriptors: number; readonly threads: number; readonly children: number } {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    children: childrenOf(process.pid).length,
  }
}
