/* Validates results by a Standard Schema. */
import { keyStep, nameStep } from '../codec/path'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { SchemaIssue, StandardSchema } from '../types/standard-schema'
import { isThenable } from './thenable'

/** What validation comes to: the value as the schema gives it, or the error. */
export type Validated = { readonly value: unknown } | { readonly error: BridgeError }

type SchemaResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard: unknown = (value as { '~standard'?: unknown })['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    typeof (standard as { validate?: unknown }).validate === 'function'
  )
}

/** A schema may validate at once or later. Throws, or rejects with, what the schema's own code throws. */
export function validate(schema: StandardSchema, value: unknown): Validated | Promise<Validated> {
  const result: unknown = schema['~standard'].validate(value)
  return isThenable(result) ? Promise.resolve(result).then((later) => outcome(schema, later)) : outcome(schema, result)
}

/** For a caller that waits. */
export async function validated(schema: StandardSchema, value: unknown): Promise<unknown> {
  const result = await validate(schema, value)
  if ('error' in result) throw result.error
  return result.value
}

/** For a caller that cannot wait. */
export function validateSync(schema: StandardSchema, value: unknown): unknown {
  const validated = validate(schema, value)
  if (validated instanceof Promise) {
    validated.catch(() => undefined)
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      'the schema in `returns` validates asynchronously, and a synchronous call cannot wait for it; use the asynchronous view',
    )
  }
  if ('error' in validated) throw validated.error
  return validated.value
}

function outcome(schema: StandardSchema, answer: unknown): Validated {
  if (typeof answer !== 'object' || answer === null) {
    const { vendor } = schema['~standard']
    const message = `the schema in \`returns\` (of ${vendor}) must answer with \`value\` or \`issues\`, but gave ${described(answer)}`
    throw new BridgeError('ERR_INVALID_ARGUMENT', message)
  }
  const result = answer as SchemaResult
  if (result.issues === undefined) return { value: result.value }
  const [first] = result.issues
  const texts = result.issues.map((issue) => {
    const path = pathOf(issue)
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  const message = `the result does not match the schema in \`returns\`: ${texts.join('; ') || 'it does not say why'}`
  const path = first === undefined ? '' : pathOf(first)
  return { error: new BridgeError('ERR_CONVERSION', message, { path, cause: result.issues }) }
}

function pathOf({ path = [] }: SchemaIssue): string {
  return path
    .map((part: unknown) => (typeof part === 'object' && part !== null && 'key' in part ? part.key : part))
    .map((key) => (typeof key === 'string' ? nameStep(key) : keyStep(key, 0)))
    .join('')
}
