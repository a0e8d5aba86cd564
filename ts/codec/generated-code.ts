/* Whether this process may make functions from text: `node --disallow-code-generation-from-strings` and some hosts forbid it. */

let allowed: boolean | undefined

/** Asked once. Without permission everything works, only slower. */
export function canGenerateCode(): boolean {
  if (allowed === undefined) {
    try {
      // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the question is whether it is allowed
      allowed = (new Function('return true') as () => boolean)()
    } catch {
      allowed = false
    }
  }
  return allowed
}
