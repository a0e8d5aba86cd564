/* What is published: versions that agree, files that are there, and a package that works where it is installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '..')
const platforms = readdirSync(join(root, 'npm'))
const manifest = readManifest('.')

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly engines: { readonly node: string }
  readonly files: readonly string[]
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
}

test('all packages and crates have one version, one licence and one minimum Node', () => {
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8')
  expect(/^version = "(.*)"$/m.exec(cargo)?.[1]).toBe(manifest.version)
  expect(/^license = "(.*)"$/m.exec(cargo)?.[1]).toBe(manifest.license)
  for (const platform of platforms) {
    const { name, version, license, engines } = readManifest(join('npm', platform))
    expect({ name, version, license, engines }).toEqual({
      name: `symphony-python-bridge-${platform}`,
      version: manifest.version,
      license: manifest.license,
      engines: manifest.engines,
    })
  }
})

test.each(platforms)(
  'the package of %s can only be installed there, and lists the files of its platform',
  (platform) => {
    const { os, cpu, files } = readManifest(join('npm', platform))
    expect(platform.startsWith(`${os?.[0]}-${cpu?.[0]}`)).toBe(true)
    expect(files.every((file) => file.includes(`.${platform}.`))).toBe(true)
    expect(files.map((file) => file.split('.')[0])).toEqual(['symphony-loader', 'symphony-node', 'symphony-stub'])
  },
)

test('the changelog has an entry for this version', () => {
  expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(
    new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')}`, 'm'),
  )
})

test('the lock file names no registry', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved":/)
})

test('the lock file has an entry for the native packages of every platform, which `npm ci` asks for', () => {
  interface Locked {
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) =>
      [`node_modules/${name}`, `${path}/node_modules/${name}`].every((place) => lock.packages[place] === undefined),
    ),
  )
  expect(missing).toEqual([])
})

test('the ECMAScript face exports what the CommonJS build exports, and the declarations declare it', async () => {
  const wrapper = readFileSync(join(root, 'index.mjs'), 'utf8')
  const named = /export \{([^}]*)\}/.exec(wrapper)?.[1]?.split(',') ?? []
  const exported = Object.keys((await import('symphony-python-bridge')) as object).filter(
    (name) => name !== '__esModule',
  )
  expect(
    named
      .map((name) => name.trim())
      .filter(Boolean)
      .sort(),
  ).toEqual(exported.sort())
})

describe('installed from its two archives', () => {
  const project = mkdtempSync(join(tmpdir(), 'symphony-package-'))
  afterAll(() => rmSync(project, { recursive: true, force: true }))

  beforeAll(() => {
    writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
    mkdirSync(join(project, 'archives'))
    const folders = [root, ...platforms.map((platform) => join(root, 'npm', platform))]
    npm(['pack', '--silent', '--pack-destination', join(project, 'archives'), ...folders])
    const archives = readdirSync(join(project, 'archives')).map((name) => `./archives/${name}`)
    npm(['install', '--offline', '--no-audit', '--no-fund', ...archives])
  }, 120_000)

  test('the main package holds the build, the declarations and the documents, and nothing of the sources', () => {
    const files = readdirSync(join(project, 'node_modules', manifest.name)).sort()
    expect(files).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'index.d.mts',
      'index.d.ts',
      'index.mjs',
      'package.json',
    ])
  })

  test('ESM and CommonJS load it and share one state', () => {
    const program = `
      import { createRequire } from 'node:module'
      import { python } from 'symphony-python-bridge'
      const required = createRequire(import.meta.url)('symphony-python-bridge')
      console.log(required.python === python, await python.import('math').then((math) => math.sqrt(9)))
      console.log(createRequire(import.meta.url).resolve('symphony-python-bridge').startsWith(process.cwd()))`
    writeFileSync(join(project, 'program.mjs'), program)
    expect(run(process.execPath, ['program.mjs'])).toBe('true 3\ntrue\n')
  })

  test('the command is installed and works', () => {
    const report = run(join(project, 'node_modules', '.bin', 'symphony-python'), ['doctor', '--json'])
    expect(JSON.parse(report)).toMatchObject({ ok: true })
  })

  test.each([
    ['ECMAScript modules', 'check.mts', 'node16'],
    ['CommonJS', 'check.cts', 'node16'],
    ['a bundler', 'check.ts', 'bundler'],
  ])('its types resolve for %s', (_, file, resolution) => {
    const program = `
      import { kw, python, type Handle } from 'symphony-python-bridge'
      export async function sum(): Promise<number> {
        const numpy: Handle = await python.import('numpy')
        return await numpy.arange(15, kw({ dtype: 'int64' })).sum().item<number>()
      }`
    writeFileSync(join(project, file), program)
    const options = ['--strict', '--noEmit', '--target', 'es2023', '--skipLibCheck', 'false', '--types', 'node']
    const module = resolution === 'bundler' ? 'esnext' : 'node16'
    const types = ['--typeRoots', join(root, 'node_modules', '@types')]
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    expect(
      run(process.execPath, [
        compiler,
        ...options,
        ...types,
        '--module',
        module,
        '--moduleResolution',
        resolution,
        file,
      ]),
    ).toBe('')
  })

  function npm(args: readonly string[]): void {
    execFileSync('npm', [...args], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
  }

  function run(program: string, args: readonly string[]): string {
    const env = { ...process.env, VIRTUAL_ENV: join(root, '.venv') }
    const result = spawnSync(program, args, { cwd: project, encoding: 'utf8', env })
    if (result.status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`)
    return result.stdout
  }
})

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest
}
