//! What a group wants to have done and known.

use super::WorkerId;
use crate::lifecycle::{Cause, State};
use crate::policy::{HealthLevel, RecycleReason, StopPhase, Time};

/// What is to be done about a worker, or has to be known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start a process for it.
    Spawn(WorkerId),
    /// Tell it to finish and end.
    Drain(WorkerId),
    /// Tell it to collect its garbage.
    Collect(WorkerId),
    /// Send it the signal of this phase.
    Signal(WorkerId, StopPhase),
    /// Tell whoever listens.
    Report(WorkerId, Happening),
    /// It is no member any more.
    Forget(WorkerId),
    /// All workers in service are ready for the first time.
    Started,
    /// A worker did not start, and the others have been stopped.
    StartFailed(WorkerId),
    /// The last process has ended, and none will be started.
    Stopped,
    /// The restart that was asked for has succeeded, or not.
    Restarted(bool),
}

/// What happened to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It went from one state to another.
    State {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// Its first process is ready.
    Started,
    /// A later process of it is ready, or one that replaces that of another worker; `attempt` counts the restarts in a row.
    Restarted {
        /// 1 for the first; 0 for one that replaces another.
        attempt: u32,
    },
    /// Its process has ended because it was asked to.
    Stopped,
    /// Its process has ended by itself.
    Died {
        /// How long until it is started again.
        restart_in: Option<Time>,
    },
    /// Its process has ended before it was ready, or could not be started.
    RestartFailed {
        /// How long until it is tried again.
        restart_in: Option<Time>,
    },
    /// It is not started again until the group is reset.
    GivenUp,
    /// It feels better or worse.
    Health {
        /// How it was.
        from: HealthLevel,
        /// How it is.
        to: HealthLevel,
    },
    /// It has served enough and is being replaced.
    Recycling(RecycleReason),
    /// It was a spare, and serves from now on.
    Promoted,
}
