//! A group with its processes, on the supervisor's thread: does what the pure [`Group`] wants, and tells it what happened.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;

use crate::control::ToChild;
use crate::error::{RestartError, StartError};
use crate::event::Event;
use crate::exit::{Demand, ExitReason, ExitReport};
use crate::group::{Action, Group, WorkerId, WorkerView};
use crate::lifecycle::State;
use crate::metrics::Counters;
use crate::policy::{Random, RecycleReason, StopPlan, Time};
use crate::process::{Link, Process, Source, reap_strays};
use crate::spawn;
use crate::spec::Spec;
use crate::status::QueueFigures;

mod dump;
mod report;

use dump::Dump;
use report::line_event;

/// How many ends of processes are remembered.
const LAST_EXITS: usize = 8;

/// Called once with the outcome of something, on the supervisor's thread.
pub(crate) type Completion<T> = Box<dyn FnOnce(T) + Send>;

/// Called with every event, on the supervisor's thread.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// What other threads see of a group. No lock is held while anything of others runs.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    snapshot: Mutex<Snapshot>,
    counters: Mutex<Counters>,
    queue: Mutex<QueueFigures>,
}

/// A group as it was after the last change.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) workers: Vec<(WorkerView, Option<Arc<Link>>)>,
    pub(crate) exits: Vec<Arc<ExitReport>>,
    /// Bytes of output and lines that were left out, of the processes that run.
    pub(crate) output: (u64, u64),
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            workers: Vec::new(),
            exits: Vec::new(),
            output: (0, 0),
        }
    }
}

impl Shared {
    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, QueueFigures> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told when everything else is done.
enum Delivery {
    Event(Event),
    Started(Completion<Result<(), StartError>>, Result<(), StartError>),
    Stopped(Completion<()>),
    Restarted(Completion<Result<(), RestartError>>, Result<(), RestartError>),
    Dumped(Completion<io::Result<String>>, io::Result<String>),
    Ended(Completion<Arc<ExitReport>>, Arc<ExitReport>),
}

/// A group and its processes.
pub(crate) struct Supervised {
    core: Group,
    spec: Arc<Spec>,
    shared: Arc<Shared>,
    processes: BTreeMap<WorkerId, Process>,
    /// How the last process of each worker ended, or why it could not be started.
    ends: BTreeMap<WorkerId, (Option<Arc<ExitReport>>, Option<String>)>,
    exits: VecDeque<Arc<ExitReport>>,
    last_generation: u64,
    next_sample: Time,
    /// When the workers died whose places are empty.
    deaths: BTreeMap<WorkerId, Time>,
    dumps: Vec<Dump>,
    /// Who waits for the end of which process.
    endings: Vec<(u64, Completion<Arc<ExitReport>>)>,
    listener: Option<Listener>,
    subscribers: Vec<SyncSender<Event>>,
    starting: Vec<Completion<Result<(), StartError>>>,
    stopping: Vec<Completion<()>>,
    restarting: Vec<Completion<Result<(), RestartError>>>,
    /// The groups of ended processes of which something has become a child of this process.
    strays: Vec<Pid>,
    outbox: Vec<Delivery>,
    /// Something has changed since the last snapshot.
    changed: bool,
    /// Nobody has a handle of it any more.
    pub(crate) abandoned: bool,
}

impl Supervised {
    pub(crate) fn new(
        spec: Arc<Spec>,
        shared: Arc<Shared>,
        random: Box<dyn Random>,
        listener: Option<Listener>,
        now: Time,
    ) -> Self {
        Self {
            core: Group::new(Arc::clone(&spec), random),
            next_sample: now + spec.health.interval,
            spec,
            shared,
            processes: BTreeMap::new(),
            ends: BTreeMap::new(),
            exits: VecDeque::new(),
            last_generation: 0,
            deaths: BTreeMap::new(),
            dumps: Vec::new(),
            endings: Vec::new(),
            listener,
            subscribers: Vec::new(),
            starting: Vec::new(),
            stopping: Vec::new(),
            restarting: Vec::new(),
            strays: Vec::new(),
            outbox: Vec::new(),
            changed: true,
            abandoned: false,
        }
    }

    pub(crate) fn start(&mut self, done: Completion<Result<(), StartError>>, now: Time) {
        if self.core.start(now) {
            self.starting.push(done);
        } else {
            let state = self.core.state();
            self.outbox
                .push(Delivery::Started(done, Err(StartError::NotStopped { state })));
        }
        self.settle(now);
    }

    pub(crate) fn stop(&mut self, plan: StopPlan, done: Completion<()>, now: Time) {
        if self.core.state() == State::Stopped && self.processes.is_empty() {
            self.outbox.push(Delivery::Stopped(done));
        } else {
            self.stopping.push(done);
            self.core.stop(plan, now);
        }
        self.settle(now);
    }

    pub(crate) fn restart(&mut self, done: Completion<Result<(), RestartError>>, now: Time) {
        self.restarting.push(done);
        if !self.core.restart(now) {
            self.fail_restart();
        }
        self.settle(now);
    }

    pub(crate) fn reset(&mut self, now: Time) {
        self.core.reset(now);
        self.settle(now);
    }

    pub(crate) fn subscribe(&mut self, subscriber: SyncSender<Event>) {
        self.subscribers.push(subscriber);
    }

    /// Runs `change` if the process that `link` belongs to is still that of its worker.
    pub(crate) fn with(&mut self, link: &Link, now: Time, change: impl FnOnce(&mut Group, WorkerId)) -> bool {
        let current = self.is_current(link);
        if current {
            change(&mut self.core, link.worker);
            self.settle(now);
        }
        current
    }

    fn is_current(&self, link: &Link) -> bool {
        self.processes
            .get(&link.worker)
            .is_some_and(|process| process.link.generation == link.generation)
    }

    /// Calls `done` when the process of `link` has ended.
    pub(crate) fn when_ended(&mut self, link: &Link, done: Completion<Arc<ExitReport>>, now: Time) {
        match link.exit.get() {
            Some(exit) => self.outbox.push(Delivery::Ended(done, Arc::clone(exit))),
            None => self.endings.push((link.generation, done)),
        }
        self.settle(now);
    }

    pub(crate) fn kill(&mut self, link: &Link, demand: Demand, now: Time) {
        self.with(link, now, |core, id| {
            core.kill(id, demand, now);
        });
    }

    pub(crate) fn recycle(&mut self, link: &Link, now: Time) {
        self.with(link, now, |core, id| {
            core.recycle(id, RecycleReason::Asked, now);
        });
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.abandoned && self.processes.is_empty() && self.strays.is_empty() && self.core.state() == State::Stopped
    }

    /// When something has to be done without a cause.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let sample = (!self.processes.is_empty()).then_some(self.next_sample);
        let dump = self.dumps.iter().map(Dump::next_look).min();
        [self.core.next_deadline(), sample, dump].into_iter().flatten().min()
    }

    /// Whether somebody has to look after ends of processes, because nothing wakes.
    pub(crate) fn needs_looking(&self) -> bool {
        !self.strays.is_empty() || self.processes.values().any(|process| !process.wakes())
    }

    /// The processes, for waiting.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (WorkerId, &Process)> {
        self.processes.iter().map(|(&id, process)| (id, process))
    }

    /// Something can be read, or has been closed at the other end.
    pub(crate) fn ready(&mut self, id: WorkerId, source: Source, closed: bool, now: Time) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        match source {
            Source::Control => {
                let ready = process.hear();
                process.control_open = !closed;
                let used = process.link.used.load(Ordering::Relaxed);
                if ready {
                    self.core.ready(id, now);
                }
                if ready && used {
                    self.core.used(id);
                }
            }
            Source::Output(stream) => {
                let numbers = (process.link.pid, process.link.generation);
                let outbox = &mut self.outbox;
                self.changed = true;
                process.read(stream, now, &mut |line| {
                    outbox.push(line_event(id, numbers, stream, line));
                });
            }
            Source::Exit => self.look_after(id, now),
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Time) {
        let unwatched: Vec<_> = self
            .processes()
            .filter(|(_, process)| !process.wakes())
            .map(|(id, _)| id)
            .collect();
        for id in unwatched {
            self.look_after(id, now);
        }
        self.strays.retain(|&group| reap_strays(group));
        self.core.tick(now);
        self.sample(now);
        self.look_at_dumps(now);
        self.settle(now);
    }

    /// Buries a process that has ended.
    fn look_after(&mut self, id: WorkerId, now: Time) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if !process.has_ended() {
            return;
        }
        if process.hear() {
            self.core.ready(id, now);
        }
        let Some(process) = self.processes.remove(&id) else {
            return;
        };
        let (output, dropped) = process.output_figures();
        let numbers = (process.link.pid, process.link.generation);
        let outbox = &mut self.outbox;
        let group = process.group();
        let link = Arc::clone(&process.link);
        let exit = process.bury(
            self.core.demand(id),
            self.core.was_ready(id),
            now,
            &mut |stream, line| {
                outbox.push(line_event(id, numbers, stream, line));
            },
        );
        if reap_strays(group) {
            self.strays.push(group);
        }
        {
            let mut counters = self.shared.counters();
            counters.output += output;
            counters.dropped_lines += dropped;
            counters.exited(exit.reason, exit.uptime);
        }
        let reason = exit.reason;
        let exit = Arc::new(exit);
        let _first = link.exit.set(Arc::clone(&exit));
        let waiting = self
            .endings
            .extract_if(.., |(generation, _)| *generation == link.generation);
        for (_, done) in waiting {
            self.outbox.push(Delivery::Ended(done, Arc::clone(&exit)));
        }
        self.exits.push_back(Arc::clone(&exit));
        if self.exits.len() > LAST_EXITS {
            self.exits.pop_front();
        }
        self.ends.insert(id, (Some(exit), None));
        self.core.exited(id, reason, now);
    }

    fn sample(&mut self, now: Time) {
        if now < self.next_sample {
            return;
        }
        let interval = self.spec.health.interval;
        // If this thread has not been running, its workers may not have been either; their next chance comes first.
        let late = now.saturating_sub(self.next_sample) > interval;
        self.next_sample = now + interval;
        if late {
            return;
        }
        let samples: Vec<_> = self
            .processes()
            .map(|(id, process)| (id, process.link.page.pulse(), process.usage()))
            .collect();
        for (id, pulse, usage) in samples {
            self.core.sample(id, pulse, usage, now);
        }
    }

    /// Does what the group wants, until it wants nothing more; then tells it.
    pub(crate) fn settle(&mut self, now: Time) {
        loop {
            let actions = self.core.take_actions();
            if actions.is_empty() {
                break;
            }
            self.changed = true;
            for action in actions {
                self.act(action, now);
            }
        }
        if std::mem::take(&mut self.changed) {
            self.publish();
        }
        for delivery in std::mem::take(&mut self.outbox) {
            self.deliver(delivery);
        }
    }

    fn act(&mut self, action: Action, now: Time) {
        match action {
            Action::Spawn(id) => self.spawn(id, now),
            Action::Drain(id) => self.tell(id, &ToChild::Drain),
            Action::Collect(id) => self.tell(id, &ToChild::Collect),
            Action::Signal(id, phase) => {
                if let Some(process) = self.processes.get(&id) {
                    process.signal(phase);
                }
            }
            Action::Report(id, happening) => self.report(id, happening, now),
            Action::Forget(id) => {
                self.deaths.remove(&id);
                self.ends.remove(&id);
            }
            Action::Started => {
                for done in std::mem::take(&mut self.starting) {
                    self.outbox.push(Delivery::Started(done, Ok(())));
                }
            }
            Action::StartFailed(id) => {
                let (exit, error) = self.ends.get(&id).cloned().unwrap_or_default();
                let error = StartError::Failed {
                    worker: id,
                    exit,
                    error,
                };
                self.finish_start(&error);
                self.finish_stop();
            }
            Action::Stopped => {
                self.deaths.clear();
                self.finish_start(&StartError::Stopped);
                self.finish_stop();
            }
            Action::Restarted(true) => self.finish_restart(&Ok(())),
            Action::Restarted(false) => self.fail_restart(),
        }
    }

    fn finish_start(&mut self, error: &StartError) {
        for done in std::mem::take(&mut self.starting) {
            self.outbox.push(Delivery::Started(done, Err(error.clone())));
        }
    }

    fn finish_stop(&mut self) {
        self.outbox.extend(self.stopping.drain(..).map(Delivery::Stopped));
    }

    fn fail_restart(&mut self) {
        let last_exit = self.exits.back().cloned();
        self.finish_restart(&Err(RestartError {
            state: self.core.state(),
            last_exit,
        }));
    }

    fn finish_restart(&mut self, result: &Result<(), RestartError>) {
        for done in std::mem::take(&mut self.restarting) {
            self.outbox.push(Delivery::Restarted(done, result.clone()));
        }
    }

    fn spawn(&mut self, id: WorkerId, now: Time) {
        self.last_generation += 1;
        match spawn::spawn(&self.spec, id.0) {
            Ok(spawned) => {
                self.shared.counters().starts += 1;
                let process = Process::new(spawned, &self.spec, id, self.last_generation, now);
                self.processes.insert(id, process);
            }
            Err(error) => {
                self.shared.counters().start_failures += 1;
                let reason = if spawn::is_permanent(&error) {
                    ExitReason::BootError
                } else {
                    ExitReason::Crash
                };
                self.ends.insert(id, (None, Some(error.to_string())));
                self.core.exited(id, reason, now);
            }
        }
    }

    /// A child that does not hear, because it has ended or its buffer is full, is dealt with by the phases of the stop.
    fn tell(&self, id: WorkerId, message: &ToChild) {
        if let Some(process) = self.processes.get(&id) {
            let _told = process.link.control.tell_child(message);
        }
    }

    fn publish(&self) {
        let link = |id| self.processes.get(&id).map(|process| Arc::clone(&process.link));
        let output = self.processes.values().map(Process::output_figures);
        let snapshot = Snapshot {
            state: self.core.state(),
            workers: self.core.workers().map(|view| (view, link(view.id))).collect(),
            exits: self.exits.iter().cloned().collect(),
            output: output.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)),
        };
        // What was there is dropped outside the lock.
        let _before = std::mem::replace(&mut *self.shared.snapshot(), snapshot);
    }

    /// Whoever panics in what is called here has said so by the panic's message, and a listener is not called again.
    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => {
                if let Some(listener) = &mut self.listener
                    && catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err()
                {
                    self.listener = None;
                }
                // One that does not read loses events rather than memory.
                let told = |subscriber: &SyncSender<Event>| {
                    !matches!(subscriber.try_send(event.clone()), Err(TrySendError::Disconnected(_)))
                };
                self.subscribers.retain(told);
            }
            Delivery::Started(done, result) => guarded(|| done(result)),
            Delivery::Stopped(done) => guarded(|| done(())),
            Delivery::Restarted(done, result) => guarded(|| done(result)),
            Delivery::Dumped(done, result) => guarded(|| done(result)),
            Delivery::Ended(done, exit) => guarded(|| done(exit)),
        }
    }
}

fn guarded(call: impl FnOnce()) {
    let _panicked = catch_unwind(AssertUnwindSafe(call));
}
