/* Importing and evaluating, asynchronously: what a host and its sessions have in common. */
import { tableArguments } from '../arrow/from-arrow'
import type { Call } from '../call/call'
import { Operation } from '../call/operation'
import { checkNames, noOptions, referenceRules, runOptionNames } from '../call/options'
import type { CallContext } from '../call/scope'
import type { FromArrowOptions } from '../types/arrow'
import type { CallOptions, RunOptions } from '../types/options'
import { checkedCode, importRequest } from './host-arguments'

/** A table stays an object of Python's, whatever rules there are for its class. */
const inReference = { ...noOptions, ...referenceRules }

/** `import`, `eval`, `exec` and `fromArrow` in one scope. */
export class HostCalls {
  readonly #context: CallContext

  constructor(context: CallContext) {
    this.#context = context
  }

  async import(module: string | URL, options?: RunOptions): Promise<unknown> {
    const { operation, argument } = importRequest(module)
    if (options !== undefined) checkNames(options, runOptionNames)
    const context = this.#context.choosing(options)
    return await context.start(operation, undefined, [], [argument]).promise
  }

  eval(code: string, scope?: object, options?: CallOptions): object {
    return this.#run(Operation.eval, code, scope, options).proxy
  }

  async exec(code: string, scope?: object, options?: CallOptions): Promise<unknown> {
    return await this.#run(Operation.exec, code, scope, options).promise
  }

  fromArrow(data: unknown, options?: FromArrowOptions): object {
    const args = tableArguments(data, options)
    return this.#context.with(inReference).start(Operation.fromArrow, undefined, [], args).proxy
  }

  #run(
    operation: typeof Operation.eval | typeof Operation.exec,
    code: string,
    scope: object | undefined,
    options: CallOptions | undefined,
  ): Call {
    const context = this.#context.choosing(options)
    return context.start(operation, undefined, [], [checkedCode(code), scope ?? null])
  }
}
