// An HTTP service that filters photographs: Python decodes the image into memory that TypeScript made, NumPy blurs it there, TypeScript
// gives it a vignette there, and Python makes a PNG of it. The pixels are never copied between the languages. `filter` is the part to copy.
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { isPythonError, python, type Handle, type NdArray } from 'symphony-python-bridge'
import { duration, printTable, progress } from './output.mts'

type Pixels = NdArray<Uint8Array<ArrayBuffer>>

const filters = await progress('importing NumPy and Pillow', () =>
  python.import(new URL('./image_filters.py', import.meta.url)),
)

interface Step {
  readonly name: string
  readonly milliseconds: number
  /** Where Python sees the pixels, after the step. */
  readonly address: string
}

/** An image file in, a PNG file out. */
async function filter(file: Buffer, steps: Step[]): Promise<Buffer> {
  const image = await filters.open_image<Handle>(file)
  const [width, height] = (await image.size) as [number, number]
  const pixels: Pixels = python.ndarray([height, width, 3], 'uint8')

  const step = async <T,>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await work()
    steps.push({ name, milliseconds: performance.now() - start, address: await filters.address<string>(pixels) })
    return result
  }
  const decoded = await step('Pillow decodes', () => filters.decode<Pixels>(image, pixels))
  if (decoded.data.buffer !== pixels.data.buffer) throw new Error('the pixels were copied')
  await step('NumPy blurs', () => filters.blur(pixels, 3))
  await step('TypeScript darkens the edges', () => darkenEdges(pixels))
  return step('Pillow encodes', () => filters.encode<Buffer>(pixels))
}

/** A vignette, in place: the further from the centre, the darker. */
function darkenEdges({ data, shape, strides }: Pixels): void {
  const [height = 0, width = 0, colours = 0] = shape
  const [down = 0, across = 0, next = 0] = strides
  for (let y = 0; y < height; y++) {
    const fromMiddle = (2 * y) / height - 1
    for (let x = 0; x < width; x++) {
      const fromCentre = (2 * x) / width - 1
      const brightness = 1 - 0.45 * (fromMiddle * fromMiddle + fromCentre * fromCentre)
      const at = y * down + x * across
      for (let colour = 0; colour < colours; colour++) data[at + colour * next]! *= brightness
    }
  }
}

let steps: Step[] = []
const server = createServer((request, response) => void answer(request, response))

/** POST / with a JPEG or PNG file. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    steps = []
    const png = await filter(await buffer(request), steps)
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': png.length }).end(png)
  } catch (error) {
    const isTheirs = isPythonError(error, 'PIL.UnidentifiedImageError')
    response.writeHead(isTheirs ? 415 : 500).end(isTheirs ? 'expected a JPEG or PNG file' : String(error))
  }
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

async function post(file: Buffer): Promise<{ status: number; body: Buffer }> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: new Uint8Array(file) })
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
}

/** Width and height of a PNG file, as its header says. */
function sizeOf(png: Buffer): string {
  if (!png.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))) throw new Error('this is no PNG file')
  return `${png.readUInt32BE(16)} × ${png.readUInt32BE(20)}`
}

const datasets = await python.import('sklearn.datasets')
const [sources] = (await datasets.__path__) as [string]
const folder = fileURLToPath(new URL('../.cache/', import.meta.url))
await mkdir(folder, { recursive: true })
for (const name of ['china', 'flower']) {
  console.log(`\n  ── ${name}.jpg ──`)
  const photograph = await readFile(`${sources}/images/${name}.jpg`)
  const { status, body } = await progress('filtering', () => post(photograph))
  const file = `${folder}${name}-filtered.png`
  await writeFile(file, body)
  const size = (bytes: Buffer) => `${(bytes.length / 1024).toFixed(0)} KiB`
  console.log(`  status ${status}: ${size(photograph)} of JPEG became ${sizeOf(body)} pixels, ${size(body)} of PNG`)
  console.log(`  ${file}`)
  printTable(
    ['step', 'took', 'pixels at'],
    steps.map(({ name, milliseconds, address }) => [name, duration(milliseconds), address]),
  )
  const addresses = new Set(steps.map(({ address }) => address))
  console.log(`  The pixels were in ${addresses.size} place${addresses.size === 1 ? '' : 's'}: nothing was copied.`)
  if (addresses.size !== 1) throw new Error('the pixels moved')
}

const { status, body } = await post(Buffer.from('GIF89a'))
console.log(`\n  What is no image: status ${status}, ${body.toString()}\n`)

server.close()
server.closeAllConnections()
