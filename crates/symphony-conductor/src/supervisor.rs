//! The one thread that starts, watches and ends processes, for all Conductors of this process.
//!
//! It begins with the first Conductor and never ends: where `PR_SET_PDEATHSIG` is used, the kernel kills a child when the
//! *thread* that started it ends. It sleeps in `poll` until a process says, writes or ends something, a time has come, or another
//! thread has a job for it. Everything that changes a group runs here, so nothing of a group needs a lock.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::group::WorkerId;
use crate::health_page;
use crate::policy::Time;
use crate::process::Source;
use crate::supervised::Supervised;
use crate::sys::BlockedSignals;

/// How often to look for ended processes where nothing wakes.
const LOOK: Duration = Duration::from_millis(20);

/// The number of a group in this process.
pub(crate) type GroupId = u64;

type Job = Box<dyn FnOnce(&mut Supervisor, Time) + Send>;

/// The supervisor, for other threads.
#[derive(Debug)]
pub(crate) struct Handle {
    jobs: Sender<Job>,
    wake: UnixStream,
    thread: ThreadId,
    process: u32,
    last_group: AtomicU64,
}

impl Handle {
    /// The supervisor of this process; starts it if there is none.
    ///
    /// # Errors
    /// The system has no thread or no descriptors left.
    pub(crate) fn get() -> io::Result<&'static Self> {
        static HANDLE: Mutex<Option<&'static Handle>> = Mutex::new(None);
        let mut handle = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
        match *handle {
            Some(handle) if handle.is_of_this_process() => Ok(handle),
            // None yet, or this is a fork, whose parent has the thread.
            _ => {
                let new: &'static Self = Box::leak(Box::new(Self::start()?));
                *handle = Some(new);
                Ok(new)
            }
        }
    }

    fn start() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (jobs, inbox) = channel();
        // Signals are for threads of the program's own.
        let _blocked = BlockedSignals::from_outside();
        let thread = thread::Builder::new().name("conductor".into()).spawn(move || {
            let mut supervisor = Supervisor {
                groups: BTreeMap::new(),
                inbox,
                woken,
            };
            loop {
                // A panic here is a mistake of ours. It must not take the children along, as the end of this thread would.
                if catch_unwind(AssertUnwindSafe(|| supervisor.turn())).is_err() {
                    thread::sleep(LOOK);
                }
            }
        })?;
        Ok(Self {
            jobs,
            wake,
            thread: thread.thread().id(),
            process: std::process::id(),
            last_group: AtomicU64::new(1),
        })
    }

    /// A number for a group.
    pub(crate) fn reserve(&self) -> GroupId {
        self.last_group.fetch_add(1, Ordering::Relaxed)
    }

    /// Has the supervisor do something; `false` in a fork, where it does not run.
    pub(crate) fn run(&self, job: impl FnOnce(&mut Supervisor, Time) + Send + 'static) -> bool {
        let sent = self.is_of_this_process() && self.jobs.send(Box::new(job)).is_ok();
        if sent {
            // A full buffer wakes as well as one byte more.
            let _woken = (&self.wake).write(&[0]);
        }
        sent
    }

    /// Has the supervisor do something with a group, if that is still there.
    pub(crate) fn run_in(&self, id: GroupId, job: impl FnOnce(&mut Supervised, Time) + Send + 'static) {
        self.run(move |supervisor, now| {
            if let Some(group) = supervisor.group(id) {
                job(group, now);
            }
        });
    }

    /// Whether the current thread is the supervisor's, which must not wait for itself.
    pub(crate) fn is_here(&self) -> bool {
        thread::current().id() == self.thread
    }

    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

/// The thread's own.
pub(crate) struct Supervisor {
    groups: BTreeMap<GroupId, Supervised>,
    inbox: Receiver<Job>,
    woken: UnixStream,
}

/// The time that groups are told.
pub(crate) fn now() -> Time {
    Duration::from_nanos(health_page::now())
}

impl Supervisor {
    pub(crate) fn add(&mut self, id: GroupId, group: Supervised) -> &mut Supervised {
        self.groups.entry(id).or_insert(group)
    }

    pub(crate) fn group(&mut self, id: GroupId) -> Option<&mut Supervised> {
        self.groups.get_mut(&id)
    }

    fn turn(&mut self) {
        let ready = self.wait();
        let mut bytes = [0; 64];
        while self.woken.read(&mut bytes).is_ok_and(|length| length == bytes.len()) {}
        while let Ok(job) = self.inbox.try_recv() {
            job(self, now());
        }
        let now = now();
        for (group, worker, source, closed) in ready {
            if let Some(group) = self.groups.get_mut(&group) {
                group.ready(worker, source, closed, now);
            }
        }
        for group in self.groups.values_mut() {
            group.tick(now);
        }
        self.groups.retain(|_, group| !group.is_over());
    }

    /// Sleeps until something happens. What can be read, and whether the other end is closed.
    fn wait(&self) -> Vec<(GroupId, WorkerId, Source, bool)> {
        let mut names = Vec::new();
        let mut watched = vec![PollFd::new(&self.woken, PollFlags::IN)];
        for (&group, supervised) in &self.groups {
            for (worker, process) in supervised.processes() {
                for (source, descriptor) in process.sources() {
                    names.push((group, worker, source));
                    watched.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
                }
            }
        }
        let deadline = self.groups.values().filter_map(Supervised::next_deadline).min();
        let look = self.groups.values().any(Supervised::needs_looking);
        let timeout = deadline.map(|deadline| deadline.saturating_sub(now()));
        let timeout = if look {
            Some(timeout.map_or(LOOK, |timeout| timeout.min(LOOK)))
        } else {
            timeout
        };
        // Later than this it looks again anyway.
        let timeout = timeout.map(|timeout| timeout.min(Duration::from_secs(3600)));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        if poll(&mut watched, timeout.as_ref()).is_err() {
            return Vec::new();
        }
        let closed = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        let ready = watched[1..]
            .iter()
            .zip(names)
            .filter(|(one, _)| !one.revents().is_empty());
        ready
            .map(|(one, (group, worker, source))| (group, worker, source, one.revents().intersects(closed)))
            .collect()
    }
}
