//! The end of a forked child whose call returned instead of leaving the process.
//!
//! Only the thread that forked exists there: nobody waits for the outcome of a job, no other job will ever come, and
//! JavaScript, which has lost its other threads, must not go on with a copy of the parent's work.

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::interpreter;

/// Ends the process if it is a child that was forked since `process` was running. The exit status is what a script would
/// have that ended like the job.
pub fn end_child<T>(py: Python<'_>, process: u32, result: &Result<T, Failure>) {
    // A forked child is told by Python that it no longer serves calls, so that nobody else pays for the system call.
    if interpreter::is_running() || std::process::id() == process {
        return;
    }
    let status = match result {
        Ok(_) => 0,
        Err(Failure::Bridge(_) | Failure::Caused(..)) => 1,
        Err(Failure::Python(raised)) => {
            let exception = raised.bind(py);
            if exception.is_instance_of::<PySystemExit>() {
                exit_status(&exception)
            } else {
                PyErr::from_value(exception).display(py);
                1
            }
        }
    };
    flush(py);
    // SAFETY: ends this process at once. Exit handlers and destructors are the parent's business, and may wait for locks
    // that a thread held which does not exist here.
    unsafe { libc::_exit(status) }
}

/// What `sys.exit` was given: nothing, a number, or a message for the error stream.
fn exit_status(exception: &Bound<'_, PyAny>) -> i32 {
    let Ok(code) = exception.getattr("code") else { return 1 };
    if code.is_none() {
        return 0;
    }
    code.extract().unwrap_or_else(|_| {
        // A stream that fails has nobody left to tell.
        let _ = stream(code.py(), "stderr").and_then(|stream| stream.call_method1("write", (format!("{code}\n"),)));
        1
    })
}

fn flush(py: Python<'_>) {
    for name in ["stdout", "stderr"] {
        // As above.
        let _ = stream(py, name).and_then(|stream| stream.call_method0("flush"));
    }
}

fn stream<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("sys")?.getattr(name)
}
