/* Spells the way to a part of a value: `args[0].rows[3]["unit price"]`. */

const longestKey = 60

/** The value under a property name. */
export function nameStep(name: string): string {
  if (name.length <= longestKey && /^[A-Za-z_$][\w$]*$/.test(name)) return `.${name}`
  return `[${JSON.stringify(name.length <= longestKey ? name : `${name.slice(0, longestKey)}…`)}]`
}

/** The value under a key of a `Map`. */
export function keyStep(key: unknown, index: number): string {
  if (typeof key === 'string') return nameStep(key)
  const simple = key === null || typeof key === 'number' || typeof key === 'boolean' || typeof key === 'bigint'
  return simple ? `[${String(key)}]` : `<value ${index}>`
}
