/* Where Python lives: in this process, or in one of its own. */
import { errorFromProblem } from '../errors/from-native'
import type { CoreInfo, Port } from '../native/core'
import type { PortListener } from '../native/connection'
import type { Info } from '../types/python'

/** What differs between the two, for one core each. */
export interface Residence {
  readonly mode: Info['mode']
  /** Whether Python runs there. */
  isRunning(): boolean
  /** Starts Python and waits. `begins` is called before, unless somebody else has started it. */
  startSync(config: string, begins: () => void): void
  start(config: string, begins: () => void): Promise<void>
  /** Attaches this environment. */
  join(listener: PortListener): void
  info(): CoreInfo
  /** Ends Python, softly at first, in so many milliseconds at most. */
  stop(milliseconds: number): Promise<void>
  /** The same; what Python says meanwhile comes through `port`, since no event does. */
  stopSync(milliseconds: number, port: Port): void
}

/** Runs what reports a problem as JSON to a callback. */
export async function reported(start: (done: (problem: string | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    start((problem) => {
      if (problem === null) resolve()
      else reject(errorFromProblem(JSON.parse(problem)))
    })
  })
}

/** Runs what throws a problem of the native side. */
export function guarded<T>(action: () => T): T {
  try {
    return action()
  } catch (problem) {
    throw errorFromProblem(problem)
  }
}
