/* What a call by name means: a module, and the way from it to a function. */
import { described } from '../codec/unsupported'
import { BridgeError } from '../errors/bridge-error'

/** An object that can be reached from a module. */
export interface Target {
  /** The dotted name of the module. */
  readonly module: string
  /** Names of attributes, one of the other. */
  readonly steps: readonly string[]
}

/** `'pkg.module'` or `'pkg.module:name'`, where the name may be dotted. */
export function targetOf(text: string): Target {
  const [module, path, ...more] = text.split(':')
  if (module === undefined || !isDotted(module) || more.length > 0 || (path !== undefined && !isDotted(path))) {
    throw new BridgeError(
      'ERR_INVALID_ARGUMENT',
      `\`target\` must be the name of a module, or of an object in it, such as \`'agents.planner'\` or \`'agents.planner:planner'\`, but got ${described(text)}`,
    )
  }
  return { module, steps: path === undefined ? [] : path.split('.') }
}

/** What `call(name)` means: `'module:function'` by itself, and without a colon an attribute of the target. */
export function calledBy(name: unknown, target: Target | undefined): Target {
  if (typeof name !== 'string' || name === '') throw notAName(`but got ${described(name)}`)
  if (name.includes(':')) {
    const [module, path, ...more] = name.split(':')
    if (!isDotted(module!) || !isDotted(path!) || more.length > 0) throw notAName(`but got ${described(name)}`)
    return { module: module!, steps: path!.split('.') }
  }
  if (!isDotted(name)) throw notAName(`but got ${described(name)}`)
  if (target === undefined) throw notAName(`because there is no \`target\` in which \`${name}\` could be looked up`)
  return { module: target.module, steps: [...target.steps, ...name.split('.')] }
}

/** Whether it is one name, or several with dots between. Which characters a name may have is for Python to say. */
function isDotted(text: string): boolean {
  return /^[^\s.:/\\]+(?:\.[^\s.:/\\]+)*$/.test(text)
}

function notAName(why: string): BridgeError {
  return new BridgeError(
    'ERR_INVALID_ARGUMENT',
    `a function is named \`'module:function'\`, or by its name alone if a \`target\` was given, ${why}`,
  )
}
