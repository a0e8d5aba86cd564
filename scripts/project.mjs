// Where things are in this repository, and what this machine's platform is called.
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What the scripts may rebuild at any time: downloaded interpreters, link folders, environments of the matrices. */
export const cacheFolder = join(root, '.cache')

export const environmentFolder = join(root, '.venv')

/** The name of a platform, as in `npm/<platform>`: `linux-x64-gnu`. */
export const platform = [process.platform, process.arch, ...(process.platform === 'linux' ? [libc()] : [])].join('-')

export const platformFolder = join(root, 'npm', platform)

export const nativeFiles = {
  loader: join(platformFolder, `symphony-loader.${platform}.node`),
  core: join(platformFolder, `symphony-node.${platform}.node`),
  stub: join(platformFolder, `symphony-stub.${platform}.so`),
}

/** The interpreter of the project's environment, once `set-up` has made it. */
export const environmentPython = join(environmentFolder, 'bin', 'python')

function libc() {
  process.report.excludeNetwork = true
  const header = process.report.getReport().header
  return header.glibcVersionRuntime ? 'gnu' : 'musl'
}

/** A failure that a person can act on: printed without a stack. */
export class Stop extends Error {}

/** Whether a module is the program that Node was started with, rather than imported by one. */
export function isProgram(meta) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(meta.url)
}

/** Runs the `main` of a script: a `Stop` is a message, anything else is a bug with its stack. */
export async function run(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? process.exitCode ?? 0
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    process.stderr.write(`\n${error.message}\n`)
    process.exitCode = 1
  }
}

export function requireFile(path, advice) {
  if (!existsSync(path)) throw new Stop(`\`${path}\` is missing: ${advice}`)
  return path
}
