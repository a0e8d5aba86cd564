// Runs one measuring function in a Node process of its own, so that no subject inherits heap, threads or compiled code of another.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('./subject-process.mjs', import.meta.url))

/**
 * @param file URL of the module that exports the function
 * @param name the exported function: `(context) => rows`
 * @param pinned on one CPU only
 * @returns what the function returned
 */
export async function runInProcess({ file, name, context, pinned = false }) {
  const { onProgress, ...settings } = context
  const prefix = pinned ? ['taskset', '-c', await firstAllowedCpu()] : []
  const [command, ...args] = [...prefix, process.execPath, '--expose-gc', entry]
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PYTHONPATH: fileURLToPath(new URL('../fixtures', import.meta.url)) },
  })
  return new Promise((resolve, reject) => {
    let outcome
    child.on('error', reject)
    child.on('message', (message) => {
      if (message.progress !== undefined) onProgress(message.progress)
      else outcome = message
    })
    child.on('exit', (code, signal) => {
      if (outcome?.result !== undefined) resolve(outcome.result)
      else reject(new Error(outcome?.failure ?? `the measuring process ended with ${signal ?? `exit code ${code}`}`))
    })
    child.send({ file: String(file), name, settings })
  })
}

async function firstAllowedCpu() {
  const status = await readFile('/proc/self/status', 'utf8')
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)[1]
}
