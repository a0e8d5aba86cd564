/* Puts together what the other folders keep of one Python. */
import { Answers } from '../callback/answer-writer'
import { answerQuestion } from '../callback/answer'
import { forgotten } from '../callback/forgotten'
import { HeldObjects } from '../callback/held-object'
import { CallOutputs } from '../call/call-output'
import { RequestQueue } from '../call/request-queue'
import { syncScope } from '../call/result-decoder'
import { loopOf, poolOf } from '../call/scope'
import { TypeDescriptions } from '../handle/type-description'
import { Connection, type ConnectionName, type PortListener } from '../native/connection'
import { environment } from '../native/environment'
import { Kind, kindWord } from '../native/mailbox'

/** A connection to a Python in another process, not attached yet. */
export function newConnection(name: ConnectionName): Connection {
  return equipped(new Connection(name, false))
}

/** What every connection does with what comes back through its port. */
export function commonListener(connection: Connection): Pick<PortListener, 'completed' | 'asked' | 'forgotten'> {
  return {
    completed: (batch) => connection.requests.completed(batch),
    asked: (large, length, number, outboxInUse, ownTurn) =>
      answerQuestion(connection, large, length, number, outboxInUse, ownTurn),
    forgotten: (kind, number) => forgotten(connection, kind, number),
  }
}

/**
 * What a connection to another process does: the rest of what comes back is what it prints besides its calls.
 *
 * @param print gets that text; stream 1 is `stdout`, 2 `stderr`
 */
export function remoteListener(connection: Connection, print: (stream: 1 | 2, text: string) => void): PortListener {
  return {
    ...commonListener(connection),
    printed: (stream, text, request) => {
      if (request !== 0) connection.outputs.push(stream, text, request)
      else if (stream !== 0) print(stream, text)
    },
    // The registers are memory of one process; everything is asked in questions.
    called: () => {
      connection.words[kindWord] = Kind.indirect
    },
    logged: () => undefined,
  }
}

function equipped(connection: Connection): Connection {
  connection.requests = new RequestQueue(connection)
  connection.outputs = new CallOutputs()
  connection.heldObjects = new HeldObjects(connection)
  connection.answers = new Answers(connection)
  connection.types = new TypeDescriptions(connection)
  connection.pool = poolOf(connection)
  connection.loop = loopOf(connection)
  connection.scope = connection.hasSyncViews ? syncScope : connection.pool.scope
  return connection
}

equipped(environment)
