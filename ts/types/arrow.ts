/* What Arrow tables are to JavaScript: those of `apache-arrow`, an optional peer dependency. */
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- an error where it is expected would be one where the package is installed
// @ts-ignore `any` in the place of these types, where `apache-arrow` is not installed
import type * as apacheArrow from 'apache-arrow'

/** The module `apache-arrow`, as `import * as arrow from 'apache-arrow'` gives it. */
export type ArrowModule = typeof apacheArrow

/** What `$toArrow` gives and `fromArrow` takes. */
export type ArrowData = apacheArrow.Table | apacheArrow.RecordBatch | apacheArrow.Vector

/** The table that `$toArrow` gives unless it is told another type. */
export type ArrowTable = apacheArrow.Table

/** Options of `$toArrow`. */
export interface ToArrowOptions {
  /**
   * The copy of `apache-arrow` whose classes the result has.
   * @default the installed one: what `import`, or in a program that requires this package `require`, gives of it
   */
  readonly arrow?: ArrowModule | undefined
  /**
   * Of a pandas DataFrame: whether its index becomes a column.
   * @default as pyarrow does: an index that only counts the rows is remembered in the metadata, any other becomes a column
   */
  readonly preserveIndex?: boolean | undefined
}

/** Options of `fromArrow`. */
export interface FromArrowOptions {
  /**
   * Of which library the result is.
   * @default 'pyarrow': a `pyarrow.Table`, `pyarrow.RecordBatch`, or for a vector a `pyarrow.ChunkedArray`
   */
  readonly to?: 'pyarrow' | 'pandas' | 'polars' | undefined
  /** The copy of `apache-arrow` that made the table. @default as that of `$toArrow` */
  readonly arrow?: ArrowModule | undefined
}
