//! A supervised group of processes, for those who use it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::Duration;

use rustix::net::SocketType;

use crate::control::{ToChild, socket_pair};
use crate::error::{RestartError, StartError};
use crate::event::Event;
use crate::exit::{Demand, ExitReport, TaskRecord};
use crate::group::{Group, WorkerId};
use crate::lifecycle::State;
use crate::policy::{Random, Seeded, StopPlan, Time};
use crate::process::Link;
use crate::spec::Spec;
use crate::status::{QueueFigures, Status};
use crate::supervised::{Completion, Listener, Shared, Supervised};
use crate::supervisor::{GroupId, Handle, now};

/// How many events wait for a subscriber that does not read; later ones are lost.
const EVENTS: usize = 4096;

/// How long a dump may take.
const DUMP_LIMIT: Duration = Duration::from_secs(5);

/// What a Conductor works with besides its [`Spec`].
#[derive(Default)]
pub struct Environment {
    on_event: Option<Listener>,
    random: Option<Box<dyn Random>>,
}

impl Environment {
    /// Calls `listener` with every event, in order, on the supervisor's thread: it delays the supervision of all Conductors
    /// while it runs, and must not wait for any of them. One that holds a [`Conductor`] of the same group keeps it from being
    /// dropped. One that panics is not called again.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&Event) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(listener));
        self
    }

    /// Another source of jitter.
    #[must_use]
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Some(Box::new(random));
        self
    }
}

/// A supervised group of processes. Clones are the same group; with the last one it is stopped, without waiting for that.
///
/// Every function may be called on any thread. Those that wait say so; on the supervisor's thread, where callbacks run,
/// they return an error instead.
#[derive(Debug, Clone)]
pub struct Conductor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    supervisor: &'static Handle,
    id: GroupId,
    spec: Arc<Spec>,
    shared: Arc<Shared>,
}

impl Conductor {
    /// Starts a group and waits until all its workers in service are ready.
    ///
    /// # Errors
    /// One of them did not become ready; then none is left.
    pub fn start(spec: Spec, environment: Environment) -> Result<Self, StartError> {
        let (done, outcome) = channel();
        let conductor = Self::launch(spec, environment, move |result| {
            let _nobody_waits = done.send(result);
        })?;
        conductor.refuse_here("start").map_err(StartError::NoSupervisor)?;
        outcome.recv().unwrap_or(Err(StartError::Stopped))?;
        Ok(conductor)
    }

    /// Starts a group and does not wait: `done` is called with the outcome, on the supervisor's thread. What the spec takes
    /// from this process (variables, directory) is what it is now and on this thread, also for later restarts.
    ///
    /// # Errors
    /// The spec cannot be, or this process has no thread or descriptors left; then `done` is not called.
    pub fn launch(
        mut spec: Spec,
        environment: Environment,
        done: impl FnOnce(Result<(), StartError>) + Send + 'static,
    ) -> Result<Self, StartError> {
        if let Some(problem) = spec.problem() {
            return Err(StartError::Invalid(problem));
        }
        spec.settle().map_err(|error| StartError::Invalid(error.to_string()))?;
        let no_supervisor = |error: io::Error| StartError::NoSupervisor(error.to_string());
        let supervisor = Handle::get().map_err(no_supervisor)?;
        let (spec, shared) = (Arc::new(spec), Arc::new(Shared::default()));
        shared.snapshot().state = State::Starting;
        let random = environment.random.unwrap_or_else(|| Box::new(Seeded::default()));
        let group = Supervised::new(
            Arc::clone(&spec),
            Arc::clone(&shared),
            random,
            environment.on_event,
            now(),
        );
        let id = supervisor.reserve();
        supervisor.run(move |supervisor, now| {
            supervisor.add(id, group).start(Box::new(done), now);
        });
        Ok(Self {
            inner: Arc::new(Inner {
                supervisor,
                id,
                spec,
                shared,
            }),
        })
    }

    /// Starts a group that was stopped once more, and calls `done` with the outcome on the supervisor's thread.
    pub fn start_again(&self, done: impl FnOnce(Result<(), StartError>) + Send + 'static) {
        self.inner.run(move |group, now| group.start(Box::new(done), now));
    }

    /// Stops the group by `plan`, or by that of its spec, and calls `done` on the supervisor's thread when no process is
    /// left. To be called again with a shorter plan by those who cannot wait any longer.
    pub fn stop_then(&self, plan: Option<StopPlan>, done: impl FnOnce() + Send + 'static) {
        let plan = plan.unwrap_or(self.inner.spec.stop);
        self.inner
            .run(move |group, now| group.stop(plan, Box::new(|()| done()), now));
    }

    /// Stops the group and waits until no process is left: at most as long as the phases of the plan together, unless the
    /// kernel cannot end one (it waits for a device).
    ///
    /// # Errors
    /// This is the supervisor's thread; use [`Conductor::stop_then`].
    pub fn stop_with(&self, plan: StopPlan) -> io::Result<()> {
        self.wait("stop", |done| self.stop_then(Some(plan), move || done(())))
    }

    /// Stops all workers and starts them again, and calls `done` with the outcome on the supervisor's thread. What was
    /// given up is tried again.
    pub fn restart_then(&self, done: impl FnOnce(Result<(), RestartError>) + Send + 'static) {
        self.inner.run(move |group, now| group.restart(Box::new(done), now));
    }

    /// Starts again what was given up.
    pub fn reset(&self) {
        self.inner.run(Supervised::reset);
    }

    /// Has every event sent to a channel from now on. One that holds 4096 events that nobody reads gets no more.
    pub fn events(&self) -> Receiver<Event> {
        let (sender, receiver) = sync_channel(EVENTS);
        self.inner.run(move |group, _| group.subscribe(sender));
        receiver
    }

    /// The workers that take calls, by number.
    pub fn workers(&self) -> Vec<Worker> {
        let snapshot = self.inner.shared.snapshot();
        let serving = snapshot
            .workers
            .iter()
            .filter(|(view, _)| view.state.serves() && !view.spare);
        serving
            .filter_map(|(_, link)| Some(self.inner.worker(Arc::clone(link.as_ref()?))))
            .collect()
    }

    /// The worker of this number, if it has a process, whatever its state.
    pub fn worker(&self, id: WorkerId) -> Option<Worker> {
        let snapshot = self.inner.shared.snapshot();
        let (_, link) = snapshot.workers.iter().find(|(view, _)| view.id == id)?;
        Some(self.inner.worker(Arc::clone(link.as_ref()?)))
    }

    /// The state of the whole, as it was after the last change.
    pub fn state(&self) -> State {
        self.inner.shared.snapshot().state
    }

    /// How it is now. Reads the health pages and, on Linux, `/proc`; does not wait for anybody.
    pub fn status(&self) -> Status {
        Status::read(&self.inner.spec, &self.inner.shared)
    }

    /// Tells it about the calls that are sent to it, for [`Conductor::status`].
    pub fn report_queue(&self, figures: QueueFigures) {
        *self.inner.shared.queue() = figures;
    }

    fn refuse_here(&self, what: &str) -> Result<(), String> {
        if self.inner.supervisor.is_here() {
            return Err(format!(
                "`{what}` waits for the supervisor's thread and was called on it, in a callback"
            ));
        }
        Ok(())
    }

    /// Runs `begin` with a completion and waits for that.
    fn wait<T: Send + 'static>(&self, what: &str, begin: impl FnOnce(Completion<T>)) -> io::Result<T> {
        self.refuse_here(what).map_err(io::Error::other)?;
        let (done, outcome) = channel();
        begin(Box::new(move |value| {
            let _nobody_waits = done.send(value);
        }));
        outcome
            .recv()
            .map_err(|_| io::Error::other("this process is a fork of the one that has the supervisor"))
    }
}

impl Inner {
    fn worker(&self, link: Arc<Link>) -> Worker {
        Worker {
            supervisor: self.supervisor,
            group: self.id,
            link,
        }
    }

    fn run(&self, job: impl FnOnce(&mut Supervised, Time) + Send + 'static) {
        self.supervisor.run_in(self.id, job);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let plan = self.spec.stop;
        self.run(move |group, now| {
            group.abandoned = true;
            group.stop(plan, Box::new(|()| {}), now);
        });
    }
}

/// One process of a group. A value of this type belongs to that process: when another one has taken its place, it is of no
/// use any more.
#[derive(Debug, Clone)]
pub struct Worker {
    supervisor: &'static Handle,
    group: GroupId,
    link: Arc<Link>,
}

impl Worker {
    /// Its number in the group.
    pub fn id(&self) -> WorkerId {
        self.link.worker
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.link.pid
    }

    /// Which process of the whole group it is; no two have the same.
    pub fn generation(&self) -> u64 {
        self.link.generation
    }

    /// Makes a connection for calls: a stream socket, blocking, close-on-exec. The child gets the other end. Does not wait
    /// for it; if it ends before it takes the connection, this end reads as closed.
    ///
    /// # Errors
    /// It has ended, it does not take what was sent before (it is stopped, or very busy), or there are no descriptors left.
    pub fn connect(&self) -> io::Result<OwnedFd> {
        let (ours, theirs) = socket_pair(SocketType::STREAM)?;
        self.link.control.tell_child(&ToChild::Connection(theirs))?;
        if !self.link.used.swap(true, Ordering::Relaxed) {
            let link = Arc::clone(&self.link);
            self.run(move |group, now| {
                group.with(&link, now, Group::used);
            });
        }
        Ok(ours)
    }

    /// Ends it by force. [`Demand::Timeout`] begins with SIGABRT, at which its stacks are written, and goes on as in the plan
    /// of a stop; the others are SIGKILL at once. What follows is up to the restart policy, except that after
    /// [`Demand::Stop`] the worker stays down until the Conductor is restarted.
    pub fn kill(&self, demand: Demand) {
        let link = Arc::clone(&self.link);
        self.run(move |group, now| group.kill(&link, demand, now));
    }

    /// Replaces it: another one is started, and when that is ready, this one finishes what it has begun and ends.
    pub fn recycle(&self) {
        let link = Arc::clone(&self.link);
        self.run(move |group, now| group.recycle(&link, now));
    }

    /// How it ended; `None` as long as that is not known. A connection of it may read as closed a little earlier.
    pub fn exit(&self) -> Option<Arc<ExitReport>> {
        self.link.exit.get().cloned()
    }

    /// Calls `done` on the supervisor's thread when it has ended, also if that is long ago: what a lost connection is told
    /// with.
    pub fn ended_then(&self, done: impl FnOnce(Arc<ExitReport>) + Send + 'static) {
        let link = Arc::clone(&self.link);
        let group = self.group;
        self.supervisor.run(
            move |supervisor, now| match (supervisor.group(group), link.exit.get()) {
                (Some(group), _) => group.when_ended(&link, Box::new(done), now),
                // The group is gone, and it was not before its last process.
                (None, Some(exit)) => done(Arc::clone(exit)),
                (None, None) => {}
            },
        );
    }

    /// The tasks that it has noted: running ones first, then the newest.
    pub fn tasks(&self) -> Vec<TaskRecord> {
        self.link.page.tasks()
    }

    /// Has it write the stacks of all its threads and calls `done` with them, on the supervisor's thread. Works also while
    /// it spins in C code; takes at most 5 s.
    pub fn dump_then(&self, done: impl FnOnce(io::Result<String>) + Send + 'static) {
        let link = Arc::clone(&self.link);
        self.run(move |group, now| group.dump(&link, DUMP_LIMIT, Box::new(done), now));
    }

    fn run(&self, job: impl FnOnce(&mut Supervised, Time) + Send + 'static) {
        self.supervisor.run_in(self.group, job);
    }
}

/// What Rust programs need of a Conductor; implemented by [`Conductor`], and by doubles in tests.
pub trait ConductorPort {
    /// Starts it again after a stop, and waits until it is ready.
    ///
    /// # Errors
    /// It did not become ready, or was not stopped.
    fn start(&self) -> Result<(), StartError>;

    /// Stops it and waits until no process is left.
    ///
    /// # Errors
    /// It cannot be waited for on this thread.
    fn stop(&self) -> io::Result<()>;

    /// Stops all workers, starts them again, and waits until they are ready.
    ///
    /// # Errors
    /// It cannot be waited for on this thread; or they did not become ready (a [`RestartError`] is the source).
    fn restart(&self) -> io::Result<()>;

    /// How it is.
    fn status(&self) -> Status;

    /// Has every event sent to a channel.
    fn subscribe(&self) -> Receiver<Event>;

    /// The stacks of all threads of a worker.
    ///
    /// # Errors
    /// There is no such worker, it does not answer, or it cannot be waited for on this thread.
    fn dump(&self, worker: WorkerId) -> io::Result<String>;
}

impl ConductorPort for Conductor {
    fn start(&self) -> Result<(), StartError> {
        self.wait("start", |done| self.start_again(done))
            .map_err(|error| StartError::NoSupervisor(error.to_string()))?
    }

    fn stop(&self) -> io::Result<()> {
        self.stop_with(self.inner.spec.stop)
    }

    fn restart(&self) -> io::Result<()> {
        self.wait("restart", |done| self.restart_then(done))?
            .map_err(io::Error::other)
    }

    fn status(&self) -> Status {
        Self::status(self)
    }

    fn subscribe(&self) -> Receiver<Event> {
        self.events()
    }

    fn dump(&self, worker: WorkerId) -> io::Result<String> {
        let found = self.worker(worker).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no process of a worker {worker}"),
            )
        })?;
        self.wait("dump", |done| found.dump_then(done))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_hold_may_be_used_on_any_thread() {
        fn any_thread<T: Send + Sync + 'static>() {}
        any_thread::<Conductor>();
        any_thread::<Worker>();
        any_thread::<crate::child::Child>();
        any_thread::<Event>();
        any_thread::<Status>();
        any_thread::<StartError>();
    }
}
