//! Times that processes can compare: `std::time::Instant` means nothing outside the process that made it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Nanoseconds since this machine started, sleep included; the same in all its processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// Now.
    #[cfg(unix)]
    pub fn now() -> Self {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        // Where the clock that counts sleep has no name of its own, the monotonic one does.
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(CLOCK);
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
        Self(
            time.tv_sec
                .unsigned_abs()
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds),
        )
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Microseconds since 1970, for records that outlive the machine's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

impl Wall {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Which run of the machine this is: what is kept in memory, and times since the start, are worth nothing in another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

impl BootId {
    /// That of this run. Zero where the system does not tell: then no restart is noticed.
    pub fn current() -> Self {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self(uuid::Uuid::try_parse(text.trim()).unwrap_or_default().into_bytes())
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BootId({})", uuid::Uuid::from_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_never_below_zero() {
        let before = Mono::now();
        let after = before.after(Duration::from_millis(5));
        assert_eq!(after.since(before), Duration::from_millis(5));
        assert_eq!(before.since(after), Duration::ZERO);
        assert!(Mono::now() >= before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_run_of_the_machine_has_one_name() {
        assert_eq!(BootId::current(), BootId::current());
        assert_ne!(BootId::current().0, [0; 16]);
    }
}
