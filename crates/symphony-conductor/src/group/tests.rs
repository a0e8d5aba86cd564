//! Groups on virtual time: random ends of processes that do not exist, against what must always be true.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::member::{After, Role};
use super::{Action, Group, Happening, Phase, WorkerId};
use crate::exit::{Demand, ExitReason};
use crate::lifecycle::{Cause, State};
use crate::policy::{Intensity, Pulse, RecycleReason, RecyclingRule, RestartPolicy, Seeded, StopPhase, Time, Usage};
use crate::spec::{self, Spec};

/// What happens next.
#[derive(Debug, Clone)]
enum Input {
    /// Nothing for so many milliseconds.
    Wait(u64),
    /// The process number so and so (counted over those that there are) says that it is ready.
    Ready(usize),
    /// It ends.
    Exit(usize, ExitReason),
    /// A connection is made.
    Use(usize),
    /// It has run so many tasks, and gives signs of life or not.
    Sample(usize, u64, bool),
    Kill(usize, Demand),
    Recycle(usize),
    Restart,
    Reset,
    Stop,
    Start,
}

fn inputs() -> impl Strategy<Value = Input> {
    let process = 0..6_usize;
    let reason = prop_oneof![
        4 => Just(ExitReason::Crash),
        2 => Just(ExitReason::Clean),
        1 => Just(ExitReason::BootError),
        1 => Just(ExitReason::OomSuspected),
    ];
    let demand = prop_oneof![Just(Demand::Timeout), Just(Demand::Kill)];
    prop_oneof![
        6 => prop_oneof![0..50_u64, 50..5_000_u64, 5_000..90_000_u64].prop_map(Input::Wait),
        12 => process.clone().prop_map(Input::Ready),
        10 => (process.clone(), reason).prop_map(|(process, reason)| Input::Exit(process, reason)),
        3 => process.clone().prop_map(Input::Use),
        3 => (process.clone(), 0..120_u64, prop::bool::weighted(0.9)).prop_map(|(process, tasks, lives)| {
            Input::Sample(process, tasks, lives)
        }),
        1 => (process.clone(), demand).prop_map(|(process, demand)| Input::Kill(process, demand)),
        2 => process.prop_map(Input::Recycle),
        1 => Just(Input::Restart),
        1 => Just(Input::Reset),
        1 => Just(Input::Stop),
        1 => Just(Input::Start),
    ]
}

fn specs() -> impl Strategy<Value = Spec> {
    let policy = prop_oneof![
        1 => Just(RestartPolicy::Permanent),
        4 => Just(RestartPolicy::Transient),
        1 => Just(RestartPolicy::Temporary),
    ];
    let strategy = prop_oneof![3 => Just(spec::Strategy::OneForOne), 1 => Just(spec::Strategy::RestForOne)];
    (
        1..4_u32,
        0..3_u32,
        policy,
        strategy,
        0..6_u32,
        prop::option::of(50..150_u64),
    )
        .prop_map(|(size, standby, restart, strategy, restarts, max_tasks)| {
            let mut spec = Spec::new("nothing");
            (spec.size, spec.standby, spec.restart, spec.strategy) = (size, standby, restart, strategy);
            spec.intensity = Intensity {
                restarts,
                within: Duration::from_secs(60),
            };
            spec.recycling = RecyclingRule {
                max_tasks,
                ..RecyclingRule::default()
            };
            spec
        })
}

/// A group, the processes that it believes to have, and what was seen of it.
struct World {
    spec: Arc<Spec>,
    group: Group,
    now: Time,
    /// The processes, and the last signal that each got.
    processes: BTreeMap<WorkerId, Option<StopPhase>>,
    /// When restarts by the policy were promised, and for when.
    promised: VecDeque<Time>,
    due: BTreeMap<WorkerId, Time>,
    attempts: BTreeMap<WorkerId, u32>,
    ready_at: BTreeMap<WorkerId, Time>,
    stopped: bool,
    outcomes: u32,
    starts: u32,
}

impl World {
    fn new(spec: Spec, seed: u64) -> Self {
        let spec = Arc::new(spec);
        Self {
            group: Group::new(Arc::clone(&spec), Box::new(Seeded::new(seed))),
            spec,
            now: Time::from_secs(1000),
            processes: BTreeMap::new(),
            promised: VecDeque::new(),
            due: BTreeMap::new(),
            attempts: BTreeMap::new(),
            ready_at: BTreeMap::new(),
            stopped: true,
            outcomes: 0,
            starts: 0,
        }
    }

    fn pick(&self, number: usize) -> Option<WorkerId> {
        let count = self.processes.len();
        (count > 0).then(|| {
            *self
                .processes
                .keys()
                .nth(number % count)
                .expect("it is below the count")
        })
    }

    fn apply(&mut self, input: &Input) {
        match *input {
            Input::Wait(milliseconds) => self.wait(self.now + Duration::from_millis(milliseconds)),
            Input::Start => {
                if self.group.start(self.now) {
                    assert!(self.processes.is_empty(), "it starts while processes are there");
                    self.stopped = false;
                    self.starts += 1;
                    self.promised.clear();
                }
            }
            Input::Stop => {
                self.group.stop(self.spec.stop, self.now);
                self.stopped = true;
                self.due.clear();
            }
            Input::Restart => {
                if self.group.restart(self.now) {
                    // What waits is started now, and the counts of attempts begin again.
                    self.due.clear();
                    self.attempts.clear();
                }
            }
            Input::Reset => {
                self.group.reset(self.now);
                self.promised.clear();
            }
            Input::Ready(process) => {
                if let Some(id) = self.pick(process) {
                    self.group.ready(id, self.now);
                }
            }
            Input::Exit(process, reason) => {
                if let Some(id) = self.pick(process) {
                    self.exit(id, reason);
                }
            }
            Input::Use(process) => {
                if let Some(id) = self.pick(process) {
                    self.group.used(id);
                }
            }
            Input::Sample(process, tasks, lives) => {
                if let Some(id) = self.pick(process) {
                    let silence = Duration::from_millis(if lives { 100 } else { 11_000 });
                    let pulse = Pulse {
                        native: Some(silence),
                        ..Pulse::default()
                    };
                    self.group.sample(id, pulse, Usage { tasks, rss: 0 }, self.now);
                }
            }
            Input::Kill(process, demand) => {
                if let Some(id) = self.pick(process) {
                    assert!(self.group.kill(id, demand, self.now));
                }
            }
            Input::Recycle(process) => {
                if let Some(id) = self.pick(process) {
                    self.group.recycle(id, RecycleReason::Asked, self.now);
                }
            }
        }
        self.perform();
        self.check();
    }

    /// Lets time pass, from one deadline to the next.
    fn wait(&mut self, until: Time) {
        while let Some(deadline) = self.group.next_deadline().filter(|&deadline| deadline <= until) {
            self.now = self.now.max(deadline);
            self.group.tick(self.now);
            self.perform();
            self.check();
            let next = self.group.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "time stands still at {next:?}");
        }
        self.now = until;
    }

    fn exit(&mut self, id: WorkerId, reason: ExitReason) {
        self.processes.remove(&id).expect("it is there");
        if let Some(ready) = self.ready_at.remove(&id)
            && self.now.saturating_sub(ready) >= self.spec.backoff.reset_after
        {
            self.attempts.remove(&id);
        }
        let boot_error = reason == ExitReason::BootError;
        self.group.exited(id, reason, self.now);
        let promised = self.group.actions.iter().any(|action| {
            let restarts = |wait: Option<Time>| wait.is_some();
            matches!(*action, Action::Report(worker, Happening::Died { restart_in } | Happening::RestartFailed { restart_in })
                if worker == id && restarts(restart_in))
        });
        assert!(!(boot_error && promised), "a boot error is tried again");
    }

    fn perform(&mut self) {
        for action in self.group.take_actions() {
            match action {
                Action::Spawn(id) => {
                    assert!(!self.stopped, "a process after the stop");
                    assert!(
                        self.due.remove(&id).is_none_or(|due| due <= self.now),
                        "before its back-off is over"
                    );
                    assert!(self.processes.insert(id, None).is_none(), "two processes of one worker");
                }
                Action::Drain(id) => {
                    assert_eq!(
                        self.processes.insert(id, Some(StopPhase::Drain)),
                        Some(None),
                        "drained twice"
                    );
                }
                Action::Signal(id, phase) => {
                    let before = self.processes.insert(id, Some(phase)).expect("signals go to processes");
                    assert!(
                        before.is_none_or(|before| before < phase),
                        "{before:?} before {phase:?}"
                    );
                }
                Action::Collect(id) => assert!(self.processes.contains_key(&id)),
                Action::Report(id, happening) => self.reported(id, happening),
                Action::Forget(id) => assert!(!self.processes.contains_key(&id), "forgotten with its process"),
                Action::Started => self.outcomes += 1,
                Action::StartFailed(_) | Action::Stopped => {
                    assert!(self.processes.is_empty(), "{action:?} with {:?}", self.processes);
                    self.stopped = true;
                    self.due.clear();
                }
                Action::Restarted(succeeded) => assert!(!succeeded || self.group.state() != State::Stopped),
            }
        }
    }

    fn reported(&mut self, id: WorkerId, happening: Happening) {
        match happening {
            Happening::Started | Happening::Restarted { .. } => {
                self.ready_at.insert(id, self.now);
            }
            Happening::Died { restart_in: Some(wait) } | Happening::RestartFailed { restart_in: Some(wait) } => {
                let attempts = self.attempts.entry(id).or_default();
                *attempts += 1;
                let bound = self.spec.backoff.bound(*attempts);
                assert!(
                    wait <= bound,
                    "attempt {attempts} waits {wait:?}, at most {bound:?} are right"
                );
                self.due.insert(id, self.now + wait);
                let within = self.spec.intensity.within;
                while self
                    .promised
                    .front()
                    .is_some_and(|&first| self.now.saturating_sub(first) >= within)
                {
                    self.promised.pop_front();
                }
                self.promised.push_back(self.now);
                let limit = (self.spec.intensity.restarts * self.spec.size) as usize;
                assert!(self.promised.len() <= limit, "more than {limit} restarts");
                assert_ne!(self.spec.restart, RestartPolicy::Temporary);
            }
            Happening::Promoted => {
                let member = &self.group.members[&id];
                assert!(member.ready_at.is_some() || member.state != State::Ready);
            }
            _ => {}
        }
    }

    fn check(&self) {
        for (id, member) in &self.group.members {
            assert_eq!(
                member.state.has_process(),
                self.processes.contains_key(id),
                "worker {id} is {}",
                member.state
            );
            assert_eq!(
                member.state == State::Backoff,
                member.restart_at.is_some(),
                "worker {id} is {}",
                member.state
            );
        }
        if self.group.phase == Phase::Up {
            let replacing = self
                .group
                .members
                .values()
                .filter(|member| member.replaces.is_some())
                .count();
            let retiring = self
                .group
                .members
                .values()
                .filter(|member| member.after == After::Leave)
                .count();
            let service = self
                .group
                .members
                .values()
                .filter(|member| member.role == Role::Service)
                .count();
            assert_eq!(
                service - replacing - retiring,
                self.spec.size as usize,
                "{:#?}",
                self.group.members
            );
            let spares = self
                .group
                .members
                .values()
                .filter(|member| member.role == Role::Spare)
                .count();
            assert_eq!(spares, self.spec.standby as usize);
        }
        // The only ready spares are those that nobody needs.
        let vacant = self.group.vacant();
        let ready = self.group.find(|member| member.state == State::Standby);
        assert!(
            self.stopped || vacant.is_none() || ready.is_none(),
            "a spare stands by and {vacant:?} is vacant"
        );
    }

    /// Stops it, with children that obey nothing but SIGKILL.
    fn end(&mut self) {
        self.apply(&Input::Stop);
        let limit = self.now + Duration::from_secs(60);
        while !self.processes.is_empty() {
            let killed: Vec<_> = self
                .processes
                .iter()
                .filter(|(_, phase)| **phase == Some(StopPhase::Kill))
                .collect();
            if let Some(&(&id, _)) = killed.first() {
                self.exit(id, ExitReason::Killed);
                self.perform();
                self.check();
                continue;
            }
            let next = self.group.next_deadline().expect("the stop goes on");
            assert!(next <= limit, "the stop takes longer than its phases");
            self.wait(next);
        }
        assert_eq!(self.group.state(), State::Stopped);
        assert_eq!(self.group.next_deadline(), None);
        assert!(self.outcomes <= self.starts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_hold(spec in specs(), seed: u64, inputs in prop::collection::vec(inputs(), 0..80)) {
        let mut world = World::new(spec, seed);
        world.apply(&Input::Start);
        for input in &inputs {
            world.apply(input);
        }
        world.end();
    }
}

/// A group of one that is ready.
fn ready(change: impl FnOnce(&mut Spec)) -> (Group, Time) {
    let mut spec = Spec::new("nothing");
    change(&mut spec);
    let mut group = Group::new(Arc::new(spec), Box::new(Seeded::new(1)));
    let now = Time::from_secs(1);
    assert!(group.start(now));
    for id in group.ids(|_| true) {
        group.ready(id, now);
    }
    assert!(group.take_actions().contains(&Action::Started));
    (group, now)
}

#[test]
fn the_sixth_death_within_a_minute_is_the_last() {
    let (mut group, mut now) = ready(|_| {});
    let id = WorkerId(0);
    for death in 1..=6 {
        now += Duration::from_secs(2);
        group.exited(id, ExitReason::Crash, now);
        if death == 6 {
            break;
        }
        while group.members[&id].state == State::Backoff {
            now = now.max(group.next_deadline().unwrap());
            group.tick(now);
        }
        group.ready(id, now);
    }
    assert_eq!(group.state(), State::CrashLoop);
    assert!(group.take_actions().contains(&Action::Report(id, Happening::GivenUp)));
    assert_eq!(group.next_deadline(), None, "nothing happens by itself any more");
    assert!(group.reset(now));
    assert_eq!(group.state(), State::Starting);
}

#[test]
fn a_restart_that_fails_for_good_is_reported_to_who_asked() {
    let (mut group, now) = ready(|_| {});
    let id = WorkerId(0);
    assert!(group.restart(now));
    group.exited(WorkerId(1), ExitReason::BootError, now);
    assert!(group.take_actions().contains(&Action::Restarted(false)));
    assert_eq!(group.state(), State::Ready, "the old one goes on");
    assert_eq!(group.workers().map(|worker| worker.id).collect::<Vec<_>>(), [id]);
}

#[test]
fn a_restart_ends_a_worker_when_another_one_is_ready_in_its_place() {
    let (mut group, now) = ready(|spec| (spec.size, spec.standby) = (2, 1));
    group.ready(WorkerId(2), now);
    group.take_actions();
    assert!(group.restart(now));
    let actions = group.take_actions();
    assert!(actions.contains(&Action::Spawn(WorkerId(3))) && actions.contains(&Action::Spawn(WorkerId(4))));
    assert!(actions.contains(&Action::Drain(WorkerId(2))), "nobody uses the spare");
    assert!(!actions.contains(&Action::Drain(WorkerId(0))));
    group.ready(WorkerId(4), now);
    let actions = group.take_actions();
    assert!(actions.contains(&Action::Report(WorkerId(4), Happening::Restarted { attempt: 0 })));
    let cause = Cause::Recycling(RecycleReason::Asked);
    let (from, to) = (State::Ready, State::Draining);
    assert!(actions.contains(&Action::Report(WorkerId(1), Happening::State { from, to, cause })));
    assert!(actions.contains(&Action::Drain(WorkerId(1))) && !actions.contains(&Action::Drain(WorkerId(0))));
    assert!(!actions.contains(&Action::Restarted(true)));
    group.ready(WorkerId(3), now);
    assert!(group.take_actions().contains(&Action::Restarted(true)));
    for id in [0, 1].map(WorkerId) {
        group.exited(id, ExitReason::Clean, now);
    }
    assert_eq!(group.workers().filter(|worker| !worker.spare).count(), 2);
}

#[test]
fn a_worker_that_dies_while_it_is_replaced_by_request_is_not_waited_for() {
    let (mut group, now) = ready(|_| {});
    assert!(group.restart(now));
    group.exited(WorkerId(0), ExitReason::Crash, now);
    assert!(!group.take_actions().contains(&Action::Restarted(true)));
    group.ready(WorkerId(1), now);
    assert!(group.take_actions().contains(&Action::Restarted(true)));
}

#[test]
fn a_replacement_that_does_not_start_leaves_the_old_worker_where_it_is() {
    let (mut group, now) = ready(|spec| spec.recycling.max_tasks = Some(10));
    let (old, usage) = (WorkerId(0), Usage { tasks: 20, rss: 0 });
    group.sample(old, Pulse::default(), usage, now);
    group.exited(WorkerId(1), ExitReason::BootError, now);
    assert_eq!(group.state(), State::Ready);
    assert_eq!(group.workers().count(), 1);
    group.take_actions();
    group.sample(old, Pulse::default(), usage, now);
    assert!(group.take_actions().is_empty(), "not again at once");
    group.sample(old, Pulse::default(), usage, now + Duration::from_secs(60));
    assert!(group.take_actions().contains(&Action::Spawn(WorkerId(2))));
}

#[test]
fn the_workers_after_one_that_dies_are_restarted_with_it() {
    let (mut group, now) = ready(|spec| {
        spec.size = 3;
        spec.strategy = spec::Strategy::RestForOne;
    });
    group.exited(WorkerId(1), ExitReason::Crash, now);
    let actions = group.take_actions();
    assert!(actions.contains(&Action::Drain(WorkerId(2))) && !actions.contains(&Action::Drain(WorkerId(0))));
    group.exited(WorkerId(2), ExitReason::Clean, now);
    assert!(group.take_actions().contains(&Action::Spawn(WorkerId(2))));
}

#[test]
fn spares_end_with_the_last_worker_that_they_stand_by_for() {
    let (mut group, now) = ready(|spec| spec.standby = 1);
    group.exited(WorkerId(0), ExitReason::Clean, now);
    assert!(group.take_actions().contains(&Action::Drain(WorkerId(1))));
    group.exited(WorkerId(1), ExitReason::Clean, now);
    assert!(group.take_actions().contains(&Action::Stopped));
}
