/* Types of handles, paths, calls and synchronous views. Compiled, never run. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import {
  kw,
  python,
  type Call,
  type Handle,
  type Kw,
  type Path,
  type SharedHandle,
  type TypedHandle,
  type SyncHandle,
  type SyncMember,
  type TypedPath,
  type Untyped,
} from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

declare const handle: Handle
declare const sync: SyncHandle

export async function asynchronous(): Promise<void> {
  expectType<Equal<Untyped, unknown>>()
  const { linalg } = handle
  expectType<Equal<typeof linalg, Path>>()
  const { norm } = handle.linalg
  expectType<Equal<typeof norm, Path>>()
  const call = handle.arange(15)
  expectType<Equal<typeof call, Call>>()
  const sum = await handle.arange(15).reshape(3, 5).sum()
  expectType<Equal<typeof sum, unknown>>()
  const number = await handle.total<number>()
  expectType<Equal<typeof number, number>>()
  const path: number = await handle.pi.$value<number>()
  const opened = await handle.point().$value<{ x: number }>({ depth: 2, int: 'number' })
  expectType<Equal<typeof opened, { x: number }>>()
  const openedAtOnce = sync.$value({ depth: Infinity })
  expectType<Equal<typeof openedAtOnce, unknown>>()
  // @ts-expect-error a depth is a number
  await handle.$value({ depth: 'all' })
  // @ts-expect-error only `$value` opens objects
  handle.$with({ depth: 1 })

  // Names of functions are Python's.
  expectType<Equal<typeof handle.name, Path>>()
  expectType<Equal<typeof handle.length, Path>>()
  expectType<Equal<typeof handle.apply, Path>>()
  await handle.call(path).bind(1)

  // @ts-expect-error a handle is the object already
  handle.then(() => 1)
  // @ts-expect-error no $ member has this name
  handle.$lenght()
  // @ts-expect-error a string is expected
  handle.$get(1)
  // @ts-expect-error attributes are assigned with $set
  handle.x = 1

  const reference = handle.$with({ returns: 'ref' })
  expectType<Equal<typeof reference, TypedHandle<Handle>>>()
  const made = await reference()
  expectType<Equal<typeof made, Handle>>()
  const typed = handle.zeros.$with({ returns: 'ref', timeout: 5 })
  expectType<Equal<typeof typed, TypedPath<Handle>>>()
  const zeros = await typed(3)
  expectType<Equal<typeof zeros, Handle>>()
  const plain = handle.zeros.$with({ signal: new AbortController().signal })
  expectType<Equal<typeof plain, Path>>()
  // @ts-expect-error no such option
  handle.$with({ timout: 5 })
  // @ts-expect-error no such choice
  handle.$with({ returns: 'json' })

  const called = await handle.f.$call([1], { a: 2 }, { returns: 'ref' })
  expectType<Equal<typeof called, Handle>>()
  expectType<Equal<Awaited<ReturnType<typeof handle.$len>>, number>>()
  for await (const item of handle.rows()) expectType<Equal<typeof item, unknown>>()
  for await (const item of handle.$iter<string>()) expectType<Equal<typeof item, string>>()
  // @ts-expect-error an asynchronous handle is iterated over asynchronously
  for (const _ of handle) continue

  using disposable = handle
  await using asyncDisposable = handle
  expectType<Equal<typeof disposable.$type, string>>()
  expectType<Equal<typeof asyncDisposable.$sync, SyncHandle>>()
}

export function synchronous(): void {
  const root = sync.sqrt(2)
  expectType<Equal<typeof root, unknown>>()
  const typed = sync.sqrt<number>(2)
  expectType<Equal<typeof typed, number>>()
  expectType<Equal<typeof sync.anything, SyncMember>>()
  const pi = sync.$get<number>('pi')
  expectType<Equal<typeof pi, number>>()
  for (const item of sync) expectType<Equal<typeof item, unknown>>()
  const items: string[] = [...sync.$iter<string>()]
  sync.f(kw({ items }))
  expectType<Equal<ReturnType<typeof sync.$len>, number>>()
  using disposable = sync
  expectType<Equal<typeof disposable.$async, Handle>>()
  // @ts-expect-error a synchronous call cannot be cancelled
  sync.$with({ timeout: 1 })
  // @ts-expect-error no $ member has this name
  sync.$value2()
  python.withSync(sync, (value: SyncHandle) => value.x)
}

export async function sharing(): Promise<void> {
  const shared: SharedHandle = handle.$share()
  expectType<Equal<ReturnType<typeof sync.$share>, SharedHandle>>()
  const adopted = await python.adopt(shared)
  expectType<Equal<typeof adopted, Handle>>()
  const adoptedSync = python.adoptSync(shared)
  expectType<Equal<typeof adoptedSync, SyncHandle>>()
  // @ts-expect-error a handle is not what `$share` gives
  await python.adopt(handle)
  // @ts-expect-error only an object that exists can be shared
  handle.path.$share()
}

export function keywords(): void {
  const named = kw({ num: 5, endpoint: false })
  expectType<Equal<typeof named, Kw<{ readonly num: 5; readonly endpoint: false }>>>()
  const covariant: Kw<{ readonly num: number }, 'num' | 'endpoint'> = named
  void covariant
  // @ts-expect-error an object is expected
  kw(1)
}
