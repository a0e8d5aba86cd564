/* Which property names are attributes of the Python object, and which are items or JavaScript's own. Python lets an attribute have
   any name; and `a['0:1']` or `a[1.5]` is meant as something, so it gets Python's answer rather than `undefined`. */

/** `rows[0]` and `rows[-1]` arrive as text. */
const integer = /^(?:0|-?[1-9]\d{0,14})$/
/** How JavaScript libraries mark what they know: `@@__IMMUTABLE_ITERABLE__@@`, `fantasy-land/map`. */
const mark = /^(?:@@|fantasy-land\/)/

/** What a property name stands for. */
export type MemberKind = 'attribute' | 'item' | 'none'

/** What a property name stands for that is neither a `$` member nor one of JavaScript's names. */
export function memberKind(name: string): MemberKind {
  if (integer.test(name)) return 'item'
  return mark.test(name) ? 'none' : 'attribute'
}
