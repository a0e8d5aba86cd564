/* Standard Schemas in `returns`: with real libraries. */
import { join } from 'node:path'
import * as valibot from 'valibot'
import { z } from 'zod'
import { python, type Call, type Handle, type StandardSchema, type SyncHandle } from 'symphony-python-bridge'

let handles: Handle
let sync: SyncHandle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
  sync = handles.$sync
})

const zodRow = z.object({ id: z.number(), tags: z.array(z.string()).default([]) })
const valibotRow = valibot.object({ id: valibot.number(), tags: valibot.optional(valibot.array(valibot.string()), []) })

describe.each<[string, StandardSchema<{ id: number; tags: string[] }>]>([
  ['zod', zodRow],
  ['valibot', valibotRow],
])('%s', (_name, schema) => {
  test('validates, fills in and types the result', async () => {
    const row: { id: number; tags: string[] } = await handles.identity.$with({ returns: schema })({ id: 1 })
    expect(row).toStrictEqual({ id: 1, tags: [] })
    expect(await handles.identity.$call([{ id: 2 }], undefined, { returns: schema })).toStrictEqual({ id: 2, tags: [] })
    expect(sync.identity.$with({ returns: schema })({ id: 3 })).toStrictEqual({ id: 3, tags: [] })
    expect(sync.identity.$call([{ id: 4 }], undefined, { returns: schema })).toStrictEqual({ id: 4, tags: [] })
  })

  test('says what does not match, and where', async () => {
    const value = { id: 'x', tags: ['a', 1] }
    const expected = {
      code: 'ERR_CONVERSION',
      path: '.id',
      message: expect.stringMatching(/^the result does not match the schema in `returns`: \.id: .*; \.tags\[1\]: /s),
      cause: expect.arrayContaining([expect.objectContaining({ path: expect.anything() })]),
    }
    await expect(handles.identity.$with({ returns: schema })(value)).rejects.toMatchObject(expected)
    expect(() => sync.identity.$with({ returns: schema })(value)).toThrow(expect.objectContaining(expected))
  })

  test('a result that is no plain data is refused before', async () => {
    await expect(handles.Point.$with({ returns: schema })()).rejects.toThrow('expected plain data')
  })

  test('what a chain takes from the call is the Python object', async () => {
    const call = handles.identity.$with({ returns: schema })({ id: 1, tags: 'abc' }) as unknown as Call
    expect(await call.$getItem('tags').upper()).toBe('ABC')
  })
})

test('a schema may take its time, and the call can be cancelled meanwhile', async () => {
  const slow = z.number().refine(async () => {
    await new Promise(setImmediate)
    return true
  })
  expect(await handles.add.$with({ returns: slow })(1, 2)).toBe(3)
  const never = z.number().refine(() => new Promise<boolean>(() => undefined))
  const call = handles.add.$with({ returns: never, signal: AbortSignal.timeout(20) })(1, 2)
  await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
  expect(() => sync.add.$with({ returns: slow })(1, 2)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('asynchronous view') }),
  )
})

test('an error of the schema itself is the caller’s', async () => {
  const broken = valibot.pipe(
    valibot.number(),
    valibot.transform(() => {
      throw new RangeError('mine')
    }),
  )
  await expect(handles.add.$with({ returns: broken })(1, 2)).rejects.toThrow(new RangeError('mine'))
  expect(() => sync.add.$with({ returns: broken })(1, 2)).toThrow(new RangeError('mine'))
  expect(await handles.add(1, 2)).toBe(3)
})

test('an exception is not validated', async () => {
  await expect(handles.fail.$with({ returns: zodRow })()).rejects.toMatchObject({ type: 'ValueError' })
})

test('what is no schema is refused', () => {
  for (const returns of [{}, { '~standard': 1 }, 5, 'values', null]) {
    expect(() => handles.$with({ returns: returns as 'auto' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('Standard Schema') }),
    )
  }
})
