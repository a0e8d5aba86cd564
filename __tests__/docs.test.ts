/* The documentation is true: every program in it runs and prints what it says, and its table of codes is the project's.

   The convention. A `ts` block is a whole ECMAScript module, a `js` block a whole CommonJS module, a `py` block a whole Python
   program; each runs in a process of its own, and its standard output must be exactly the texts after `→` in its comments, in order.
   A `py` block whose first line is `# name.py` is also a file beside the page's programs. A `console` block holds commands after `$`,
   each followed by exactly what it prints. `sh` blocks are commands that CI runs in other ways, and are not run here. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(__dirname, '..')
const environmentFolder = join(root, '.venv')
const workFolder = join(root, '.cache', 'docs')
const hook = pathToFileURL(join(root, 'scripts', 'typescript-hook.mjs')).href

const pages = ['.', 'docs'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({ name, path: join(root, folder, name) })),
)

/** The languages whose blocks are programs, and what their files end in. */
const extensions: Readonly<Record<string, string>> = { ts: 'mts', js: 'cjs', py: 'py' }

interface Block {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly text: string
}

const blocks = pages.flatMap(({ name, path }) => blocksOf(name, readFileSync(path, 'utf8')))

beforeAll(() => {
  rmSync(workFolder, { recursive: true, force: true })
  for (const block of blocks) {
    mkdirSync(folderOf(block), { recursive: true })
    if (block.language in extensions) writeFileSync(fileOf(block), block.text)
    const module = /^# ([a-z_]+\.py)\n/.exec(block.text)?.[1]
    if (block.language === 'py' && module !== undefined) writeFileSync(join(folderOf(block), module), block.text)
  }
  installCommand()
})

test.each(blocks.filter((block) => block.language in extensions))(
  '$page:$line runs as it says ($language)',
  (block) => {
    const expected = [...block.text.matchAll(/(?:\/\/|#) → (.*)$/gm)].map((match) => match[1])
    const result = spawnSync(...commandOf(block))
    expect({ stderr: result.stderr, stdout: result.stdout.split('\n').slice(0, -1), status: result.status }).toEqual({
      stderr: '',
      stdout: expected,
      status: 0,
    })
  },
)

test.each(blocks.filter((block) => block.language === 'console'))('$page:$line prints what it says', (block) => {
  for (const [, command, expected] of block.text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
    const result = spawnSync('bash', ['-c', command ?? ''], {
      cwd: folderOf(block),
      encoding: 'utf8',
      env: environment(),
    })
    expect({ command, output: result.stdout }).toEqual({ command, output: expected })
  }
})

test('every TypeScript block passes the type checker', () => {
  writeFileSync(
    join(workFolder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../examples/tsconfig.json', include: ['**/*.mts'] }),
  )
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const result = spawnSync(process.execPath, [compiler, '--project', workFolder], { cwd: workFolder, encoding: 'utf8' })
  expect(result.stdout).toBe('')
})

test('every language of a block is one that is checked, or deliberately is not', () => {
  const known = ['ts', 'js', 'py', 'console', 'sh', 'text', 'toml']
  expect(blocks.filter((block) => !known.includes(block.language))).toEqual([])
})

test('docs/errors.md has the row of every error code, and no other', () => {
  const codes = JSON.parse(readFileSync(join(root, 'error-codes.json'), 'utf8')) as Record<string, string>[]
  const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8')
  const rows = page.split('\n').filter((line) => /^\| `ERR_\w+` \|.*\|.*\|$/.test(line))
  expect(rows).toEqual(codes.map(({ code, meaning, action }) => `| \`${code}\` | ${meaning} | ${action} |`))
})

test('every link inside the repository leads to a file', () => {
  const broken = pages.flatMap(({ name, path }) =>
    [...readFileSync(path, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
      .map((match) => join(path, '..', match[1] ?? ''))
      .filter((target) => !existsSync(target))
      .map((target) => `${name}: ${target}`),
  )
  expect(broken).toEqual([])
})

function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] ?? '',
    text: match[2] ?? '',
  }))
}

function folderOf(block: Block): string {
  return join(workFolder, block.page.replace('.md', '').toLowerCase())
}

function fileOf(block: Block): string {
  return join(folderOf(block), `line-${block.line}.${extensions[block.language]}`)
}

function commandOf(block: Block): [string, string[], { cwd: string; encoding: 'utf8'; env: NodeJS.ProcessEnv }] {
  const options = { cwd: folderOf(block), encoding: 'utf8', env: environment() } as const
  if (block.language === 'py') return [join(environmentFolder, 'bin', 'python'), [fileOf(block)], options]
  return [process.execPath, [...(block.language === 'ts' ? ['--import', hook] : []), fileOf(block)], options]
}

function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  return {
    ...inherited,
    VIRTUAL_ENV: environmentFolder,
    PATH: [join(workFolder, 'bin'), process.env.PATH].join(delimiter),
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
  }
}

/** `npx symphony-python` is the command of this build, as it is in a project that has the package installed. */
function installCommand(): void {
  const bin = join(workFolder, 'bin')
  mkdirSync(bin, { recursive: true })
  const npx = join(bin, 'npx')
  writeFileSync(
    npx,
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(root, 'dist', 'cli', 'symphony-python.js')}" "$@"\n`,
  )
  chmodSync(npx, 0o755)
}
