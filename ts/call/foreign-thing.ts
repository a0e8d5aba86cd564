/* What belongs to one Python process and was passed to another one. */
import { BridgeError } from '../errors/bridge-error'
import type { Connection } from '../native/connection'

/** What it is that cannot be passed on. */
export type ForeignThing = 'handle' | 'path' | 'call' | 'exception'

const instead: Readonly<Record<ForeignThing, string>> = {
  handle: 'pass its value (`await handle.$value()`)',
  path: 'await it, and pass its value',
  call: 'await it, and pass its value',
  exception: 'pass what is to be known of it, such as its `message`',
}

/** Objects stay in the process that made them. */
export function ofAnotherPython(path: string, what: ForeignThing, owner: Connection, user: Connection): BridgeError {
  const article = what === 'exception' ? 'an' : 'a'
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `${path}: ${article} ${what} of another Python process: it is of ${owner.name.python}, and this call is for ${user.name.python}; ` +
      `${instead[what]}, or do both in one process`,
    { path },
  )
}
