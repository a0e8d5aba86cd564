/* Tells Python what becomes of promises: of those that it holds, and of what it asked for without waiting. */
import { Settles } from '../native/core'
import type { Connection } from '../native/connection'
import { letGo, Status, writeThrown } from './answer-writer'
import { watchPromisesWith, type HeldObject } from './held-object'

watchPromisesWith((held) => {
  const settled = (status: Status, value: unknown): void => {
    if (held.isHeld) settle(held.connection, Settles.promise, held.id, status, value, held)
  }
  // What is no promise of this realm gets one of its own, which calls its `then`.
  void Promise.prototype.then.call(
    Promise.resolve(held.object),
    (value: unknown) => settled(Status.value, value),
    (error: unknown) => settled(Status.thrown, error),
  )
})

/** Python hears what becomes of a promise that is the answer to a question which nobody waits for. */
export function settleQuestion(
  connection: Connection,
  number: number,
  outcome: Promise<unknown>,
  held: HeldObject | undefined,
): void {
  const settled = (status: Status, value: unknown): void =>
    settle(connection, Settles.question, number, status, value, held)
  outcome.then(
    (value) => settled(value === missing ? Status.missing : Status.value, value),
    (error: unknown) => settled(Status.thrown, error),
  )
}

/** There is no such attribute, key or method. */
export const missing = Symbol('missing')

/** Never throws. */
function settle(
  connection: Connection,
  kind: Settles,
  id: number,
  status: Status,
  value: unknown,
  held: HeldObject | undefined,
): void {
  const { answers } = connection
  if (answers.areWritten) {
    // Reactions of promises that ran in the middle of an answer, as a debugger or `node:vm` may make them: the outbox is in use.
    setImmediate(settle, connection, kind, id, status, value, held)
    return
  }
  answers.send(
    (writer) => {
      if (status === Status.thrown) {
        writeThrown(writer, value, held)
        return
      }
      try {
        writer.writeAnswer(status, status === Status.missing ? null : value, held?.usablePassage)
      } catch (error) {
        writeThrown(writer, error, held)
      }
    },
    (length, named) => {
      const number = connection.port.settle(kind, id, length, named !== undefined)
      // Nobody wants it any more, and so nobody will say that it was read.
      if (number === 0) letGo(named)
      else if (named !== undefined) answers.pin(number, named)
      return 0
    },
  )
}
