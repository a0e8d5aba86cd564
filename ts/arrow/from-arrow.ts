/* Describes `apache-arrow` tables for Python: the memory of their arrays, from where each begins, and without what lies behind its end. */
import type { Data, DataType, RecordBatch, Schema, Vector } from 'apache-arrow'
import { checkNames } from '../call/options'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { ArrowModule, FromArrowOptions } from '../types/arrow'
import { arrowModule } from './arrow-module'
import { alignedBits } from './bits'
import { none, TableKind, type NodeToPython, type TableToPython } from './message'

const optionNames: ReadonlySet<string> = new Set(['to', 'arrow'])
const targets: readonly unknown[] = ['pyarrow', 'pandas', 'polars']

/** The arguments of the request that makes a Python table of one of JavaScript's. */
export function tableArguments(data: unknown, options: FromArrowOptions = {}): readonly unknown[] {
  checkNames(options, optionNames)
  const { to = 'pyarrow' } = options
  if (!targets.includes(to)) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`to\` must be 'pyarrow', 'pandas' or 'polars', but got ${described(to)}`,
    )
  }
  return [new TableDescription(arrowModule(options.arrow)).of(data), to]
}

/** An array, as far as it is looked at here: the types of `apache-arrow` say little of one whose type is not known beforehand. */
interface ArrayParts extends Pick<Data<DataType>, 'typeId' | 'length' | 'offset' | 'stride' | 'nullCount'> {
  readonly nullBitmap?: Uint8Array
  readonly valueOffsets?: Int32Array | BigInt64Array
  readonly values?: ArrayBufferView & { readonly BYTES_PER_ELEMENT: number }
  readonly typeIds?: Int8Array
  /** A version of `apache-arrow` without views of strings has none. */
  readonly variadicBuffers?: readonly Uint8Array[]
  readonly children: readonly ArrayParts[]
  readonly dictionary?: Vector<DataType>
  slice(offset: number, length: number): ArrayParts
}

class TableDescription {
  readonly #arrow: ArrowModule
  readonly #dictionaries: (readonly NodeToPython[])[] = []
  readonly #numbers = new Map<Vector<DataType>, number>()

  constructor(arrow: ArrowModule) {
    this.#arrow = arrow
  }

  of(data: unknown): TableToPython {
    const { Table, RecordBatch, Vector } = this.#arrow
    if (data instanceof Table) return this.#table(TableKind.table, data.schema, data.batches)
    if (data instanceof RecordBatch) return this.#table(TableKind.recordBatch, data.schema, [data])
    if (data instanceof Vector) return this.#vector(data)
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`fromArrow\` takes a Table, RecordBatch or Vector of apache-arrow, but got ${described(data)}${foreign(data)}`,
    )
  }

  #table(kind: TableKind, schema: Schema, batches: readonly RecordBatch[]): TableToPython {
    const described = batches.map(({ data, numRows }) => {
      const children = data.children as readonly ArrayParts[]
      const columns = schema.fields.map(({ name }, index) => this.#column(children[index], numRows, name))
      return [numRows, columns] as const
    })
    return [kind, this.#schema(schema), described, this.#dictionaries]
  }

  #vector(vector: Vector): TableToPython {
    const { Field, Schema } = this.#arrow
    const chunks = chunksOf(vector).map((data) => [data.length, [this.#node(data, data.length)]] as const)
    return [
      TableKind.vector,
      this.#schema(new Schema([new Field('', vector.type as DataType, true)])),
      chunks,
      this.#dictionaries,
    ]
  }

  #schema(schema: Schema): Uint8Array {
    return this.#arrow.tableToIPC(new this.#arrow.Table(schema), 'stream')
  }

  #column(data: ArrayParts | undefined, rows: number, name: string): NodeToPython {
    if (data !== undefined && data.length >= rows) return this.#node(data, rows)
    const path = `table.${name}`
    const got = data === undefined ? 'none' : `one of ${data.length}`
    throw new BridgeError('ERR_CONVERSION', `${path}: expected a column of ${rows} rows, got ${got}`, { path })
  }

  /** The first `length` values of an array. */
  #node(data: ArrayParts, length: number): NodeToPython {
    // Of an empty array `apache-arrow` may have left out what is inside of it.
    if (length === 0 && data?.dictionary === undefined) return [0, [], [], none]
    const { Type } = this.#arrow
    const { values, valueOffsets, typeIds, variadicBuffers = [], stride, children, offset } = data
    const validity = data.nullCount > 0 && data.nullBitmap ? alignedBits(data.nullBitmap, offset, length) : null
    switch (data.typeId) {
      case Type.Null:
        return [length, [], [], none]
      case Type.Bool:
        return [
          length,
          [validity, values === undefined ? null : alignedBits(bytesOf(values), offset, length)],
          [],
          none,
        ]
      case Type.Utf8:
      case Type.Binary:
      case Type.LargeUtf8:
      case Type.LargeBinary: {
        const { begin, end, offsets } = rebased(valueOffsets, length)
        const bytes = values === undefined ? empty : bytesOf(values).subarray(begin, end)
        return [length, [validity, offsets, bytes], [], none]
      }
      case Type.Utf8View:
      case Type.BinaryView:
        return [length, [validity, firstBytes(values, length * stride), ...variadicBuffers], [], none]
      case Type.List:
      case Type.LargeList:
      case Type.Map: {
        const { begin, end, offsets } = rebased(valueOffsets, length)
        return [length, [validity, offsets], [this.#part(children[0]!, begin, end)], none]
      }
      case Type.FixedSizeList:
        return [length, [validity], [this.#part(children[0]!, 0, length * stride)], none]
      case Type.Struct:
        return [length, [validity], children.map((child) => this.#part(child, 0, length)), none]
      case Type.Union: {
        const ids = firstBytes(typeIds, length)
        if (valueOffsets === undefined) {
          return [length, [null, ids], children.map((child) => this.#part(child, 0, length)), none]
        }
        const offsets = firstBytes(valueOffsets, length * valueOffsets.BYTES_PER_ELEMENT)
        return [length, [null, ids, offsets], children.map((child) => this.#node(child, child.length)), none]
      }
      case Type.Dictionary:
        return [length, [validity, firstElements(values, length)], [], this.#dictionary(data.dictionary!)]
      default:
        return [length, [validity, firstElements(values, length * stride)], [], none]
    }
  }

  #part(child: ArrayParts, begin: number, end: number): NodeToPython {
    return this.#node(begin === 0 ? child : child.slice(begin, end - begin), end - begin)
  }

  #dictionary(vector: Vector<DataType>): number {
    let number = this.#numbers.get(vector)
    if (number === undefined) {
      const chunks = chunksOf(vector).map((data) => this.#node(data, data.length))
      number = this.#dictionaries.push(chunks) - 1
      this.#numbers.set(vector, number)
    }
    return number
  }
}

function chunksOf(vector: Vector): readonly ArrayParts[] {
  return vector.data as readonly ArrayParts[]
}

const empty = new Uint8Array(0)

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function firstBytes(view: ArrayBufferView | undefined, size: number): Uint8Array {
  return view === undefined ? empty : bytesOf(view).subarray(0, size)
}

function firstElements(
  view: (ArrayBufferView & { readonly BYTES_PER_ELEMENT: number }) | undefined,
  count: number,
): Uint8Array {
  return view === undefined ? empty : firstBytes(view, count * view.BYTES_PER_ELEMENT)
}

interface Rebased {
  readonly begin: number
  readonly end: number
  /** Offsets that begin with 0. */
  readonly offsets: Uint8Array
}

/** Which part of what the offsets lead to belongs to the array, and offsets into that part. */
function rebased(valueOffsets: Int32Array | BigInt64Array | undefined, length: number): Rebased {
  if (valueOffsets === undefined || valueOffsets.length === 0) return { begin: 0, end: 0, offsets: empty }
  const begin = Number(valueOffsets[0])
  // Where there are too few offsets, Python says so.
  const end = Number(valueOffsets[Math.min(length, valueOffsets.length - 1)])
  const own = valueOffsets.subarray(0, length + 1)
  if (begin === 0) return { begin, end, offsets: bytesOf(own) }
  const moved = own instanceof BigInt64Array ? own.map((at) => at - BigInt(begin)) : own.map((at) => at - begin)
  return { begin, end, offsets: bytesOf(moved) }
}

/** What to say of a table whose class is another copy's. */
function foreign(data: unknown): string {
  const looksLikeTable =
    typeof data === 'object' && data !== null && ('schema' in data || 'type' in data) && 'data' in data
  return looksLikeTable ? ', perhaps of another copy of apache-arrow; give that module as the option `arrow`' : ''
}
