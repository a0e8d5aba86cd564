//! Python in a process of its own: the child's side of a Conductor.
//!
//! The host calls over connections: stream sockets that carry the frames of [`symphony_wire`], one for each environment of the host's that
//! uses this Python. Each has its [`Channel`](crate::async_support::Channel), so a connection is to this process what a port is to an embedded
//! interpreter, and requests and completions are the same bytes. `docs/internal/remote-interface.md` describes the frames. Life and death of
//! the process are the business of `symphony_conductor`, over a socket of its own.

mod connection;
mod fatal;
mod gate;
mod outgoing;
mod shared_blocks;
mod sync_calls;
mod tasks;

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use symphony_conductor::child::{Child, GIL_BEAT, LOOP_BEAT};
use symphony_conductor::{BootErrorKind, EXIT_BOOT, EXIT_SETUP};
pub use symphony_conductor::{Conductor, ConductorPort, ConductorStatus};

use crate::gil::ThreadState;
use crate::interpreter::Settings;
use crate::runtime::{self, Function};
use crate::{async_support, interpreter};

/// What the child runs, with the path of the core and the settings as its arguments.
pub const BOOTSTRAP: &str = include_str!("../python/bootstrap.py");

/// How long the program's own exit may take.
const LONGEST_EXIT: Duration = Duration::from_secs(2);

/// How long the host may take to read what it was told last.
const LONGEST_WORD: Duration = Duration::from_secs(1);

/// This process as the child of a Conductor, if it is one.
static CHILD: OnceLock<Child> = OnceLock::new();

#[inline]
fn child() -> Option<&'static Child> {
    CHILD.get()
}

/// Serves calls until the Conductor that started this process ends it; gives the exit code. For the main thread of a Python that runs already.
/// `settings` is what an embedded interpreter is started with, as JSON.
///
/// # Errors
///
/// `RuntimeError` in a process that no Conductor started, or at the second call; `OSError` if what the Conductor passed on is not there; what
/// the settings raise.
#[pyfunction]
pub(crate) fn serve_subprocess(py: Python<'_>, settings: &str) -> PyResult<i32> {
    let child = Child::from_env()
        .map_err(|error| PyOSError::new_err(error.to_string()))?
        .ok_or_else(|| PyRuntimeError::new_err("this process was not started by a Conductor"))?;
    let child = CHILD.get_or_init(|| child);
    let Settings { target, drains, .. } = interpreter::adopt(py, settings)?;
    let faults = child.fault_file().as_raw_fd();
    runtime::function(py, Function::WriteFaultsTo)?.call1((faults,))?;
    child.dumps_ready();
    if let Some(target) = target {
        let prepared = runtime::function(py, Function::Prepare)?.call1((target.module, target.steps))?;
        if let Some((stage, text)) = prepared.extract::<Option<(String, String)>>()? {
            let (kind, code) = match stage.as_str() {
                "import" => (BootErrorKind::Import, EXIT_BOOT),
                _ => (BootErrorKind::Setup, EXIT_SETUP),
            };
            // A parent that is gone does not want to know.
            let _nobody_listens = child.boot_failed(kind, text);
            return Ok(code);
        }
    }
    child.on_connection(|socket| {
        // Without a thread for it the host sees the connection end.
        let _refused = connection::open(UnixStream::from(socket));
    });
    // `python` in worker mode has one process, and does not drain it either.
    if drains {
        fatal::enable();
    }
    // The Conductor says how long that may take.
    child.on_drain(move || {
        if drains {
            async_support::wait_for_outcomes();
            gate::shut();
            // Of what came meanwhile. Nothing is left then that the end of the interpreter would refuse.
            async_support::wait_for_outcomes();
        }
        interpreter::shutdown(LONGEST_EXIT);
    });
    beat(child)?;
    child.ready()?;
    interpreter::serve_here();
    Ok(fatal::exit_code())
}

/// Proves that the event loop turns; gives when it has to be proved again, in seconds, or nothing if nobody wants to know.
#[pyfunction]
pub(crate) fn loop_beat() -> Option<f64> {
    child()?.loop_beat();
    Some(LOOP_BEAT.as_secs_f64())
}

/// Proves from time to time that threads get the GIL.
fn beat(child: &'static Child) -> PyResult<()> {
    std::thread::Builder::new().name("py-beat".to_owned()).spawn(move || {
        let thread = ThreadState::of_current_thread();
        while interpreter::is_running() {
            drop(thread.attach());
            child.gil_beat();
            std::thread::sleep(GIL_BEAT);
        }
    })?;
    Ok(())
}

/// Hands over what waits until an executor thread has nothing else to do. Called by those threads, attached.
pub(crate) use outgoing::flush_deferred;

pub(crate) use fatal::{end_if_raised, is_ending, look_at};
pub(crate) use tasks::Noted;
