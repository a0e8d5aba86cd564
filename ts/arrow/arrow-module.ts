/* The module `apache-arrow`: an optional peer, loaded when the first table crosses. */
import { fileURLToPath } from 'node:url'
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'
import type { ArrowModule } from '../types/arrow'

const oldest = 15
/** What is used of it. */
const members = [
  'Data',
  'DataType',
  'RecordBatch',
  'Schema',
  'Struct',
  'Table',
  'Type',
  'Vector',
  'tableFromIPC',
  'tableToIPC',
] as const
/** Types that came to `apache-arrow` one after the other; a version that lacks them gets the nearest type it has. */
const laterTypes = [
  'Duration',
  'IntervalMonthDayNano',
  'LargeUtf8',
  'LargeBinary',
  'LargeList',
  'Utf8View',
  'BinaryView',
] as const

let loaded: ArrowModule | undefined
let resolveImport: ((name: string) => string) | undefined

/**
 * How the program imports packages, told by the ECMAScript face of this one. `apache-arrow` has two copies of its classes, one for
 * `import` and one for `require`, and functions of one do not understand tables of the other.
 */
export function resolveImportsWith(resolve: (name: string) => string): void {
  resolveImport = resolve
}

/** The copy that the program gave, or the one that is installed. */
export function arrowModule(given: unknown): ArrowModule {
  if (given !== undefined) return checked(given, 'ERR_INVALID_ARGUMENT')
  return (loaded ??= checked(installed(), 'ERR_ARROW_NOT_FOUND'))
}

/** The names of the types that a copy does not know. */
export function lackingTypes(arrow: ArrowModule): string[] {
  return laterTypes.filter((name) => !(name in arrow.Type))
}

function installed(): unknown {
  try {
    // Node loads ECMAScript modules by `require` as well, since 20.19 and 22.12, and gives what `import` would.
    return resolveImport === undefined ? require('apache-arrow') : require(fileURLToPath(resolveImport('apache-arrow')))
  } catch (cause) {
    if ((cause as { readonly code?: unknown } | null)?.code === 'ERR_REQUIRE_ESM') {
      throw new BridgeError(
        'ERR_ARROW_NOT_FOUND',
        `this version of Node (${process.version}) cannot load the ECMAScript module apache-arrow at once; give it as the option ` +
          '`arrow`, such as `$toArrow({ arrow })` with `import * as arrow from "apache-arrow"`',
        { cause },
      )
    }
    throw new BridgeError(
      'ERR_ARROW_NOT_FOUND',
      `Arrow tables need the npm package apache-arrow, ${oldest} or newer, which cannot be loaded from here; install it with ` +
        '`npm install apache-arrow`, or give the module as the option `arrow`',
      { cause },
    )
  }
}

function checked(module: unknown, code: 'ERR_ARROW_NOT_FOUND' | 'ERR_INVALID_ARGUMENT'): ArrowModule {
  const isObject = typeof module === 'object' && module !== null
  const missing = isObject ? members.filter((name) => !(name in module)) : members
  if (missing.length === 0) return module as ArrowModule
  const lack = isObject ? `an object without ${missing.map((name) => `\`${name}\``).join(', ')}` : described(module)
  throw new BridgeError(code, `expected the module apache-arrow, version ${oldest} or newer, got ${lack}`)
}
