//! How many restarts in how much time are too many.

use std::collections::VecDeque;
use std::time::Duration;

use super::Time;

/// The limit of restarts: one more within the window, and the worker is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts that are allowed within the window, for each worker of the group. Default: 5.
    pub restarts: u32,
    /// The length of the window. Default: 60 s.
    pub within: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self {
            restarts: 5,
            within: Duration::from_secs(60),
        }
    }
}

/// The restarts of the last while, over all workers of a group.
#[derive(Debug, Clone)]
pub struct RestartWindow {
    limit: usize,
    within: Duration,
    restarts: VecDeque<Time>,
}

impl RestartWindow {
    /// A window for a group of `size` workers.
    pub fn new(intensity: Intensity, size: usize) -> Self {
        let limit = (intensity.restarts as usize).saturating_mul(size.max(1));
        Self {
            limit,
            within: intensity.within,
            restarts: VecDeque::new(),
        }
    }

    /// Counts a restart at `now` if one more is allowed.
    pub fn admit(&mut self, now: Time) -> bool {
        while self
            .restarts
            .front()
            .is_some_and(|&first| now.saturating_sub(first) >= self.within)
        {
            self.restarts.pop_front();
        }
        let admitted = self.restarts.len() < self.limit;
        if admitted {
            self.restarts.push_back(now);
        }
        admitted
    }

    /// Forgets what was.
    pub fn reset(&mut self) {
        self.restarts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_counts_until_the_window_has_passed() {
        let intensity = Intensity {
            restarts: 2,
            within: Duration::from_secs(10),
        };
        let mut window = RestartWindow::new(intensity, 1);
        let admitted: Vec<_> = [0, 9, 9, 10, 18, 19]
            .map(|second| window.admit(Time::from_secs(second)))
            .into();
        assert_eq!(admitted, [true, true, false, true, false, true]);
    }

    #[test]
    fn a_limit_of_none_gives_up_at_the_first_death() {
        let mut window = RestartWindow::new(
            Intensity {
                restarts: 0,
                within: Duration::from_secs(1),
            },
            4,
        );
        assert!(!window.admit(Time::ZERO));
    }
}
