//! What a Conductor tells those who listen.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::exit::{ExitReport, TaskRecord};
use crate::group::WorkerId;
use crate::lifecycle::{Cause, State};
use crate::output::Stream;
use crate::policy::{HealthLevel, RecycleReason};

/// Something that happened to a worker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// To which worker.
    pub worker: WorkerId,
    /// The number of its process, if there is or was one.
    pub pid: Option<u32>,
    /// Which process of the group that is; no two have the same.
    pub generation: Option<u64>,
    /// What.
    pub kind: EventKind,
}

/// What happened to a worker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// Its first process is ready.
    Started {
        /// From the start of the process.
        took: Duration,
    },
    /// Its process has ended because it was asked to.
    Stopped {
        /// How.
        exit: Arc<ExitReport>,
    },
    /// Its process has ended by itself, or was killed for a reason.
    Died {
        /// How; `None` if there was no process, because it could not be started (see `error`).
        exit: Option<Arc<ExitReport>>,
        /// Why it could not be started.
        error: Option<String>,
        /// How long until it is started again; `None`: it will not be.
        restart_in: Option<Duration>,
    },
    /// A later process of it is ready, or one that replaces that of another worker, which ends then.
    Restarted {
        /// How many restarts there were in a row; 0 for one that replaces another.
        attempt: u32,
        /// From the start of the process.
        took: Duration,
    },
    /// A restart did not succeed.
    RestartFailed {
        /// How its process ended; `None` if it could not be started (see `error`).
        exit: Option<Arc<ExitReport>>,
        /// Why it could not be started.
        error: Option<String>,
        /// How long until it is tried again; `None`: it will not be.
        restart_in: Option<Duration>,
    },
    /// It is not started again until the Conductor is reset.
    GivenUp {
        /// The last ends of workers of this group, the newest last.
        last_exits: Vec<Arc<ExitReport>>,
    },
    /// It went from one state to another.
    State {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// Why.
        cause: Cause,
    },
    /// It feels better or worse.
    Health {
        /// How it was.
        from: HealthLevel,
        /// How it is.
        to: HealthLevel,
        /// What it has been doing for the longest time.
        task: Option<TaskRecord>,
    },
    /// It has served enough and is being replaced.
    Recycling {
        /// Enough of what.
        reason: RecycleReason,
    },
    /// It was held back, and serves from now on in the place of another.
    Promoted,
    /// It wrote a line.
    Line {
        /// Where.
        stream: Stream,
        /// The line, without its end.
        text: String,
        /// How many lines before it were left out, because there were too many.
        dropped: u64,
    },
}

/// The statuses that everybody understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConductorStatus {
    /// A worker is ready for the first time.
    Started,
    /// A worker has ended because it was asked to.
    Stopped,
    /// A worker has ended by itself.
    Died,
    /// A worker is ready again.
    Restarted,
    /// A worker could not be started again.
    RestartFailed,
}

impl ConductorStatus {
    /// The word for it in JavaScript and in Python.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Died => "died",
            Self::Restarted => "restarted",
            Self::RestartFailed => "restartFailed",
        }
    }
}

impl Event {
    pub(crate) fn new(worker: WorkerId, process: Option<(u32, u64)>, kind: EventKind) -> Self {
        let (pid, generation) = process.unzip();
        Self {
            at: SystemTime::now(),
            worker,
            pid,
            generation,
            kind,
        }
    }

    /// The status that this event stands for; `None` for one that is detail.
    pub fn status(&self) -> Option<ConductorStatus> {
        match self.kind {
            EventKind::Started { .. } => Some(ConductorStatus::Started),
            EventKind::Stopped { .. } => Some(ConductorStatus::Stopped),
            EventKind::Died { .. } => Some(ConductorStatus::Died),
            EventKind::Restarted { .. } => Some(ConductorStatus::Restarted),
            EventKind::RestartFailed { .. } => Some(ConductorStatus::RestartFailed),
            _ => None,
        }
    }
}
