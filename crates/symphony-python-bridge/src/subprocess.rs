//! Python in a process of its own: the child's side of a host that is another process.
//!
//! The host calls over connections: stream sockets that carry the frames of [`symphony_wire`], one for each environment of the host's that
//! uses this Python. Each has its [`Channel`], so a connection is to this process what a port is to an embedded interpreter, and requests and
//! completions are the same bytes. `docs/internal/remote-interface.md` describes the frames.

mod connection;
mod outgoing;

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::interpreter;

/// How long the program has to end after its last connection.
const GRACE: Duration = Duration::from_secs(2);

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// Serves calls on the calling thread's interpreter, which is the main thread of a Python that is running already, until [`stop`]. `settings`
/// is what an embedded interpreter is started with, as JSON.
///
/// # Errors
///
/// What goes wrong before the first call can be served.
pub fn serve(py: Python<'_>, settings: &str, connection: Option<UnixStream>) -> PyResult<()> {
    interpreter::adopt(py, settings)?;
    if let Some(connection) = connection {
        connect(connection).map_err(|error| PyRuntimeError::new_err(format!("no connection to the host: {error}")))?;
    }
    interpreter::serve_here();
    Ok(())
}

/// Serves another environment of the host's. Any thread may call it, once [`serve`] runs.
///
/// # Errors
///
/// When the system refuses a thread or a descriptor.
pub fn connect(stream: UnixStream) -> std::io::Result<()> {
    CONNECTIONS.fetch_add(1, Ordering::AcqRel);
    connection::open(stream, || {
        // Nobody is left who could call, or hear of an outcome.
        if CONNECTIONS.fetch_sub(1, Ordering::AcqRel) == 1 {
            stop(GRACE);
        }
    })
    .inspect_err(|_| {
        CONNECTIONS.fetch_sub(1, Ordering::AcqRel);
    })
}

/// Ends [`serve`]: what runs has so much time to end. Must not be called by an attached thread.
pub fn stop(limit: Duration) {
    interpreter::shutdown(limit);
}

/// `serve` for the program that the host starts: see `python/symphony_bridge/_subprocess.py`.
#[pyfunction]
pub(crate) fn serve_subprocess(py: Python<'_>, settings: &str, descriptor: i32) -> PyResult<()> {
    let stream = outgoing::stream_of(descriptor)
        .ok_or_else(|| PyValueError::new_err(format!("expected an open socket, but {descriptor} is none")))?;
    serve(py, settings, Some(stream))
}

/// Hands over what waits until an executor thread has nothing else to do. Called by those threads, attached.
pub(crate) use outgoing::flush_deferred;
