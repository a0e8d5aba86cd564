/* How Python spells a decimal: one text for each value, so that equal decimals have equal texts. */

const finite = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i
const special = /^([+-]?)(?:(inf(?:inity)?)|(s?)nan(\d*))$/i

/** What a finite decimal is: the digits without leading zeros, times ten to the power of the exponent. */
interface Parts {
  readonly sign: string
  readonly digits: string
  /** Python's exponents go beyond the safe integers. */
  readonly exponent: bigint
}

/** The text that Python has for the decimal that a text means, such as `1E+5` for `1e5`; nothing if it means none. */
export function pythonSpelling(text: string): string | undefined {
  const parts = partsOf(text)
  return parts === undefined ? spellSpecial(text) : spell(parts)
}

/** Whether two decimals, as Python spells them, are the same number. NaN is none. */
export function equalDecimals(a: string, b: string): boolean {
  const [left, right] = [partsOf(a), partsOf(b)]
  if (left === undefined || right === undefined) return a === b && a.endsWith('Infinity')
  if (left.digits === '0' || right.digits === '0') return left.digits === right.digits
  const [one, other] = [shortest(left), shortest(right)]
  return one.sign === other.sign && one.digits === other.digits && one.exponent === other.exponent
}

function partsOf(text: string): Parts | undefined {
  const match = finite.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return undefined
  return {
    sign: sign === '-' ? '-' : '',
    digits: (whole + fraction).replace(/^0+(?=\d)/, ''),
    exponent: BigInt(exponent) - BigInt(fraction.length),
  }
}

function spellSpecial(text: string): string | undefined {
  const match = special.exec(text)
  if (match === null) return undefined
  const [, sign, infinity, signaling = '', payload = ''] = match
  const name = infinity === undefined ? `${signaling.toLowerCase()}NaN${payload.replace(/^0+/, '')}` : 'Infinity'
  return sign === '-' ? `-${name}` : name
}

/** The "to-scientific-string" of the General Decimal Arithmetic Specification. */
function spell({ sign, digits, exponent }: Parts): string {
  const left = exponent + BigInt(digits.length)
  if (exponent > 0n || left <= -6n) {
    const power = left - 1n
    const tail = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits[0]}${tail}E${power < 0n ? '' : '+'}${power}`
  }
  const point = Number(left)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return point === digits.length ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** The same number without zeros at its end. */
function shortest({ sign, digits, exponent }: Parts): Parts {
  const kept = digits.replace(/0+$/, '')
  return { sign, digits: kept, exponent: exponent + BigInt(digits.length - kept.length) }
}
