/* The number that is nearest to a quotient of two integers of any size. */

/** The bits of a number's significand. */
const precision = 53
/** The smallest number is two to this power. */
const smallestExponent = -1074

/** `numerator / denominator`, rounded once and to even, as Python does; the denominator is above zero. */
export function nearestNumber(numerator: bigint, denominator: bigint): number {
  if (numerator < 0n) return -nearestNumber(-numerator, denominator)
  const shift = bitLength(numerator) - bitLength(denominator)
  // The quotient counted in this power of two has 53 bits or one more.
  let unit = Math.max(shift - precision, smallestExponent)
  let [quotient, rest, divisor] = divide(numerator, denominator, unit)
  if (bitLength(quotient) > precision) {
    unit += 1
    ;[quotient, rest, divisor] = divide(numerator, denominator, unit)
  }
  if (2n * rest > divisor || (2n * rest === divisor && quotient % 2n === 1n)) quotient += 1n
  // A power of two below this one would itself be rounded.
  const smallestNormal = -1022
  if (unit < smallestNormal) return Number(quotient) * 2 ** smallestNormal * 2 ** (unit - smallestNormal)
  return Number(quotient) * 2 ** unit
}

/** Quotient and rest in units of a power of two, and what was divided by. */
function divide(numerator: bigint, denominator: bigint, unit: number): [bigint, bigint, bigint] {
  const dividend = unit < 0 ? numerator << BigInt(-unit) : numerator
  const divisor = unit > 0 ? denominator << BigInt(unit) : denominator
  return [dividend / divisor, dividend % divisor, divisor]
}

function bitLength(value: bigint): number {
  const digits = value.toString(16)
  return 4 * digits.length - Math.clz32(parseInt(digits[0]!, 16)) + 28
}
