//! One supervised group: what to do when something happens to a worker. Pure: it is told what happened and when, and
//! leaves [`Action`]s to be done by whoever has processes. So all of it is tested on virtual time, without any.
//!
//! A group has *members*; each is in one [`State`] and has at most one process. `size` of them are in service, `standby`
//! are spares. When a member in service dies and a spare is ready, the two change roles: the spare serves at once, and the
//! dead one is started again as a spare. A member that has served enough is replaced first and retired then: by a spare,
//! or by a new member, and is no member any more when it has ended.

mod action;
mod ending;
mod member;
mod replacing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use action::{Action, Happening};
pub use member::WorkerId;
use member::{After, Member, Role};

use crate::exit::{Demand, ExitReason};
use crate::lifecycle::{Cause, Next, State, Step};
use crate::policy::{Advice, HealthLevel, Pulse, Random, RecycleReason, RestartWindow, StopPhase, Time, Usage, Wear};
use crate::spec::{Spec, Strategy};

/// Where a group as a whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Starting,
    /// The start has failed at this worker, and the others are being stopped.
    Failing(WorkerId),
    Up,
    Stopping,
}

/// A supervised group. See the module.
pub struct Group {
    spec: Arc<Spec>,
    random: Box<dyn Random>,
    window: RestartWindow,
    members: BTreeMap<WorkerId, Member>,
    phase: Phase,
    /// A restart that was asked for is under way; whether a new worker did not start.
    restarting: Option<bool>,
    last_id: u32,
    actions: Vec<Action>,
}

impl Group {
    /// A group without processes.
    pub fn new(spec: Arc<Spec>, random: Box<dyn Random>) -> Self {
        let window = RestartWindow::new(spec.intensity, spec.size as usize);
        Self {
            spec,
            random,
            window,
            members: BTreeMap::new(),
            phase: Phase::Idle,
            restarting: None,
            last_id: 0,
            actions: Vec::new(),
        }
    }

    /// What has to be done, in this order, since the last time.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Starts the workers. Refused (`false`) unless the group is idle.
    pub fn start(&mut self, now: Time) -> bool {
        if self.phase != Phase::Idle {
            return false;
        }
        for id in std::mem::take(&mut self.members).into_keys() {
            self.actions.push(Action::Forget(id));
        }
        self.window.reset();
        self.phase = Phase::Starting;
        let roles = [(Role::Service, self.spec.size), (Role::Spare, self.spec.standby)];
        let added: Vec<_> = roles
            .into_iter()
            .flat_map(|(role, count)| std::iter::repeat_n(role, count as usize))
            .map(|role| self.add(role))
            .collect();
        for id in added {
            self.spawn(id, Cause::Start, now);
        }
        true
    }

    /// Its process says that it is ready.
    pub fn ready(&mut self, id: WorkerId, now: Time) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if member.state != State::Starting {
            return;
        }
        let held = member.role == Role::Spare;
        member.ready_at = Some(now);
        member.start_deadline = None;
        member.wear = Wear::draw(&self.spec.recycling, now, &mut *self.random);
        let replaced = member.replaces.take();
        let happening = if member.starts == 1 && replaced.is_none() {
            Happening::Started
        } else {
            Happening::Restarted {
                attempt: member.backoff.attempts(),
            }
        };
        self.step(id, if held { Step::Hold } else { Step::Ready }, Cause::Ready);
        self.report(id, happening);
        if let Some(old) = replaced {
            let why = self.members.get(&old).map_or(RecycleReason::Asked, |old| old.why);
            self.retire(old, After::Leave, Cause::Recycling(why), now);
        }
        if held && let Some(vacant) = self.vacant() {
            self.exchange(vacant, id);
        }
        self.settle(now);
    }

    /// A connection to it was made.
    pub fn used(&mut self, id: WorkerId) {
        if self.members.get(&id).is_some_and(|member| member.state == State::Ready) {
            self.step(id, Step::Use, Cause::Use);
        }
    }

    /// Why its process was told to end, and whether by a signal: what the reason of its end depends on.
    pub fn demand(&self, id: WorkerId) -> (Option<Demand>, bool) {
        self.members
            .get(&id)
            .map_or((None, false), |member| (member.demand, member.signalled))
    }

    /// Whether its process has said that it is ready.
    pub fn was_ready(&self, id: WorkerId) -> bool {
        self.members.get(&id).is_some_and(|member| member.ready_at.is_some())
    }

    /// Its process has ended, or could not be started.
    pub fn exited(&mut self, id: WorkerId, reason: ExitReason, now: Time) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if !member.state.has_process() {
            return;
        }
        let was_ready = member.ready_at;
        if let Some(ready) = was_ready {
            member.backoff.served(&self.spec.backoff, ready, now);
        }
        // What retires has been told to end, whatever else has been.
        let asked = member.demand == Some(Demand::Stop) || member.after != After::Policy;
        let starting = self.phase == Phase::Starting && member.role == Role::Service;
        let first_start = starting && was_ready.is_none();
        // One that a replacement stands ready for, or is being started for, need not come back.
        let replaced = self.members.values().any(|other| other.replaces == Some(id));
        let (next, wait) = self.judge(id, reason, first_start, replaced, now);
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let leaves = member.after == After::Leave || replaced || member.replaces.is_some();
        let replacement_failed = member.replaces.take();
        member.ended();
        member.restart_at = (next == Next::Restart).then(|| now.saturating_add(wait));
        let restart_in = (next == Next::Restart).then_some(wait);
        self.step(id, Step::Exit(next), Cause::Exit(reason));
        self.report(
            id,
            match was_ready {
                _ if asked => Happening::Stopped,
                None if !first_start => Happening::RestartFailed { restart_in },
                _ => Happening::Died { restart_in },
            },
        );
        if next == Next::GiveUp {
            self.report(id, Happening::GivenUp);
        }
        if let Some(old) = replacement_failed
            && let Some(old) = self.members.get_mut(&old)
        {
            // The old one goes on, and is replaced later.
            old.recycle_after = Some(now.saturating_add(self.spec.backoff.cap));
            old.recycling = false;
            self.restarting = self.restarting.map(|_| true);
        }
        if replaced {
            for other in self.members.values_mut().filter(|other| other.replaces == Some(id)) {
                other.replaces = None;
            }
        }
        if leaves {
            self.members.remove(&id);
            self.actions.push(Action::Forget(id));
        } else if starting && next != Next::Restart {
            self.fail_start(id, now);
        } else if matches!(next, Next::Restart | Next::GiveUp)
            && self.is_in_service(id)
            && let Some(spare) = self.find(|member| member.state == State::Standby)
        {
            self.exchange(id, spare);
        }
        if next == Next::Restart && !asked && self.spec.strategy == Strategy::RestForOne {
            self.restart_rest(id, now);
        }
        if wait.is_zero() {
            self.restart_due(now);
        }
        self.settle(now);
    }

    /// What was read about it.
    pub fn sample(&mut self, id: WorkerId, pulse: Pulse, usage: Usage, now: Time) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        if !member.state.serves() && member.state != State::Standby {
            return;
        }
        let verdict = self.spec.health.judge(pulse);
        let before = std::mem::replace(&mut member.health, verdict.level);
        let advice = member.wear.judge(usage, now);
        if before != verdict.level {
            self.report(
                id,
                Happening::Health {
                    from: before,
                    to: verdict.level,
                },
            );
        }
        if verdict.kill {
            self.kill(id, Demand::Timeout, now);
            return;
        }
        match advice {
            Advice::Keep => {}
            Advice::Collect => self.actions.push(Action::Collect(id)),
            Advice::Recycle(reason) => {
                self.recycle(id, reason, now);
            }
        }
    }

    /// Forgets the restarts that were, and starts again what was given up. `false` if there is no such worker.
    pub fn reset(&mut self, now: Time) -> bool {
        let given_up: Vec<_> = self.ids(|member| member.state == State::CrashLoop);
        self.window.reset();
        for &id in &given_up {
            if let Some(member) = self.members.get_mut(&id) {
                member.backoff.reset();
            }
            self.step(id, Step::Reset, Cause::Reset);
            self.spawn(id, Cause::Reset, now);
        }
        !given_up.is_empty()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        for id in self.ids(|member| member.start_deadline.is_some_and(|deadline| now >= deadline)) {
            if let Some(member) = self.members.get_mut(&id) {
                member.start_deadline = None;
            }
            self.kill(id, Demand::Timeout, now);
        }
        for id in self.ids(|member| member.stop.is_some()) {
            while let Some(phase) = self
                .members
                .get_mut(&id)
                .and_then(|member| member.stop.as_mut()?.advance(now))
            {
                self.act(id, phase, Cause::Overdue);
            }
        }
        self.restart_due(now);
    }

    /// When [`Group::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.members.values().filter_map(Member::deadline).min()
    }

    /// The state of the group as a whole: that of its best member in service.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Idle => return State::Stopped,
            Phase::Starting => return State::Starting,
            Phase::Stopping | Phase::Failing(_) => {
                let draining = self.members.values().any(|member| member.state == State::Draining);
                return if draining { State::Draining } else { State::Stopping };
            }
            Phase::Up => {}
        }
        let best = [
            State::Running,
            State::Ready,
            State::Starting,
            State::Backoff,
            State::Draining,
            State::Stopping,
            State::CrashLoop,
        ];
        let has = |state| {
            self.members
                .values()
                .any(|member| member.role == Role::Service && member.state == state)
        };
        best.into_iter().find(|&state| has(state)).unwrap_or(State::Stopped)
    }

    /// The members, by number.
    pub fn workers(&self) -> impl Iterator<Item = WorkerView> + '_ {
        self.members.iter().map(|(&id, member)| WorkerView {
            id,
            state: member.state,
            spare: member.role == Role::Spare,
            health: member.health,
            restarts: member.starts.saturating_sub(1),
            restart_at: member.restart_at,
        })
    }

    fn judge(
        &mut self,
        id: WorkerId,
        reason: ExitReason,
        first_start: bool,
        replaced: bool,
        now: Time,
    ) -> (Next, Time) {
        let Some(member) = self.members.get_mut(&id) else {
            return (Next::Stay, Time::ZERO);
        };
        let ends = !matches!(self.phase, Phase::Up | Phase::Starting);
        if ends || first_start || replaced || member.after == After::Leave || member.replaces.is_some() {
            return (Next::Stay, Time::ZERO);
        }
        if member.after == After::Respawn {
            return (Next::Restart, Time::ZERO);
        }
        if member.demand == Some(Demand::Stop) || !self.spec.restart.wants(reason) {
            return (Next::Stay, Time::ZERO);
        }
        if reason == ExitReason::BootError || !self.window.admit(now) {
            return (Next::GiveUp, Time::ZERO);
        }
        (
            Next::Restart,
            member.backoff.next(&self.spec.backoff, &mut *self.random),
        )
    }

    fn add(&mut self, role: Role) -> WorkerId {
        let id = WorkerId(self.last_id);
        self.last_id = self.last_id.wrapping_add(1);
        self.members.insert(id, Member::new(role));
        id
    }

    fn spawn(&mut self, id: WorkerId, cause: Cause, now: Time) {
        let deadline = now.saturating_add(self.spec.startup_timeout);
        if let Some(member) = self.members.get_mut(&id) {
            member.begin(deadline);
            // First, so that the event of the new state can say which process it is.
            self.actions.push(Action::Spawn(id));
            self.step(id, Step::Spawn, cause);
        }
    }

    fn restart_due(&mut self, now: Time) {
        for id in self.ids(|member| member.restart_at.is_some_and(|time| now >= time)) {
            self.spawn(id, Cause::Restart, now);
        }
    }

    fn restart_rest(&mut self, id: WorkerId, now: Time) {
        let rest = self.ids(|member| member.role == Role::Service && member.state.serves());
        for other in rest.into_iter().filter(|&other| other > id) {
            self.retire(other, After::Respawn, Cause::Sibling, now);
        }
    }

    /// A member in service that has no process and waits for one.
    fn vacant(&self) -> Option<WorkerId> {
        self.find(|member| member.role == Role::Service && matches!(member.state, State::Backoff | State::CrashLoop))
    }

    /// Notices what the whole group has come to.
    fn settle(&mut self, now: Time) {
        match self.phase {
            Phase::Starting => {
                let mut service = self.members.values().filter(|member| member.role == Role::Service);
                if service.all(|member| member.ready_at.is_some()) {
                    self.phase = Phase::Up;
                    self.actions.push(Action::Started);
                }
            }
            Phase::Up => {
                let ended = |member: &Member| member.role == Role::Spare || member.state == State::Stopped;
                if self.members.values().all(ended) {
                    // Spares have nobody to stand by for.
                    self.phase = Phase::Stopping;
                    self.stop_all(self.spec.stop, StopPhase::Drain, Cause::Demand(Demand::Stop), now);
                    self.settle(now);
                    return;
                }
            }
            Phase::Stopping | Phase::Failing(_) => {
                if self.members.values().all(|member| !member.state.has_process()) {
                    let action = match self.phase {
                        Phase::Failing(id) => Action::StartFailed(id),
                        _ => Action::Stopped,
                    };
                    self.phase = Phase::Idle;
                    self.actions.push(action);
                }
            }
            Phase::Idle => {}
        }
        self.settle_restart();
    }

    fn step(&mut self, id: WorkerId, step: Step, cause: Cause) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let from = member.state;
        match from.after(step) {
            Ok(to) => {
                member.state = to;
                self.report(id, Happening::State { from, to, cause });
            }
            Err(refused) => debug_assert!(false, "worker {}: {refused}", id.0),
        }
    }

    fn report(&mut self, id: WorkerId, happening: Happening) {
        self.actions.push(Action::Report(id, happening));
    }

    fn is_in_service(&self, id: WorkerId) -> bool {
        self.members.get(&id).is_some_and(|member| member.role == Role::Service)
    }

    fn find(&self, wanted: impl Fn(&Member) -> bool) -> Option<WorkerId> {
        self.members
            .iter()
            .find(|(_, member)| wanted(member))
            .map(|(&id, _)| id)
    }

    fn ids(&self, wanted: impl Fn(&Member) -> bool) -> Vec<WorkerId> {
        self.members
            .iter()
            .filter(|(_, member)| wanted(member))
            .map(|(&id, _)| id)
            .collect()
    }
}

/// What a group says about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerView {
    /// Its number.
    pub id: WorkerId,
    /// What it does.
    pub state: State,
    /// Whether it is a spare.
    pub spare: bool,
    /// How it felt when it was last looked at.
    pub health: HealthLevel,
    /// How often it was started after the first time.
    pub restarts: u32,
    /// When it is started again.
    pub restart_at: Option<Time>,
}
