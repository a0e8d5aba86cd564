/* Python's log records, for the function that the program gave. */
import { asTheyAre } from '../codec/conversion'
import { checkNames } from '../call/options'
import { decodeValue, type ViewScope } from '../call/result-decoder'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { CoreConfig } from '../native/core'
import type { LoggingOptions, LogRecord } from '../types/logging'

const levels = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 } as const
const optionNames: ReadonlySet<string> = new Set(['handler', 'level', 'warnings', 'uncaught'])

/** The `logging` option of `python.start`: a function, or options with one. */
export type Logging = ((record: LogRecord) => void) | LoggingOptions

/** Throws `ERR_INVALID_ARGUMENT` for what cannot be meant. */
export function checkLogging(logging: unknown): asserts logging is Logging {
  if (typeof logging === 'function') return
  if (typeof logging !== 'object' || logging === null)
    throw invalid('logging', 'a function or an object of options', logging)
  checkNames(logging, optionNames)
  const { handler, level, warnings, uncaught } = logging as Record<string, unknown>
  if (typeof handler !== 'function') throw invalid('logging.handler', 'a function', handler)
  if (level !== undefined && !(typeof level === 'string' ? Object.hasOwn(levels, level) : isLevelNumber(level))) {
    const names = Object.keys(levels).map((name) => `'${name}'`)
    throw invalid('logging.level', `one of ${names.join(', ')}, or an integer from 0 to 1000`, level)
  }
  for (const [name, value] of Object.entries({ warnings, uncaught }))
    if (value !== undefined && typeof value !== 'boolean') throw invalid(`logging.${name}`, 'a boolean', value)
}

function isLevelNumber(level: unknown): boolean {
  return Number.isInteger(level) && (level as number) >= 0 && (level as number) <= 1000
}

/** What the core is to know of it. */
export function loggingConfig(logging: Logging): NonNullable<CoreConfig['logging']> {
  const { level, warnings = false, uncaught = false } = typeof logging === 'function' ? {} : logging
  return { level: typeof level === 'string' ? levels[level] : (level ?? null), warnings, uncaught }
}

/** The function that gets the records. */
export function receiverOf(logging: Logging | undefined): ((record: LogRecord) => void) | undefined {
  return typeof logging === 'object' ? logging.handler : logging
}

/** Passes on a batch of records: see native-interface.md. */
export function deliverRecords(batch: Uint8Array, scope: ViewScope, receive: (record: LogRecord) => void): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  for (let position = 0; position < batch.length;) {
    const length = view.getUint32(position, true)
    position += 4
    const record =
      length === 0 ? dropped(view.getUint32(position, true)) : decoded(batch, position, position + length, scope)
    position += length === 0 ? 4 : length
    try {
      receive(record)
    } catch (error) {
      // An uncaught exception, as it would be in any event handler; the records that follow are not lost.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

type Fields = readonly [
  name: string,
  level: string,
  levelNumber: number,
  message: string,
  time: number,
  file: string,
  line: number,
  functionName: string | null,
  thread: string | null,
  task: string | null,
  exception: string | null,
  stack: string | null,
  extra: Readonly<Record<string, unknown>>,
]

function decoded(bytes: Uint8Array, start: number, end: number, scope: ViewScope): LogRecord {
  const fields = decodeValue(bytes, start, end, scope, asTheyAre, 'handles') as Fields
  const [name, level, levelNumber, message, time, file, line, functionName, thread, task, exception, stack, extra] =
    fields
  return {
    name,
    level,
    levelNumber,
    message,
    time,
    file,
    line,
    function: functionName ?? '',
    thread: thread ?? '',
    ...(task === null ? {} : { task }),
    ...(exception === null ? {} : { exception }),
    ...(stack === null ? {} : { stack }),
    extra,
  }
}

function dropped(count: number): LogRecord {
  return {
    name: 'symphony_bridge.logging',
    level: 'WARNING',
    levelNumber: levels.WARNING,
    message: `${count} log records were dropped here, because JavaScript did not take them in time`,
    time: Date.now(),
    file: '',
    line: 0,
    function: '',
    thread: '',
    extra: { dropped: count },
  }
}

function invalid(name: string, expected: string, got: unknown): BridgeError {
  return new BridgeError('ERR_INVALID_ARGUMENT', `\`${name}\` must be ${expected}, but got ${described(got)}`)
}
