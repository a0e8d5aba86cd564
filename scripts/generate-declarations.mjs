/* Writes index.d.ts, the public contract: the declarations that ts/index.ts exports, with their documentation, in one file that can be
   reviewed. `--check` writes nothing and fails if the file differs from what it would write. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import typescript from 'typescript'
import { root } from './project.mjs'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entry = join(root, 'ts', 'index.ts')
const output = join(root, 'index.d.ts')
const note =
  '/* What symphony-python-bridge exports. Generated from ts/ by scripts/generate-declarations.mjs; every change of it is reviewed. */'

const declarations = emitDeclarations()
const text = await format(bundled(), { ...(await resolveConfig(output)), parser: 'typescript' })
if (!process.argv.includes('--check')) {
  writeFileSync(output, text)
} else if (readFileSync(output, 'utf8') !== text) {
  console.error('out of date: index.d.ts\nrun: node scripts/generate-declarations.mjs')
  process.exitCode = 1
}

/** The declaration files of everything that the entry reaches, by the path of their source without its extension. */
function emitDeclarations() {
  const { config } = typescript.readConfigFile(join(root, 'tsconfig.build.json'), typescript.sys.readFile)
  const { options } = typescript.parseJsonConfigFileContent(config, typescript.sys, root)
  const program = typescript.createProgram([entry], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    removeComments: false,
    incremental: false,
    tsBuildInfoFile: undefined,
    sourceMap: false,
    inlineSources: false,
    declarationDir: join(root, 'ts'),
  })
  const files = new Map()
  program.emit(undefined, (path, content) => files.set(path.replace(/\.d\.ts$/, ''), content))
  return files
}

/** All declarations that the entry's exports need, each file's after those it imports from. */
function bundled() {
  const exported = exportedNames()
  const statements = new Map()
  const imports = new Set()
  const seen = new Set()
  for (const source of sources(join(root, 'ts', 'index'))) visit(source)
  return [note, ...imports, ...needed(statements, exported), 'export {}'].join('\n\n')

  function visit(path) {
    if (seen.has(path)) return
    seen.add(path)
    const file = parse(path)
    for (const source of sources(path)) visit(source)
    for (const statement of file.statements) {
      if (typescript.isImportDeclaration(statement)) {
        if (!isRelative(statement)) imports.add(importText(statement, file))
      } else if (!typescript.isExportDeclaration(statement)) {
        for (const name of names(statement)) {
          if (statements.has(name) && statements.get(name).path !== path) {
            throw new Error(`two declarations are called ${name}: in ${statements.get(name).path} and ${path}`)
          }
          const parts = statements.get(name)?.parts ?? []
          statements.set(name, { path, parts: [...parts, { statement, file }] })
        }
      }
    }
  }
}

/** Only what an exported declaration mentions, directly or not; in the order of the files. */
function needed(statements, exported) {
  const wanted = new Set()
  const want = (name) => {
    if (wanted.has(name) || !statements.has(name)) return
    wanted.add(name)
    for (const { statement } of statements.get(name).parts) mentions(statement, want)
  }
  for (const name of exported) {
    if (!statements.has(name)) throw new Error(`ts/index.ts exports ${name}, but nothing declares it`)
    want(name)
  }
  const written = new Set()
  const texts = []
  for (const [name, { parts }] of statements) {
    if (!wanted.has(name)) continue
    for (const { statement, file } of parts) {
      if (written.has(statement)) continue
      written.add(statement)
      texts.push(declarationText(statement, file, exported.has(name)))
    }
  }
  return texts
}

/** Where an optional package is not installed, its types are `any` and no error of whoever uses this one. */
function importText(statement, file) {
  const text = statement.getText(file)
  const isOptional = manifest.peerDependenciesMeta?.[statement.moduleSpecifier.text]?.optional === true
  return isOptional ? `// @ts-ignore \`any\` where the package is not installed\n${text}` : text
}

function declarationText(statement, file, isExported) {
  const start = statement.getStart(file)
  const documentation = typescript
    .getJSDocCommentsAndTags(statement)
    .map((comment) => comment.getText(file))
    .join('\n')
  const bare = file.text.slice(start, statement.end).replace(/^(export |declare )+/, '')
  const declared = /^(interface|type) /.test(bare) ? bare : `declare ${bare}`
  return `${documentation}${documentation ? '\n' : ''}${isExported ? 'export ' : ''}${declared}`
}

function mentions(node, want) {
  node.forEachChild((child) => {
    if (typescript.isIdentifier(child)) want(child.text)
    mentions(child, want)
  })
}

function names(statement) {
  if (typescript.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.text)
  return statement.name ? [statement.name.text] : []
}

function exportedNames() {
  const exported = new Set()
  for (const statement of parse(join(root, 'ts', 'index')).statements) {
    if (!typescript.isExportDeclaration(statement)) continue
    if (statement.exportClause) for (const { name } of statement.exportClause.elements) exported.add(name.text)
    else for (const name of exportsOf(resolved(join(root, 'ts', 'index'), statement))) exported.add(name)
  }
  return exported
}

function exportsOf(path) {
  return parse(path)
    .statements.filter((statement) =>
      statement.modifiers?.some(({ kind }) => kind === typescript.SyntaxKind.ExportKeyword),
    )
    .flatMap(names)
}

/** The files that a declaration file imports from or exports from. */
function sources(path) {
  return parse(path)
    .statements.filter((statement) => isRelative(statement))
    .map((statement) => resolved(path, statement))
}

function isRelative(statement) {
  return statement.moduleSpecifier?.text.startsWith('.') ?? false
}

function resolved(path, statement) {
  return join(path, '..', statement.moduleSpecifier.text)
}

function parse(path) {
  const content = declarations.get(path)
  if (content === undefined) throw new Error(`no declarations for ${path}`)
  return typescript.createSourceFile(`${path}.d.ts`, content, typescript.ScriptTarget.Latest, true)
}
