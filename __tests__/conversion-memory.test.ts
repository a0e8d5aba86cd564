/* Nothing is leaked by converting: of every kind of value a million go out and come back in, on each view, and handle counts and
   memory stay flat. A process for each kind, with nothing else in it. */
import { runProgram } from './support/child-process'

/** Small heaps: V8 makes the young one larger as it sees fit, and that growth would be as large as a leak. */
const nodeOptions = ['--expose-gc', '--max-old-space-size=200', '--min-semi-space-size=2', '--max-semi-space-size=2']

/** Values in one message, and messages on each view. */
const perMessage = 1000
const messages = 1000

interface Kind {
  readonly name: string
  /** The value number `index` in Python. A new object each time: a reference that is never given back shows as memory. */
  readonly python: string
  /** What goes back to Python, of the array `values` that came from there. @default the array itself */
  readonly javascript?: string
  /** Options of both calls. @default none */
  readonly options?: string
  /** What both calls, or the one to JavaScript (`'out'`) or to Python (`'in'`), fail with. @default nothing */
  readonly refused?: 'out' | 'in'
}

const kinds: readonly Kind[] = [
  { name: 'None, booleans and small integers', python: '(None, True, index - 500)[index % 3]' },
  { name: 'integers of 32 bits, packed', python: 'index * 2_000_000' },
  { name: 'integers within 2^53', python: 'index * 2**43' },
  { name: 'integers within 64 bits', python: '2**63 + index' },
  { name: 'large integers', python: '(-1) ** index * 2**200 + index' },
  { name: 'floats, packed', python: 'index + 0.5' },
  { name: 'integers and floats in turn', python: '(index, index + 0.5)[index % 2]' },
  {
    name: 'python.float and python.int',
    python: 'index',
    javascript: 'values.flatMap((value) => [python.float(value), python.int(value)])',
  },
  { name: 'short ASCII strings', python: "f'text {index}'" },
  { name: 'long ASCII strings', python: "f'text {index}' * 20" },
  { name: 'Latin-1 strings', python: "f'\\u00e9 {index}'" },
  { name: 'strings of 16 bits', python: "f'\\u4e00 {index}' * (1 + index % 12)" },
  { name: 'strings with astral characters', python: "f'\\U0001f600 {index}' * (1 + index % 12)" },
  { name: 'lone surrogates', python: "f'\\ud800 {index}'" },
  { name: 'bytes', python: "b'%d' % index" },
  { name: 'bytearrays', python: "bytearray(b'%d' % index)" },
  { name: 'lists', python: '[index, [str(index)]]' },
  { name: 'packed lists', python: '[index + 0.5] * 8 if index % 2 else [index] * 8' },
  { name: 'tuples', python: '(index, (str(index),))' },
  { name: 'dicts of different keys', python: "{f'key {index}': index, 'nested': {}}" },
  { name: 'records', python: "{'id': index, 'name': str(index), 'nested': {'score': index + 0.5}}" },
  { name: 'dicts with any keys', python: '{index: index, (index, None): 1}' },
  { name: 'dicts with a callable under then', python: "{'then': len, 'index': index}" },
  { name: 'sets', python: '{index, str(index)}' },
  { name: 'frozensets', python: 'frozenset({index, str(index)})' },
  { name: 'complex', python: 'complex(index, 0.5)' },
  { name: 'decimals', python: 'decimal.Decimal(index).scaleb(-3)' },
  { name: 'fractions', python: 'fractions.Fraction(index, 2**64 + 1)' },
  { name: 'UUIDs', python: 'uuid.UUID(int=index)' },
  { name: 'paths', python: "pathlib.Path(f'folder/{index}')" },
  { name: 'ranges', python: 'range(index, 2**70)' },
  { name: 'slices and ellipses', python: '(slice(index, [str(index)]), ...)' },
  { name: 'NumPy scalars', python: 'numpy.float32(index) if index % 2 else numpy.int64(index)' },
  { name: 'handles', python: 'Thing(index)' },
  {
    name: 'instances of JavaScript classes',
    python: 'index',
    javascript: '[values.map((value) => new Item(value)), new Item(values)]',
  },
  { name: 'JavaScript functions', python: 'index', javascript: 'values.map((value) => () => value)' },
  {
    name: 'JavaScript objects before a symbol',
    python: 'index',
    javascript: '[values.map((value) => new Item(value)), Symbol()]',
    refused: 'in',
  },
  { name: 'handles in containers', python: "{'thing': Thing(index), 'things': (Thing(index),)}" },
  { name: "the option int: 'bigint'", python: "[index, {'id': index}]", options: "{ int: 'bigint' }" },
  { name: "the option int: 'number'", python: "[index, {'id': index}]", options: "{ int: 'number' }" },
  { name: "the option number: 'float'", python: "[index, {'id': index}]", options: "{ number: 'float' }" },
  { name: "the option dict: 'map'", python: "{'id': index, 'nested': {}}", options: "{ dict: 'map' }" },
  { name: "the option dict: 'object'", python: "{'id': index, 'nested': {}}", options: "{ dict: 'object' }" },
  { name: 'a schema', python: "{'id': index}", options: '{ returns: schema }' },
  {
    name: 'handles before a string that JavaScript cannot hold',
    python: "'\\ud83d\\ude00' if index == 999 else Thing(index)",
    refused: 'out',
  },
  {
    name: 'handles around a set whose items are equal in JavaScript',
    python: "{float('nan'), float('inf') * 0} if index == 500 else Thing(index)",
    refused: 'out',
  },
  {
    name: "handles before an integer that int: 'number' refuses",
    python: '2**60 if index == 999 else Thing(index)',
    options: "{ int: 'number' }",
    refused: 'out',
  },
  {
    name: "handles that returns: 'value' refuses",
    python: '[index, Thing(index)]',
    options: "{ returns: 'value' }",
    refused: 'out',
  },
  { name: 'handles that a schema refuses', python: '{}', options: '{ returns: strict }', refused: 'out' },
  { name: 'handles before a symbol', python: 'Thing(index)', javascript: '[...values, Symbol()]', refused: 'in' },
  {
    name: 'handles and bytes around keys that are equal in Python',
    python: "(Thing(index), b'bytes')",
    javascript: '[values, new Set([1, true]), values]',
    refused: 'in',
  },
]

const python = `
import decimal, fractions, pathlib, uuid
import numpy
class Thing:
    def __init__(self, index): self.index = index
def take(values): return len(values)
`

function program({ python: expression, javascript = 'values', options = '{}', refused }: Kind): string {
  const source = `${python}def batch(): return [${expression} for index in range(${perMessage})]\n`
  return `
    const { python } = require('symphony-python-bridge')
    const schemaOf = (validate) => ({ '~standard': { version: 1, vendor: 'test', validate } })
    const schema = schemaOf((value) => ({ value }))
    const strict = schemaOf(() => ({ issues: [{ message: 'refused' }] }))
    class Item { constructor(value) { this.value = value } }
    const bridge = python.importSync('symphony_bridge')
    const module = python.execSync(${JSON.stringify(source)})
    const refused = ${JSON.stringify(refused ?? null)}
    const refusals = { out: 0, in: 0 }
    const count = (direction) => (error) => {
      if (direction !== refused || error.code !== 'ERR_CONVERSION') throw error
      refusals[direction]++
      return []
    }
    const options = ${options}
    const { returns, ...convert } = options
    const batch = { synchronous: module.batch.$with(options), asynchronous: module.$async.batch.$with(options) }
    const take = { synchronous: module.take.$with(convert), asynchronous: module.$async.take.$with(convert) }
    const sent = (values) => ${javascript}
    const rounds = {
      async synchronous() {
        let values
        try { values = batch.synchronous() } catch (error) { values = count('out')(error) }
        if (refused === 'out') return
        try { take.synchronous(sent(values)) } catch (error) { count('in')(error) }
      },
      async asynchronous() {
        const values = await batch.asynchronous().catch(count('out'))
        if (refused !== 'out') await take.asynchronous(sent(values)).catch(count('in'))
      },
    }
    async function main() {
      const growth = {}
      for (const [name, round] of Object.entries(rounds)) {
        const memory = []
        for (let done = 0; done < ${messages}; done += 20) {
          for (let index = 0; index < 20; index++) await round()
          // Collected handles are given back in a macrotask.
          await new Promise((resolve) => setImmediate(resolve))
          globalThis.gc()
          memory.push(process.memoryUsage().rss)
        }
        const lowest = (samples) => Math.min(...samples) / 2 ** 20
        // The first fifth is the warm-up.
        growth[name] = lowest(memory.slice(-10)) - lowest(memory.slice(10, 20))
      }
      // The last ones are given back when their states have been collected, which takes some turns of the event loop.
      const handleCount = () => bridge.get_system_info().handles
      for (let turn = 0; turn < 1000 && handleCount() >= 100; turn++) {
        globalThis.gc()
        await new Promise((resolve) => setImmediate(resolve))
      }
      console.log(JSON.stringify({ growth, refusals, handles: handleCount() }))
    }
    main()`
}

test.each(kinds)(
  '$name leave handle counts and memory flat',
  async (kind) => {
    const end = await runProgram(program(kind), { node: nodeOptions })
    expect(end.stderr).toBe('')
    const { growth, refusals, handles } = JSON.parse(end.stdout) as {
      growth: Record<string, number>
      refusals: { out: number; in: number }
      handles: number
    }
    expect(refusals).toEqual({ out: 0, in: 0, ...(kind.refused ? { [kind.refused]: 2 * messages } : {}) })
    expect(handles).toBeLessThan(100)
    // Two thirds of the values come after the warm-up: a leak of 16 bytes each, the smallest there can be, would be 10 MB.
    expect(Object.keys(growth)).toEqual(['synchronous', 'asynchronous'])
    expect(Math.max(...Object.values(growth))).toBeLessThan(8)
  },
  120_000,
)
