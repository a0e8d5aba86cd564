/* JavaScript's streams in Python. */
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import type { Handle } from 'symphony-python-bridge'
import { turn } from './support/deferred'
import { eventually } from './support/eventually'
import { hosts, type HostedPython } from './support/hosts'

describe.each(hosts)('in $name', (host) => {
  let python: HostedPython
  let later: Handle

  beforeAll(async () => {
    python = await host.start({ paths: [join(__dirname, 'fixtures')] })
    later = await python.import('javascript_iterables')
  })

  describe('a stream', () => {
    const chunks = (...texts: string[]): Readable => {
      const stream = new PassThrough()
      void (async () => {
        for (const text of texts) {
          await turn()
          stream.write(text)
        }
        stream.end()
      })()
      return stream
    }

    test('of objects gives them', async () => {
      expect(await later.run(Readable.from([{ a: 1 }, 'b', 3]))).toEqual([{ a: 1 }, 'b', 3])
      expect(await later.facts(Readable.from([1]))).toEqual(['JsAsyncIterable', 'AsyncIterable'])
      const decoded = chunks('ä', 'b')
      decoded.setEncoding('utf8')
      expect(((await later.run(decoded)) as string[]).join('')).toBe('äb')
    })

    test('of bytes gives its chunks', async () => {
      expect(Buffer.concat((await later.run(chunks('ab', 'cd'))) as Buffer[]).toString()).toBe('abcd')
      expect(Buffer.concat((await later.run(new Response('text').body)) as Buffer[]).toString()).toBe('text')
      const stream = chunks('a')
      expect(await later.identity(stream)).toBe(stream)
    })

    test('of bytes is a binary file for threads that may wait', async () => {
      expect(await later.read(chunks('abc', 'de', 'f\n'), 2, 3, 0)).toEqual(
        ['ab', 'cde', '', 'f\n'].map((text) => Buffer.from(text)),
      )
      expect(await later.in_thread(later.read, chunks('abc'), 1)).toEqual([Buffer.from('a'), Buffer.from('bc')])
      expect(await later.read_into(chunks('abcdef'), 4)).toEqual(Buffer.from('abcd'))
      expect(await later.lines(chunks('a\nb', 'c\n', 'd'))).toEqual(
        ['a\n', 'bc\n', 'd'].map((text) => Buffer.from(text)),
      )
      expect(await later.text_lines(chunks('ä\n', 'b'))).toEqual(['ä\n', 'b'])
      expect(await later.load(new Blob(['{"a": ', '[1, 2]}']).stream())).toEqual({ a: [1, 2] })
      expect(await later.rows(chunks('a,b\r\n', '1,"x\n', 'y"\r\n'))).toEqual([
        ['a', 'b'],
        ['1', 'x\ny'],
      ])
      expect(await later.file_facts(chunks('a\nb'))).toEqual([
        true,
        true,
        true,
        false,
        false,
        false,
        Buffer.from('a\n'),
        true,
      ])
      await expect(later.read_closed(chunks('a'))).rejects.toMatchObject({ type: 'ValueError' })
    })

    test('of what pandas reads', async () => {
      if (
        !(await python.eval('util.find_spec("pandas") is not None', {
          util: await python.import('importlib.util'),
        }))
      )
        return
      expect(await later.table(chunks('a,b\n1,x\n', '2,y\n'))).toEqual({ a: [1, 2], b: ['x', 'y'] })
    })

    test('of a large file, whole and with every byte', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'symphony-'))
      try {
        const path = join(folder, 'large')
        await writeFile(path, Buffer.alloc(3_000_000, 'abcdefg'))
        const [all] = (await later.read(createReadStream(path))) as [Buffer]
        expect(all.equals(await readFile(path))).toBe(true)
        expect(await later.copy(createReadStream(path))).toBe(3_000_000)
      } finally {
        await rm(folder, { recursive: true })
      }
    })

    test('that does not give bytes after all: an error says so', async () => {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue('text')
          controller.close()
        },
      })
      await expect(later.read(stream)).rejects.toMatchObject({
        type: 'TypeError',
        message: expect.stringContaining('got a chunk of the type str'),
      })
    })

    test('that fails raises, and the error comes back as itself', async () => {
      const error = new Error('disk on fire')
      const stream = new PassThrough()
      setImmediate(() => stream.destroy(error))
      expect(await later.read(stream).then(undefined, (thrown: unknown) => thrown)).toBe(error)
    })

    test('that Python closes, or leaves early, is destroyed', async () => {
      for (const use of [
        (stream: Readable) => later.file_facts(stream),
        (stream: Readable) => later.read_closed(stream).then(undefined, () => undefined),
        (stream: Readable) => later.run_first(stream, 1),
        (stream: Readable) => later.run_close(stream, false),
        (stream: Readable) => later.run_close(stream, true),
      ]) {
        const stream = new PassThrough()
        stream.write('a\nb')
        await use(stream)
        await eventually(() => stream.destroyed, true)
      }
      let cancelled = false
      const web = new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from('a')),
        cancel: () => void (cancelled = true),
      })
      await later.run_first(web, 2)
      await eventually(() => cancelled, true)
    })
  })

  afterAll(() => host.stop())
})
