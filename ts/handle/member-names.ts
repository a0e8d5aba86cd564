/* Which property names are attributes of the Python object, and which are items or JavaScript's own. */

/** `rows[0]` and `rows[-1]` arrive as text. */
const integer = /^(?:0|-?[1-9]\d{0,14})$/
/** What Python accepts as a name; letters of any script count. Names that are no identifiers are probes of JavaScript libraries. */
const identifier = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u

/** What a property name stands for. */
export type MemberKind = 'attribute' | 'item' | 'none'

/** What a property name stands for that is neither a `$` member nor one of JavaScript's names. */
export function memberKind(name: string): MemberKind {
  if (identifier.test(name)) return 'attribute'
  return integer.test(name) ? 'item' : 'none'
}
