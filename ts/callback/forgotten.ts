/* What Python does not need any more: objects, answers, iterators in the middle. */
import { Forgotten } from '../native/core'
import { environment } from '../native/environment'
import { answerWasRead } from './answer-writer'
import { forgetUnlessHeld, heldById } from './held-object'
import { closeAbandoned } from './iteration'

/** The core says that Python is done with something; which number that is depends on the kind. */
export function forgotten(kind: Forgotten, number: number): void {
  if (kind === Forgotten.dropped) forgetUnlessHeld(number)
  else if (kind === Forgotten.read) answerWasRead(number)
  else {
    const held = heldById(number)
    environment.port.objectArrived(number)
    if (held !== undefined) {
      closeAbandoned(held)
      held.forgetUnlessHeld()
    }
  }
}
