//! How long to wait before a process is started again.

use std::time::Duration;

use super::{Random, Time};

/// The first restart comes at once, the next ones after a random part of a time that doubles (full jitter).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffRule {
    /// The upper bound of the second wait. Default: 100 ms.
    pub initial: Duration,
    /// The upper bound of all waits. Default: 30 s.
    pub cap: Duration,
    /// A process that served so long makes the count begin again. Default: 60 s.
    pub reset_after: Duration,
}

impl Default for BackoffRule {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            cap: Duration::from_secs(30),
            reset_after: Duration::from_secs(60),
        }
    }
}

impl BackoffRule {
    /// The longest that restart number `attempt` (from 1) waits.
    pub fn bound(&self, attempt: u32) -> Duration {
        match attempt {
            0 | 1 => Duration::ZERO,
            // 2^32 times the smallest positive duration is above four seconds, and the cap holds beyond.
            _ => self.initial.saturating_mul(1 << (attempt - 2).min(31)).min(self.cap),
        }
    }
}

/// Where one worker is in its sequence of restarts.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Counts one more restart and draws its wait.
    pub fn next(&mut self, rule: &BackoffRule, random: &mut dyn Random) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        rule.bound(self.attempts).mul_f64(random.unit())
    }

    /// Begins again if a process that began to serve at `ready` and ended at `now` served long enough.
    pub fn served(&mut self, rule: &BackoffRule, ready: Time, now: Time) {
        if now.saturating_sub(ready) >= rule.reset_after {
            self.attempts = 0;
        }
    }

    /// Begins again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Restarts since the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Seeded;

    #[test]
    fn bounds_double_from_the_second_restart_to_the_cap() {
        let rule = BackoffRule::default();
        let bounds: Vec<_> = [1, 2, 3, 4, 10, 11, 12, 40, u32::MAX]
            .map(|attempt| rule.bound(attempt).as_millis())
            .into();
        assert_eq!(bounds, [0, 100, 200, 400, 25_600, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn a_wait_that_would_overflow_is_the_cap() {
        let rule = BackoffRule {
            initial: Duration::MAX,
            cap: Duration::from_secs(7),
            ..BackoffRule::default()
        };
        assert_eq!(rule.bound(50), Duration::from_secs(7));
    }

    #[test]
    fn only_long_service_begins_the_sequence_again() {
        let (rule, mut random, mut backoff) = (BackoffRule::default(), Seeded::new(1), Backoff::default());
        for _ in 0..3 {
            backoff.next(&rule, &mut random);
        }
        backoff.served(&rule, Time::from_secs(10), Time::from_secs(69));
        assert_eq!(backoff.attempts(), 3);
        backoff.served(&rule, Time::from_secs(10), Time::from_secs(70));
        assert_eq!(backoff.next(&rule, &mut random), Duration::ZERO);
    }
}
