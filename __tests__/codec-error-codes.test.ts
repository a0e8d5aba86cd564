/* The generated TypeScript table says what the table of this project says. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { errorCodes, isErrorCode } from '../ts/generated/error-codes'

const root = join(__dirname, '..')
const table = JSON.parse(readFileSync(join(root, 'error-codes.json'), 'utf8')) as {
  code: string
  meaning: string
  action: string
}[]

test('TypeScript knows every code with its meaning and action', () => {
  expect(Object.entries(errorCodes).map(([code, texts]) => ({ code, ...texts }))).toEqual(table)
})

test('only codes are codes', () => {
  expect(table.every(({ code }) => isErrorCode(code))).toBe(true)
  expect([isErrorCode('ERR_UNHEARD_OF'), isErrorCode('constructor')]).toEqual([false, false])
})

test('the generated files are those that the script would write', () => {
  execFileSync(process.execPath, [join(root, 'scripts/generate-error-codes.mjs'), '--check'])
})
