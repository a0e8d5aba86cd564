/* The host object `python`: Python in this process. */
import { resolveImportsWith } from './arrow/arrow-module'
import { tableArguments } from './arrow/from-arrow'
import { Operation } from './call/operation'
import { referenceRules } from './call/options'
import { operateSync } from './call/sync-call'
import { hasState } from './call/subject'
import { handlerOf } from './handle/internal'
import { adoptedState, shareKey } from './handle/shared-handle'
import { checkedCode, importRequest } from './host/host-arguments'
import { HostCalls } from './host/host-calls'
import { interpreter } from './host/interpreter'
import { valueMakers } from './host/value-makers'
import { environment } from './native/environment'
import { rules } from './rules/registry'
import { openSession } from './host/session-scopes'
import { PythonSession } from './session'
import type { FromArrowOptions } from './types/arrow'
import type { Handle } from './types/handle'
import type { Info, Python, StartOptions } from './types/python'
import type { SyncHandle } from './types/sync-handle'
import { withContext, withContextSync, type Body } from './with'

class PythonHost extends HostCalls {
  async start(options: StartOptions = {}): Promise<Info> {
    return await interpreter.start(options)
  }

  info(): Info {
    return interpreter.info()
  }

  async stop(): Promise<void> {
    await interpreter.stop()
  }

  importSync(module: string | URL): unknown {
    const { operation, argument } = importRequest(module)
    interpreter.readySync()
    return operateSync(undefined, operation, [argument])
  }

  evalSync(code: string, scope?: object): unknown {
    checkedCode(code)
    interpreter.readySync()
    return operateSync(undefined, Operation.eval, [code, scope ?? null])
  }

  execSync(code: string, scope?: object): unknown {
    checkedCode(code)
    interpreter.readySync()
    return operateSync(undefined, Operation.exec, [code, scope ?? null])
  }

  fromArrowSync(data: unknown, options?: FromArrowOptions): unknown {
    const args = tableArguments(data, options)
    interpreter.readySync()
    return operateSync(undefined, Operation.fromArrow, args, undefined, referenceRules)
  }

  async with(context: unknown, body: Body<PythonSession>): Promise<unknown> {
    return await withContext(environment, context, body, PythonSession.over)
  }

  withSync(context: unknown, body: (value: unknown) => unknown): unknown {
    return withContextSync(context, body)
  }

  async session(): Promise<PythonSession> {
    return PythonSession.over(await openSession(environment))
  }

  async adopt(shared: unknown): Promise<unknown> {
    const key = shareKey(shared)
    await interpreter.ready()
    return adoptedState(key).asyncView
  }

  adoptSync(shared: unknown): unknown {
    const key = shareKey(shared)
    interpreter.readySync()
    return adoptedState(key).syncView
  }

  ref(): void {
    interpreter.keepAlive(true)
  }

  unref(): void {
    interpreter.keepAlive(false)
  }

  register(rule: unknown): void {
    rules.register(rule)
  }

  /** For the ECMAScript face of this package. */
  [Symbol.for('symphony-python-bridge.resolveImportsWith')](resolve: (name: string) => string): void {
    resolveImportsWith(resolve)
  }

  isHandle(value: unknown): value is Handle | SyncHandle {
    return isPythonHandle(value)
  }
}

Object.assign(PythonHost.prototype, valueMakers)

/** Python in this process. */
export const python = new PythonHost(environment.pool) as unknown as Python

/** Whether a value is a handle of a Python object, of either view. Paths and calls are not. */
export function isPythonHandle(value: unknown): value is Handle | SyncHandle {
  return hasState(handlerOf(value))
}
