/* What `python.adopt` makes of what `$share` gave in another thread. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import { errorFromProblem } from '../errors/from-native'
import { environment } from '../native/environment'
import { detailWord } from '../native/mailbox'
import { handlerOf } from './internal'
import { stateOf, type HandleState } from './state'

/** The key of a share; throws for anything else. */
export function shareKey(shared: unknown): string {
  if (typeof shared === 'object' && shared !== null && handlerOf(shared) === undefined) {
    const { symphony, key } = shared as Partial<Record<string, unknown>>
    if (symphony === 'handle' && typeof key === 'string') return key
  }
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    handlerOf(shared) === undefined
      ? `\`adopt\` takes what \`handle.$share()\` gave in another thread, but got ${described(shared)}`
      : '`adopt` takes what `handle.$share()` gave in another thread, but got a handle, path or call of this one',
  )
}

/** Adopts a share. Python runs, and this environment is attached. */
export function adoptedState(key: string): HandleState {
  if (!takeShare(key)) {
    throw new BridgeError(
      'ERR_HANDLE_DISPOSED',
      'there is no handle left to adopt: it was adopted before, or the thread that shared it was terminated, or ended a while ago; ' +
        'each result of `$share()` can be adopted once',
    )
  }
  const { words } = environment
  return stateOf(environment, words[detailWord]!, words[detailWord + 1]!)
}

function takeShare(key: string): boolean {
  try {
    return environment.port.takeShare(key)
  } catch (problem) {
    throw errorFromProblem(problem)
  }
}
