// An HTTP server that streams the tokens of a Python asynchronous generator, one JSON object a line, and clients that try it:
// several at once, one that leaves, one that reads nothing, an error in mid-stream, a deadline. `answer` is the part to copy.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isPythonError, kw, python } from 'symphony-python-bridge'
import { duration, printTable, progress } from './output.mts'

const model = await python.import(new URL('./language_model.py', import.meta.url))
const server = createServer((request, response) => void answer(request, response))

/** GET /?prompt=…&max_tokens=…&delay=…&deadline=… */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams
  const number = (name: string) => (query.has(name) ? Number(query.get(name)) : undefined)

  // One signal a request. Whatever aborts it cancels the generator in Python, which then runs its `finally`.
  const stop = new AbortController()
  response.on('close', () => stop.abort(new Error('the client has left')))
  const deadline = setTimeout(() => stop.abort(new Error('the deadline has passed')), number('deadline') ?? 60_000)
  const send = (line: object) => response.write(`${JSON.stringify(line)}\n`)
  try {
    // Python is at most 16 tokens ahead of this loop. A single token may take 10 seconds.
    const generate = model.generate.$with({ signal: stop.signal, timeout: 10_000, highWaterMark: 16 })
    const options = kw({ max_tokens: number('max_tokens'), delay: number('delay') })
    for await (const token of generate(query.get('prompt') ?? '', options)) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      // While the client does not read, the loop waits, and so does Python.
      if (!send({ token })) await once(response, 'drain', { signal: stop.signal })
    }
    send({ done: true })
  } catch (error) {
    // Before the first token the status can still say what happened; after it only a line of the stream can.
    if (!response.headersSent) response.writeHead(isPythonError(error, 'ValueError') ? 400 : 500)
    const { message } = (stop.signal.aborted ? stop.signal.reason : error) as Error
    if (!response.destroyed) send({ error: message })
  } finally {
    clearTimeout(deadline)
    response.end()
  }
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

interface Line {
  readonly token?: string
  readonly error?: string
  readonly done?: boolean
}

async function ask(query: Record<string, string | number>, signal?: AbortSignal): Promise<Response> {
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string]),
  )
  return fetch(`http://127.0.0.1:${port}/?${search.toString()}`, signal === undefined ? {} : { signal })
}

async function* lines(response: Response): AsyncGenerator<Line> {
  let rest = ''
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const complete = (rest + text).split('\n')
    rest = complete.pop() ?? ''
    for (const line of complete) yield JSON.parse(line) as Line
  }
}

/** How the generator that ended last did so, as its `finally` tells. */
async function endInPython(): Promise<string> {
  const { outcome, tokens } = await model.ended.get<{ outcome: string; tokens: number }>()
  return `In Python: ${outcome} after ${tokens.toLocaleString('en')} tokens; \`finally\` has run.`
}

console.log('\n  ── three clients at once ──')
const start = performance.now()
const answers = await progress('reading', () =>
  Promise.all(
    ['Tell me of the bridge', 'Who waits for the model', 'What does a client'].map(async (prompt) => {
      let text = ''
      let first = 0
      for await (const { token } of lines(await ask({ prompt }))) {
        first ||= performance.now() - start
        text += token ?? ''
      }
      await model.ended.get()
      return [prompt, duration(first), duration(performance.now() - start), text.trim()]
    }),
  ),
)
printTable(['prompt', 'first token', 'all', 'text'], answers)

console.log('  ── a client that leaves ──')
const leaving = new AbortController()
let read = 0
try {
  const response = await ask({ prompt: 'the loop', max_tokens: 1_000_000 }, leaving.signal)
  for await (const { token } of lines(response)) if (token !== undefined && ++read === 5) leaving.abort()
} catch (error) {
  if (!leaving.signal.aborted) throw error
}
console.log(`  It left when it had ${read} tokens. ${await endInPython()}\n`)

console.log('  ── a client that does not read ──')
const asleep = new AbortController()
const made = async () => ((await model.statistics) as { tokens: number }).tokens
const earlier = await made()
await ask({ prompt: 'the stream', max_tokens: 10_000_000, delay: 0 }, asleep.signal)
// The buffers between model and client fill; then Python stands still.
let tokens: number
let next = await made()
do {
  tokens = next
  await sleep(200)
  next = await made()
} while (next > tokens)
console.log(`  Python has made ${(tokens - earlier).toLocaleString('en')} tokens of 10,000,000, and waits.`)
asleep.abort()
console.log(`  It leaves. ${await endInPython()}\n`)

console.log('  ── errors ──')
const refused = await ask({ prompt: '' })
console.log(`  Before the first token: status ${refused.status}, ${(await refused.text()).trim()}`)
await report('In mid-stream', await ask({ prompt: 'Do you overload' }))
await report('Past a deadline of 250 ms', await ask({ prompt: 'be quick', max_tokens: 1_000_000, deadline: 250 }))
console.log(`\n  Generations under way in Python: ${(await model.statistics.$getItem('running')) as number}\n`)

async function report(what: string, response: Response): Promise<void> {
  let tokens = 0
  for await (const { token, error } of lines(response)) {
    if (token !== undefined) tokens += 1
    if (error !== undefined) console.log(`  ${what}: status ${response.status}, ${tokens} tokens, then ${error}`)
  }
  console.log(`    ${await endInPython()}`)
}

server.close()
server.closeAllConnections()
