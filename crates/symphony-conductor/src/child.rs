//! The child's side: what a process does that a Conductor has started.
//!
//! ```no_run
//! use symphony_conductor::child::Child;
//!
//! let Some(child) = Child::from_env()? else { panic!("this program is started by a Conductor") };
//! child.on_connection(|socket| drop(std::thread::spawn(move || { /* serve the calls of */ drop(socket) })));
//! child.on_drain(|| { /* finish what was begun, then end the process */ });
//! child.ready()?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Threads
//!
//! [`Child::from_env`] starts two. The *watcher* beats in the health page and ends the process when its parent is gone; it
//! runs nothing of anybody else's, so it does both also while other code holds the GIL. The *control thread* receives
//! messages and runs the hooks, one after the other. A hook that blocks delays the next one and nothing else. Both threads
//! block the signals that come from outside.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpgrp, getpid, getppid};

use crate::announcement::Announcement;
use crate::control::{Control, ToChild, ToParent};
use crate::exit::{BootError, BootErrorKind, EXIT_LIFELINE};
use crate::health_page::{HealthPage, Part, TaskBoard};
pub use crate::health_page::{TaskMark, TaskName};
use crate::sys;

/// How often the native thread beats.
pub const NATIVE_BEAT: Duration = Duration::from_millis(100);
/// How often something should run with the GIL and call [`Child::gil_beat`].
pub const GIL_BEAT: Duration = Duration::from_millis(250);
/// How often the event loop should call [`Child::loop_beat`].
pub const LOOP_BEAT: Duration = Duration::from_millis(500);

/// This process as the child of a Conductor. Clones are the same child; it lives as long as the process.
#[derive(Debug, Clone)]
pub struct Child {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    worker: u32,
    control: Control,
    page: HealthPage,
    board: TaskBoard,
    faults: OwnedFd,
    hooks: Mutex<Hooks>,
    registered: Condvar,
}

type ConnectionHook = Box<dyn FnMut(OwnedFd) + Send>;

#[derive(Default)]
struct Hooks {
    connection: Option<ConnectionHook>,
    drain: Option<Box<dyn FnOnce() + Send>>,
    collect: Option<Box<dyn FnMut() + Send>>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hooks")
    }
}

impl Child {
    /// Takes over what the parent passed on, and starts the two threads. `None`: no Conductor has started this process
    /// (its own child processes inherit the announcement, and are none).
    ///
    /// Call it on the main thread (the kernel keeps some things by thread), before anything closes descriptors that it does not know.
    ///
    /// # Errors
    /// It was called before; or what was announced is not there.
    pub fn from_env() -> io::Result<Option<Self>> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let Some(announcement) = Announcement::read()? else {
            return Ok(None);
        };
        if getppid().map(rustix::process::Pid::as_raw_pid) != Some(announcement.parent) {
            return Ok(None);
        }
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "`Child::from_env` was called before in this process",
            ));
        }
        let control = Control::new(sys::inherit(announcement.control)?);
        let lifeline = sys::inherit(announcement.lifeline)?;
        let page = HealthPage::map(sys::inherit(announcement.page)?)?;
        let faults = sys::inherit(announcement.faults)?;
        if !page.is_understood() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the Conductor of this process is of another version, its health page has another layout",
            ));
        }
        let inner = Arc::new(Inner {
            worker: announcement.worker,
            control,
            page,
            board: TaskBoard::default(),
            faults,
            hooks: Mutex::default(),
            registered: Condvar::new(),
        });
        let parent = Parent::open(announcement.parent, lifeline);
        #[cfg(target_os = "linux")]
        let watched_otherwise = parent.is_certain();
        {
            // Threads inherit the mask.
            let _blocked = sys::BlockedSignals::from_outside();
            let this = Arc::clone(&inner);
            let watcher = thread::Builder::new()
                .name("conductor-watch".into())
                .stack_size(128 * 1024);
            watcher.spawn(move || this.watch(&parent))?;
            let this = Arc::clone(&inner);
            let server = thread::Builder::new().name("conductor-ctrl".into());
            server.spawn(move || this.serve_control())?;
        }
        #[cfg(target_os = "linux")]
        if watched_otherwise {
            // If it was set at all, it would kill this process alone, and its child processes would live on.
            rustix::process::set_parent_process_death_signal(None)?;
        }
        Ok(Some(Self { inner }))
    }

    /// The number of this worker in its group.
    pub fn worker(&self) -> u32 {
        self.inner.worker
    }

    /// Says that calls may come. Until then the start is not over, and `startup_timeout` runs.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn ready(&self) -> io::Result<()> {
        self.inner.control.tell_parent(&ToParent::Ready)
    }

    /// Says why this process cannot start. End it afterwards, with [`EXIT_BOOT`](crate::EXIT_BOOT) or
    /// [`EXIT_SETUP`](crate::EXIT_SETUP). `text` is for people; the last 32 KiB of it arrive.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn boot_failed(&self, kind: BootErrorKind, text: impl Into<String>) -> io::Result<()> {
        self.inner.control.tell_parent(&ToParent::BootFailed(BootError {
            kind,
            text: text.into(),
        }))
    }

    /// Sets what is done with a connection for calls: a stream socket, blocking, close-on-exec. Connections that came
    /// before wait. Runs on the control thread.
    pub fn on_connection(&self, hook: impl FnMut(OwnedFd) + Send + 'static) {
        self.inner.hooks().connection = Some(Box::new(hook));
        self.inner.registered.notify_all();
    }

    /// Sets what is done when this process shall finish what it has begun, and then end itself; a request that came before
    /// is not lost. Without a hook, SIGTERM follows when the time to drain is over. Runs on the control thread.
    pub fn on_drain(&self, hook: impl FnOnce() + Send + 'static) {
        self.inner.hooks().drain = Some(Box::new(hook));
        self.inner.registered.notify_all();
    }

    /// Sets what is done when memory is short and garbage shall be collected. Requests that came before are lost. Runs on
    /// the control thread.
    pub fn on_collect(&self, hook: impl FnMut() + Send + 'static) {
        self.inner.hooks().collect = Some(Box::new(hook));
    }

    /// Proves that the GIL moves. To be called with it, every [`GIL_BEAT`]; from the first call on, silence counts.
    pub fn gil_beat(&self) {
        self.inner.page.beat(Part::Gil);
    }

    /// Proves that the event loop turns. To be called by it, every [`LOOP_BEAT`]; from the first call on, silence counts.
    pub fn loop_beat(&self) {
        self.inner.page.beat(Part::EventLoop);
    }

    /// Notes that a task begins, so that the parent can say what this process was doing. Takes no lock; 31 tasks at once
    /// have a place, more are only counted. Of the name, 88 bytes are kept.
    pub fn task_started(&self, id: u64, name: &str) -> TaskMark {
        self.inner.board.begin(&self.inner.page, id, name)
    }

    /// Notes that a task has ended.
    pub fn task_ended(&self, mark: TaskMark) {
        self.inner.board.end(&self.inner.page, mark);
    }

    /// The file for `faulthandler`: `faulthandler.enable(file=…)`, and `faulthandler.register(SIGUSR2, file=…)` before
    /// [`Child::dumps_ready`].
    pub fn fault_file(&self) -> BorrowedFd<'_> {
        self.inner.faults.as_fd()
    }

    /// Says that SIGUSR2 writes the stacks of all threads to the fault file. Until then the parent does not send it, since
    /// it would end this process.
    pub fn dumps_ready(&self) {
        self.inner.page.set_dumps();
    }
}

impl Inner {
    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        // Hooks run outside the lock, so nothing panics under it.
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a hook out, when there is one.
    fn take<T>(&self, hook: impl Fn(&mut Hooks) -> &mut Option<T>) -> T {
        let mut hooks = self.hooks();
        loop {
            if let Some(hook) = hook(&mut hooks).take() {
                return hook;
            }
            hooks = self.registered.wait(hooks).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn watch(&self, parent: &Parent) {
        loop {
            self.page.beat(Part::Native);
            if parent.is_lost(NATIVE_BEAT) {
                parent.follow();
            }
        }
    }

    fn serve_control(&self) {
        while let Ok(Some(message)) = self.control.next_for_child() {
            match message {
                ToChild::Connection(socket) => {
                    let mut hook = self.take(|hooks| &mut hooks.connection);
                    guarded(|| hook(socket));
                    self.hooks().connection.get_or_insert(hook);
                }
                ToChild::Drain => guarded(self.take(|hooks| &mut hooks.drain)),
                ToChild::Collect => {
                    let hook = self.hooks().collect.take();
                    if let Some(mut hook) = hook {
                        guarded(&mut hook);
                        self.hooks().collect.get_or_insert(hook);
                    }
                }
            }
        }
    }
}

/// A hook that panics has said so on standard error, which the parent keeps; the thread goes on.
fn guarded(hook: impl FnOnce()) {
    let _panicked = catch_unwind(AssertUnwindSafe(hook));
}

/// What tells whether the parent lives.
struct Parent {
    pid: i32,
    lifeline: OwnedFd,
    process: Option<OwnedFd>,
}

impl Parent {
    fn open(pid: i32, lifeline: OwnedFd) -> Self {
        #[cfg(target_os = "linux")]
        let process = rustix::process::Pid::from_raw(pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok())
            // If it ended before that line, the number may be somebody else's.
            .filter(|_| getppid().map(rustix::process::Pid::as_raw_pid) == Some(pid));
        #[cfg(not(target_os = "linux"))]
        let process = None;
        Self { pid, lifeline, process }
    }

    /// Whether a parent is noticed to be gone also if a copy of it (`fork`) holds the lifeline open.
    #[cfg(target_os = "linux")]
    fn is_certain(&self) -> bool {
        self.process.is_some()
    }

    /// Waits for the end of the parent, at most so long.
    fn is_lost(&self, timeout: Duration) -> bool {
        let mut watched = vec![PollFd::new(&self.lifeline, PollFlags::IN)];
        watched.extend(self.process.as_ref().map(|process| PollFd::new(process, PollFlags::IN)));
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut watched, Some(&timeout)) {
            // Whatever happens to the lifeline, data, hang-up, or that somebody has closed it: there is nothing else that
            // could be meant.
            Ok(_) => watched.iter().any(|one| !one.revents().is_empty()),
            Err(_) => false,
        }
    }

    /// Ends this process as its parent has ended, and with it the processes that it has started.
    fn follow(&self) -> ! {
        let orphaned = getppid().map(rustix::process::Pid::as_raw_pid) != Some(self.pid);
        if orphaned && getpgrp() == getpid() {
            let _killed = rustix::process::kill_current_process_group(Signal::KILL);
        }
        sys::exit_at_once(EXIT_LIFELINE)
    }
}
