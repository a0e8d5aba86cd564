// The static checks: formatting, lints, types, file names, and generated files that match their sources.
//   node scripts/check.mjs [name of a check ...]
import { join } from 'node:path'
import { attempt, step } from './command.mjs'
import { environmentFolder, root, run, Stop } from './project.mjs'
import { setUp } from './set-up.mjs'

const rust = { advice: 'install Rust from https://rustup.rs' }
const checks = {
  rustfmt: checkRustFormat,
  clippy: () =>
    attempt('cargo', ['clippy', '--workspace', '--all-targets', '--locked', '--', '--deny', 'warnings'], {
      ...rust,
      environment: { PYO3_PYTHON: join(root, '.venv', 'bin', 'python') },
    }),
  rustdoc: () =>
    attempt('cargo', ['doc', '--workspace', '--no-deps', '--locked'], {
      ...rust,
      environment: { PYO3_PYTHON: join(root, '.venv', 'bin', 'python'), RUSTDOCFLAGS: '--deny warnings' },
    }),
  types: checkTypes,
  eslint: () => tool('eslint/bin/eslint.js', ['.', '--max-warnings', '0']),
  prettier: () => tool('prettier/bin/prettier.cjs', ['--check', '.']),
  names: () => tool('.bin/ls-lint', [], { direct: true }),
  generated: checkGenerated,
}

await run((args) => {
  const unknown = args.find((name) => !(name in checks))
  if (unknown) throw new Stop(`no check \`${unknown}\`; there are: ${Object.keys(checks).join(', ')}`)
  setUp()
  const failed = Object.entries(checks).filter(([name, check]) => {
    if (args.length > 0 && !args.includes(name)) return false
    step(`Check: ${name}`)
    return check() !== 0
  })
  if (failed.length > 0) throw new Stop(`Failed checks: ${failed.map(([name]) => name).join(', ')}`)
  process.stdout.write('\nAll checks passed\n')
})

function tool(path, args, { direct = false } = {}) {
  const file = join(root, 'node_modules', path)
  return direct ? attempt(file, args) : attempt(process.execPath, [file, ...args])
}

/** The fuzz targets are a workspace of their own, which `--all` does not reach. */
function checkRustFormat() {
  const fuzz = ['symphony-wire', 'symphony-pit'].map((crate) => [
    '--manifest-path',
    join('crates', crate, 'fuzz', 'Cargo.toml'),
  ])
  const statuses = [['--all'], ...fuzz].map((scope) => attempt('cargo', ['fmt', ...scope, '--check'], rust))
  return statuses.find((status) => status !== 0) ?? 0
}

/** Each folder has the compiler options that fit what is in it. */
function checkTypes() {
  const statuses = ['.', '__tests__', 'examples'].map((folder) => tool('typescript/bin/tsc', ['--project', folder]))
  return statuses.find((status) => status !== 0) ?? 0
}

/** Every generator of committed files says, with `--check`, whether a file differs from what it would write. */
function checkGenerated() {
  const names = ['generate-error-codes.mjs', 'generate-declarations.mjs', 'generate-conversion-matrix.mjs']
  const statuses = names.map((name) =>
    attempt(process.execPath, [join(root, 'scripts', name), '--check'], {
      environment: { VIRTUAL_ENV: environmentFolder },
    }),
  )
  return statuses.find((status) => status !== 0) ?? 0
}
