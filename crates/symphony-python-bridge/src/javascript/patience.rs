//! How long a thread of Python's waits for JavaScript's thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTimeoutError;
use pyo3::prelude::*;

use crate::async_support::Channel;
use crate::runtime::{self, Function};

/// The option `callbackTimeout`, in milliseconds.
static LIMIT: AtomicU64 = AtomicU64::new(60_000);

/// Sets how long JavaScript's thread may be in one synchronous call while another thread waits for it.
pub(crate) fn set_limit(milliseconds: u64) {
    LIMIT.store(milliseconds.max(1), Ordering::Relaxed);
}

fn limit() -> Duration {
    Duration::from_millis(LIMIT.load(Ordering::Relaxed))
}

/// A thread of JavaScript's that is busy comes to a question some time; one that was in the same synchronous call all the time may be
/// waiting for the thread that asks, and then nobody else would end this.
pub(super) struct Patience {
    calls: u32,
    deadline: Instant,
}

impl Patience {
    pub(super) fn new(channel: &Channel) -> Self {
        Self {
            calls: channel.calls(),
            deadline: Instant::now() + limit(),
        }
    }

    /// How long to wait before the next look; nothing if it was too long.
    pub(super) fn left(&mut self, channel: &Channel) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        let before = self.calls;
        *self = Self::new(channel);
        // Odd in the middle of a synchronous call.
        let is_overdue = self.calls == before && before & 1 == 1;
        (!is_overdue).then(limit)
    }
}

/// The error of a wait that was too long. It tells what both threads do.
pub(super) fn overdue(py: Python<'_>, channel: &Channel) -> PyErr {
    let seconds = limit().as_secs_f64();
    let made =
        runtime::function(py, Function::Overdue).and_then(|overdue| overdue.call1((seconds, channel.thread_ident())));
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(_) => PyTimeoutError::new_err(format!(
            "JavaScript's thread has been in one synchronous call for {seconds} seconds"
        )),
    }
}
