//! What is known of a process that has ended, and the one word for why.

use std::time::Duration;

/// The exit code of a program that could not import what it was to run; by gunicorn's example.
pub const EXIT_BOOT: i32 = 3;
/// The exit code of a program whose set-up failed; by gunicorn's example.
pub const EXIT_SETUP: i32 = 4;
/// The exit code by which a program says that only a new process helps (`EX_SOFTWARE` of sysexits.h).
pub const EXIT_FATAL: i32 = 70;
/// The exit code of a process whose lifeline was closed (`EX_PROTOCOL` of sysexits.h).
pub const EXIT_LIFELINE: i32 = 76;

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitReason {
    /// Exit code 0.
    Clean,
    /// Another exit code, or a signal of its own doing.
    Crash,
    /// SIGKILL from nobody here: the kernel's out-of-memory killer is the usual sender. Where the kernel's counters can be
    /// read and say otherwise, it is [`ExitReason::Killed`].
    OomSuspected,
    /// Exit code [`EXIT_FATAL`]: the program said that only a new process helps.
    Fatal,
    /// A signal that was sent here, or SIGKILL from somebody outside.
    Killed,
    /// It was killed because something took too long: the start, a task, or a sign of life.
    Timeout,
    /// It said that it cannot start. Starting it again does not help until something changes.
    BootError,
    /// The pipe whose end means the parent's end was closed.
    LifelineLost,
}

impl ExitReason {
    /// The word for it in texts and in JavaScript.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Crash => "crash",
            Self::Fatal => "fatal",
            Self::OomSuspected => "oom-suspected",
            Self::Killed => "killed",
            Self::Timeout => "timeout",
            Self::BootError => "boot-error",
            Self::LifelineLost => "lifeline-lost",
        }
    }
}

/// What a child said about why it cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootError {
    /// What failed.
    pub kind: BootErrorKind,
    /// The child's own words: an exception with its traceback, as a rule.
    pub text: String,
}

/// Which step of the start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BootErrorKind {
    /// An import.
    Import,
    /// The program's own set-up.
    Setup,
    /// Anything else.
    Other,
}

/// One task that a process had, from its health page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRecord {
    /// The number that the child gave it.
    pub id: u64,
    /// Its name, shortened to 88 bytes.
    pub name: String,
    /// How long it had been running when this was read, or how long it took.
    pub duration: Duration,
    /// Whether it was running.
    pub running: bool,
}

/// All that is known of a process that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitReport {
    /// The number that the process had.
    pub pid: u32,
    /// Which process of the group it was; no two have the same.
    pub generation: u64,
    /// Why it ended.
    pub reason: ExitReason,
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether there is a core dump.
    pub core_dumped: bool,
    /// Whether the kernel's out-of-memory killer was at work meanwhile; `None` if that is not known.
    pub oom_kill: Option<bool>,
    /// From its start to its end.
    pub uptime: Duration,
    /// Whether it had said that it is ready.
    pub was_ready: bool,
    /// The largest resident memory, in bytes.
    pub max_rss: u64,
    /// Processor time in its own code.
    pub user_time: Duration,
    /// Processor time in the kernel.
    pub system_time: Duration,
    /// What it said about why it cannot start.
    pub boot_error: Option<BootError>,
    /// The tasks that were running, and the last ones that were not, the newest first.
    pub last_tasks: Vec<TaskRecord>,
    /// The end of what it wrote to its standard output; at most 64 KiB.
    pub stdout_tail: String,
    /// The end of what it wrote to its standard error; at most 64 KiB.
    pub stderr_tail: String,
    /// What `faulthandler` wrote about its end.
    pub python_traceback: Option<String>,
}

impl ExitReport {
    /// One line about it: `killed by signal 11 (core dumped) after 3.2 s: crash`.
    pub fn summary(&self) -> String {
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended, and its status was taken by somebody else".to_owned(),
        };
        let core = if self.core_dumped { " (core dumped)" } else { "" };
        let uptime = self.uptime.as_secs_f64();
        format!(
            "process {} {how}{core} after {uptime:.1} s: {}",
            self.pid,
            self.reason.name()
        )
    }
}

/// Why a process was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// It is not needed any more.
    Stop,
    /// Something took too long.
    Timeout,
    /// Somebody wanted it dead.
    Kill,
}

/// What is known when the reason is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
pub struct Circumstances {
    /// Why it was told to end, if it was.
    pub demand: Option<Demand>,
    /// Whether a signal was sent to it from here.
    pub signalled: bool,
    /// Whether it had said that it is ready.
    pub was_ready: bool,
    /// Whether it said that it cannot start.
    pub boot_failed: bool,
    /// Whether the lifeline is gone.
    pub lifeline_lost: bool,
    /// Whether the kernel's out-of-memory killer was at work; `None` if not known.
    pub oom_kill: Option<bool>,
}

impl Circumstances {
    /// The reason of an end with this exit code or signal.
    pub fn reason(&self, code: Option<i32>, signal: Option<i32>) -> ExitReason {
        const SIGKILL: i32 = 9;
        if self.boot_failed || (!self.was_ready && matches!(code, Some(EXIT_BOOT | EXIT_SETUP))) {
            return ExitReason::BootError;
        }
        if self.lifeline_lost || code == Some(EXIT_LIFELINE) {
            return ExitReason::LifelineLost;
        }
        match (code, signal) {
            (Some(0), _) => ExitReason::Clean,
            (Some(EXIT_FATAL), _) => ExitReason::Fatal,
            _ if self.signalled => match self.demand {
                Some(Demand::Timeout) => ExitReason::Timeout,
                _ => ExitReason::Killed,
            },
            (_, Some(SIGKILL)) if self.oom_kill == Some(false) => ExitReason::Killed,
            (_, Some(SIGKILL)) => ExitReason::OomSuspected,
            _ => ExitReason::Crash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Circumstances = Circumstances {
        demand: None,
        signalled: false,
        was_ready: true,
        boot_failed: false,
        lifeline_lost: false,
        oom_kill: None,
    };

    #[test]
    fn an_end_that_nobody_asked_for_is_a_crash_unless_it_is_clean() {
        assert_eq!(READY.reason(Some(0), None), ExitReason::Clean);
        for code in [1, 3, 4, 255] {
            assert_eq!(READY.reason(Some(code), None), ExitReason::Crash, "{code}");
        }
        assert_eq!(READY.reason(Some(EXIT_FATAL), None), ExitReason::Fatal);
        assert_eq!(READY.reason(None, Some(11)), ExitReason::Crash);
    }

    #[test]
    fn the_codes_of_a_failed_start_count_before_it_is_ready() {
        let starting = Circumstances {
            was_ready: false,
            ..READY
        };
        assert_eq!(starting.reason(Some(EXIT_BOOT), None), ExitReason::BootError);
        assert_eq!(starting.reason(Some(EXIT_SETUP), None), ExitReason::BootError);
        assert_eq!(starting.reason(Some(1), None), ExitReason::Crash);
        assert_eq!(
            Circumstances {
                boot_failed: true,
                ..starting
            }
            .reason(Some(1), None),
            ExitReason::BootError
        );
    }

    #[test]
    fn a_kill_from_outside_is_the_kernels_unless_the_kernel_says_no() {
        let killed = |oom_kill| Circumstances { oom_kill, ..READY }.reason(None, Some(9));
        assert_eq!(killed(None), ExitReason::OomSuspected);
        assert_eq!(killed(Some(true)), ExitReason::OomSuspected);
        assert_eq!(killed(Some(false)), ExitReason::Killed);
    }

    #[test]
    fn a_signal_from_here_has_the_reason_it_was_sent_for() {
        let told = |demand| Circumstances {
            demand: Some(demand),
            signalled: true,
            ..READY
        };
        assert_eq!(told(Demand::Stop).reason(None, Some(15)), ExitReason::Killed);
        assert_eq!(told(Demand::Stop).reason(Some(0), None), ExitReason::Clean);
        assert_eq!(told(Demand::Stop).reason(Some(143), None), ExitReason::Killed);
        assert_eq!(told(Demand::Timeout).reason(None, Some(9)), ExitReason::Timeout);
        let asked = Circumstances {
            demand: Some(Demand::Stop),
            ..READY
        };
        assert_eq!(
            asked.reason(None, Some(11)),
            ExitReason::Crash,
            "it crashed while it drained"
        );
    }
}
