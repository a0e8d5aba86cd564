/* A path: an attribute or item of a Python object, or of a call's outcome, that has not been read. */
import type { InspectOptionsStylized } from 'node:util'
import { AsyncProxy } from '../handle/async-proxy'
import { dataUse, unawaitedAsData } from '../handle/data-misuse'
import { handlerOf } from '../handle/internal'
import { proxyTarget } from '../handle/proxy-target'
import { HandleState } from '../handle/state'
import type { Call } from './call'
import { Operation } from './operation'
import type { CallContext } from './scope'

/** One step of a path: the name of an attribute, or the key of an item. */
export type Step = string | { readonly key: unknown }

/** The handler of a path. Its proxy is awaitable and callable; nothing happens before that. */
export class Path extends AsyncProxy {
  private constructor(
    override readonly context: CallContext,
    override readonly target: HandleState | Call,
    private readonly parent: Path | undefined,
    private readonly step: Step | undefined,
  ) {
    super()
  }

  /** A path without a step is the target itself, with another context. */
  static from(
    context: CallContext,
    target: HandleState | Call,
    parent: Path | undefined,
    step: Step | undefined,
  ): object {
    return new Proxy(proxyTarget, new Path(context, target, parent, step))
  }

  override get steps(): readonly Step[] {
    const steps: Step[] = []
    for (let path: Path | undefined = this; path !== undefined; path = path.parent) {
      if (path.step !== undefined) steps.push(path.step)
    }
    return steps.length > 1 ? steps.reverse() : steps
  }

  override extended(step: Step): object {
    return Path.from(this.context, this.target, this, step)
  }

  override withContext(context: CallContext): object {
    return Path.from(context, this.target, this.parent, this.step)
  }

  protected override own(key: string | symbol): unknown {
    return key === 'then' ? then : undefined
  }

  /** Reads it. */
  read(): Call {
    return this.start(Operation.value)
  }

  override refuse(use: string): Error {
    return unawaitedAsData(this.label, use)
  }

  override get label(): string {
    const base = this.target instanceof HandleState ? this.target.type.name : '(call)'
    return `[Python path ${base}${this.steps.map(stepText).join('')}]`
  }

  override text(): string {
    throw this.refuse(dataUse.text)
  }

  override inspected(_depth: number, options: InspectOptionsStylized): string {
    return `${options.stylize(this.label, 'special')} (not awaited)`
  }
}

function then(
  this: object,
  fulfilled?: (value: unknown) => unknown,
  rejected?: (reason: unknown) => unknown,
): Promise<unknown> {
  return (handlerOf(this) as Path).read().promise.then(fulfilled, rejected)
}

function stepText(step: Step): string {
  if (typeof step === 'string') return `.${step}`
  return typeof step.key === 'string' || typeof step.key === 'number' ? `[${JSON.stringify(step.key)}]` : '[…]'
}
