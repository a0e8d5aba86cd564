//! The states of one worker, and which step leads from which to which. Pure: who takes a step decides when.
//!
//! ```text
//! Stopped ──spawn──▶ Starting ──ready──▶ Ready ──use──▶ Running
//!    ▲                  │ └─hold─▶ Standby ─promote─▲      │
//!    │                  │             │     │              │
//!    │                  │             └─────┴──drain───────┴─▶ Draining
//!    │                  └────────stop─────────────┐               │ stop
//!    ├──────────────────── exit ◀─────────────────┴─▶ Stopping ◀──┘
//!    │                      │  (from every state with a process)
//!    │                      ├──▶ Backoff ──spawn──▶ Starting
//!    └──────reset───────────┴──▶ CrashLoop
//! ```

use std::fmt;

use crate::exit::{Demand, ExitReason};
use crate::policy::RecycleReason;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// There is no process, and none will be started without being asked for.
    Stopped,
    /// There is a process, and it has not said that it is ready.
    Starting,
    /// It takes calls and has had no connection yet.
    Ready,
    /// It takes calls and has had a connection.
    Running,
    /// It finishes what it has begun and takes nothing new.
    Draining,
    /// It has been told to end, by signals.
    Stopping,
    /// It has ended, and will be started again after a while.
    Backoff,
    /// It has ended too often, or cannot start: it stays down until it is reset.
    CrashLoop,
    /// It is ready and held back, to take the place of one that dies.
    Standby,
}

impl State {
    /// Whether there is a process in this state.
    pub const fn has_process(self) -> bool {
        !matches!(self, Self::Stopped | Self::Backoff | Self::CrashLoop)
    }

    /// Whether calls may be sent to it.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Ready | Self::Running)
    }

    /// The word for it in texts and in JavaScript.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::CrashLoop => "crash-loop",
            Self::Standby => "standby",
        }
    }

    /// The state that `step` leads to.
    ///
    /// # Errors
    /// There is no such edge.
    pub const fn after(self, step: Step) -> Result<Self, IllegalStep> {
        Ok(match (self, step) {
            (Self::Stopped | Self::Backoff, Step::Spawn) => Self::Starting,
            (Self::Starting, Step::Ready) | (Self::Standby, Step::Promote) => Self::Ready,
            (Self::Starting, Step::Hold) => Self::Standby,
            (Self::Ready, Step::Use) => Self::Running,
            (Self::Ready | Self::Running | Self::Standby, Step::Drain) => Self::Draining,
            (Self::Starting | Self::Ready | Self::Running | Self::Standby | Self::Draining, Step::Stop) => {
                Self::Stopping
            }
            (Self::Backoff, Step::Stop) | (Self::CrashLoop, Step::Reset | Step::Stop) => Self::Stopped,
            (
                Self::Starting | Self::Ready | Self::Running | Self::Standby | Self::Draining | Self::Stopping,
                Step::Exit(next),
            ) => match next {
                Next::Stay => Self::Stopped,
                Next::Restart => Self::Backoff,
                Next::GiveUp => Self::CrashLoop,
            },
            _ => return Err(IllegalStep { state: self, step }),
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What happens to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A process is started.
    Spawn,
    /// The process says that it is ready, and serves.
    Ready,
    /// The process says that it is ready, and is held back.
    Hold,
    /// A worker that was held back shall serve.
    Promote,
    /// The first connection is made.
    Use,
    /// It shall finish what it has begun.
    Drain,
    /// It shall end; or, without a process, not be started again.
    Stop,
    /// The process has ended.
    Exit(Next),
    /// It may be started again after it had been given up.
    Reset,
}

/// What follows the end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// Nothing.
    Stay,
    /// A new process, after the back-off.
    Restart,
    /// Nothing until it is reset.
    GiveUp,
}

/// Why a worker went from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The Conductor is started.
    Start,
    /// Its process says that it is ready.
    Ready,
    /// The first connection to it was made.
    Use,
    /// It takes the place of another one.
    Promotion,
    /// Its last process has ended, and another one is started.
    Restart,
    /// It is to replace another one.
    Replacement,
    /// It is being replaced, or restarted because somebody asked for that.
    Recycling(RecycleReason),
    /// One that was started before it has died.
    Sibling,
    /// Its process has ended, for that reason.
    Exit(ExitReason),
    /// It was to end, for that reason.
    Demand(Demand),
    /// It was to finish and end, and has not done so in time.
    Overdue,
    /// Another one did not start.
    StartFailed,
    /// What was given up is tried again.
    Reset,
}

impl Cause {
    /// The word for it in texts and in JavaScript.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Ready => "ready",
            Self::Use => "use",
            Self::Promotion => "promotion",
            Self::Restart => "restart",
            Self::Replacement => "replacement",
            Self::Recycling(reason) => reason.name(),
            Self::Sibling => "sibling",
            Self::Exit(reason) => reason.name(),
            Self::Demand(Demand::Stop) => "stop",
            Self::Demand(Demand::Timeout) => "timeout",
            Self::Demand(Demand::Kill) => "kill",
            Self::Overdue => "overdue",
            Self::StartFailed => "start-failed",
            Self::Reset => "reset",
        }
    }
}

/// A step that does not lead anywhere from the state that a worker is in. The state stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalStep {
    /// The state.
    pub state: State,
    /// The step that was refused.
    pub step: Step,
}

impl fmt::Display for IllegalStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "no step `{:?}` leads out of the state `{}`",
            self.step, self.state
        )
    }
}

impl std::error::Error for IllegalStep {}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] = [
        State::Stopped,
        State::Starting,
        State::Ready,
        State::Running,
        State::Draining,
        State::Stopping,
        State::Backoff,
        State::CrashLoop,
        State::Standby,
    ];

    const STEPS: [Step; 11] = [
        Step::Spawn,
        Step::Ready,
        Step::Hold,
        Step::Promote,
        Step::Use,
        Step::Drain,
        Step::Stop,
        Step::Exit(Next::Stay),
        Step::Exit(Next::Restart),
        Step::Exit(Next::GiveUp),
        Step::Reset,
    ];

    #[test]
    fn a_process_ends_exactly_where_there_is_one() {
        for state in STATES {
            for next in [Next::Stay, Next::Restart, Next::GiveUp] {
                assert_eq!(state.after(Step::Exit(next)).is_ok(), state.has_process(), "{state}");
            }
        }
    }

    #[test]
    fn a_process_begins_only_by_a_spawn_and_ends_only_by_an_exit() {
        for state in STATES {
            for step in STEPS {
                let Ok(next) = state.after(step) else { continue };
                match step {
                    Step::Spawn => assert!(!state.has_process() && next.has_process()),
                    Step::Exit(_) => assert!(state.has_process() && !next.has_process()),
                    _ => assert_eq!(state.has_process(), next.has_process(), "{state} {step:?}"),
                }
            }
        }
    }

    #[test]
    fn a_worker_in_a_crash_loop_is_started_only_after_a_reset() {
        for step in STEPS {
            let next = State::CrashLoop.after(step);
            assert_eq!(next.is_ok(), matches!(step, Step::Reset | Step::Stop), "{step:?}");
        }
    }

    #[test]
    fn what_drains_or_stops_never_serves_again() {
        for state in [State::Draining, State::Stopping] {
            for step in STEPS {
                assert!(state.after(step).is_ok_and(|next| !next.serves()) || state.after(step).is_err());
            }
        }
    }

    #[test]
    fn a_refusal_says_what_was_refused() {
        let refused = State::Stopped.after(Step::Drain).unwrap_err();
        assert_eq!(refused.to_string(), "no step `Drain` leads out of the state `stopped`");
    }
}
