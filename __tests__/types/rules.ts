/* Types of `python.register`. Compiled, never run. */
import { python, type SyncHandle } from 'symphony-python-bridge'
import { type Equal, expectType } from './expect-type'

declare class Big {
  readonly digits: string
  private constructor()
}

export function rules(): void {
  python.register({ type: 'decimal.Decimal', toJs: (handle) => handle.$str(), toPython: (b: Big) => b.digits })
  python.register({ type: 'decimal.Decimal', class: Big, toPython: (b) => b.digits })
  python.register({
    type: 'decimal.Decimal',
    class: URL,
    toJs: (handle) => {
      expectType<Equal<typeof handle, SyncHandle>>()
      return new URL(handle.geturl<string>())
    },
    toPython: (url) => {
      expectType<Equal<typeof url, URL>>()
      return url.href
    },
  })
  python.register({ type: 'decimal.Decimal', toJs: (handle) => handle })
  // @ts-expect-error the type is missing
  python.register({ toJs: () => 1 })
  // @ts-expect-error no such member
  python.register({ type: 'a.B', toJS: () => 1 })
  // @ts-expect-error instances of `Big` have no such member
  python.register({ type: 'a.B', class: Big, toPython: (b) => b.cents })
}
