// Makes the library that stands in for libpython where no Python can be embedded, from what the core asks of libpython.
//   node scripts/generate-stub-library.mjs <core.node> <stub.so>
// With it the core loads, so that the rest of the core works: a function that is called all the same names itself and aborts,
// data is zero. `symphony_stub_library` marks it for those who must tell it from a libpython.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { execute, note, output } from './command.mjs'
import { isProgram, run, Stop } from './project.mjs'

/** More than any type object or singleton of CPython; zeroes take no room in the file. */
const dataBytes = 1024

/** Data whose names follow no pattern. */
const otherData = new Set([
  'PyImport_FrozenModules',
  'PyImport_Inittab',
  'PyOS_InputHook',
  'PyOS_ReadlineFunctionPointer',
  'PyStructSequence_UnnamedField',
  'Py_FileSystemDefaultEncodeErrors',
  'Py_FileSystemDefaultEncoding',
  'Py_GenericAliasType',
  'Py_HasFileSystemDefaultEncoding',
  'Py_NoSiteFlag',
  'Py_NoUserSiteDirectory',
  'Py_UTF8Mode',
  'Py_Version',
  'Py_hexdigits',
  '_PyRuntime',
])

/** Whether a symbol of CPython is data. An undefined symbol does not say so itself. */
export function isData(name) {
  if (name === 'PyObject_Type') return false // the function that gives an object's type, not a type
  return (
    /^PyExc_/.test(name) ||
    /^_?Py\w*_Type$/.test(name) ||
    /^_Py_(\w+Struct|EllipsisObject)$/.test(name) ||
    /^_PyWeakref_\w+Type$/.test(name) ||
    /^Py_\w+Flag$/.test(name) ||
    otherData.has(name)
  )
}

/** The C source of a library with these symbols. */
export function stubSource(symbols) {
  const definitions = symbols.map((name) => (isData(name) ? `DATA(${name})` : `FUNCTION(${name})`))
  return `#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *text) {
  if (write(2, text, strlen(text)) < 0) abort();
}

__attribute__((noreturn, noinline)) static void missing(const char *name) {
  say("symphony-python-bridge: \`");
  say(name);
  say("\` was called, but no Python is embedded in this process; this is a bug in symphony-python-bridge\\n");
  abort();
}

#define FUNCTION(name) void name(void) { missing(#name); }
#define DATA(name) __attribute__((aligned(16))) char name[${dataBytes}];

const char symphony_stub_library = 1;
${definitions.join('\n')}
`
}

/** What a binary asks of libpython. */
export function pythonSymbols(binary) {
  const names = output('nm', ['-D', '--undefined-only', '--format=posix', binary], {
    advice: 'install binutils (apt-get install binutils)',
  })
    .split('\n')
    .map((line) => line.split(/[ @]/, 1)[0])
    .filter((name) => /^_?Py/.test(name))
  return [...new Set(names)].sort()
}

if (isProgram(import.meta)) {
  await run(([core, stub]) => {
    if (core === undefined || stub === undefined) {
      throw new Stop('usage: node scripts/generate-stub-library.mjs <core.node> <stub.so>')
    }
    const symbols = pythonSymbols(core)
    if (symbols.length === 0) throw new Stop(`\`${core}\` asks nothing of libpython, so it is not the core`)

    const folder = mkdtempSync(join(dirname(stub), '.stub-'))
    try {
      const source = join(folder, 'stub.c')
      const library = join(folder, basename(stub))
      writeFileSync(source, stubSource(symbols))
      const flags = ['-shared', '-fPIC', '-Os', '-fno-asynchronous-unwind-tables', '-s']
      const linker = ['-Wl,--hash-style=gnu', '-Wl,-z,noseparate-code', '-Wl,--build-id=none']
      execute('gcc', [...flags, ...linker, '-o', library, source], { advice: 'install gcc (apt-get install gcc)' })
      renameSync(library, stub)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    note(
      `${basename(stub)}: ${symbols.filter((name) => !isData(name)).length} functions, ${symbols.filter(isData).length} data`,
    )
  })
}
