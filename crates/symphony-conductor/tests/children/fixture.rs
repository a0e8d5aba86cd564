//! Conductors over children that misbehave, and what must be true when they are gone.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use symphony_conductor::policy::StopPlan;
use symphony_conductor::{
    Conductor, Environment, Event, EventKind, ExitReport, Spec, StartError, State, Variables, Worker,
};

use crate::misbehaviour::{WHAT, WHEN};

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Held by a test that counts what this process has, and shared by all others.
pub(crate) static ALONE: RwLock<()> = RwLock::new(());

/// Children that do `what` at `when`.
pub(crate) fn spec(when: &str, what: &str) -> Spec {
    let mut spec = Spec::new(std::env::current_exe().expect("this program has a path"));
    spec.args = ["child_process", "--exact", "--nocapture", "--test-threads=1"]
        .map(Into::into)
        .into();
    spec.env = Variables::Inherit(vec![
        (WHEN.into(), Some(when.into())),
        (WHAT.into(), Some(what.into())),
        ("RUST_BACKTRACE".into(), Some("0".into())),
    ]);
    spec.limits.core_dump = Some(0);
    spec.stop = StopPlan::default()
        .with_drain(Duration::from_millis(300))
        .with_terminate(Duration::from_millis(300))
        .with_abort(Duration::from_millis(300));
    spec
}

/// A Conductor and its events.
pub(crate) struct Fixture {
    pub(crate) conductor: Conductor,
    pub(crate) events: Receiver<Event>,
    seen: Vec<Event>,
    _company: Option<RwLockReadGuard<'static, ()>>,
}

impl Fixture {
    pub(crate) fn start(spec: Spec) -> Self {
        Self::try_start(spec).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_start(spec: Spec) -> Result<Self, StartError> {
        let company = ALONE.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Self {
            _company: Some(company),
            ..Self::alone(spec)?
        })
    }

    /// For a test that holds [`ALONE`] itself.
    pub(crate) fn alone(spec: Spec) -> Result<Self, StartError> {
        let (sender, events) = std::sync::mpsc::channel();
        let environment = Environment::default().on_event(move |event| {
            let _nobody_listens = sender.send(event.clone());
        });
        let conductor = Conductor::start(spec, environment)?;
        Ok(Self {
            conductor,
            events,
            seen: Vec::new(),
            _company: None,
        })
    }

    pub(crate) fn worker(&self) -> Worker {
        self.conductor.workers().into_iter().next().expect("a worker serves")
    }

    /// The next event that `wanted` has an answer to.
    pub(crate) fn await_event<T>(&mut self, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                panic!("no event `{what}`; there were {:#?}", self.seen);
            };
            self.seen.push(event.clone());
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// The exit report of the next worker that dies.
    pub(crate) fn await_death(&mut self) -> Arc<ExitReport> {
        self.await_event("died", |event| match &event.kind {
            EventKind::Died { exit, .. } => exit.clone(),
            _ => None,
        })
    }

    pub(crate) fn await_state(&mut self, state: State) {
        self.await_event(state.name(), |event| match event.kind {
            EventKind::State { to, .. } => (to == state).then_some(()),
            _ => None,
        });
    }

    /// The exit report of the next worker that ends as it was asked to.
    pub(crate) fn await_stop(&mut self) -> Arc<ExitReport> {
        self.await_event("stopped", |event| match &event.kind {
            EventKind::Stopped { exit } => Some(Arc::clone(exit)),
            _ => None,
        })
    }

    pub(crate) fn await_restart(&mut self) {
        self.await_event("restarted", |event| {
            matches!(event.kind, EventKind::Restarted { .. }).then_some(())
        });
    }

    pub(crate) fn stop(self) {
        symphony_conductor::ConductorPort::stop(&self.conductor).expect("this is not the supervisor's thread");
    }
}

/// A connection to the first worker, over which orders are given.
pub(crate) struct Orders(UnixStream);

impl Orders {
    pub(crate) fn to(worker: &Worker) -> Self {
        let socket = UnixStream::from(worker.connect().expect("the worker takes connections"));
        socket.set_read_timeout(Some(LONG)).expect("a time is a timeout");
        Self(socket)
    }

    /// Gives an order and does not wait.
    pub(crate) fn give(&mut self, order: u8) {
        self.0.write_all(&[order]).expect("the worker reads");
    }

    /// Gives an order and waits until it is done. `false`: the worker is gone.
    pub(crate) fn done(&mut self, order: u8) -> bool {
        let mut answer = [0];
        self.0.write_all(&[order]).is_ok() && self.0.read_exact(&mut answer).is_ok()
    }
}

/// Whether there is a process of this number, also as a zombie.
pub(crate) fn exists(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok()
}

/// Waits until there is none.
pub(crate) fn await_end(pid: u32) {
    let deadline = Instant::now() + LONG;
    while exists(pid) && !is_zombie(pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether it has ended and waits for a parent that is not ours (an orphan's).
fn is_zombie(pid: u32) -> bool {
    is_in_state(pid, 'Z')
}

fn is_in_state(pid: u32, state: char) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(state))
}

/// Waits until the kernel has it in this state.
pub(crate) fn await_state(pid: u32, state: char) {
    let deadline = Instant::now() + LONG;
    while !is_in_state(pid, state) {
        assert!(Instant::now() < deadline, "process {pid} is not `{state}`");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The children of this process, zombies included.
pub(crate) fn children() -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for thread in fs::read_dir("/proc/self/task").expect("there is /proc").flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}
