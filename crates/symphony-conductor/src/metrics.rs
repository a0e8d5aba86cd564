//! Counters and histograms as plain numbers, by the names of OpenTelemetry's semantic conventions where there are any
//! (`process.*`), and `symphony.conductor.*` for the rest. Times are in seconds, memory is in bytes.
//!
//! | name | kind | unit | attribute |
//! |---|---|---|---|
//! | `process.memory.usage` | gauge | By | worker |
//! | `process.uptime` | gauge | s | worker |
//! | `process.cpu.time` | gauge | s | worker |
//! | `process.thread.count` | gauge | {thread} | worker |
//! | `process.unix.file_descriptor.count` | gauge | {file_descriptor} | worker |
//! | `symphony.conductor.workers` | gauge | {worker} | state |
//! | `symphony.conductor.starts` | counter | {process} | |
//! | `symphony.conductor.start_failures` | counter | {process} | |
//! | `symphony.conductor.restarts` | counter | {process} | |
//! | `symphony.conductor.exits` | counter | {process} | reason |
//! | `symphony.conductor.crash_loops` | counter | {worker} | |
//! | `symphony.conductor.recycled` | counter | {process} | |
//! | `symphony.conductor.promoted` | counter | {worker} | |
//! | `symphony.conductor.output` | counter | By | |
//! | `symphony.conductor.output.dropped_lines` | counter | {line} | |
//! | `symphony.conductor.start.duration` | histogram | s | |
//! | `symphony.conductor.lifetime` | histogram | s | |
//! | `symphony.conductor.recovery.duration` | histogram | s | from a death to the next ready worker in its place |

use std::collections::BTreeMap;
use std::time::Duration;

use crate::exit::ExitReason;

/// One measured quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its unit, as UCUM writes it.
    pub unit: &'static str,
    /// What it is about, if there are several of this name: the attribute and its value.
    pub attribute: Option<(&'static str, String)>,
    /// Its value.
    pub value: MetricValue,
}

/// The value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// Something that only grows.
    Counter(u64),
    /// Something that is read.
    Gauge(f64),
    /// How some quantity is spread.
    Histogram(Histogram),
}

/// The upper bounds of the buckets of a histogram of times, in seconds.
pub const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0,
];

/// How times are spread: explicit buckets as OpenTelemetry has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// How many.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum: f64,
    /// How many lie at or below each of [`BOUNDS`] and above the one before; the last counts the rest.
    pub buckets: [u64; BOUNDS.len() + 1],
}

impl Histogram {
    pub(crate) fn record(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        let bucket = BOUNDS
            .iter()
            .position(|&bound| seconds <= bound)
            .unwrap_or(BOUNDS.len());
        self.buckets[bucket] += 1;
    }
}

/// What a Conductor counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) starts: u64,
    pub(crate) start_failures: u64,
    pub(crate) restarts: u64,
    pub(crate) exits: BTreeMap<&'static str, u64>,
    pub(crate) crash_loops: u64,
    pub(crate) recycled: u64,
    pub(crate) promoted: u64,
    pub(crate) output: u64,
    pub(crate) dropped_lines: u64,
    pub(crate) start: Histogram,
    pub(crate) lifetime: Histogram,
    pub(crate) recovery: Histogram,
}

impl Counters {
    pub(crate) fn exited(&mut self, reason: ExitReason, uptime: Duration) {
        *self.exits.entry(reason.name()).or_default() += 1;
        self.lifetime.record(uptime);
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let counter = |name, unit, value| Metric {
            name,
            unit,
            attribute: None,
            value: MetricValue::Counter(value),
        };
        let histogram = |name, histogram: &Histogram| Metric {
            name,
            unit: "s",
            attribute: None,
            value: MetricValue::Histogram(histogram.clone()),
        };
        let mut metrics = vec![
            counter("symphony.conductor.starts", "{process}", self.starts),
            counter("symphony.conductor.start_failures", "{process}", self.start_failures),
            counter("symphony.conductor.restarts", "{process}", self.restarts),
            counter("symphony.conductor.crash_loops", "{worker}", self.crash_loops),
            counter("symphony.conductor.recycled", "{process}", self.recycled),
            counter("symphony.conductor.promoted", "{worker}", self.promoted),
            counter("symphony.conductor.output", "By", self.output),
            counter("symphony.conductor.output.dropped_lines", "{line}", self.dropped_lines),
            histogram("symphony.conductor.start.duration", &self.start),
            histogram("symphony.conductor.lifetime", &self.lifetime),
            histogram("symphony.conductor.recovery.duration", &self.recovery),
        ];
        for (reason, &count) in &self.exits {
            let attribute = Some(("reason", (*reason).to_owned()));
            metrics.push(Metric {
                attribute,
                ..counter("symphony.conductor.exits", "{process}", count)
            });
        }
        metrics
    }
}

/// A gauge about one thing of several.
pub(crate) fn gauge(name: &'static str, unit: &'static str, attribute: (&'static str, String), value: f64) -> Metric {
    Metric {
        name,
        unit,
        attribute: Some(attribute),
        value: MetricValue::Gauge(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_it_fits() {
        let mut histogram = Histogram::default();
        for milliseconds in [1, 5, 6, 4_000_000] {
            histogram.record(Duration::from_millis(milliseconds));
        }
        assert_eq!(
            (histogram.buckets[0], histogram.buckets[1], histogram.buckets[14]),
            (2, 1, 1)
        );
        assert_eq!(histogram.count, 4);
    }
}
