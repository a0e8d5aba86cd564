//! How the processes of a group are brought to their end.

use super::member::After;
use super::{Action, Group, Phase, WorkerId};
use crate::exit::Demand;
use crate::lifecycle::{Cause, State, Step};
use crate::policy::{Escalation, StopPhase, StopPlan, Time};

impl Group {
    /// Ends its process by force: [`Demand::Timeout`] with SIGABRT first, so that its stacks are written; otherwise with
    /// SIGKILL. What follows is up to the restart policy. `false` if there is no process.
    pub fn kill(&mut self, id: WorkerId, demand: Demand, now: Time) -> bool {
        let phase = if demand == Demand::Timeout {
            StopPhase::Abort
        } else {
            StopPhase::Kill
        };
        let plan = self.spec.stop;
        let Some(member) = self.members.get_mut(&id) else {
            return false;
        };
        if !member.state.has_process() {
            return false;
        }
        // What is stopping already keeps the reason that it has.
        member.demand.get_or_insert(demand);
        if member.stop.is_none_or(|stop| stop.phase() < phase) {
            self.enter(id, phase, plan, Cause::Demand(demand), now);
        }
        true
    }

    /// Stops the group. A second call may shorten the first. Always leads to [`Action::Stopped`].
    pub fn stop(&mut self, plan: StopPlan, now: Time) {
        if !matches!(self.phase, Phase::Failing(_)) {
            self.phase = Phase::Stopping;
        }
        self.stop_all(plan, StopPhase::Drain, Cause::Demand(Demand::Stop), now);
        self.settle(now);
    }

    /// Has a member end in peace, and says what follows.
    pub(super) fn retire(&mut self, id: WorkerId, after: After, cause: Cause, now: Time) {
        let mut plan = self.spec.stop;
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if !member.state.has_process() {
            return;
        }
        if member.recycling {
            plan.drain = self.spec.recycling.drain.unwrap_or(plan.drain);
        }
        member.after = after;
        member.demand.get_or_insert(Demand::Stop);
        if member.stop.is_none() {
            let phase = if member.state == State::Starting {
                StopPhase::Terminate
            } else {
                StopPhase::Drain
            };
            self.enter(id, phase, plan, cause, now);
        }
    }

    pub(super) fn stop_all(&mut self, plan: StopPlan, from: StopPhase, cause: Cause, now: Time) {
        for id in self.ids(|_| true) {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.restart_at = None;
            if !member.state.has_process() {
                if member.state != State::Stopped {
                    self.step(id, Step::Stop, cause);
                }
                continue;
            }
            member.demand.get_or_insert(Demand::Stop);
            let phase = if member.state == State::Starting {
                from.max(StopPhase::Terminate)
            } else {
                from
            };
            match member.stop {
                None => self.enter(id, phase, plan, cause, now),
                // A shorter plan hastens a stop under way; it never goes back to an earlier phase, nor gets more time.
                Some(stop) => {
                    let hastened = Escalation::begin(plan, stop.phase().max(phase), now);
                    if phase > stop.phase() {
                        self.enter(id, phase, plan, cause, now);
                    } else if hastened.deadline() < stop.deadline() {
                        member.stop = Some(hastened);
                    }
                }
            }
        }
    }

    pub(super) fn fail_start(&mut self, id: WorkerId, now: Time) {
        self.phase = Phase::Failing(id);
        self.stop_all(self.spec.stop, StopPhase::Kill, Cause::StartFailed, now);
    }

    fn enter(&mut self, id: WorkerId, phase: StopPhase, plan: StopPlan, cause: Cause, now: Time) {
        if let Some(member) = self.members.get_mut(&id) {
            member.stop = Some(Escalation::begin(plan, phase, now));
            member.start_deadline = None;
            self.act(id, phase, cause);
        }
    }

    pub(super) fn act(&mut self, id: WorkerId, phase: StopPhase, cause: Cause) {
        if phase == StopPhase::Drain {
            self.step(id, Step::Drain, cause);
            self.actions.push(Action::Drain(id));
            return;
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.signalled = true;
            if member.state != State::Stopping {
                self.step(id, Step::Stop, cause);
            }
            self.actions.push(Action::Signal(id, phase));
        }
    }
}
