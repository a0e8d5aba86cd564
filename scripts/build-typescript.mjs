// Compiles ts/ to dist/ and removes what has no source any more.
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, note, step } from './command.mjs'
import { requireFile, root, run } from './project.mjs'

const dist = join(root, 'dist')

await run(() => {
  step('Compiling TypeScript')
  const compiler = requireFile(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), 'run `npm ci`')
  removeOrphans()
  execute(process.execPath, [compiler, '--project', 'tsconfig.build.json'])
  const commandLine = join(dist, 'cli', 'symphony-python.js')
  if (existsSync(commandLine)) chmodSync(commandLine, 0o755)
  note('dist is up to date')
})

/** A file that lost its source would still be found by `require`, and shipped. */
function removeOrphans() {
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const match = /^(.*)\.js(\.map)?$/.exec(entry.name)
    if (!entry.isFile() || match === null) continue
    const folder = entry.parentPath ?? entry.path
    const source = join(root, 'ts', folder.slice(dist.length + 1), `${match[1]}.ts`)
    if (!existsSync(source)) rmSync(join(folder, entry.name))
  }
}
