//! Tasks at which workers die.

use std::collections::{HashMap, VecDeque};

/// How many workers died at a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// Deaths, this one included.
    pub deaths: u32,
    /// Whether the task is not to be run any more.
    pub quarantined: bool,
}

/// Counts deaths by task, and quarantines a task after a number of them, so that one bad input does not take down one
/// worker after the other. What a task is, its key, is the caller's choice.
#[derive(Debug, Clone)]
pub struct PoisonTasks {
    limit: u32,
    capacity: usize,
    deaths: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

impl Default for PoisonTasks {
    fn default() -> Self {
        Self::new(3, 4096)
    }
}

impl PoisonTasks {
    /// Quarantines at the death number `limit`, and remembers the last `capacity` tasks. Default: 3 and 4096.
    pub fn new(limit: u32, capacity: usize) -> Self {
        Self {
            limit: limit.max(1),
            capacity: capacity.max(1),
            deaths: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A worker died while it ran `task`.
    pub fn died(&mut self, task: u64) -> Suspicion {
        if !self.deaths.contains_key(&task) {
            if self.order.len() == self.capacity
                && let Some(oldest) = self.order.pop_front()
            {
                self.deaths.remove(&oldest);
            }
            self.order.push_back(task);
        }
        let deaths = self.deaths.entry(task).or_default();
        *deaths = deaths.saturating_add(1);
        Suspicion {
            deaths: *deaths,
            quarantined: *deaths >= self.limit,
        }
    }

    /// Whether `task` is not to be run.
    pub fn is_quarantined(&self, task: u64) -> bool {
        self.deaths.get(&task).is_some_and(|&deaths| deaths >= self.limit)
    }

    /// `task` came to its end, or is given another chance.
    pub fn forgive(&mut self, task: u64) {
        if self.deaths.remove(&task).is_some() {
            self.order.retain(|&other| other != task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_death_quarantines_a_task_until_it_is_forgiven() {
        let mut tasks = PoisonTasks::default();
        assert!(!tasks.died(7).quarantined);
        assert!(!tasks.died(7).quarantined);
        assert!(!tasks.is_quarantined(7));
        assert_eq!(
            tasks.died(7),
            Suspicion {
                deaths: 3,
                quarantined: true
            }
        );
        assert!(tasks.is_quarantined(7) && !tasks.is_quarantined(8));
        tasks.forgive(7);
        assert_eq!(tasks.died(7).deaths, 1);
    }

    #[test]
    fn the_oldest_suspicion_is_forgotten_first() {
        let mut tasks = PoisonTasks::new(2, 2);
        for task in [1, 2, 3] {
            tasks.died(task);
        }
        assert_eq!(tasks.died(1).deaths, 1);
        assert_eq!(tasks.died(3).deaths, 2);
    }
}
