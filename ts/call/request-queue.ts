/* The requests of one tick leave as one batch; their outcomes come back in batches too. */
import { type CallState } from '../errors/bridge-error'
import { errorFromNative, relocated, withStackFrom } from '../errors/from-native'
import { type HandleState } from '../handle/state'
import { Cancellation } from '../native/core'
import type { Connection } from '../native/connection'
import { Call, type CallQueue } from './call'
import { wantedStreams } from './call-output'
import { CallWatch, cancelled, type MakeWatchError } from './call-watch'
import { PendingCalls } from './pending-calls'
import { isReturned, returnsFor, Operation, type OperationNumber } from './operation'
import type { Step } from './path'
import { convertFlag, flagsOffset, RequestWriter, type Named, type NamedOne, type Request } from './request-writer'
import { decodeErrorValue, decodeValue, type ErrorValue } from './result-decoder'
import { validate, type Validated } from './schema'
import type { CallContext } from './scope'
import { sessionClosed } from './thread'

/**
 * A batch that is larger than this leaves when the next request is there: about 200 small calls, so that Python begins with the first
 * ones of many while the others are still being written.
 */
const batchBytes = 8 * 1024
const largestId = 0xffff_ffff
/** How long a call on a thread may take to end after it was interrupted, before its promise rejects without that; milliseconds. */
const grace = 100

/** How a completion says what became of a request. */
const Status = { value: 0, error: 1, kept: 2, item: 3, thrown: 4, end: 5, failed: 6, exact: 7 } as const

/** The requests of one connection. */
export class RequestQueue implements CallQueue {
  readonly #connection: Connection
  readonly #pending = new PendingCalls()
  #writer: RequestWriter
  #batch: Call[] = []
  #scheduled = false
  #writing = 0
  /** Whether the batch holds calls that are not wanted any more. */
  #withdrawn = false
  #lastId = 0
  readonly #send = (): void => this.flush()
  /** Requests that were started while another one was being written. */
  #before: { readonly call: Call; readonly bytes: Uint8Array }[] = []
  readonly #apart: RequestWriter[] = []
  /** What requests named when Python was stopped. A thread may still begin with one of them, until Python has come to its end. */
  readonly #unread: Named[] = []

  constructor(connection: Connection) {
    this.#connection = connection
    this.#writer = this.#newWriter()
  }

  /** Starts a request. Never throws: what goes wrong rejects the call. */
  start(
    context: CallContext,
    operation: OperationNumber,
    target: HandleState | Call | undefined,
    steps: readonly Step[],
    args: readonly unknown[],
    named: object | undefined,
  ): Call {
    const call = new Call(this.#nextId(), context, this)
    const { scope, options } = context
    // Its outcome is used, whatever becomes of this call.
    if (target instanceof Call) target.continue()
    try {
      if (scope.ended) throw sessionClosed()
      const connection = this.#connection
      if (connection.closed) connection.port.submit(0)
      if (options.signal?.aborted) throw cancelled(options.signal, 'not started')
      const resolved = target instanceof Call ? target.resolvedTarget() : target
      const convert = options.convert ?? connection.conversion
      call.operation = operation
      const returns = isReturned(operation) ? returnsFor(call.arrival, options.returns) : 0
      this.#enqueue(call, {
        id: call.id,
        session: scope.session,
        operation,
        returns,
        target: resolved,
        steps,
        args,
        named,
        convert,
        streams: wantedStreams(options.output),
        scope,
      })
      if (options.output !== undefined) this.#connection.outputs.open(call.id, options.output)
    } catch (error) {
      const refusal = relocated(error, this.start) as Error
      call.fail(() => refusal)
      return call
    }
    call.watch = CallWatch.start(options, (makeError, isOverdue) => this.giveUp(call, makeError, isOverdue))
    return call
  }

  setConversion(call: Call, convert: boolean): void {
    const written =
      call.offset === apart ? this.#before.find((one) => one.call === call)?.bytes : this.#writer.encoder.bytes
    if (written === undefined) return
    const at = Math.max(call.offset, 0) + flagsOffset
    written[at] = convert ? written[at]! | convertFlag : written[at]! & ~convertFlag
  }

  /** Hands the batch over now. */
  flush(): void {
    // In the middle of a request: a getter of an argument called Python. The batch leaves as it would have.
    if (this.#writing > 0) return
    this.#scheduled = false
    const connection = this.#connection
    connection.sendRequests = undefined
    if (this.#withdrawn) this.#takeOutWithdrawn()
    const batch = this.#batch
    if (batch.length === 0) return
    if (!connection.attached) {
      this.#startThenFlush()
      return
    }
    const { encoder } = this.#writer
    this.#batch = []
    connection.port.submit(connection.fillOutbox(encoder.bytes, encoder.position))
    this.#writer.clear()
    connection.trimOutbox()
    for (const call of batch) {
      call.status = 'submitted'
      call.stream?.submitted()
    }
  }

  /** Completions from the core: see native-interface.md. */
  completed(batch: Uint8Array): void {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
    let position = 0
    while (position < batch.length) {
      const end = position + 4 + view.getUint32(position, true)
      const id = view.getUint32(position + 4, true)
      this.#complete(id, view.getUint8(position + 8), batch, position + 9, end)
      position = end
    }
  }

  /** Rejects everything that is under way, for the end of Python; `reasonOf` gives what makes the error of a call. */
  failAll(reasonOf: (call: Call) => () => Error): void {
    const calls = this.#pending.takeAll()
    this.#batch = []
    this.#writer.clear()
    for (const call of calls) {
      this.#unread.push(call.named)
      this.#letGo(call)
      if (call.status === 'queued') this.#connection.outputs.close(call.id)
      if (call.abandoned) continue
      const makeError = reasonOf(call)
      call.fail((boundary) => withStackFrom(makeError(), boundary))
    }
  }

  #complete(id: number, status: number, bytes: Uint8Array, start: number, end: number): void {
    const call = this.#pending.get(id)
    if (call === undefined) return
    if (status === Status.item || status === Status.thrown || status === Status.exact) {
      this.#stream(call, status, bytes, start, end)
      return
    }
    this.#pending.delete(id)
    const { scope, options } = call.context
    // Its lines come before its outcome.
    if (options.output !== undefined) this.#connection.outputs.settle(id)
    if (status === Status.kept) {
      this.#connection.port.guardRequest(id, call)
      if (!call.abandoned) call.keep()
    } else {
      try {
        if (status === Status.error || status === Status.failed) {
          const value = decodeErrorValue(bytes, start, end, scope)
          if (!call.abandoned) this.#fail(call, value)
        } else if (status === Status.end) {
          const { unwanted } = call
          if (unwanted === undefined) call.fulfil(undefined)
          else if (!call.abandoned) call.fail((boundary) => withStackFrom(unwanted('cancelled'), boundary))
        } else {
          // Nobody wants to see a rule run for a call that was given up.
          const arrival = call.abandoned ? 'handles' : call.arrival
          const value = decodeValue(bytes, start, end, scope, call.convert, arrival)
          if (!call.abandoned) this.#fulfil(call, value)
        }
      } catch (error) {
        // What JavaScript cannot hold is the failure of this call alone; the others of the batch have theirs.
        if (!call.abandoned) call.fail((boundary) => withStackFrom(error as Error, boundary))
      }
      // After the schema, which may want the core to remember it.
      call.delivered()
    }
    this.#letGo(call)
  }

  /** Something of a stream, which goes on. */
  #stream(call: Call, status: number, bytes: Uint8Array, start: number, end: number): void {
    const { stream } = call
    if (stream === undefined) return
    if (call.abandoned) {
      // Nobody wants it, and what it holds is given back.
      if (status === Status.item) decodeValue(bytes, start, end, call.context.scope, call.convert, 'handles')
      return
    }
    if (status !== Status.item) {
      if (status === Status.thrown) stream.thrown()
      else stream.exact()
      return
    }
    let item: unknown
    try {
      item = decodeValue(bytes, start, end, call.context.scope, call.convert, call.arrival)
    } catch (error) {
      stream.itemFailed((boundary) => withStackFrom(error as Error, boundary))
      return
    }
    stream.item(item, end - start)
  }

  /** With what the core says; that the call was cancelled is told in the words of who wanted that. */
  #fail(call: Call, value: ErrorValue): void {
    const { unwanted } = call
    const makeError =
      unwanted !== undefined && value[0] === 'ERR_CANCELLED'
        ? () => unwanted('cancelled')
        : () => errorFromNative(value)
    call.fail((boundary) => withStackFrom(makeError(), boundary))
  }

  /** With the value, or with what the schema makes of it. */
  #fulfil(call: Call, value: unknown): void {
    const { schema } = call
    if (schema === undefined) {
      call.fulfil(value)
      return
    }
    const settle = (validated: Validated): void => {
      if (call.abandoned) return
      if ('error' in validated) call.fail((boundary) => withStackFrom(validated.error, boundary))
      else call.fulfil(validated.value)
    }
    // What the schema's own code throws is the program's.
    const fail = (error: unknown): void => {
      if (!call.abandoned) call.fail(() => error as Error)
    }
    try {
      const validated = validate(schema, value)
      if (!(validated instanceof Promise)) {
        settle(validated)
        return
      }
      // Until then the call has not settled, and others may name it.
      call.hold()
      void validated.then(settle, fail).finally(() => call.letGo())
    } catch (error) {
      fail(error)
    }
  }

  #enqueue(call: Call, request: Request): void {
    if (this.#writing > 0) {
      this.#enqueueBefore(call, request)
      return
    }
    const { encoder } = this.#writer
    const start = encoder.position
    this.#writing = 1
    try {
      this.#writer.write(request)
      this.#add(call, start, this.#writer.takeNamed())
    } finally {
      this.#writing = 0
      if (this.#before.length > 0) this.#insertBefore(start)
    }
    if (start > batchBytes && call.offset === start && !namesQueued(call.named)) this.#flushBefore(call)
  }

  /**
   * Hands over what was written before the last call. Not in front of one that names another of the batch: while that is in the
   * batch, it may turn out that nobody wants its outcome converted.
   */
  #flushBefore(call: Call): void {
    const { encoder } = this.#writer
    const last = encoder.bytes.slice(call.offset, encoder.position)
    encoder.position = call.offset
    this.#batch.pop()
    this.flush()
    const start = this.#writer.encoder.position
    this.#writer.encoder.reserve(last.length)
    this.#writer.encoder.bytes.set(last, start)
    this.#writer.encoder.position = start + last.length
    call.offset = start
    this.#push(call)
  }

  /**
   * Writing a request can start others: that of a path among its arguments, or any call in a getter. Those are written apart
   * and then moved in front of the one that may name them.
   */
  #enqueueBefore(call: Call, request: Request): void {
    const writer = (this.#apart[this.#writing - 1] ??= this.#newWriter())
    this.#writing += 1
    try {
      writer.write(request)
      const { bytes, position } = writer.encoder
      // A copy: `slice` of a Buffer would share its memory.
      this.#before.push({ call, bytes: new Uint8Array(bytes.subarray(0, position)) })
      this.#add(call, apart, writer.takeNamed())
    } finally {
      this.#writing -= 1
      writer.clear()
    }
  }

  #insertBefore(start: number): void {
    const before = this.#before
    this.#before = []
    const { encoder } = this.#writer
    const size = before.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const end = encoder.position
    encoder.reserve(size)
    encoder.bytes.copyWithin(start + size, start, end)
    encoder.position = end + size
    for (const call of this.#batch) if (call.offset === start) call.offset += size
    let position = start
    for (const { call, bytes } of before) {
      encoder.bytes.set(bytes, position)
      call.offset = position
      position += bytes.length
    }
  }

  #add(call: Call, offset: number, named: Named): void {
    call.offset = offset
    call.named = named
    this.#pending.set(call.id, call)
    if (call.operation !== Operation.stream) call.context.scope.begin?.()
    this.#push(call)
  }

  #push(call: Call): void {
    this.#batch.push(call)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#connection.sendRequests = this.#send
    // A reaction costs a third of what `queueMicrotask` does, which keeps an asynchronous context.
    void resolved.then(this.#send)
  }

  /** The core is done with a request, and so with what it named. */
  #letGo(call: Call): void {
    // A stream may rest for ever, and what waits for the end of calls need not wait for it.
    if (call.operation !== Operation.stream) call.context.scope.end?.()
    clearTimeout(call.grace)
    const { named } = call
    if (named === undefined) return
    call.named = undefined
    if (named instanceof Array) for (const one of named) one.letGo()
    else named.letGo()
  }

  /**
   * A call is not wanted any more. While it is in the batch, it is taken out before that leaves, and it leaves the core's queue if
   * it has not started. What runs is interrupted: a task ends as it likes, while a thread has a moment to end. In a process that may be
   * killed, both have some time, and then it is.
   */
  giveUp(call: Call, makeError: MakeWatchError, isOverdue: boolean): void {
    if (call.status === 'queued') {
      this.#withdrawn = true
      abandon(call, makeError, 'not started')
      return
    }
    const done = call.status !== 'submitted' || this.#pending.get(call.id) !== call
    const { port, kill } = this.#connection
    const cancellation = done ? Cancellation.tooLate : port.cancel(call.id, kill !== undefined && isOverdue)
    if (cancellation === Cancellation.notStarted) {
      this.#pending.delete(call.id)
      call.release()
      this.#letGo(call)
      abandon(call, makeError, 'not started')
    } else if (done) {
      // Only a schema still looks at its outcome.
      abandon(call, makeError, undefined)
    } else {
      call.unwanted = makeError
      const killAfter = this.#killAfter(call)
      // What another process says comes to `cancelled`.
      if (killAfter !== undefined) call.grace = setTimeout(kill!, killAfter)
      else if (cancellation === Cancellation.onThread) this.#beginGrace(call, makeError)
    }
  }

  /** What became of the wish to cancel a request, where that takes a while to be known. */
  cancelled(id: number, place: number): void {
    const call = this.#pending.get(id)
    const makeError = call?.unwanted
    if (call === undefined || makeError === undefined) return
    if (place === Cancellation.notStarted) {
      this.#pending.delete(id)
      call.release()
      this.#letGo(call)
      abandon(call, makeError, 'not started')
    } else if (place === Cancellation.onThread && this.#killAfter(call) === undefined) {
      this.#beginGrace(call, makeError)
    }
  }

  /** After how many milliseconds the process of a call is killed that does not end; `undefined` if it is not. */
  #killAfter(call: Call): number | undefined {
    const { kill, killAfter } = this.#connection
    if (kill === undefined) return undefined
    const after = call.context.options.killAfter ?? killAfter
    return after === Infinity ? undefined : after
  }

  #beginGrace(call: Call, makeError: MakeWatchError): void {
    call.grace = setTimeout(() => this.#endGrace(call, makeError), grace)
  }

  #endGrace(call: Call, makeError: MakeWatchError): void {
    // It may have come to an end, of which the completion is on its way, or to something that is awaited.
    if (this.#connection.port.cancelledPlace(call.id) === Cancellation.onThread)
      abandon(call, makeError, 'still running')
  }

  /** Closes the gaps that withdrawn calls leave in the batch. A call that names one of them fails as that did. */
  #takeOutWithdrawn(): void {
    this.#withdrawn = false
    const { encoder } = this.#writer
    const batch = this.#batch
    this.#batch = []
    const out = new Set<Call>()
    let position = 0
    for (const call of batch) {
      const { offset, named } = call
      const size = 4 + encoder.view.getUint32(offset, true)
      const lost = (named instanceof Array ? named : [named]).find((one) => out.has(one as Call)) as Call | undefined
      if (lost === undefined && !call.abandoned) {
        encoder.bytes.copyWithin(position, offset, offset + size)
        call.offset = position
        position += size
        this.#batch.push(call)
        continue
      }
      out.add(call)
      this.#pending.delete(call.id)
      this.#connection.outputs.close(call.id)
      if (!call.abandoned && lost !== undefined) call.fail((boundary) => lost.error(boundary))
      call.release()
      this.#letGo(call)
    }
    encoder.position = position
  }

  #startThenFlush(): void {
    this.#connection.start().then(
      () => this.flush(),
      (error: unknown) => this.failAll(() => () => error as Error),
    )
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === largestId ? 1 : this.#lastId + 1
    while (this.#pending.get(this.#lastId) !== undefined || this.#connection.outputs.has(this.#lastId))
    return this.#lastId
  }

  #newWriter(): RequestWriter {
    return new RequestWriter(this.#connection, { mayWait: true })
  }
}

/** Nobody waits for a call any more; whatever comes of it is thrown away. */
function abandon(call: Call, makeError: MakeWatchError, state: CallState | undefined): void {
  call.abandoned = true
  call.fail((boundary) => withStackFrom(makeError(state), boundary))
}

/** Whether a request names one that has not been handed over. */
function namesQueued(named: Named): boolean {
  if (named instanceof Array) return named.some(isQueued)
  return named !== undefined && isQueued(named)
}

function isQueued(named: NamedOne): boolean {
  return named instanceof Call && named.status === 'queued'
}

const resolved = Promise.resolve()
/** The offset of a request that has been written apart from the batch. */
const apart = -1
