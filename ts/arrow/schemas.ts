/* Schemas of tables from Python. Decoding one takes longer than all else that `$toArrow` does, and most tables have the schema of another. */
import type { Schema } from 'apache-arrow'
import type { ArrowModule } from '../types/arrow'

interface Known {
  readonly stream: Uint8Array
  readonly schema: Schema
}

const most = 16
/** For each `apache-arrow` the schemas that were met last, the latest first. */
const known = new WeakMap<ArrowModule, Known[]>()

/** The schema that an IPC stream without batches begins with. Its fields and metadata are nobody else's; types, which nothing changes, may be. */
export function schemaOf(arrow: ArrowModule, stream: Uint8Array): Schema {
  let schemas = known.get(arrow)
  if (schemas === undefined) known.set(arrow, (schemas = []))
  const index = schemas.findIndex((one) => Buffer.compare(one.stream, stream) === 0)
  const found =
    index === -1 ? { stream: stream.slice(), schema: arrow.tableFromIPC(stream).schema } : schemas.splice(index, 1)[0]!
  schemas.unshift(found)
  if (schemas.length > most) schemas.pop()
  return copied(arrow, found.schema)
}

function copied({ Schema, Field }: ArrowModule, { fields, metadata, dictionaries, metadataVersion }: Schema): Schema {
  const own = fields.map(({ name, type, nullable, metadata }) => new Field(name, type, nullable, new Map(metadata)))
  return new Schema(own, new Map(metadata), new Map(dictionaries), metadataVersion)
}
