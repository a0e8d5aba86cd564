/* Counters and histograms of calls, by the side of those that the supervisor has of processes. */
import type { ConductorStatus, Metric } from '../types/conductor'

/** The upper bounds of buckets of times, in seconds: those of the supervisor's histograms. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600]

/** How long something took, each time. */
export class Histogram {
  #count = 0
  #sum = 0
  readonly #counts = new Array<number>(bounds.length + 1).fill(0)

  /** It took so many milliseconds. */
  add(milliseconds: number): void {
    const seconds = milliseconds / 1_000
    let bucket = 0
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket += 1
    this.#counts[bucket]! += 1
    this.#count += 1
    this.#sum += seconds
  }

  metric(name: string): Metric {
    const [count, sum, counts] = [this.#count, this.#sum, [...this.#counts]]
    return { kind: 'histogram', name, unit: 's', attributes: {}, count, sum, bounds: [...bounds], counts }
  }
}

/** What is known of calls, as metrics. */
export function callMetrics(
  { queue, calls }: Pick<ConductorStatus, 'queue' | 'calls'>,
  running: number,
  durations: Histogram,
): Metric[] {
  const gauge = (name: string, unit: string, value: number): Metric => ({
    kind: 'gauge',
    name: `symphony.conductor.${name}`,
    unit,
    attributes: {},
    value,
  })
  const counters = Object.entries(calls).map(([outcome, value]): Metric => ({
    kind: 'counter',
    name: 'symphony.conductor.calls',
    unit: '{call}',
    attributes: { outcome },
    value,
  }))
  return [
    gauge('queue.length', '{call}', queue.length),
    gauge('queue.oldest', 's', queue.oldest / 1_000),
    gauge('calls.running', '{call}', running),
    ...counters,
    durations.metric('symphony.conductor.call.duration'),
  ]
}
