//! Work for the asyncio loop of `py-main`, and what wakes the loop for it.
//!
//! ```text
//!  any thread                         py-main
//!  push(work) ─▶ INCOMING ─▶ signal ─▶ serve: run jobs, start tasks, cancel tasks ─▶ the loop's own callbacks
//! ```
//!
//! Whoever pushes work needs no GIL. A file descriptor wakes the loop: an `eventfd` where there is one, a pipe elsewhere. On
//! Linux the loop's selector is `_loop.BridgeSelector`, whose `select` is [`loop_wait`]: it serves what came while it is in
//! front of the wait and right after it, so that a call takes one turn of the loop. Other loops (uvloop, other platforms) watch
//! the descriptor as they watch a socket and call [`loop_serve`].

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::prelude::*;

use super::awaiting::{self, Awaitable, Key};
use super::interrupts::Interruption;
use super::streams::Control;
use super::{Job, forked};
use crate::interpreter;

/// Something for the loop's thread to do.
pub(super) enum Work {
    /// A request to be run there.
    Run(Job),
    /// What a request gave is to be awaited.
    Await(Awaitable),
    /// A task is not wanted any more.
    Cancel(Key, Interruption),
    /// An environment has ended, with all its tasks.
    CancelAll(Arc<super::Channel>),
    /// A stream is left: its task need not wait for the next item.
    Leave(Arc<Control>, Key),
    /// A stream that waited for wishes has one.
    Resume(Arc<Control>),
}

#[derive(Default)]
struct Incoming {
    work: Vec<Work>,
    /// `py-main` was asked to run the loop.
    asked: bool,
    /// The loop is to stop.
    stopping: bool,
    /// Nothing is taken any more.
    closed: bool,
}

static INCOMING: Mutex<Incoming> = Mutex::new(Incoming {
    work: Vec::new(),
    asked: false,
    stopping: false,
    closed: false,
});

/// The loop's thread waits, or is about to look for work for the last time before that.
static WAITING: AtomicBool = AtomicBool::new(false);

/// How often the loop had work and could have looked at descriptors.
#[cfg(target_os = "linux")]
static LOOKS: AtomicU32 = AtomicU32::new(0);

/// The process in which the loop runs; a forked child has none.
static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);

static SIGNAL: OnceLock<Signal> = OnceLock::new();

/// Hands work to the loop; gives it back if the loop takes none any more. Starts the loop at the first time.
pub(super) fn push(work: Work) -> Result<(), Vec<Work>> {
    push_all(vec![work])
}

/// [`push`] for any amount of work.
pub(super) fn push_all(mut work: Vec<Work>) -> Result<(), Vec<Work>> {
    if work.is_empty() {
        return Ok(());
    }
    let first = {
        let mut incoming = lock();
        if incoming.closed || !interpreter::is_running() {
            return Err(work);
        }
        incoming.work.append(&mut work);
        !std::mem::replace(&mut incoming.asked, true)
    };
    if first {
        interpreter::run_event_loop();
    } else {
        wake();
    }
    Ok(())
}

/// Asks the loop to stop, if it runs. Needs no GIL.
pub(crate) fn stop() {
    lock().stopping = true;
    wake();
}

/// Refuses further work; gives what nobody will do.
pub(super) fn close() -> Vec<Work> {
    let mut incoming = lock();
    incoming.closed = true;
    std::mem::take(&mut incoming.work)
}

/// Whether the loop was started.
pub(super) fn is_used() -> bool {
    lock().asked
}

/// Whether the loop is to stop; it is told once.
fn take_stop() -> bool {
    std::mem::take(&mut lock().stopping)
}

/// Ends a forked child whose step of a task has ended.
pub(super) fn end_child(py: Python<'_>) {
    forked::end_child(py, *PROCESS, &Ok(()));
}

fn wake() {
    if WAITING.swap(false, Ordering::AcqRel)
        && let Some(signal) = SIGNAL.get()
    {
        signal.raise();
    }
}

/// Does what came in; whether there was anything.
fn serve(py: Python<'_>) -> bool {
    LazyLock::force(&PROCESS);
    let work = std::mem::take(&mut lock().work);
    if work.is_empty() {
        return false;
    }
    for one in work {
        match one {
            Work::Run(job) => awaiting::run(py, job),
            Work::Await(awaitable) => awaiting::start(py, awaitable),
            Work::Cancel(key, interruption) => awaiting::cancel(py, key, interruption),
            Work::CancelAll(channel) => awaiting::cancel_all(py, &channel),
            Work::Resume(control) => control.resume(py),
            // Not while the iterator is being closed, which is to come to its end.
            Work::Leave(control, key) => {
                if control.leave_step(py) {
                    awaiting::cancel(py, key, Interruption::Cancelled);
                }
            }
        }
        end_child(py);
    }
    true
}

/// The descriptor that becomes readable when there is work. For loops that watch it themselves.
#[pyfunction]
pub(crate) fn loop_descriptor() -> PyResult<RawFd> {
    Ok(signal()?.reader)
}

/// Does what came in. Gives whether the loop is to stop.
#[pyfunction]
pub(crate) fn loop_serve(py: Python<'_>) -> PyResult<bool> {
    signal()?.clear();
    // First, so that whoever pushes from here on raises the signal again: the loop has its turn before that is served.
    WAITING.store(true, Ordering::Release);
    serve(py);
    Ok(take_stop())
}

/// The loop runs no longer: what comes for it fails.
#[pyfunction]
pub(crate) fn loop_closed() {
    awaiting::close();
}

/// Waits until a descriptor of the `epoll` object is ready, `seconds` have passed (negative: no limit), or work has come, which is
/// done at once. Gives the descriptors that are ready with what they are ready for, and whether the loop is to stop.
/// `descriptors` is how many of the program's own are watched.
#[cfg(target_os = "linux")]
#[pyfunction]
pub(crate) fn loop_wait(
    py: Python<'_>,
    epoll: RawFd,
    mut seconds: f64,
    descriptors: usize,
) -> PyResult<(Vec<(RawFd, u32)>, bool)> {
    if serve(py) {
        // What was done may have left callbacks to run. If the program watches no descriptors of its own, there is only the
        // one by which signals wake the loop, and a system call for it now and then is enough.
        if descriptors == 0 && !LOOKS.fetch_add(1, Ordering::Relaxed).is_multiple_of(64) {
            return Ok((Vec::new(), take_stop()));
        }
        seconds = 0.0;
    }
    {
        let incoming = lock();
        if incoming.work.is_empty() && !incoming.stopping {
            // Under the lock: whoever pushes after this sees it.
            WAITING.store(true, Ordering::Release);
        } else {
            // It is served in the next turn, so that the loop's own callbacks and timers have theirs.
            seconds = 0.0;
        }
    }
    let ready = poll(py, epoll, seconds);
    WAITING.store(false, Ordering::Release);
    let ours = signal()?.reader;
    let others: Vec<_> = ready.iter().filter(|event| event.0 != ours).copied().collect();
    if others.len() < ready.len() {
        serve(py);
    }
    Ok((others, take_stop()))
}

/// As many events as are taken from the kernel at once; the others come the next time.
#[cfg(target_os = "linux")]
const EVENTS: u8 = 64;

#[cfg(target_os = "linux")]
fn poll(py: Python<'_>, epoll: RawFd, seconds: f64) -> Vec<(RawFd, u32)> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "limited to a day, which is fewer milliseconds than an `i32` holds"
    )]
    let milliseconds = if seconds < 0.0 {
        -1
    } else {
        (seconds.min(86_400.0) * 1000.0).ceil() as i32
    };
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS as usize];
    let mut wait = move || {
        // SAFETY: an open epoll descriptor, and room for as many events as are asked for.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), EVENTS.into(), milliseconds) };
        // Interrupted by a signal: Python handles it when it runs its next instruction.
        let count = usize::try_from(count).unwrap_or_default();
        events[..count]
            .iter()
            .map(|event| (descriptor_of(event.u64), event.events))
            .collect()
    };
    // Whoever only looks keeps the GIL.
    if milliseconds == 0 { wait() } else { py.detach(wait) }
}

/// The descriptor in an event's data, a union of which Python writes only this member: the other bytes are anything.
#[cfg(target_os = "linux")]
fn descriptor_of(data: u64) -> RawFd {
    let [a, b, c, d, ..] = data.to_ne_bytes();
    RawFd::from_ne_bytes([a, b, c, d])
}

#[cfg(target_os = "linux")]
fn data_of(descriptor: RawFd) -> u64 {
    let [a, b, c, d] = descriptor.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0])
}

/// Lets the `epoll` object of the loop's selector watch the signal. Edge-triggered, so that nobody has to read it.
#[cfg(target_os = "linux")]
#[pyfunction]
pub(crate) fn loop_watch(epoll: RawFd) -> PyResult<()> {
    let reader = signal()?.reader;
    let mut event = libc::epoll_event {
        #[expect(clippy::cast_sign_loss, reason = "flags")]
        events: (libc::EPOLLIN | libc::EPOLLET) as u32,
        u64: data_of(reader),
    };
    // SAFETY: two open descriptors and an event that outlives the call.
    if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, reader, &raw mut event) } == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error().into())
    }
}

/// What becomes readable when there is work.
struct Signal {
    reader: RawFd,
    writer: RawFd,
}

fn signal() -> std::io::Result<&'static Signal> {
    if let Some(signal) = SIGNAL.get() {
        return Ok(signal);
    }
    let made = Signal::new()?;
    // Made by the loop's thread only.
    Ok(SIGNAL.get_or_init(|| made))
}

impl Signal {
    #[cfg(target_os = "linux")]
    fn new() -> std::io::Result<Self> {
        // SAFETY: makes a new descriptor.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self {
            reader: descriptor,
            writer: descriptor,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn new() -> std::io::Result<Self> {
        use std::os::fd::IntoRawFd;
        let (reader, writer) = std::io::pipe()?;
        let (reader, writer) = (reader.into_raw_fd(), writer.into_raw_fd());
        for descriptor in [reader, writer] {
            // SAFETY: an open descriptor. A full pipe is readable, so a writer need not wait.
            if unsafe { libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(Self { reader, writer })
    }

    fn raise(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: an open descriptor and eight bytes. It is never full: a counter is reset by reading it or can grow for ages, and
        // a full pipe is readable anyway.
        unsafe { libc::write(self.writer, one.as_ptr().cast(), one.len()) };
    }

    fn clear(&self) {
        let mut bytes = [0_u8; 512];
        // SAFETY: an open descriptor that does not block, and room for the bytes asked for.
        while unsafe { libc::read(self.reader, bytes.as_mut_ptr().cast(), bytes.len()) } == bytes.len().cast_signed() {}
    }
}

fn lock() -> MutexGuard<'static, Incoming> {
    INCOMING.lock().unwrap_or_else(PoisonError::into_inner)
}
