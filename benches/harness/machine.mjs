// What a reader must know about the run to judge its figures; nothing that names the machine or its folders.
import { execFile } from 'node:child_process'
import os from 'node:os'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))

export async function describeRun({ pythonVersion, quick }) {
  return {
    date: new Date().toISOString(),
    commit: await describeCommit(),
    node: process.versions.node,
    python: pythonVersion,
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cpus: os.availableParallelism(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    loadBefore: os.loadavg()[0],
    quick,
  }
}

/** The commit, with `+changes` where the work tree differs from it. */
async function describeCommit() {
  try {
    const { stdout: commit } = await run('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: repository })
    const { stdout: changes } = await run('git', ['status', '--porcelain', '--', ':!benches/results'], {
      cwd: repository,
    })
    return changes === '' ? commit.trim() : `${commit.trim()}+changes`
  } catch {
    return null
  }
}
