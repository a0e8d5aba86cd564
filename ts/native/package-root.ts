/* Where this package is installed. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of `package.json`, above the compiled code. */
export const packageRoot = above(__dirname)

function above(folder: string): string {
  const parent = dirname(folder)
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : above(parent)
}
