//! The life of the one interpreter of this process: `py-main` starts it, waits for work, and shuts it down softly.
//!
//! ```text
//! Idle ── start ──▶ Starting ──▶ Running ── shutdown ──▶ Closed
//!                       └──▶ Failed
//! ```
//!
//! `py-main` is immortal and is Python's main thread: signals, `threading.main_thread()`. The interpreter is never
//! finalized, since other threads may be anywhere inside it; a soft shutdown does what a program can notice of
//! finalization (thread pools end, `atexit` handlers run, streams are flushed) within a time limit.

mod configuration;
mod environment;
mod overdue;
mod signals;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use symphony_wire::ErrorCode;

pub use configuration::{EventLoop, Settings, StreamMode};
pub use overdue::exit_within;

use crate::errors::BridgeError;
use crate::gil::ThreadState;
use crate::{async_support, javascript, runtime};

/// Deep recursion in C extensions needs what a main thread has.
pub(crate) const STACK_BYTES: usize = 16 << 20;

/// Where the interpreter is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum State {
    /// Nobody asked for it yet.
    Idle = 0,
    /// `py-main` initialises it.
    Starting = 1,
    /// Calls are served.
    Running = 2,
    /// Shut down; it does not start again.
    Closed = 3,
    /// Initialisation failed; it cannot be tried again in this process.
    Failed = 4,
}

/// What runs.
#[derive(Serialize, Clone)]
pub struct Info {
    /// `3.11.7`.
    pub version: String,
    /// `sys.executable`.
    pub executable: String,
    /// `sys.prefix`.
    pub prefix: String,
    /// The library that was opened.
    pub libpython: Option<String>,
    /// The settings text it was started with.
    pub config: String,
}

static STATE: AtomicU8 = AtomicU8::new(State::Idle as u8);
static INFO: OnceLock<Info> = OnceLock::new();
static WORK: Mutex<Work> = Mutex::new(Work {
    shutdown: None,
    run_loop: false,
});
static WORK_ARRIVED: Condvar = Condvar::new();
static CLOSED: Condvar = Condvar::new();
static FORKED: AtomicBool = AtomicBool::new(false);

/// What `py-main` is asked to do.
struct Work {
    shutdown: Option<Instant>,
    run_loop: bool,
}

/// The present state.
pub fn state() -> State {
    match STATE.load(Ordering::Acquire) {
        0 => State::Idle,
        1 => State::Starting,
        2 => State::Running,
        3 => State::Closed,
        _ => State::Failed,
    }
}

/// Whether calls are served: one load and a compare.
#[inline]
pub fn is_running() -> bool {
    STATE.load(Ordering::Acquire) == State::Running as u8
}

/// Whether this is a forked copy of the process, in which nothing is served.
pub(crate) fn is_forked_copy() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Why a call cannot be served now.
pub fn refusal() -> BridgeError {
    let (code, message) = match state() {
        _ if FORKED.load(Ordering::Relaxed) => (
            ErrorCode::Closed,
            "this is a forked copy of the process, in which Python cannot be called: start child processes with `spawn`",
        ),
        State::Idle | State::Starting => (
            ErrorCode::PythonNotStarted,
            "Python is not running yet: await `python.start()` or `python.import()` first",
        ),
        State::Failed => return start_failure(),
        State::Running | State::Closed => (
            ErrorCode::Closed,
            "Python was stopped: one process has one interpreter, and it does not start again after `python.stop()`",
        ),
    };
    BridgeError::new(code, message)
}

/// Why the start failed.
static FAILURE: OnceLock<String> = OnceLock::new();

fn start_failure() -> BridgeError {
    let reason = FAILURE.get().map_or("for an unknown reason", String::as_str);
    let message = format!("Python does not initialise: {reason}; one process can try once");
    BridgeError::new(ErrorCode::PythonStart, message)
}

/// What runs; `None` before the start.
pub fn info() -> Option<&'static Info> {
    INFO.get()
}

/// Starts the interpreter and waits until it runs.
///
/// # Errors
///
/// `ERR_PYTHON_ALREADY_CHOSEN` at the second call, `ERR_INVALID_ARGUMENT` for settings that do not parse,
/// `ERR_PYTHON_START` with Python's own words when it does not initialise, also at the next calls.
pub fn start(settings: &str) -> Result<(), BridgeError> {
    let parsed: Settings = serde_json::from_str(settings).map_err(|error| {
        BridgeError::new(
            ErrorCode::InvalidArgument,
            format!("the settings do not parse: {error}"),
        )
    })?;
    STATE
        .compare_exchange(
            State::Idle as u8,
            State::Starting as u8,
            Ordering::AcqRel,
            Ordering::Acquire,
        )
        .map_err(|current| {
            if current == State::Failed as u8 {
                return start_failure();
            }
            BridgeError::new(
                ErrorCode::PythonAlreadyChosen,
                "Python was started already, and one process has one interpreter",
            )
        })?;
    for (name, value) in &parsed.env {
        environment::set_variable(name, value.as_bytes());
    }
    async_support::set_threads(parsed.threads);
    javascript::set_callback_timeout(parsed.callback_timeout);
    let (sender, receiver) = mpsc::sync_channel(1);
    let text = settings.to_owned();
    let spawned = std::thread::Builder::new()
        .name("py-main".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || main_thread(&parsed, text, &sender));
    let outcome = match spawned {
        Ok(_) => receiver
            .recv()
            .unwrap_or_else(|_| Err("the thread `py-main` ended unexpectedly".to_owned())),
        Err(error) => Err(format!("the thread `py-main` cannot be started: {error}")),
    };
    outcome.map_err(|message| {
        // Set once: only one start gets here.
        FAILURE.get_or_init(|| message);
        STATE.store(State::Failed as u8, Ordering::Release);
        start_failure()
    })
}

/// Makes the interpreter that runs the calling thread the one that is served: in a process that Python started, not this crate.
///
/// # Errors
///
/// `ValueError` for settings that do not parse, `RuntimeError` at the second call, and what preparing the interpreter raises.
pub(crate) fn adopt(py: Python<'_>, settings: &str) -> PyResult<Settings> {
    let parsed: Settings = serde_json::from_str(settings)
        .map_err(|error| PyValueError::new_err(format!("the settings do not parse: {error}")))?;
    let claimed = STATE.compare_exchange(
        State::Idle as u8,
        State::Starting as u8,
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    if claimed.is_err() {
        return Err(PyRuntimeError::new_err("this interpreter is served already"));
    }
    async_support::set_threads(parsed.threads);
    javascript::set_callback_timeout(parsed.callback_timeout);
    let info = configuration::prepare(py, &parsed, settings.to_owned()).inspect_err(|_| {
        STATE.store(State::Failed as u8, Ordering::Release);
    })?;
    INFO.get_or_init(|| info);
    STATE.store(State::Running as u8, Ordering::Release);
    Ok(parsed)
}

/// Does what `py-main` does on the calling thread, which is attached, until the shutdown is done; it is attached again then.
pub(crate) fn serve_here() {
    // SAFETY: the caller is attached.
    let thread = unsafe { ThreadState::detach_and_keep() };
    let mut work = lock();
    while state() == State::Running {
        work = serve_next(thread, work);
    }
    drop(work);
    // For the rest of the thread's life, as before.
    std::mem::forget(thread.attach());
}

/// Shuts down softly, waiting at most `limit`. Must not be called by an attached thread.
pub fn shutdown(limit: Duration) {
    if !is_running() {
        return;
    }
    let deadline = Instant::now() + limit;
    let mut work = lock();
    work.shutdown.get_or_insert(deadline);
    WORK_ARRIVED.notify_one();
    async_support::stop_event_loop();
    while state() == State::Running {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            STATE.store(State::Closed as u8, Ordering::Release);
            break;
        };
        work = CLOSED
            .wait_timeout(work, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

/// Asks `py-main` to run the asyncio loop from now on.
pub(crate) fn run_event_loop() {
    lock().run_loop = true;
    WORK_ARRIVED.notify_one();
}

/// Whether this is a forked copy of the process.
pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Called in a forked child: its copy of the bridge has no threads and answers every call with an error.
pub(crate) fn poison_after_fork() {
    FORKED.store(true, Ordering::Relaxed);
    STATE.store(State::Closed as u8, Ordering::Release);
}

fn lock() -> MutexGuard<'static, Work> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main_thread(settings: &Settings, text: String, started: &mpsc::SyncSender<Result<(), String>>) {
    let info = match configuration::initialise(settings, text) {
        Ok(info) => info,
        Err(message) => {
            // The receiver waits for exactly one message, so sending cannot fail.
            let _ = started.send(Err(message));
            return;
        }
    };
    INFO.get_or_init(|| info);
    // SAFETY: `initialise` succeeded, so this thread is attached.
    let thread = unsafe { ThreadState::detach_and_keep() };
    STATE.store(State::Running as u8, Ordering::Release);
    let _ = started.send(Ok(()));
    serve(thread);
}

/// Waits for the order to run the asyncio loop or to shut down, and then for ever: Python's main thread does not go away before the
/// process.
fn serve(thread: ThreadState) {
    let mut work = lock();
    loop {
        work = serve_next(thread, work);
    }
}

/// One order, or the wait for it.
fn serve_next(thread: ThreadState, mut work: MutexGuard<'static, Work>) -> MutexGuard<'static, Work> {
    if std::mem::take(&mut work.run_loop) && work.shutdown.is_none() {
        drop(work);
        // Until the order to shut down.
        run_loop(thread);
        lock()
    } else if let Some(deadline) = work.shutdown.take() {
        drop(work);
        async_support::close();
        end(thread, deadline);
        work = lock();
        STATE.store(State::Closed as u8, Ordering::Release);
        CLOSED.notify_all();
        work
    } else {
        WORK_ARRIVED.wait(work).unwrap_or_else(PoisonError::into_inner)
    }
}

fn run_loop(thread: ThreadState) {
    let attached = thread.attach();
    Python::attach(|py| {
        let ran = runtime::function(py, runtime::Function::RunLoop).and_then(|run| run.call0());
        if let Err(error) = ran {
            error.write_unraisable(py, None);
        }
        // Without a loop nothing is awaited; whoever waits is told.
        async_support::close_event_loop();
        async_support::abandon_tasks(py);
    });
    drop(attached);
}

fn end(thread: ThreadState, deadline: Instant) {
    let attached = thread.attach();
    let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
    Python::attach(|py| {
        // A pending Ctrl-C or `interrupt_main()` would be raised inside the first handler.
        if let Err(interrupt) = py.check_signals() {
            drop(interrupt);
        }
        let ended = runtime::function(py, runtime::Function::End).and_then(|end| end.call1((left * 0.9,)));
        if let Err(error) = ended {
            // Nobody is left who could handle it; Python prints such errors, too.
            error.write_unraisable(py, None);
        }
    });
    drop(attached);
}
