//! How members are replaced while they serve: the new one is ready first, and then the old one ends.

use super::member::{After, Role};
use super::{Action, Group, Happening, Phase, WorkerId};
use crate::lifecycle::{Cause, State, Step};
use crate::policy::{RecycleReason, Time};

impl Group {
    /// Replaces it: first the new one, then the end of the old one. `false` if it does not serve, or is being replaced.
    pub fn recycle(&mut self, id: WorkerId, reason: RecycleReason, now: Time) -> bool {
        let up = self.phase == Phase::Up;
        let Some(member) = self.members.get_mut(&id) else {
            return false;
        };
        let waits = reason != RecycleReason::Asked && member.recycle_after.is_some_and(|time| now < time);
        if !up || !member.state.serves() || member.recycling || waits {
            return false;
        }
        if let Some(spare) = self.find(|member| member.state == State::Standby) {
            self.recycles(id, reason);
            self.exchange(id, spare);
            self.retire(id, After::Respawn, Cause::Recycling(reason), now);
        } else {
            self.replace(id, reason, now);
        }
        true
    }

    /// Starts another member, which takes the place of this one when it is ready.
    fn replace(&mut self, id: WorkerId, reason: RecycleReason, now: Time) {
        self.recycles(id, reason);
        let new = self.add(Role::Service);
        if let Some(member) = self.members.get_mut(&new) {
            member.replaces = Some(id);
        }
        self.spawn(new, Cause::Replacement, now);
    }

    fn recycles(&mut self, id: WorkerId, reason: RecycleReason) {
        if let Some(member) = self.members.get_mut(&id) {
            member.recycling = true;
            member.why = reason;
        }
        self.report(id, Happening::Recycling(reason));
    }

    /// Replaces all members by new ones, each of which is ready before the old one ends. The limit of restarts does not count
    /// it, and what was given up is tried again. `false` if the group is not up.
    pub fn restart(&mut self, now: Time) -> bool {
        if self.phase != Phase::Up {
            return false;
        }
        self.restarting = Some(false);
        let asked = Cause::Recycling(RecycleReason::Asked);
        let ids: Vec<_> = self.members.keys().copied().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.backoff.reset();
            match member.state {
                State::CrashLoop => {
                    self.step(id, Step::Reset, Cause::Reset);
                    self.spawn(id, asked, now);
                }
                State::Stopped | State::Backoff => self.spawn(id, asked, now),
                // A start under way is new enough, and what retires or is being replaced has been.
                State::Starting => {}
                _ if member.after == After::Leave || member.recycling => {}
                State::Ready | State::Running => self.replace(id, RecycleReason::Asked, now),
                _ => self.retire(id, After::Respawn, asked, now),
            }
        }
        self.settle(now);
        true
    }

    pub(super) fn settle_restart(&mut self) {
        let Some(failed) = self.restarting else {
            return;
        };
        let mut staying = self
            .members
            .values()
            .filter(|member| member.role == Role::Service && member.after != After::Leave);
        let failed = failed
            || self.phase != Phase::Up
            || staying
                .clone()
                .any(|member| matches!(member.state, State::CrashLoop | State::Stopped));
        if failed || staying.all(|member| member.state.serves() && member.replaces.is_none() && !member.recycling) {
            self.restarting = None;
            self.actions.push(Action::Restarted(!failed));
        }
    }

    /// The member that was in service becomes a spare, and the other way round.
    pub(super) fn exchange(&mut self, from: WorkerId, to: WorkerId) {
        if let Some(member) = self.members.get_mut(&from) {
            member.role = Role::Spare;
        }
        if let Some(member) = self.members.get_mut(&to) {
            member.role = Role::Service;
        }
        self.step(to, Step::Promote, Cause::Promotion);
        self.report(to, Happening::Promoted);
    }
}
