/* Types of modules that a program describes, by an interface or by declaration merging. Compiled, never run. */
/* eslint-disable @typescript-eslint/no-unused-vars -- the variables are here for their types */
import {
  python,
  type AsyncObject,
  type Handle,
  type HandleMembers,
  type PyClass,
  type SyncHandle,
} from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

interface Model extends PyClass<{ predict(row: number[]): number }> {}

interface Training {
  readonly version: string
  train(rows: number[][], epochs?: number): Model
  score(rows: number[][]): number
}

declare module 'symphony-python-bridge' {
  interface PythonModules {
    training: { async: AsyncObject<Training>; sync: Training & SyncMembers }
  }
}

export async function described(): Promise<void> {
  const training = await python.import('training')
  expectType<Equal<typeof training, AsyncObject<Training>>>()
  const score = await training.score([[1]])
  expectType<Equal<typeof score, number>>()
  const version = await training.version
  expectType<Equal<typeof version, string>>()
  const model = await training.train([[1]], 3)
  const prediction = await model.predict([1])
  expectType<Equal<typeof prediction, number>>()
  // @ts-expect-error rows are numbers
  await training.score([['x']])
  // @ts-expect-error there is no such function
  await training.test()

  const sync = python.importSync('training')
  expectType<Equal<typeof sync.version, string>>()
  const other = await python.import<Training>('other_training')
  expectType<Equal<typeof other, AsyncObject<Training>>>()
  const members: HandleMembers = other
  void members

  // Modules that nobody describes stay open.
  const json = await python.import('json')
  expectType<Equal<typeof json, Handle>>()
  expectType<Equal<ReturnType<typeof jsonSync>, SyncHandle>>()
}

function jsonSync(): SyncHandle {
  return python.importSync('json')
}
