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

test('in a loop it is about the items', async () => {
  const list = (await handles.identity.$with({ returns: 'ref' })([12, 345])) as Handle
  const items: unknown[] = []
  for await (const item of list.$with({ returns: z.coerce.string() })) items.push(item)
  expect(items).toEqual(['12', '345'])
  const named = z.unknown().transform((value) => `item ${String(value)}`)
  expect([...(list.$sync.$with({ returns: named }) as unknown as Iterable<unknown>)]).toEqual(['item 12', 'item 345'])
  await expect(async () => {
    for await (const item of list.$with({ returns: z.string() })) items.push(item)
  }).rejects.toMatchObject({ code: 'ERR_CONVERSION' })
})

test('while it takes its time, the call is what it was before', async () => {
  let finish: (result: { value: unknown }) => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    slow['~standard'].validate = (value) => {
      resolve()
      return new Promise((later) => (finish = () => later({ value })))
    }
  })
  const call = handles.identity.$with({ returns: slow })([1, 2]) as unknown as Call
  const result = call.then((value: unknown) => value)
  await asked
  expect(await handles.size(call)).toBe(2)
  expect(await call.__len__()).toBe(2)
  finish({ value: undefined })
  expect(await result).toEqual([1, 2])
})

/** A schema whose `validate` a test sets. */
const slow = {
  '~standard': { version: 1 as const, vendor: 'test', validate: (_value: unknown): unknown => undefined },
}

test.each([undefined, null, 5])('a schema that answers %p is named', async (answer) => {
  const wrong = { '~standard': { version: 1 as const, vendor: 'broken', validate: () => answer } }
  const expected = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('of broken') }
  await expect(handles.add.$with({ returns: wrong })(1, 2)).rejects.toMatchObject(expected)
  expect(() => sync.add.$with({ returns: wrong })(1, 2)).toThrow(expect.objectContaining(expected))
})
