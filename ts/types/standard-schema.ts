/* The part of the Standard Schema specification, version 1, that `returns` uses: https://standardschema.dev. */

/** A schema of zod, valibot, arktype or any other library of the specification. */
export interface StandardSchema<Out = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: Out } | undefined
  }
}

/** What a schema finds wrong with a value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
