//! The way from asking a process to end to making it end.

use std::time::Duration;

use super::Time;

/// How long each phase of a stop may take. After the last one the process group is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopPlan {
    /// From the request to finish what was begun. Default: 10 s.
    pub drain: Duration,
    /// From SIGTERM. Default: 5 s.
    pub terminate: Duration,
    /// From SIGABRT, at which `faulthandler` writes the stacks. Default: 1 s.
    pub abort: Duration,
}

impl Default for StopPlan {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(10),
            terminate: Duration::from_secs(5),
            abort: Duration::from_secs(1),
        }
    }
}

impl StopPlan {
    /// The plan with another time to drain.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// The plan with another time after SIGTERM.
    #[must_use]
    pub const fn with_terminate(mut self, terminate: Duration) -> Self {
        self.terminate = terminate;
        self
    }

    /// The plan with another time after SIGABRT.
    #[must_use]
    pub const fn with_abort(mut self, abort: Duration) -> Self {
        self.abort = abort;
        self
    }

    fn time(&self, phase: StopPhase) -> Option<Duration> {
        match phase {
            StopPhase::Drain => Some(self.drain),
            StopPhase::Terminate => Some(self.terminate),
            StopPhase::Abort => Some(self.abort),
            StopPhase::Kill => None,
        }
    }
}

/// One phase of a stop, from polite to certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopPhase {
    /// It is asked to finish and end.
    Drain,
    /// SIGTERM.
    Terminate,
    /// SIGABRT.
    Abort,
    /// SIGKILL to the process group.
    Kill,
}

impl StopPhase {
    const fn next(self) -> Self {
        match self {
            Self::Drain => Self::Terminate,
            Self::Terminate => Self::Abort,
            Self::Abort | Self::Kill => Self::Kill,
        }
    }
}

/// A stop under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalation {
    plan: StopPlan,
    phase: StopPhase,
    deadline: Option<Time>,
}

impl Escalation {
    /// A stop that begins with `phase` at `now`; the caller does what the phase says.
    pub fn begin(plan: StopPlan, phase: StopPhase, now: Time) -> Self {
        let deadline = plan.time(phase).map(|time| now.saturating_add(time));
        Self { plan, phase, deadline }
    }

    /// The next phase, if the time of this one is over.
    pub fn advance(&mut self, now: Time) -> Option<StopPhase> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        *self = Self::begin(self.plan, self.phase.next(), now);
        Some(self.phase)
    }

    /// The phase that it is in.
    pub fn phase(&self) -> StopPhase {
        self.phase
    }

    /// When [`Escalation::advance`] has something to say; `None` after the last phase.
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_comes_after_the_time_of_the_one_before() {
        let mut stop = Escalation::begin(StopPlan::default(), StopPhase::Drain, Time::from_secs(100));
        let mut phases = Vec::new();
        for second in 100..130 {
            phases.extend(stop.advance(Time::from_secs(second)).map(|phase| (second, phase)));
        }
        assert_eq!(
            phases,
            [
                (110, StopPhase::Terminate),
                (115, StopPhase::Abort),
                (116, StopPhase::Kill)
            ]
        );
        assert_eq!(stop.deadline(), None);
    }
}
