//! When a process has served enough and is replaced.

use std::time::Duration;

use super::{Random, Time};

/// Limits of one process. Each is drawn anew for each process, up to 10 % beside its value, so that the workers of a pool
/// are not replaced all at once; except that of memory, which is a promise to the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecyclingRule {
    /// Tasks after which a process is replaced. Default: no limit.
    pub max_tasks: Option<u64>,
    /// Resident memory in bytes above which a process is replaced, if three readings in a row and one more after a
    /// garbage collection are above it. Default: no limit.
    pub max_rss: Option<u64>,
    /// Age at which a process is replaced. Default: no limit.
    pub max_age: Option<Duration>,
    /// How long a process that is replaced may take to finish what it has begun; nobody waits for it. Default: as for a stop.
    pub drain: Option<Duration>,
}

/// Readings above the memory limit before the process is asked to collect its garbage.
const SAMPLES: u32 = 3;

/// How far a limit may be drawn beside its value.
const JITTER: f64 = 0.1;

/// Why a process is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecycleReason {
    /// It has run as many tasks as it may.
    Tasks,
    /// It uses more memory than it may.
    Memory,
    /// It is as old as it may be.
    Age,
    /// Somebody asked for it.
    Asked,
}

impl RecycleReason {
    /// The word for it in texts and in JavaScript.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Memory => "memory",
            Self::Age => "age",
            Self::Asked => "asked",
        }
    }
}

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tasks that it has finished.
    pub tasks: u64,
    /// Its resident memory in bytes; 0 if it is not known.
    pub rss: u64,
}

/// The limits that were drawn for one process, and what it has used of them.
#[derive(Debug, Clone, Default)]
pub struct Wear {
    max_tasks: Option<u64>,
    max_rss: Option<u64>,
    retire_at: Option<Time>,
    samples_above: u32,
}

/// What a reading calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Keep,
    /// It shall collect its garbage before it is judged.
    Collect,
    /// It shall be replaced.
    Recycle(RecycleReason),
}

impl Wear {
    /// Draws the limits of a process that begins to serve at `now`.
    pub fn draw(rule: &RecyclingRule, now: Time, random: &mut dyn Random) -> Self {
        let mut jitter = || random.between(1.0 - JITTER, 1.0 + JITTER);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a limit that is drawn need not be exact, and a cast of a float saturates"
        )]
        let max_tasks = rule
            .max_tasks
            .map(|tasks| ((tasks as f64 * jitter()).round() as u64).max(1));
        let retire_at = rule.max_age.map(|age| {
            let drawn = Duration::try_from_secs_f64(age.as_secs_f64() * jitter());
            now.saturating_add(drawn.unwrap_or(Duration::MAX))
        });
        Self {
            max_tasks,
            max_rss: rule.max_rss,
            retire_at,
            samples_above: 0,
        }
    }

    /// Judges a reading.
    pub fn judge(&mut self, usage: Usage, now: Time) -> Advice {
        if self.max_tasks.is_some_and(|limit| usage.tasks >= limit) {
            return Advice::Recycle(RecycleReason::Tasks);
        }
        if self.retire_at.is_some_and(|time| now >= time) {
            return Advice::Recycle(RecycleReason::Age);
        }
        if self.max_rss.is_some_and(|limit| usage.rss > limit) {
            self.samples_above += 1;
            match self.samples_above {
                SAMPLES => return Advice::Collect,
                above if above > SAMPLES => return Advice::Recycle(RecycleReason::Memory),
                _ => {}
            }
        } else {
            self.samples_above = 0;
        }
        Advice::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Seeded;

    #[test]
    fn limits_are_drawn_within_a_tenth() {
        let rule = RecyclingRule {
            max_tasks: Some(1000),
            max_age: Some(Duration::from_secs(1000)),
            drain: None,
            max_rss: None,
        };
        let mut random = Seeded::new(3);
        let drawn: Vec<_> = (0..1000).map(|_| Wear::draw(&rule, Time::ZERO, &mut random)).collect();
        let tasks = |wear: &Wear| wear.max_tasks.expect("there is a limit");
        assert!(drawn.iter().all(|wear| (900..=1100).contains(&tasks(wear))));
        assert!(drawn.iter().any(|wear| tasks(wear) < 950) && drawn.iter().any(|wear| tasks(wear) > 1050));
        let bounds = Time::from_secs(900)..=Time::from_secs(1100);
        assert!(
            drawn
                .iter()
                .all(|wear| bounds.contains(&wear.retire_at.expect("there is an age")))
        );
    }

    #[test]
    fn memory_counts_after_three_readings_in_a_row_and_one_after_a_collection() {
        let rule = RecyclingRule {
            max_rss: Some(100),
            ..RecyclingRule::default()
        };
        let mut wear = Wear::draw(&rule, Time::ZERO, &mut Seeded::new(1));
        let mut read = |rss| wear.judge(Usage { tasks: 0, rss }, Time::ZERO);
        assert_eq!([read(101), read(101), read(100)], [Advice::Keep; 3]);
        assert_eq!(
            [read(101), read(101), read(101)],
            [Advice::Keep, Advice::Keep, Advice::Collect]
        );
        assert_eq!(read(90), Advice::Keep);
        assert_eq!(
            [read(101), read(101), read(101)],
            [Advice::Keep, Advice::Keep, Advice::Collect]
        );
        assert_eq!(read(101), Advice::Recycle(RecycleReason::Memory));
    }

    #[test]
    fn without_limits_nothing_wears_out() {
        let mut wear = Wear::draw(&RecyclingRule::default(), Time::ZERO, &mut Seeded::new(1));
        let usage = Usage {
            tasks: u64::MAX,
            rss: u64::MAX,
        };
        assert_eq!(wear.judge(usage, Time::MAX), Advice::Keep);
    }
}
