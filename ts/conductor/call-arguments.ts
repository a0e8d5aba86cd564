/* Checks what `call` and `map` are given. */
import { checkedOptions, checkNames, noOptions, runOptionNames } from '../call/options'
import { keywordsOf, listedArguments } from '../call/keywords'
import type { Conversion } from '../codec/conversion'
import { BridgeError } from '../errors/bridge-error'
import type { RemoteCallOptions } from '../types/conductor'
import { integer, invalid, millisecondsOrNever, option } from './checks'
import { deadlyDeaths } from './delivery'
import type { TaskRequest } from './dispatcher'
import { highestPriority, lowestPriority } from './task-queue'
import { calledBy, type Target } from './target'

/** The options that `call` has besides those of any call. */
const ownNames = ['idempotent', 'retries', 'priority', 'killAfter'] as const
const mapNames = ['concurrency', 'onProgress'] as const
const valueNames = ['returns', 'int', 'number', 'dict', 'datetime'] as const
const callNames: ReadonlySet<string> = new Set([...runOptionNames, ...valueNames, ...ownNames])
const mapCallNames: ReadonlySet<string> = new Set([...callNames, ...mapNames])

const isBoolean = option('a boolean', (value): value is boolean => typeof value === 'boolean', false)
const isRetries = integer(0, 1000, undefined)
const isKillAfter = millisecondsOrNever(undefined)
const isPriority = integer(lowestPriority, highestPriority, 0)

/** The options of a call by name, checked. */
export type TaskOptions = Pick<TaskRequest, 'options' | 'idempotent' | 'retries' | 'priority'>

/** `call(name, args?, named?, options?)`, where keyword arguments may be left out. */
export function taskRequest(
  name: unknown,
  args: unknown,
  rest: readonly unknown[],
  target: Target | undefined,
  defaults: Conversion,
): TaskRequest {
  const called = calledBy(name, target)
  const [first, second] = rest
  const named = keywordsOf(first)
  if (named === undefined && first !== undefined && second !== undefined)
    throw invalid('the third argument', 'made by `kw(…)`, if there is a fourth one', first)
  const isApart = named !== undefined || second !== undefined
  const options = taskOptions((isApart ? second : first) as RemoteCallOptions | undefined, defaults)
  const positional = args === undefined ? [] : listedArguments(args)
  return { name: name as string, target: called, args: positional, named, ...options }
}

/** The options of a call by name. */
export function taskOptions(
  given: RemoteCallOptions | undefined,
  defaults: Conversion,
  names: ReadonlySet<string> = callNames,
): TaskOptions {
  if (given === undefined) return { options: noOptions, idempotent: false, retries: 0, priority: 0 }
  checkNames(given, names)
  const { idempotent, retries, priority, killAfter, ...others } = given as RemoteCallOptions & Record<string, unknown>
  for (const name of mapNames) Reflect.deleteProperty(others, name)
  const { thread } = others
  if (thread !== undefined && thread !== 'any' && thread !== 'loop') throw invalid('thread', "'any' or 'loop'", thread)
  const mayRepeat = isBoolean(idempotent, 'idempotent')
  const howOften = isRetries(retries, 'retries')
  if (howOften !== undefined && howOften > 0 && !mayRepeat) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      '`retries` is for calls that may be made again after they had begun; say so by `idempotent: true`',
    )
  }
  return {
    options: { ...checkedOptions(others, noOptions, defaults), killAfter: isKillAfter(killAfter, 'killAfter') },
    idempotent: mayRepeat,
    retries: howOften ?? deadlyDeaths - 1,
    priority: isPriority(priority, 'priority'),
  }
}

/** The options of `map`. */
export function mapOptions(given: RemoteCallOptions | undefined, defaults: Conversion): TaskOptions {
  return taskOptions(given, defaults, mapCallNames)
}
