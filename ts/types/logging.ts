/* Records of Python's `logging`. */

/** The names of Python's own levels. */
export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'

/** One record of Python's `logging`, with its message formatted. */
export interface LogRecord {
  /** The name of the logger, such as `urllib3.connectionpool`. */
  readonly name: string
  /** The name of its level; programs may add levels to Python's own. */
  readonly level: LogLevel | (string & {})
  /** Its level as a number: 10, 20, 30, 40, 50 for Python's own. */
  readonly levelNumber: number
  /** The message with its arguments in place. */
  readonly message: string
  /** When it was made, in milliseconds since 1970, as `Date.now()` counts. */
  readonly time: number
  /** The path of the source file. */
  readonly file: string
  /** The line there. */
  readonly line: number
  /** The function there. */
  readonly function: string
  /** The name of the Python thread. */
  readonly thread: string
  /** The name of the asyncio task, if there was one; from Python 3.12. */
  readonly task?: string
  /** The traceback of the exception that came with it (`logger.exception`). */
  readonly exception?: string
  /** The stack that came with it (`stack_info=True`). */
  readonly stack?: string
  /** What the program added (`extra={…}`): plain data as it is, anything else as the text of its `repr`. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** Which log records a function gets. */
export interface LoggingOptions {
  /**
   * Gets each record that reaches Python's root logger, in order, without Python waiting for it. An exception that it throws is an
   * uncaught one. At most 10,000 records or 16 MiB wait for it; how many were dropped beyond that, a record of the logger
   * `symphony_bridge.logging` says, as `extra.dropped`.
   */
  readonly handler: (record: LogRecord) => void
  /** The level that Python's root logger is set to: a name or a number. @default Python's own, `'WARNING'` */
  readonly level?: LogLevel | number | undefined
  /** Also what Python's `warnings` would print, as records of the logger `py.warnings`. @default false */
  readonly warnings?: boolean | undefined
  /**
   * Also exceptions that nobody catches in Python's threads and finalizers, as errors of the logger `symphony_bridge.uncaught`, in the
   * place of text on `sys.stderr`.
   * @default false
   */
  readonly uncaught?: boolean | undefined
}
