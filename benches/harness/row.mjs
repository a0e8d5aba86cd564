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

/** A measure with a target of its own. What it is compared with stands beside it for scale, and may be nothing. */
export function valueRow({ name, unit, ours, comparedWith = '', other = null, target }) {
  return {
    name,
    kind: 'value',
    unit,
    ours,
    comparedWith,
    other,
    figure: ours.median,
    figureOfMinima: ours.minimum,
    target,
    met: target === null ? null : ours.median <= target,
  }
}
