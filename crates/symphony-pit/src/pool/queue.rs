//! Requests that wait, in the order in which they are served. Pure: time is an argument.

use std::time::Duration;

use crate::error::{PitCode, PitError, Result};
use crate::resources::Priority;
use crate::time::Mono;

/// After this time a request comes before all others of its kind, whatever their priority. Those of [`Priority::CRITICAL`]
/// stay before it.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) number: u64,
    pub(crate) priority: Priority,
    pub(crate) since: Mono,
    pub(crate) deadline: Option<Mono>,
    pub(crate) what: T,
}

/// A bounded queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: Vec<Waiting<T>>,
    next: u64,
    pub(crate) limit: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: Vec::new(),
            next: 0,
            limit,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiting<T>> {
        self.waiting.iter()
    }

    /// Adds a request. Gives its number.
    pub(crate) fn push(&mut self, priority: Priority, since: Mono, deadline: Option<Mono>, what: T) -> Result<u64> {
        if self.waiting.len() >= self.limit {
            let message = format!("{} requests wait for models already, and no more may", self.limit);
            return Err(PitError::pool(PitCode::QueueFull, message).with_retry_after(100));
        }
        self.next += 1;
        self.waiting.push(Waiting {
            number: self.next,
            priority,
            since,
            deadline,
            what,
        });
        Ok(self.next)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Waiting<T>> {
        let at = self.waiting.iter().position(|waiting| waiting.number == number)?;
        Some(self.waiting.remove(at))
    }

    /// Puts back what was taken out; it keeps its number and time.
    pub(crate) fn put_back(&mut self, waiting: Waiting<T>) {
        self.waiting.push(waiting);
    }

    /// Takes out those for which `gone` says so.
    pub(crate) fn take(&mut self, gone: impl FnMut(&mut Waiting<T>) -> bool) -> Vec<Waiting<T>> {
        self.waiting.extract_if(.., gone).collect()
    }

    /// All, the next to be served first.
    pub(crate) fn order(&self, now: Mono) -> Vec<&Waiting<T>> {
        let mut order: Vec<_> = self
            .waiting
            .iter()
            .map(|waiting| {
                let waited = now.since(waiting.since);
                let overdue = waited >= MAX_WAIT && waiting.priority < Priority::CRITICAL;
                let priority = if overdue {
                    Priority(Priority::CRITICAL.0 - 1)
                } else {
                    waiting.priority.aged(waited)
                };
                (std::cmp::Reverse(priority), waiting)
            })
            .collect();
        order.sort_unstable_by_key(|(priority, waiting)| (*priority, waiting.number));
        order.into_iter().map(|(_, waiting)| waiting).collect()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Waiting<T>> {
        self.waiting.iter().find(|waiting| waiting.number == number)
    }

    /// When the next one has waited too long.
    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.waiting.iter().filter_map(|waiting| waiting.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn order(requests: &[(i32, u64)], now: u64) -> Vec<u64> {
        let mut queue = Queue::new(10);
        for (priority, since) in requests {
            queue
                .push(Priority(*priority), Mono(*since * SECOND), None, ())
                .unwrap();
        }
        let order = queue.order(Mono(now * SECOND));
        order.into_iter().map(|waiting| waiting.number).collect()
    }

    #[test]
    fn the_urgent_come_first_and_equals_in_their_order() {
        assert_eq!(order(&[(0, 0), (100, 0), (0, 0), (-100, 0)], 0), [2, 1, 3, 4]);
    }

    #[test]
    fn nobody_waits_for_ever_and_critical_requests_stay_first() {
        assert_eq!(order(&[(-1000, 0), (100, 60), (1000, 60)], 60), [3, 1, 2]);
        assert_eq!(
            order(&[(0, 0), (3, 8)], 8),
            [1, 2],
            "a second of waiting is a step of priority"
        );
    }

    #[test]
    fn the_queue_is_bounded_and_says_when_to_try_again() {
        let mut queue = Queue::new(1);
        let number = queue.push(Priority::NORMAL, Mono(0), Some(Mono(7)), ()).unwrap();
        assert_eq!(queue.next_deadline(), Some(Mono(7)));
        let error = queue.push(Priority::CRITICAL, Mono(0), None, ()).unwrap_err();
        assert_eq!((error.code(), error.retry_after_ms()), (PitCode::QueueFull, Some(100)));
        assert!(queue.remove(number).is_some() && queue.remove(number).is_none());
        assert!(queue.is_empty());
    }
}
