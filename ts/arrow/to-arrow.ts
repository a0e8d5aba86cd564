/* Builds `apache-arrow` tables over the memory of Python's. */
import type { Data, DataType, Dictionary, Field, RecordBatch, Schema, Vector } from 'apache-arrow'
import { checkNames } from '../call/options'
import { BridgeError } from '../errors/bridge-error'
import { described } from '../codec/unsupported'
import type { ArrowData, ArrowModule, ToArrowOptions } from '../types/arrow'
import { arrowModule, lackingTypes } from './arrow-module'
import { alignedBits, bytesOfBits } from './bits'
import { schemaOf } from './schemas'
import { none, TableKind, type BatchFromPython, type NodeFromPython, type TableFromPython } from './message'

/** A request for a table, and what makes one of the answer. */
export interface TableRequest {
  readonly args: readonly unknown[]
  build(this: void, answer: unknown): ArrowData
}

const optionNames: ReadonlySet<string> = new Set(['arrow', 'preserveIndex'])

/** The request of `$toArrow`. Throws where `apache-arrow` is missing, before Python does anything. */
export function tableRequest(options: ToArrowOptions = {}): TableRequest {
  checkNames(options, optionNames)
  const { preserveIndex = null } = options
  if (preserveIndex !== null && typeof preserveIndex !== 'boolean') {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`preserveIndex\` must be a boolean, but got ${described(preserveIndex)}`,
    )
  }
  const arrow = arrowModule(options.arrow)
  return {
    args: [lackingTypes(arrow), preserveIndex],
    build: (answer) => new TableBuilder(arrow, answer as TableFromPython).table(),
  }
}

type TypedArrayConstructor = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => ArrayBufferView & ArrayLike<unknown>

class TableBuilder {
  readonly #arrow: ArrowModule
  readonly #message: TableFromPython
  readonly #dictionaries: (Vector | undefined)[] = []

  constructor(arrow: ArrowModule, message: TableFromPython) {
    this.#arrow = arrow
    this.#message = message
  }

  table(): ArrowData {
    const arrow = this.#arrow
    const [kind, stream, batches] = this.#message
    const schema = schemaOf(arrow, stream)
    if (kind === TableKind.vector) return this.#vector(schema.fields[0]!.type as DataType, batches)
    const made = batches.map((batch) => this.#batch(schema, batch))
    return kind === TableKind.table ? new arrow.Table(schema, made) : made[0]!
  }

  #batch(schema: Schema, [length, nodes]: BatchFromPython): RecordBatch {
    const { Data, Struct } = this.#arrow
    const columns = nodes.map((node, index) => this.#data(schema.fields[index]!.type as DataType, node))
    return new this.#arrow.RecordBatch(schema, new Data(new Struct(schema.fields), 0, length, 0, undefined, columns))
  }

  #vector(type: DataType, chunks: readonly BatchFromPython[]): Vector {
    const data = chunks.map(([, nodes]) => this.#data(type, nodes[0]!))
    return new this.#arrow.Vector(data.length === 0 ? [this.#empty(type)] : data)
  }

  #empty(type: DataType): Data {
    return this.#arrow.makeData({ type, length: 0 } as never)
  }

  /** An array. Its offset stays one only in bits: what is made of bytes begins where the array does, which is how `apache-arrow` slices. */
  #data(type: DataType, node: NodeFromPython): Data {
    const { Type, Data } = this.#arrow
    const [length, start, nulls, width, numbers, nodes, dictionary] = node
    const bitmap = this.#buffer(numbers[0])
    let offset = start & 7
    let validity = bitmap && bytesOfBits(bitmap, start, length)
    let offsets: unknown
    let values: unknown
    let typeIds: unknown
    let variadic: Uint8Array[] = []
    let inner: Vector | undefined
    switch (type.typeId) {
      case Type.Null:
        return new Data(type, 0, length, length)
      case Type.Bool:
        values = bytesOfBits(this.#filled(numbers[1], (start + length + 7) >>> 3), start, length)
        break
      case Type.Utf8:
      case Type.Binary:
      case Type.LargeUtf8:
      case Type.LargeBinary:
        offsets = this.#offsets(type, numbers[1], start, length)
        values = this.#filled(numbers[2], 0)
        break
      case Type.Utf8View:
      case Type.BinaryView:
        // Writers of `apache-arrow` take the offset for one of the views as well, although those begin where the array does.
        validity = bitmap && alignedBits(bitmap, start, length)
        offset = 0
        values = this.#typed(type.ArrayType, numbers[1], start, length, width)
        variadic = numbers.slice(2).map((number) => this.#filled(number, 0))
        break
      case Type.List:
      case Type.LargeList:
      case Type.Map:
        offsets = this.#offsets(type, numbers[1], start, length)
        break
      case Type.Struct:
      case Type.FixedSizeList:
        break
      case Type.Union:
        validity = undefined
        offset = 0
        typeIds = this.#typed(Int8Array, numbers[1], start, length, 1)
        if (numbers.length > 2) offsets = this.#typed(Int32Array, numbers[2], start, length, 4)
        break
      case Type.Dictionary:
        values = this.#typed((type as Dictionary).indices.ArrayType, numbers[1], start, length, width)
        inner = this.#dictionary(dictionary, (type as Dictionary).dictionary as DataType)
        break
      default:
        values = this.#typed(type.ArrayType, numbers[1], start, length, width)
    }
    const fields: readonly Field<DataType>[] = type.children ?? []
    const children = nodes.map((child, index) => this.#data(fields[index]!.type, child))
    const buffers = [offsets, values, nulls > 0 ? validity : undefined, typeIds] as never
    return new Data(type, offset, length, nulls, buffers, children, inner, variadic)
  }

  #dictionary(number: number, type: DataType): Vector {
    return (this.#dictionaries[number] ??= new this.#arrow.Vector([this.#data(type, this.#message[3][number]!)]))
  }

  #offsets(type: DataType, number: number | undefined, start: number, length: number): unknown {
    const isLarge = type.OffsetArrayType === BigInt64Array
    return this.#typed(isLarge ? BigInt64Array : Int32Array, number, start, length + 1, isLarge ? 8 : 4)
  }

  /** A view of `length` values from the one at `start`, each `width` bytes wide. */
  #typed(type: unknown, number: number | undefined, start: number, length: number, width: number): unknown {
    const constructor = type as TypedArrayConstructor & { readonly BYTES_PER_ELEMENT: number }
    const size = length * width
    let bytes = this.#filled(number, (start + length) * width).subarray(start * width, start * width + size)
    if (bytes.byteOffset % constructor.BYTES_PER_ELEMENT !== 0) bytes = bytes.slice()
    return new constructor(bytes.buffer, bytes.byteOffset, size / constructor.BYTES_PER_ELEMENT)
  }

  #buffer(number: number | undefined): Uint8Array | undefined {
    if (number === undefined || number === none) return undefined
    return this.#message[4][number]
  }

  /** A buffer; zeros in the place of one that is left out, because no value of it counts. */
  #filled(number: number | undefined, size: number): Uint8Array {
    return this.#buffer(number) ?? new Uint8Array(size)
  }
}
