//! What a group remembers of one member.

use std::fmt;

use crate::exit::Demand;
use crate::lifecycle::State;
use crate::policy::{Backoff, Escalation, HealthLevel, RecycleReason, Time, Wear};

/// The number of a worker in its group; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a member is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes calls.
    Service,
    /// It waits to take the place of one that does.
    Spare,
}

/// What follows the end of a process that is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// What the restart policy says.
    Policy,
    /// A new process at once.
    Respawn,
    /// The member goes with it.
    Leave,
}

/// One member. The fields from `ready_at` on are those of its process.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) state: State,
    pub(super) role: Role,
    pub(super) backoff: Backoff,
    /// Processes that were started for it.
    pub(super) starts: u32,
    pub(super) restart_at: Option<Time>,
    /// The member that it is to replace when it is ready.
    pub(super) replaces: Option<WorkerId>,
    /// Not to be replaced before, because a replacement has failed.
    pub(super) recycle_after: Option<Time>,
    pub(super) recycling: bool,
    /// Why it is being replaced, if it is.
    pub(super) why: RecycleReason,
    pub(super) ready_at: Option<Time>,
    pub(super) start_deadline: Option<Time>,
    pub(super) stop: Option<Escalation>,
    pub(super) demand: Option<Demand>,
    pub(super) signalled: bool,
    pub(super) after: After,
    pub(super) wear: Wear,
    pub(super) health: HealthLevel,
}

impl Member {
    pub(super) fn new(role: Role) -> Self {
        Self {
            state: State::Stopped,
            role,
            backoff: Backoff::default(),
            starts: 0,
            restart_at: None,
            replaces: None,
            recycle_after: None,
            recycling: false,
            why: RecycleReason::Asked,
            ready_at: None,
            start_deadline: None,
            stop: None,
            demand: None,
            signalled: false,
            after: After::Policy,
            wear: Wear::default(),
            health: HealthLevel::Healthy,
        }
    }

    /// A process begins.
    pub(super) fn begin(&mut self, start_deadline: Time) {
        self.ended();
        self.starts = self.starts.saturating_add(1);
        self.restart_at = None;
        self.start_deadline = Some(start_deadline);
    }

    /// Nothing of the last process counts any more.
    pub(super) fn ended(&mut self) {
        self.recycle_after = None;
        self.recycling = false;
        self.ready_at = None;
        self.start_deadline = None;
        self.stop = None;
        self.demand = None;
        self.signalled = false;
        self.after = After::Policy;
        self.wear = Wear::default();
        self.health = HealthLevel::Healthy;
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self) -> Option<Time> {
        let stop = self.stop.and_then(|stop| stop.deadline());
        [self.restart_at, self.start_deadline, stop].into_iter().flatten().min()
    }
}
