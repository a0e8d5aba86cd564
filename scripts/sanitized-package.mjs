// Builds the native files under AddressSanitizer, and puts a package with them and the soak into target/sanitized.
//
// The compiler is the installed stable one, as for the fuzz targets (fuzz.mjs). The files do not contain the sanitizer's runtime: it
// must be in the process before anything allocates, so Node is started with that of gcc preloaded. The instrumentation is the same.
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import { execute, output, step } from './command.mjs'
import { nativeFiles, platform, root, Stop } from './project.mjs'

const buildFolder = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'sanitized')
const packageFolder = join(buildFolder, 'package')

const addressOptions = {
  // What lives until the process ends is no leak, and there is much of that in Node and Python. The soak counts what is ours.
  detect_leaks: 0,
  // The runtime is preloaded; the executable does not name it.
  verify_asan_link_order: 0,
  // Node's handler for WebAssembly would end the process without a report.
  handle_segv: 2,
  // So that a wild size fails as it does without the sanitizer.
  allocator_may_return_null: 1,
  // Freed memory is kept apart for a while, so that its use shows; no more of it, for the soak looks at the growth of the process.
  quarantine_size_mb: 64,
  // Python and Node are not instrumented: what they read of freed memory is this, and as an address it is a crash.
  max_free_fill_size: 4096,
  free_fill_byte: 0xdd,
  // Each new stack is kept for ever, and those through compiled JavaScript never repeat. `ASAN_OPTIONS=malloc_context_size=30` shows more.
  malloc_context_size: 4,
  exitcode: 99,
}

/** The environment in which Node runs the sanitized files. */
export function sanitizedEnvironment() {
  return {
    LD_PRELOAD: runtime(),
    ASAN_OPTIONS: Object.entries(addressOptions)
      .map((entry) => entry.join('='))
      .concat(process.env.ASAN_OPTIONS ?? [])
      .join(':'),
    // Python's own allocator would hide from the sanitizer what is freed.
    PYTHONMALLOC: 'malloc',
  }
}

/** Builds, and gives the folder of the package; `dist` must be there. */
export function buildSanitizedPackage() {
  if (!platform.startsWith('linux-') || !platform.endsWith('-gnu'))
    throw new Stop(`the soak under AddressSanitizer needs Linux with glibc, not \`${platform}\``)
  step('Building the native files under AddressSanitizer')
  const advice = 'install Rust from https://rustup.rs'
  const host = /^host: (.+)$/m.exec(output('rustc', ['-vV'], { advice }))[1]
  // Naming the target, though it is the host, keeps the flags away from build scripts and procedural macros.
  execute(
    'cargo',
    ['build', '--release', '--locked', '--package', 'symphony-loader', '--package', 'symphony-node'].concat(
      ['--target', host],
      ['--target-dir', buildFolder],
    ),
    {
      advice,
      environment: {
        RUSTFLAGS: '-Zsanitizer=address -Cforce-frame-pointers=yes',
        CARGO_ENCODED_RUSTFLAGS: undefined,
        // The flag is unstable. The compiler that people have is stable, and for a build that is never shipped this will do.
        RUSTC_BOOTSTRAP: '1',
        CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only',
        CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS: 'true',
        CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS: 'true',
        CARGO_PROFILE_RELEASE_LTO: 'off',
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
        CARGO_PROFILE_RELEASE_STRIP: 'none',
        PYO3_BUILD_EXTENSION_MODULE: '1',
        PYO3_NO_PYTHON: '1',
      },
    },
  )
  place(join(buildFolder, host, 'release'))
  return packageFolder
}

/** A package of its own, so that the files that are shipped stay where they are. */
function place(built) {
  rmSync(packageFolder, { recursive: true, force: true })
  const natives = join(packageFolder, 'npm', platform)
  mkdirSync(natives, { recursive: true })
  copyFileSync(join(built, 'libsymphony_loader.so'), join(natives, basename(nativeFiles.loader)))
  copyFileSync(join(built, 'libsymphony_node.so'), join(natives, basename(nativeFiles.core)))
  for (const name of ['package.json', 'index.mjs', 'dist', join('__tests__', 'soak')])
    cpSync(join(root, name), join(packageFolder, name), { recursive: true })
}

function runtime() {
  const path = output('gcc', ['-print-file-name=libasan.so'], { advice: 'install gcc' }).trim()
  // gcc gives the bare name back if it does not have the file.
  if (isAbsolute(path) && existsSync(path)) return path
  throw new Stop('`libasan.so` was not found: install gcc with its sanitizers (apt-get install gcc)')
}
