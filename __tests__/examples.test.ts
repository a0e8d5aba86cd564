/* The examples run, and show what they promise. */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(__dirname, '..')
const hook = pathToFileURL(join(root, 'scripts', 'typescript-hook.mjs')).href

const promises: Readonly<Record<string, readonly RegExp[]>> = {
  classifier: [
    /── digits ──/,
    /── breast cancer ──/,
    /one row a call, sync +450 +9\d\.\d%/,
    /one row a call, async +450 +9\d\.\d%/,
    /one row a call, async +143 +9\d\.\d%/,
    /malignant +\d\.\d\d/,
  ],
  'data-frame': [/\[Python pandas[\w.]*DataFrame\]: 569 rows, 31 columns/, /count +569\.000/, /malignant/],
  report: [
    /100,000 orders, 12 months, 4 regions/,
    /time +north +west +south +east/,
    /January +169166\.50 +85060\.01/,
    /chart: PNG, 900 x 450 pixels in a Buffer/,
  ],
  traceback: [
    /type +builtins\.ValueError/,
    /Traceback \(most recent call last\):/,
    /X has 3 features, but KNeighborsClassifier is expecting 64 features as input/,
    /LookupError: no price for 'pear'/,
    /cause: KeyError with args \["pear"\]/,
    /examples\/traceback\.mts:\d+/,
  ],
  'streaming-server': [
    /Tell me of the bridge +\d+ ms +\d+ ms +\w/,
    /It left when it had 5 tokens\. In Python: left early after \d+ tokens; `finally` has run\./,
    /Python has made [\d,]{5,9} tokens of 10,000,000, and waits\.\n {2}It leaves\. In Python: left early/,
    /Before the first token: status 400, \{"error":"ValueError: the prompt has no words"\}/,
    /In mid-stream: status 200, 3 tokens, then ConnectionError: the model is overloaded\n +In Python: ConnectionError after 3/,
    /deadline of 250 ms: status \d+, \d+ tokens, then the deadline has passed\n +In Python: left early/,
    /Generations under way in Python: 0/,
  ],
  'image-filter': [
    /status 200: 192 KiB of JPEG became 640 × 427 pixels, \d+ KiB of PNG\n.*china-filtered\.png/,
    /Pillow decodes +[\d.]+ [nµm]?s +0x[0-9a-f]+\n +NumPy blurs .*\n +TypeScript darkens the edges .*\n +Pillow encodes/,
    /flower-filtered\.png/,
    /The pixels were in 1 place: nothing was copied\./,
    /What is no image: status 415, expected a JPEG or PNG file/,
  ],
  planner: [
    /\[log\] the planner has died \(SIGKILL\): another one goes on\n[^]*\[log\] the planner has died/,
    /round +status +as they came +planned/,
    /12 asked, 12 answered, by 3 processes/,
    /made again: [1-8] plans; lost: 0/,
  ],
  latency: [/call +latency +throughput/, /await 1000 at once +[\d.]+ [nµm]?s/, /a 1 ms timer fired [1-9]\d* times/],
}

test('every example is tested', () => {
  const names = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.mts') && name !== 'output.mts')
  expect(names.map((name) => name.replace('.mts', '')).sort()).toEqual(Object.keys(promises).sort())
})

test.each(Object.keys(promises))(
  '%s shows what it promises',
  async (name) => {
    const { status, stdout, stderr } = await runExample(name)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const promise of promises[name] ?? []) expect(stdout).toMatch(promise)
  },
  120_000,
)

async function runExample(name: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const file = join(root, 'examples', `${name}.mts`)
  const child = spawn(process.execPath, ['--enable-source-maps', '--import', hook, file], {
    env: { ...process.env, VIRTUAL_ENV: join(root, '.venv') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { status, stdout, stderr }
}
