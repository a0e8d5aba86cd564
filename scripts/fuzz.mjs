// Builds the fuzz targets of the wire format and of the Pit's files with the installed stable compiler and runs them for a while.
//   node scripts/fuzz.mjs [--seconds N] [--input file] [--minimise] [target ...]
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { clearInterval, setInterval } from 'node:timers'
import { parseArgs } from 'node:util'
import { attempt, execute, note, output, step } from './command.mjs'
import { requireFile, root, run, Stop } from './project.mjs'

const wireFolder = join(root, 'crates', 'symphony-wire')
const fuzzFolders = [wireFolder, join(root, 'crates', 'symphony-pit')].map((folder) => join(folder, 'fuzz'))
const buildFolder = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'fuzz')
const seedFolder = join(buildFolder, 'seeds')
const artifactFolder = join(buildFolder, 'artifacts')
/** The folder of each target. */
const folders = new Map(
  fuzzFolders.flatMap((folder) =>
    readdirSync(join(folder, 'fuzz_targets')).map((name) => [name.replace(/\.rs$/, ''), folder]),
  ),
)
const targets = [...folders.keys()]

const limits = [
  // What is to be found shows in short messages; longer ones only take more time each.
  '-max_len=4096',
  // A count that a message claims must not become an allocation: no honest one is near this size.
  '-malloc_limit_mb=16',
  '-rss_limit_mb=2048',
  // Seconds for one input.
  '-timeout=10',
]

/** What cargo-fuzz passes: libFuzzer needs its kind of coverage counters, and the sanitizer sees the allocations. */
const compilerFlags = [
  '--cfg fuzzing',
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Zsanitizer=address',
]

await run(async (args) => {
  const { seconds, input, minimise, chosen } = read(args)
  const needed = new Set(chosen.map((target) => folders.get(target)))
  const programs = new Map([...needed].map((folder) => [folder, build(folder)]))
  writeSeeds()
  mkdirSync(artifactFolder, { recursive: true })
  for (const target of chosen) {
    const program = join(programs.get(folders.get(target)), target)
    if (input !== undefined) reproduce(program, target, input)
    else {
      await fuzz(program, target, seconds)
      if (minimise) minimiseCorpus(program, target)
    }
  }
})

function read(args) {
  const options = {
    seconds: { type: 'string', default: '60' },
    input: { type: 'string' },
    minimise: { type: 'boolean', default: false },
  }
  let parsed
  try {
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new Stop(error.message)
  }
  const { values, positionals } = parsed
  const seconds = Number(values.seconds)
  if (!Number.isInteger(seconds) || seconds < 0)
    throw new Stop(`\`--seconds\` wants a whole number, not \`${values.seconds}\``)
  const unknown = positionals.find((name) => !targets.includes(name))
  if (unknown !== undefined) throw new Stop(`no target \`${unknown}\`; there are: ${targets.join(', ')}`)
  const input = values.input === undefined ? undefined : requireFile(resolve(values.input), 'nothing to reproduce')
  return { seconds, input, minimise: values.minimise, chosen: positionals.length > 0 ? positionals : targets }
}

/** Gives the folder of the built targets. */
function build(fuzzFolder) {
  step(`Building the fuzz targets in \`${relative(root, fuzzFolder)}\``)
  const advice = 'install Rust from https://rustup.rs'
  const host = /^host: (.+)$/m.exec(output('rustc', ['-vV'], { advice }))[1]
  // Naming the target, though it is the host, keeps the flags away from build scripts and procedural macros.
  execute(
    'cargo',
    [
      'build',
      '--release',
      '--locked',
      '--bins',
      '--target',
      host,
      '--target-dir',
      buildFolder,
      '--manifest-path',
    ].concat(join(fuzzFolder, 'Cargo.toml')),
    {
      advice,
      environment: {
        RUSTFLAGS: compilerFlags.join(' '),
        CARGO_ENCODED_RUSTFLAGS: undefined,
        // The flags are unstable. The compiler that people have is stable, and for a build that is never shipped this will do.
        RUSTC_BOOTSTRAP: '1',
      },
    },
  )
  return join(buildFolder, host, 'release')
}

/** The vectors as files: a vector that is new is a place to start from without anyone's doing. */
function writeSeeds() {
  rmSync(seedFolder, { recursive: true, force: true })
  mkdirSync(seedFolder, { recursive: true })
  const { vectors, malformed } = JSON.parse(readFileSync(join(wireFolder, 'tests', 'vectors.json'), 'utf8'))
  for (const [index, { hex }] of [...vectors, ...malformed].entries()) {
    writeFileSync(join(seedFolder, String(index)), Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  }
}

/** libFuzzer reads all folders and writes what is new into the first. */
function corpora(target) {
  const found = join(buildFolder, 'corpus', target)
  const committed = join(folders.get(target), 'corpus', target)
  for (const folder of [found, committed]) mkdirSync(folder, { recursive: true })
  return folders.get(target).startsWith(wireFolder) ? [found, committed, seedFolder] : [found, committed]
}

async function fuzz(program, target, seconds) {
  step(seconds === 0 ? `Running \`${target}\` on what is known` : `Fuzzing \`${target}\` for ${seconds} s`)
  // Zero seconds mean no limit to libFuzzer; zero runs mean what is in the folders.
  const duration = seconds === 0 ? '-runs=0' : `-max_total_time=${seconds}`
  const artifacts = `-artifact_prefix=${join(artifactFolder, `${target}-`)}`
  const child = spawn(program, [duration, artifacts, ...limits, ...corpora(target)], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise((fulfil, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => fulfil(code ?? signal))
  })
  const start = Date.now()
  const last = []
  let progress
  const report = () => {
    if (progress) note(`${Math.round((Date.now() - start) / 1000)} s: ${progress}`)
  }
  const timer = setInterval(report, 5000)
  for await (const line of createInterface({ input: child.stderr })) {
    const counts = /^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/.exec(line)
    if (counts) {
      const [, inputs, places, features, kept] = counts
      progress = `${inputs} inputs, ${places} places and ${features} features reached by ${kept} of them`
    } else if (last.push(line) > 60) last.shift()
  }
  clearInterval(timer)
  const status = await ended
  report()
  if (status === 0) return
  process.stderr.write(`${last.join('\n')}\n`)
  throw new Stop(
    `\`${target}\` failed (${status}): what it says is above, and the input is the newest file of ` +
      `\`${relative(root, artifactFolder)}\`.\nTo try it again: npm run fuzz -- --input <file> ${target}`,
  )
}

function reproduce(program, target, input) {
  step(`\`${target}\` with ${relative(root, input)}`)
  const status = attempt(program, [...limits, input])
  if (status !== 0) throw new Stop(`\`${target}\` fails with this input (${status})`)
}

/** Replaces the committed corpus by the smallest choice from all that is known which reaches the same. */
function minimiseCorpus(program, target) {
  step(`Minimising the corpus of \`${target}\``)
  const sources = corpora(target)
  const committed = join(folders.get(target), 'corpus', target)
  const merged = join(buildFolder, 'merged')
  rmSync(merged, { recursive: true, force: true })
  mkdirSync(merged)
  const status = attempt(program, [
    '-set_cover_merge=1',
    '-use_counters=0',
    '-verbosity=0',
    ...limits,
    merged,
    ...sources,
  ])
  if (status !== 0) throw new Stop(`merging failed (${status})`)
  rmSync(committed, { recursive: true })
  renameSync(merged, committed)
  const files = readdirSync(committed)
  const bytes = files.reduce((sum, name) => sum + statSync(join(committed, name)).size, 0)
  note(`${files.length} inputs of ${bytes} bytes`)
}
