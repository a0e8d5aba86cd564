/* The one switch for values whose type TypeScript cannot know. */

/**
 * Switches of the declarations, filled by declaration merging:
 *
 * ```ts
 * declare module 'symphony-python-bridge' {
 *   interface PythonConfig { untyped: any }
 * }
 * ```
 */
export interface PythonConfig {}

/**
 * The type of a Python value that nothing describes: `unknown`, unless `PythonConfig` says otherwise.
 *
 * `f<number>()` states the type of one result; generated types state it for a module.
 */
export type Untyped = PythonConfig extends { untyped: infer T } ? T : unknown

/**
 * Types of Python modules by their literal name, filled by declaration merging (usually by generated files). Each module has an
 * `async` face for `python.import` and a `sync` face for `python.importSync`.
 */
export interface PythonModules {}
