/* What Python does not need any more: objects, answers, iterators in the middle. */
import type { Connection } from '../native/connection'
import { Forgotten } from '../native/core'
import { closeAbandoned } from './iteration'

/** The core says that Python is done with something; which number that is depends on the kind. */
export function forgotten({ port, answers, heldObjects }: Connection, kind: Forgotten, number: number): void {
  if (kind === Forgotten.read) {
    answers.wasRead(number)
    return
  }
  const held = heldObjects.get(number)
  if (kind === Forgotten.abandoned) {
    port.objectArrived(number)
    if (held !== undefined) closeAbandoned(held)
  }
  held?.forgetUnlessHeld()
}
