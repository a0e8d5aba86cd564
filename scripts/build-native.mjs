// Builds the two native files and the stub library of this machine's platform into npm/<platform>.
//   node scripts/build-native.mjs [--debug]
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { execute, note, output, step, which } from './command.mjs'
import { nativeFiles, platform, platformFolder, root, run, Stop } from './project.mjs'

const rustAdvice = 'install Rust from https://rustup.rs'

await run((args) => {
  const debug = args.includes('--debug')
  step(`Building the native core for ${platform}${debug ? ' (debug)' : ''}`)
  if (process.platform !== 'linux') {
    throw new Stop(`\`${platform}\` has no build yet: this version builds and is verified on Linux only`)
  }

  // A target folder of its own: `cargo test` links libpython, and sharing one would rebuild the world on each switch.
  const target = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'addon')
  execute(
    'cargo',
    [
      'build',
      '--locked',
      ...(debug ? [] : ['--release']),
      '--package',
      'symphony-loader',
      '--package',
      'symphony-node',
    ],
    {
      advice: rustAdvice,
      environment: {
        CARGO_TARGET_DIR: target,
        // The core must not name a libpython, and needs no Python to be built.
        PYO3_BUILD_EXTENSION_MODULE: '1',
        PYO3_NO_PYTHON: '1',
      },
    },
  )

  mkdirSync(platformFolder, { recursive: true })
  const built = join(target, debug ? 'debug' : 'release')
  const loaderChanged = place(join(built, 'libsymphony_loader.so'), nativeFiles.loader)
  const coreChanged = place(join(built, 'libsymphony_node.so'), nativeFiles.core)
  for (const file of [nativeFiles.loader, nativeFiles.core]) refuseLinkedPython(file)

  if (coreChanged || isOlder(nativeFiles.stub, nativeFiles.core)) {
    execute(process.execPath, [join(root, 'scripts', 'generate-stub-library.mjs'), nativeFiles.core, nativeFiles.stub])
  }
  note(loaderChanged || coreChanged ? `new files in npm/${platform}` : `npm/${platform} is up to date`)
})

/** Copies by rename: a process that has the old file mapped keeps it whole. Gives whether anything changed. */
function place(source, destination) {
  if (existsSync(destination) && readFileSync(source).equals(readFileSync(destination))) return false
  const temporary = `${destination}.${process.pid}`
  copyFileSync(source, temporary)
  renameSync(temporary, destination)
  const now = new Date()
  utimesSync(destination, now, now)
  note(`${destination.slice(root.length + 1)}  ${(statSync(destination).size / 1024).toFixed(0)} KiB`)
  return true
}

function isOlder(file, than) {
  return !existsSync(file) || statSync(file).mtimeMs < statSync(than).mtimeMs
}

/** One file serves every CPython only if it names none: libpython is opened at run time. */
function refuseLinkedPython(file) {
  if (which('readelf') === null)
    throw new Stop('`readelf` was not found on PATH: install binutils (apt-get install binutils)')
  const needed = output('readelf', ['-d', file])
    .split('\n')
    .filter((line) => line.includes('(NEEDED)'))
  const python = needed.find((line) => line.includes('libpython'))
  if (python) throw new Stop(`\`${file}\` must not be linked to a libpython, but says: ${python.trim()}`)
}
