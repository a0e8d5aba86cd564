// One line of the result: what we take, what it is compared with, and the figure that must be reached.

/** A measure that is a multiple of something else's time. The ratio is of the medians; the one of the minima stands beside it. */
export function ratioRow({ name, ours, comparedWith, other, target }) {
  const ratio = ours.median / other.median
  return {
    name,
    kind: 'ratio',
    unit: 'ns',
    ours,
    comparedWith,
    other,
    figure: ratio,
    figureOfMinima: ours.minimum / other.minimum,
    target,
    met: target === null ? null : ratio <= target,
  }
}

/** A measure that is a difference in milliseconds. */
export function differenceRow({ name, ours, comparedWith, other, target }) {
  const difference = ours.median - other.median
  return {
    name,
    kind: 'difference',
    unit: 'ms',
    ours,
    comparedWith,
    other,
    figure: difference,
    figureOfMinima: ours.minimum - other.minimum,
    target,
    met: difference <= target,
  }
}
