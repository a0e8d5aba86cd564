/* Writes the table of error codes, error-codes.json, in the three languages of this project. `--check` writes nothing and
   fails if a file differs from what it would write. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const source = 'error-codes.json'
const note = `Generated from ${source} by scripts/generate-error-codes.mjs. Do not edit.`

const codes = validated(JSON.parse(await readFile(new URL(source, root), 'utf8')))
const outputs = {
  'crates/symphony-wire/src/generated/error_code.rs': rust(codes),
  'ts/generated/error-codes.ts': typescript(codes),
  'crates/symphony-python-bridge/python/symphony_bridge/generated/__init__.py': `"""Files written by scripts; do not edit them."""\n`,
  'crates/symphony-python-bridge/python/symphony_bridge/generated/error_codes.py': python(codes),
}

const check = process.argv.includes('--check')
const differing = []
for (const [path, text] of Object.entries(outputs)) {
  const url = new URL(path, root)
  const current = await readFile(url, 'utf8').catch(() => null)
  if (current === text) continue
  if (check) {
    differing.push(path)
    continue
  }
  await mkdir(dirname(fileURLToPath(url)), { recursive: true })
  await writeFile(url, text)
  console.log(`wrote ${path}`)
}
if (differing.length > 0) {
  const script = relative(fileURLToPath(root), fileURLToPath(import.meta.url))
  console.error(`out of date: ${differing.join(', ')}\nrun: node ${script}`)
  process.exitCode = 1
}

function validated(list) {
  const seen = new Set()
  for (const { code, meaning, action } of list) {
    if (!/^ERR(_[A-Z]+)+$/.test(code) || seen.has(code)) throw new Error(`bad or repeated code in ${source}: ${code}`)
    if (!meaning || !action || /[\n\\"]/.test(meaning + action)) throw new Error(`bad text for ${code} in ${source}`)
    if (/\.$/.test(meaning) || /\.$/.test(action)) throw new Error(`no final stop, please: ${code} in ${source}`)
    seen.add(code)
  }
  return list
}

function variant(code) {
  const words = code.split('_').slice(1)
  return words.map((word) => word[0] + word.slice(1).toLowerCase()).join('')
}

function rust(list) {
  const each = (line) => list.map(line).join('\n')
  return `// ${note}

//! The error codes that Rust, Python and TypeScript share.

use core::fmt;
use core::str::FromStr;

/// Why an operation of the bridge failed. The text form is the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorCode {
${each(({ code, meaning, action }) => `    /// \`${code}\`: ${meaning}.\n    ///\n    /// What the caller may do: ${lowerFirst(action)}.\n    ${variant(code)},`)}
}

impl ErrorCode {
    /// Every code, in the order of the table.
    pub const ALL: &'static [Self] = &[
${each(({ code }) => `        Self::${variant(code)},`)}
    ];

    /// The text form, such as \`ERR_CONVERSION\`.
    pub const fn as_str(self) -> &'static str {
        match self {
${each(({ code }) => `            Self::${variant(code)} => "${code}",`)}
        }
    }

    /// What happened, in one sentence without a final stop.
    pub const fn meaning(self) -> &'static str {
        match self {
${each(({ code, meaning }) => rustArm(variant(code), meaning))}
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text was not one of the codes of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownErrorCode;

impl fmt::Display for UnknownErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an error code of this version of symphony-python-bridge")
    }
}

impl core::error::Error for UnknownErrorCode {}

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
${each(({ code }) => `            "${code}" => Ok(Self::${variant(code)}),`)}
            _ => Err(UnknownErrorCode),
        }
    }
}
`
}

/** One arm of a match as rustfmt lays it out within 120 columns. */
function rustArm(name, text) {
  const line = `            Self::${name} => "${text}",`
  return line.length <= 120 ? line : `            Self::${name} => {\n                "${text}"\n            }`
}

function typescript(list) {
  return `/* The error codes that Rust, Python and TypeScript share. ${note} */

/** Every error code, with what it means and what the caller may do. */
export const errorCodes = {
${list.map(({ code, meaning, action }) => `  ${code}: {\n    meaning: ${quoted(meaning)},\n    action: ${quoted(action)},\n  },`).join('\n')}
} as const

/** The \`code\` of any error that this package throws. */
export type ErrorCode = keyof typeof errorCodes

/** The \`code\` of a \`BridgeError\`: a failure of the bridge itself rather than an exception that Python code raised. */
export type BridgeErrorCode = Exclude<ErrorCode, 'ERR_PYTHON_EXCEPTION'>

/** Whether a text is one of the codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.prototype.hasOwnProperty.call(errorCodes, text)
}
`
}

function quoted(text) {
  return text.includes("'") ? `"${text}"` : `'${text}'`
}

function python(list) {
  return `# ${note}
"""The error codes that Rust, Python and TypeScript share."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["ERROR_CODES", "ErrorCode"]


class ErrorCode(NamedTuple):
    """What a code means and what the caller may do."""

    meaning: str
    action: str


ERROR_CODES: Final[dict[str, ErrorCode]] = {
${list.map(({ code, meaning, action }) => `    "${code}": ErrorCode(\n        meaning="${meaning}",\n        action="${action}",\n    ),`).join('\n')}
}
"""Every code, in the order of the table."""
`
}

function lowerFirst(text) {
  return /^[A-Z][a-z]/.test(text) ? text[0].toLowerCase() + text.slice(1) : text
}
