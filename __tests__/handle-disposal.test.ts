/* How handles are given back: `$dispose`, `using`, and use afterwards. */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { python, type Handle, type SyncHandle } from 'symphony-python-bridge'
import { eventually } from './support/eventually'

let handles: Handle
const disposed = expect.objectContaining({
  code: 'ERR_HANDLE_DISPOSED',
  message: expect.stringContaining('handles.Counted'),
})

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
})

/** The object itself is given up a moment later, by whichever thread holds the GIL next. */
function aliveAre(count: number): Promise<void> {
  return eventually(() => handles.alive(), count)
}

beforeEach(() => aliveAre(0))

test('$dispose gives the object back', async () => {
  const counted = await handles.Counted<Handle>()
  expect(await handles.alive()).toBe(1)
  counted.$dispose()
  await aliveAre(0)
})

test('using gives the object back at the end of the block', async () => {
  {
    using counted = handles.$sync.Counted<SyncHandle>()
    await using other = await handles.Counted<Handle>()
    expect([counted.$type, other.$type, handles.$sync.alive()]).toEqual(['handles.Counted', 'handles.Counted', 2])
  }
  await aliveAre(0)
})

test('use afterwards is an error that names the type', async () => {
  const counted = await handles.Counted<Handle>()
  const { $sync } = counted
  counted.$dispose()
  expect(() => $sync.alive).toThrow(disposed)
  expect(() => $sync()).toThrow(disposed)
  expect(() => $sync.$len()).toThrow(disposed)
  expect(() => handles.$sync.identity($sync)).toThrow(disposed)
  expect(() => handles.$sync.identity([$sync])).toThrow(disposed)
  await expect(counted.alive).rejects.toThrow(disposed)
  await expect(counted()).rejects.toThrow(disposed)
  await expect(counted.$str()).rejects.toThrow(disposed)
  await expect(handles.identity(counted)).rejects.toThrow(disposed)
  expect(counted.$type).toBe('handles.Counted')
  expect(String(counted)).toBe('[Python handles.Counted]')
})

test('disposing twice does no harm', async () => {
  const counted = await handles.Counted<Handle>()
  counted.$dispose()
  counted.$dispose()
  counted.$sync.$dispose()
  await aliveAre(0)
})

test('an object that came twice is given back twice', async () => {
  const counted = await handles.Counted<Handle>()
  {
    using again = (await handles.identity(counted)) as Handle
    expect(again).toBe(counted)
  }
  expect(await counted.alive).toBe(1)
  counted.$dispose()
  expect(() => counted.$sync.alive).toThrow(disposed)
  await aliveAre(0)
})

test('a call that is under way keeps what it needs', async () => {
  const counted = await handles.Counted<Handle>()
  const call = handles.identity.$with({ returns: 'ref' })(counted)
  counted.$dispose()
  const back = await call
  expect(back.$type).toBe('handles.Counted')
  expect(await handles.alive()).toBe(1)
  back.$dispose()
  await aliveAre(0)
})

test('an object that comes again after the last disposal has a new handle', async () => {
  // Awaited: the core keeps the outcome of a call that is only passed on for as long as JavaScript has the call.
  const counted = await handles.Counted<Handle>()
  const holder = await handles.Rows<Handle>(counted)
  counted.$dispose()
  const first = (await holder.$getItem(0)) as Handle
  first.$dispose()
  const second = (await holder.$getItem(0)) as Handle
  expect(await second.alive).toBe(1)
  second.$dispose()
  holder.$dispose()
  await aliveAre(0)
})

test('using a handle is not entering a context manager', async () => {
  const contexts = await python.import('contexts')
  const manager = await contexts.Manager<Handle>()
  {
    using same = (await manager.names.__class__) as Handle
    expect(same.$type).toBe('builtins.type')
  }
  expect(await manager.names()).toEqual([])
})

test('a getter that disposes an argument does not change what was passed', async () => {
  const space = python.execSync(`
class First: pass
class Second: pass
def kind(one, other): return type(one).__name__
`)
  const made = space as unknown as Record<string, (...args: unknown[]) => { $dispose(): void }>
  const kept: unknown[] = []
  for (const view of [space, space.$async]) {
    const first = made.First!()
    const options = {
      get disposes() {
        first.$dispose()
        kept.push(made.Second!())
        return 1
      },
    }
    expect(await (view as unknown as typeof made).kind!(first, options)).toBe('First')
  }
})

test('a synchronous request holds what it names no longer than it runs', async () => {
  const list = Array.from({ length: 3 }, () => handles.$sync.Counted<SyncHandle>())
  expect(python.importSync('builtins').len(list)).toBe(3)
  for (const counted of list) counted.$dispose()
  await aliveAre(0)
})

test('a callback that disposes what its own call was given does not end that call', async () => {
  const counted = handles.$sync.Counted<SyncHandle>()
  const calls = await python.eval<(callback: () => void) => Promise<Handle>>(
    'lambda callback: lambda value: [callback(), value][1]',
  )
  const { $sync: call } = await calls(() => {
    counted.$dispose()
    call.$dispose()
  })
  const same = call(counted) as SyncHandle
  expect(same.$type).toBe('handles.Counted')
  expect(() => call(same)).toThrow(expect.objectContaining({ code: 'ERR_HANDLE_DISPOSED' }))
  same.$dispose()
  await aliveAre(0)
})

test('a disposed handle can be printed however many types there are', async () => {
  const space = await python.exec("def make(i): return type('T%d' % i, (), {})()")
  const handles = await Promise.all(Array.from({ length: 700 }, (_, index) => space.make<Handle>(index)))
  for (const handle of handles) handle.$dispose()
  expect(inspect(handles[699])).toMatch(/T699 #\d+\] \(disposed\)/)
})

test('printing a handle with its proxy shown does not fail', async () => {
  const handle = await python.eval<Handle>('object()')
  expect(inspect(handle, { showProxy: true })).toContain('[Python handle')
  expect(() => inspect(handle.$sync, { showProxy: true })).not.toThrow()
})
