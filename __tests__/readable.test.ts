/* `$readable`: Python's bytes as a Node stream, and back. */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { buffer, text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import type { Handle } from 'symphony-python-bridge'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython

  let io: Handle
  let scope: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    io = await python.import('io')
    scope = await python.exec(`
import asyncio
closed = []
def chunks(count):
    try:
        for number in range(count):
            yield bytes([number % 256]) * 1000
    finally:
        closed.append('generator')
async def async_chunks(count):
    try:
        for number in range(count):
            await asyncio.sleep(0)
            yield bytes([number % 256]) * 1000
    finally:
        closed.append('async generator')
def words():
    yield 'Grüße, '
    yield '世界'
def no_bytes():
    yield {}
def failing():
    yield b'one'
    raise ValueError('in the middle')
async def reader(data):
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader
`)
  })

  const thousands = Buffer.concat(Array.from({ length: 300 }, (_, index) => Buffer.alloc(1000, index % 256)))

  test('a file is read in chunks, and closed at the end', async () => {
    const file = await io.BytesIO<Handle>(thousands)
    expect(thousands.equals(await buffer(file.$readable({ chunkSize: 777 })))).toBe(true)
    expect(await file.closed).toBe(true)
    const open = await io.BytesIO<Handle>(thousands)
    expect(thousands.equals(await buffer(open.$readable({ autoClose: false })))).toBe(true)
    expect(await open.closed).toBe(false)
  })

  test('a path or a call will do', async () => {
    expect(thousands.equals(await buffer(io.BytesIO(thousands).$readable()))).toBe(true)
    expect(await text(io.StringIO('Grüße').$readable())).toBe('Grüße')
  })

  test.each(['chunks', 'async_chunks'])('%s of a generator', async (name) => {
    expect(thousands.equals(await buffer(scope.$get(name)(300).$readable()))).toBe(true)
  })

  test('text is encoded', async () => {
    expect(await text(scope.words().$readable())).toBe('Grüße, 世界')
  })

  test('a stream of asyncio', async () => {
    expect(thousands.equals(await buffer(scope.reader(thousands).$readable({ chunkSize: 10_000 })))).toBe(true)
  })

  test('goes through a pipeline', async () => {
    const gzip = await python.import('gzip')
    const unzipped = createGunzip()
    const [result] = await Promise.all([
      buffer(unzipped),
      pipeline(io.BytesIO(gzip.compress(thousands)).$readable(), unzipped),
    ])
    expect(thousands.equals(result)).toBe(true)
  })

  test('destroying it closes the generator', async () => {
    await scope.closed.clear()
    for (const name of ['chunks', 'async_chunks']) {
      const stream = scope.$get(name)(1e6).$readable()
      for await (const chunk of stream) {
        expect((chunk as Buffer)[0]).toBe(0)
        break
      }
      expect(stream.destroyed).toBe(true)
      // Node destroys what is left in the middle with an AbortError, which the loop does not throw.
      await finished(stream).catch((error: unknown) => expect(error).toMatchObject({ name: 'AbortError' }))
    }
    expect(await scope.closed).toEqual(['generator', 'async generator'])
  })

  test('a failure in Python is the error of the stream', async () => {
    await expect(buffer(scope.failing().$readable())).rejects.toThrow('ValueError: in the middle')
    await expect(buffer(scope.no_bytes().$readable())).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
    await expect(buffer(scope.missing.$readable())).rejects.toMatchObject({ type: 'AttributeError' })
    expect(() => scope.words().$readable({ chunkSize: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  test('a Node stream that Python reads, and gives back as it is', async () => {
    const stream = Readable.from([Buffer.from('{"a": '), Buffer.from('1}')], { objectMode: false })
    const json = await python.import('json')
    expect(await json.load(stream)).toEqual({ a: 1 })
    const same = await python.eval('stream', { stream })
    expect(same).toBe(stream)
  })

  afterAll(() => host.stop())
})
