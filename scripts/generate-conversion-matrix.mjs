/* Writes docs/conversion-matrix.md: what becomes of every kind of value, found out by sending it. `--check` writes nothing and fails if
   the page differs from what it would write; `--conductor` neither, and sends the values to a process of its own. Needs a build, and an
   environment with NumPy.
     VIRTUAL_ENV=<folder> node scripts/generate-conversion-matrix.mjs [--check | --conductor] */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual, types } from 'node:util'
import { runInNewContext } from 'node:vm'
import * as bridge from 'symphony-python-bridge'
import { argumentLists, fromJavaScript, fromPython, notAwaited, options, pythonNames } from './conversion-cases.mjs'
import { root, run, Stop } from './project.mjs'

const page = join(root, 'docs', 'conversion-matrix.md')
const { isBridgeError, isPythonError, isPythonHandle, python } = bridge

/** What looks at values on the Python side. */
const observers = `
def identity(value):
    return value

def echo(*args, **kwargs):
    return repr(args) + ' ' + repr(kwargs)

def described(value):
    if type(value) is memoryview:
        return ['memoryview', f'{value.format} {value.tolist()}']
    return [type(value).__qualname__, repr(value)]

def compared(original, copy):
    try:
        equal = bool(original == copy)
    except Exception:  # a signalling NaN, for one
        equal = False
    if type(original) is not type(copy):
        return 'equal, but of another type' if equal else 'another value'
    if repr(original) != repr(copy):
        return 'equal, but spelled otherwise' if equal else 'another value'
    return 'equal' if equal else 'the same repr'

def same(original, copy):
    return original is copy
`

/** The process of its own that the values are sent to; none if that is this one. */
let conductor

await run(async (args) => {
  if (args.includes('--conductor')) conductor = await bridge.Conductor.start()
  else await python.start()
  const text = await pageText()
  if (conductor !== undefined) {
    await conductor.stop()
    return compareRows(text)
  }
  if (!args.includes('--check')) return writeFileSync(page, text)
  if (readFileSync(page, 'utf8') === text) return undefined
  throw new Stop(
    'out of date: docs/conversion-matrix.md\nrun: npm run set-up && VIRTUAL_ENV=$PWD/.venv node scripts/generate-conversion-matrix.mjs',
  )
})

/** In a process of its own all must be as on the page, but for memory that one process has, and its synchronous handles. */
function compareRows(text) {
  const ofOneProcess = /NdArray|over the same memory|\$sync/
  const [expected, found] = [readFileSync(page, 'utf8'), text].map((all) => all.split('\n'))
  const different = found.filter((row, index) => row !== expected[index] && !ofOneProcess.test(expected[index] ?? ''))
  if (different.length > 0 || found.length !== expected.length)
    throw new Stop(`in a Conductor there are other outcomes:\n${different.join('\n')}`)
  const compared = found.filter((row, index) => row === expected[index] && row.startsWith('| `')).length
  console.log(`${compared} rows of the conversion matrix are the same in a Conductor`)
}

async function pageText() {
  const host = conductor ?? python
  const observe = await host.exec(observers)
  const names = await host.exec(pythonNames)
  const javaScript = javaScriptEvaluator(await host.eval('Celsius(21.5)', names))
  return (
    [
      introduction(),
      '## From Python to JavaScript and back',
      fromPythonWords(),
      ...(await sections(
        fromPython,
        ['Python', 'in JavaScript', 'is a', 'back in Python', 'which is'],
        async (expression) =>
          fromPythonRow(expression, await (conductor ?? python).eval(expression, names, { returns: 'ref' }), observe),
      )),
      '## From JavaScript to Python and back',
      fromJavaScriptWords(),
      ...(await sections(
        fromJavaScript,
        ['JavaScript', 'Python type', 'in Python', 'back in JavaScript', 'which is'],
        (expression) =>
          conductor !== undefined && expression.includes('$sync')
            ? [code(expression)]
            : fromJavaScriptRow(expression, javaScript(expression), observe),
      )),
      '### Not awaited\n\nOf asynchronous calls only; a synchronous one could not wait.',
      table(
        ['JavaScript', 'Python type', 'in Python'],
        await inTurn(notAwaited, async (expression) => {
          const [type, repr] = await observe.described(javaScript(expression))
          return [code(expression), type, code(repr)]
        }),
      ),
      '### Arguments',
      table(
        ['call', 'arguments in Python'],
        await inTurn(argumentLists, async (list) => {
          const { error, result } = await agreed(list, observe, (view) => view.echo(...javaScript(`[${list}]`)))
          return [code(`echo(${list})`), error ? refusal(error) : code(result)]
        }),
      ),
      '## Options',
      ...(await inTurn(options, (group) => optionsTable(group, { observe, names, javaScript }))),
    ].join('\n\n') + '\n'
  )
}

function introduction() {
  return `<!-- Generated by scripts/generate-conversion-matrix.mjs from scripts/conversion-cases.mjs. Do not edit. -->

# Conversion matrix

What becomes of every kind of value, found out by sending it: a program of this repository evaluated each expression in its own language, sent the value over, looked at it
there, and sent it back. Nothing on this page is written by hand but the expressions. Each was sent synchronously and asynchronously, with the same outcome.
The rules are in [Values](values.md).

The page does not depend on versions: \`npm run check\` makes it again and compares, and \`npm run matrix\` does so with every CPython of the machine and in Node 22 and 24. Addresses are masked.`
}

function fromPythonWords() {
  return `A handle is written as \`[Python type]\`. *Equal* means: Python's \`==\`, and the same type and \`repr\`. *The same repr*: as \`nan\`, it does not equal itself. *The same object* means Python's \`is\`,
which is asked of handles and arrays only: of what is copied, nobody promises it.`
}

function fromJavaScriptWords() {
  return `*Equal* means \`util.isDeepStrictEqual\`. \`thing\` is an asynchronous handle; *the same object* says that the Python object came back, on the view that the call was made with.
That is asked of instances of classes and functions too. *Over the same memory*: what is written to one is in the other. \`other\` evaluates in another realm (\`node:vm\`); what comes back is of this one.`
}

/** A table for each group of cases. */
function sections(groups, columns, row) {
  return inTurn(Object.entries(groups), async ([title, cases]) =>
    [`### ${title}`, table(columns, await inTurn(cases, row))].join('\n\n'),
  )
}

async function fromPythonRow(expression, original, observe) {
  const value = await agreed(expression, observe, (view) => view.identity(original))
  if (value.error) return [code(expression), refusal(value.error), '', '', '']
  const { result } = value
  const [type, repr] = await observe.described(result)
  const isSame = await observe.same(original, result)
  const isReference = isPythonHandle(result) || (isArray(result) && isSame)
  const verdict = isReference
    ? isSame
      ? 'the same object'
      : 'another object'
    : await observe.compared(original, result)
  return [code(expression), code(shown(result)), className(result), `${type} ${code(repr)}`, verdict]
}

async function fromJavaScriptRow(expression, value, observe) {
  const description = await agreed(expression, observe, (view) => view.described(value))
  if (description.error) return [code(expression), '', refusal(description.error), '', '']
  const [type, repr] = description.result
  const { error, result } = await agreed(expression, observe, (view) => view.identity(value))
  if (error) return [code(expression), type, code(repr), refusal(error), '']
  return [code(expression), type, code(repr), code(shown(result)), verdictInJavaScript(value, result)]
}

function verdictInJavaScript(value, back) {
  if (isPythonHandle(value) || isPythonHandle(back)) {
    return isPythonHandle(value) && isPythonHandle(back) && value.$async === back.$async
      ? 'the same object'
      : 'another value'
  }
  if (memoryOf(value) !== undefined && memoryOf(value) === memoryOf(back)) return 'over the same memory'
  if (isDeepStrictEqual(value, back)) return isShared(value, back) ? 'the same object' : 'equal'
  return className(value) === className(back) ? 'not equal' : `not equal: ${className(back)}`
}

/** Whether it stands for an array of Python's. */
function isArray(value) {
  return value instanceof bridge.NdArray || (ArrayBuffer.isView(value) && !Buffer.isBuffer(value))
}

function memoryOf(value) {
  if (types.isAnyArrayBuffer(value)) return value
  return value instanceof bridge.NdArray ? value.data.buffer : value?.buffer
}

function isShared(value, back) {
  return value === back && (typeof value === 'function' || (typeof value === 'object' && value !== null))
}

async function optionsTable(
  { options, python: results = [], javascript: values = [] },
  { observe, names, javaScript },
) {
  const rows = [
    ...(await inTurn(results, async (expression) => {
      const original = await (conductor ?? python).eval(expression, names, { returns: 'ref' })
      const { error, result } = await agreed(expression, observe, (view) => view.identity.$with(options)(original))
      return [code(expression), error ? refusal(error) : code(shown(result))]
    })),
    ...(await inTurn(values, async (expression) => {
      const value = javaScript(expression)
      const { error, result } = await agreed(expression, observe, (view) => view.described.$with(options)(value))
      return [code(expression), error ? refusal(error) : `${result[0]} ${code(result[1])}`]
    })),
  ]
  const title = Object.entries(options).map(([name, choice]) => `${name}: '${choice}'`)
  return `### ${code(title.join(', '))}\n\n${table(results.length > 0 ? ['Python', 'in JavaScript'] : ['JavaScript', 'in Python'], rows)}`
}

/** The outcome of an asynchronous call and, where there are such, of a synchronous one, which must not differ. */
async function agreed(expression, observe, call) {
  const one = await outcome(() => call(observe))
  if (conductor !== undefined) return one
  const [first, second] = [one, await outcome(() => call(observe.$sync))].map(spelled)
  if (first !== second) throw new Stop(`${expression}: asynchronously ${first}, synchronously ${second}`)
  return one
}

function spelled({ error, result }) {
  if (error) return refusal(error)
  return isPythonHandle(result) ? `a handle of ${result.$type}` : `${className(result)} ${shown(result)}`
}

async function outcome(call) {
  try {
    return { result: await call() }
  } catch (error) {
    // A refused value is what a row may show. Anything else is a mistake of this program.
    if (isBridgeError(error) || isPythonError(error)) return { error }
    throw error
  }
}

/** Evaluates expressions that know the package, a handle and another realm. */
function javaScriptEvaluator(thing) {
  const scope = { ...bridge, thing, other: (expression) => runInNewContext(expression) }
  return (expression) => new Function(...Object.keys(scope), `return (${expression})`)(...Object.values(scope))
}

function refusal(error) {
  const text = error.code === 'ERR_PYTHON_EXCEPTION' ? error.message : `${error.code}: ${error.message}`
  return `**error** ${code(text)}`
}

function className(value) {
  if (isPythonHandle(value)) return 'handle'
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  // An object may have data of its own under `constructor`.
  return Object.getPrototypeOf(value)?.constructor.name ?? 'object without prototype'
}

function shown(value) {
  // A stack says where this program is.
  if (value instanceof Error) return `[${value}]`
  // What its data is depends on whether this version of Node has a Float16Array.
  if (value?.dtype === 'float16') return `NdArray(${inspect(value.shape)}, float16) ${inspect(value.toArray())}`
  return masked(inspect(value, { depth: 8, breakLength: Infinity, compact: true }))
}

/** Without what is another one each time (addresses, the numbers of handles) and without the repr that only a synchronous handle prints. */
function masked(text) {
  return text
    .replaceAll(/(PyFrozenSet\(\d+\)) \[Set\]/g, '$1') // Node 20 adds what newer ones do not
    .replaceAll(/(\[Python [\w.]+) #\d+\](?: (?:<[^>]*>|[\w.]+))?/g, '$1]')
    .replaceAll(/0x[0-9a-f]{6,}/g, '0x…')
}

/** A text as a code span of a table's cell. */
function code(text) {
  const escaped = masked(text).replaceAll('|', '\\|').replaceAll('\0', '\\x00').replaceAll(/\n\s*/g, ' ')
  return text.includes('`') ? `\`\` ${escaped} \`\`` : `\`${escaped}\``
}

function table(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')
}

/** One after the other: the page should not depend on what happens at the same time. */
async function inTurn(items, action) {
  const results = []
  for (const item of items) results.push(await action(item))
  return results
}
