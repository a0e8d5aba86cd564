//! What a worker's pulse says about it.

use std::time::Duration;

/// How a worker is, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthLevel {
    /// Everything moves.
    Healthy,
    /// The GIL moves and the event loop does not turn: something blocks in it.
    LoopStuck,
    /// The process is alive and the GIL has not changed hands: C code holds it, or Python code that never gives it up.
    GilHeld,
    /// Not even its native thread has been running: it is stopped, starved or gone.
    Unresponsive,
}

impl HealthLevel {
    /// The word for it in texts and in JavaScript.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::LoopStuck => "loop-stuck",
            Self::GilHeld => "gil-held",
            Self::Unresponsive => "unresponsive",
        }
    }
}

/// When silence is worth a word, and when it is the end.
///
/// Only a process that does not run at all is killed by default: a long call in C is work, and only the program can say
/// how long is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthRule {
    /// How often pulses are read. Default: 500 ms.
    pub interval: Duration,
    /// Silence of the native thread that counts as unresponsive. Default: 1 s.
    pub native: Duration,
    /// Silence of the GIL that counts as held. Default: 10 s.
    pub gil: Duration,
    /// Silence of the event loop that counts as stuck. Default: 10 s.
    pub event_loop: Duration,
    /// Kill after so much silence of the native thread. Default: 10 s.
    pub kill_unresponsive: Option<Duration>,
    /// Kill after the GIL has been held so long. Default: never.
    pub kill_gil_held: Option<Duration>,
    /// Kill after the event loop has been stuck so long. Default: never.
    pub kill_loop_stuck: Option<Duration>,
}

impl Default for HealthRule {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(500),
            native: Duration::from_secs(1),
            gil: Duration::from_secs(10),
            event_loop: Duration::from_secs(10),
            kill_unresponsive: Some(Duration::from_secs(10)),
            kill_gil_held: None,
            kill_loop_stuck: None,
        }
    }
}

/// How long ago each part of a worker gave a sign; `None` for a part that never did, and is therefore not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    /// The native thread, which needs no GIL.
    pub native: Option<Duration>,
    /// Something that ran with the GIL.
    pub gil: Option<Duration>,
    /// A callback of the event loop.
    pub event_loop: Option<Duration>,
}

/// What a rule says about a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How the worker is.
    pub level: HealthLevel,
    /// Whether it is to be killed for that.
    pub kill: bool,
}

impl HealthRule {
    /// Judges a pulse. The worst that is true counts: a process that is stopped does not hold the GIL.
    pub fn judge(&self, pulse: Pulse) -> Verdict {
        let beyond = |silence: Option<Duration>, limit: Duration| silence.is_some_and(|silence| silence >= limit);
        let judged = [
            (
                HealthLevel::Unresponsive,
                pulse.native,
                self.native,
                self.kill_unresponsive,
            ),
            (HealthLevel::GilHeld, pulse.gil, self.gil, self.kill_gil_held),
            (
                HealthLevel::LoopStuck,
                pulse.event_loop,
                self.event_loop,
                self.kill_loop_stuck,
            ),
        ];
        for (level, silence, limit, kill) in judged {
            if beyond(silence, limit) {
                return Verdict {
                    level,
                    kill: kill.is_some_and(|kill| beyond(silence, kill)),
                };
            }
        }
        Verdict {
            level: HealthLevel::Healthy,
            kill: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pulse(native: u64, gil: u64, event_loop: u64) -> Pulse {
        Pulse {
            native: Some(Duration::from_secs(native)),
            gil: Some(Duration::from_secs(gil)),
            event_loop: Some(Duration::from_secs(event_loop)),
        }
    }

    #[test]
    fn the_worst_that_is_true_is_the_level() {
        let rule = HealthRule::default();
        let level = |pulse| rule.judge(pulse).level;
        assert_eq!(level(pulse(0, 9, 9)), HealthLevel::Healthy);
        assert_eq!(level(pulse(0, 0, 10)), HealthLevel::LoopStuck);
        assert_eq!(level(pulse(0, 10, 10)), HealthLevel::GilHeld);
        assert_eq!(level(pulse(1, 10, 10)), HealthLevel::Unresponsive);
    }

    #[test]
    fn a_part_that_never_gave_a_sign_is_not_judged() {
        assert_eq!(
            HealthRule::default().judge(Pulse::default()).level,
            HealthLevel::Healthy
        );
    }

    #[test]
    fn only_a_process_that_does_not_run_is_killed_by_default() {
        let rule = HealthRule::default();
        assert!(!rule.judge(pulse(0, 10_000, 10_000)).kill);
        assert!(!rule.judge(pulse(9, 9, 9)).kill);
        assert!(rule.judge(pulse(10, 10, 10)).kill);
    }
}
