/* Which native files belong to this machine, and where they are. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '../errors/bridge-error'
import { packageRoot } from './package-root'

/** The two native files: the loader finds Python, the node file is the core. */
export type NativeFile = 'loader' | 'node'

let cachedName: string | undefined

/** The name that the folder, the package and the files of this platform carry, such as `linux-x64-gnu`. */
export function platformName(): string {
  return (cachedName ??= [process.platform, process.arch, ...abi()].join('-'))
}

/**
 * The path of one native file: from the optional dependency of this platform if it is installed, else from the folder
 * beside `dist`, where a build from source leaves it.
 */
export function nativePath(file: NativeFile): string {
  const platform = platformName()
  const name = `symphony-${file}.${platform}.node`
  const packaged = fromPackage(`symphony-python-bridge-${platform}/${name}`)
  if (packaged !== undefined) return packaged
  const built = join(packageRoot, 'npm', platform, name)
  if (existsSync(built)) return built
  throw new BridgeError(
    'ERR_PLATFORM_UNSUPPORTED',
    `no native file for \`${platform}\`: neither the package \`symphony-python-bridge-${platform}\` is installed nor \`${built}\` exists; ` +
      'reinstall without `--omit=optional`, or run `npm run build` in a clone of the repository',
  )
}

/** What stands for a libpython where none can be opened. It lies beside the core. */
export function stubPath(): string {
  return nativePath('node').replace(/symphony-node\.(.*)\.node$/, 'symphony-stub.$1.so')
}

function fromPackage(request: string): string | undefined {
  try {
    return require.resolve(request)
  } catch {
    return undefined
  }
}

function abi(): string[] {
  switch (process.platform) {
    case 'linux':
      return [usesMusl() ? 'musl' : 'gnu']
    case 'win32':
      return ['msvc']
    default:
      return []
  }
}

/** Node's own program header names the dynamic linker, and that names the C library. A process report would take far longer. */
function usesMusl(): boolean {
  const head = Buffer.alloc(2048)
  const file = openSync(process.execPath, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  return head.includes('/ld-musl-')
}
