/* Checks what the functions of a host are given. */
import { fileURLToPath } from 'node:url'
import { Operation } from '../call/operation'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'

/** The request that imports a module by its name, or a file by its URL. */
export function importRequest(module: string | URL): {
  readonly operation: typeof Operation.import | typeof Operation.importFile
  readonly argument: string
} {
  if (typeof module === 'string' && module !== '') {
    if (looksLikeFile.test(module)) {
      throw new BridgeError(
        'ERR_INVALID_ARGUMENT',
        `\`${module}\` is the path of a file, not the dotted name of a module; import a file by its URL, such as ` +
          "`new URL('./tools.py', import.meta.url)`, or `pathToFileURL(path)` of `node:url`",
      )
    }
    return { operation: Operation.import, argument: module }
  }
  if (isUrl(module)) {
    if (module.protocol === 'file:') return { operation: Operation.importFile, argument: fileURLToPath(module.href) }
    throw new BridgeError('ERR_INVALID_ARGUMENT', `only \`file:\` URLs can be imported, but got \`${module.href}\``)
  }
  throw new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `a module is named by its dotted name, or by the URL of its file, but got ${described(module)}`,
  )
}

/** No dotted name has a slash, and a module called `py` inside of another one is not worth the riddle of a failed import. */
const looksLikeFile = /[/\\]|\.py$/

/** Python code is text. */
export function checkedCode(code: unknown): string {
  if (typeof code === 'string') return code
  throw new BridgeError('ERR_INVALID_ARGUMENT', `Python code must be a string, but got ${described(code)}`)
}

/** A URL of any realm: test runners have their own class. */
function isUrl(value: unknown): value is URL {
  return typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value
}
