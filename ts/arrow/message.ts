/* What Python and JavaScript tell each other of a table; `_arrow_out.py` and `_arrow_in.py` are the other side. */

/** What crosses. */
export const TableKind = { table: 0, recordBatch: 1, vector: 2 } as const
export type TableKind = (typeof TableKind)[keyof typeof TableKind]

/** In place of the number of a buffer or a dictionary: there is none. */
export const none = -1

/** An array of Python's. */
export type NodeFromPython = readonly [
  length: number,
  /** Where it begins in its buffers, counted in values; its children begin where it does, unless it finds them by offsets. */
  offset: number,
  nulls: number,
  /** Bytes a value, where all have the same. */
  width: number,
  /** The numbers of its buffers: validity first, then as the Arrow format orders them. */
  buffers: readonly number[],
  children: readonly NodeFromPython[],
  dictionary: number,
]

/** A record batch, or one chunk of a column. */
export type BatchFromPython = readonly [length: number, nodes: readonly NodeFromPython[]]

/** A table of Python's. */
export type TableFromPython = readonly [
  kind: TableKind,
  /** An IPC stream without record batches. */
  schema: Uint8Array,
  batches: readonly BatchFromPython[],
  dictionaries: readonly NodeFromPython[],
  buffers: readonly Uint8Array[],
]

/** An array of JavaScript's; its buffers begin where it does. */
export type NodeToPython = readonly [
  length: number,
  buffers: readonly (Uint8Array | null)[],
  children: readonly NodeToPython[],
  dictionary: number,
]

/** A table of JavaScript's. A dictionary is the list of its chunks. */
export type TableToPython = readonly [
  kind: TableKind,
  schema: Uint8Array,
  batches: readonly (readonly [length: number, nodes: readonly NodeToPython[]])[],
  dictionaries: readonly (readonly NodeToPython[])[],
]
