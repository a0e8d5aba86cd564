/* Calls a function for Python with numbers, booleans and `null` from the registers of the mailbox, and puts the result there. Which of
   them a call is, is for `direct_call.rs` to say; everything else goes by `answerQuestion`, and so does all that another process asks. */
import { isBorrowing } from '../arrays/borrow'
import { asTheyAre } from '../codec/conversion'
import { environment } from '../native/environment'
import {
  argumentNumber,
  countWord,
  detailWord,
  Kind,
  kindWord,
  outboxWord,
  resultNumber,
  tagsWord,
  targetWord,
} from '../native/mailbox'
import { awaitable } from './answer'
import { Status, writeThrown } from './answer-writer'
import type { HeldObject } from './held-object'

type Register = number | boolean | null

const { words, numbers } = environment

/** Never throws, except where the stack is at its end. */
export function callDirectly(): void {
  const held = environment.heldObjects.get(words[targetWord]! >>> 0)
  if (held === undefined || held.passage.convert !== asTheyAre || isBorrowing()) {
    words[kindWord] = Kind.indirect
    return
  }
  if (words[outboxWord] !== 0) environment.leaveOutbox()
  let result: unknown
  try {
    result = called(held.object as (...args: Register[]) => unknown)
  } catch (error) {
    give(held, Status.thrown, error)
    return
  }
  if (typeof result === 'number') {
    numbers[resultNumber] = result
    words[kindWord] = Kind.number
  } else if (result === undefined || result === null) {
    words[kindWord] = Kind.none
  } else if (typeof result === 'boolean') {
    words[detailWord] = result ? 1 : 0
    words[kindWord] = Kind.boolean
  } else {
    give(held, Status.value, result)
  }
}

function called(callee: (...args: Register[]) => unknown): unknown {
  const tags = words[tagsWord]!
  const count = words[countWord]!
  if (tags === 0) {
    if (count === 1) return callee(numbers[argumentNumber]!)
    if (count === 2) return callee(numbers[argumentNumber]!, numbers[argumentNumber + 1]!)
  }
  if (count === 0) return callee()
  const args: Register[] = []
  for (let index = 0; index < count; index += 1) args.push(register(index, (tags >> (2 * index)) & 3))
  return callee(...args)
}

function register(index: number, tag: number): Register {
  return tag === 0 ? numbers[argumentNumber + index]! : tag === 1 ? null : tag === 3
}

/** Leaves what does not fit a register in the outbox. */
function give(held: HeldObject, status: Status, value: unknown): void {
  environment.answers.send(
    (writer) => {
      if (status === Status.value) {
        try {
          writer.writeAnswer(status, awaitable(value), held.usablePassage)
          return
        } catch (error) {
          value = error
        }
      }
      writeThrown(writer, value, held)
    },
    (length, named) => {
      let number = 0
      if (named !== undefined) {
        number = environment.port.answerNumber()
        environment.answers.pin(number, named)
      }
      words[detailWord] = length
      words[detailWord + 1] = number
      words[kindWord] = Kind.value
      return length
    },
  )
}
