// Checks ts/ and bundles it into dist/: one file for the package, which loads twice as fast as its sixty modules would, and one for
// the command line.
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, note, step } from './command.mjs'
import { requireFile, root, run } from './project.mjs'

const dist = join(root, 'dist')
const commandLine = join(dist, 'cli', 'symphony-python.js')

await run(async () => {
  step('Compiling TypeScript')
  const compiler = requireFile(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), 'run `npm ci`')
  execute(process.execPath, [compiler, '--project', 'tsconfig.build.json'])
  const { build } = await import('esbuild')
  rmSync(dist, { recursive: true, force: true })
  await build({
    absWorkingDir: root,
    entryPoints: {
      index: 'ts/index.ts',
      'cli/symphony-python': 'ts/cli/symphony-python.ts',
      // Runs in a process of its own, and uses the package as its users do.
      'cli/live-call-child': 'ts/cli/live-call-child.ts',
    },
    outdir: 'dist',
    bundle: true,
    external: ['../index.js', 'apache-arrow'],
    platform: 'node',
    format: 'cjs',
    target: 'node20.17',
    sourcemap: 'linked',
    keepNames: false,
    logLevel: 'warning',
  })
  chmodSync(commandLine, 0o755)
  note('dist is up to date')
})
