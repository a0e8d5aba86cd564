//! `ConductorFatal`: Python code says that this process is of no use any more. The call that raised it fails with it, and the process ends.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use pyo3::prelude::*;
use symphony_conductor::EXIT_FATAL;

use super::{LONGEST_EXIT, LONGEST_WORD, connection, gate};
use crate::errors::Failure;
use crate::interpreter;
use crate::runtime::{self, Function};

/// Whether another process would take the place of this one.
static IS_REPLACED: AtomicBool = AtomicBool::new(false);
/// A call has raised it.
static RAISED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The call that this thread is about to end has raised it.
    static RAISED_HERE: Cell<bool> = const { Cell::new(false) };
}
/// Its end has begun.
static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on it ends the process: another one takes its place. Otherwise it is an exception like any other.
pub(super) fn enable() {
    IS_REPLACED.store(true, Ordering::Release);
}

/// Looks at why a call failed, before that is told.
pub(crate) fn look_at(py: Python<'_>, failure: &Failure) {
    let (Failure::Python(raised) | Failure::Caused(_, raised)) = failure else {
        return;
    };
    let is_fatal = IS_REPLACED.load(Ordering::Acquire)
        && runtime::function(py, Function::ConductorFatal)
            .is_ok_and(|class| raised.bind(py).is_instance(&class).unwrap_or(false));
    if is_fatal {
        RAISED.store(true, Ordering::Release);
        RAISED_HERE.set(true);
    }
}

/// Whether nothing new is begun, because this process is about to end.
#[inline]
pub(crate) fn is_ending() -> bool {
    RAISED.load(Ordering::Acquire)
}

/// A call has failed on this thread, and that is on its way to the host: ends the process, if the call said so.
pub(crate) fn end_if_raised() {
    if !RAISED_HERE.take() || ENDING.swap(true, Ordering::AcqRel) {
        return;
    }
    let ending = std::thread::Builder::new().name("py-fatal".to_owned()).spawn(end);
    if ending.is_err() {
        leave();
    }
}

/// The exit code of this process when it ends in order.
pub(super) fn exit_code() -> i32 {
    if is_ending() { EXIT_FATAL } else { 0 }
}

fn end() {
    gate::shut();
    // What was not begun is begun elsewhere, if nobody is told that it was refused here.
    connection::close_all(Instant::now() + LONGEST_WORD);
    interpreter::shutdown(LONGEST_EXIT);
    leave();
}

fn leave() -> ! {
    // SAFETY: ends the process; nothing has to be in order for that.
    unsafe { libc::_exit(EXIT_FATAL) }
}
