/* Stands in for a port where there is none yet, or none any more, so that the hot paths need no check of their own. */
import type { Port } from './core'

/**
 * A port whose functions throw what `makeError` gives. Giving things back stays allowed: there is nothing to give back to.
 *
 * @param describeType what is known of types stays known, so that handles can still be printed
 */
export function unusablePort(makeError: () => Error, describeType?: Port['describeType']): Port {
  const refuse = (): never => {
    throw makeError()
  }
  const ignore = (): void => undefined
  return {
    callNumbers: refuse,
    call: refuse,
    callMethodNumbers: refuse,
    callMethod: refuse,
    getAttribute: refuse,
    operate: refuse,
    name: refuse,
    adopt: refuse,
    find: refuse,
    release: ignore,
    cross: refuse,
    memoryOf: refuse,
    giveBackMemory: ignore,
    shareMemory: refuse,
    blockMemory: refuse,
    copyIn: refuse,
    lend: refuse,
    borrow: refuse,
    endBlock: () => false,
    giveBack: ignore,
    copyOut: refuse,
    bytesObject: refuse,
    sharesMemory: false,
    share: refuse,
    takeShare: refuse,
    keepAlive: ignore,
    keepRequest: ignore,
    releaseRequest: ignore,
    guardRequest: ignore,
    describeType: describeType ?? refuse,
    takeLarge: refuse,
    outbox: refuse,
    submit: refuse,
    cancel: () => 0,
    cancelledPlace: () => 0,
    grant: ignore,
    closeStream: ignore,
    hold: ignore,
    openSession: refuse,
    closeSession: ignore,
    listen: refuse,
    deliverOutput: () => false,
    holdsObject: () => false,
    objectArrived: ignore,
    deliverForgotten: ignore,
    refuseQuestions: ignore,
    settle: () => 0,
    forgetPromise: ignore,
    answerNumber: refuse,
    detach: ignore,
  }
}
