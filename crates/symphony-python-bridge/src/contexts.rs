//! Context managers that were entered for JavaScript on a thread, and that nobody will leave any more: its environment ended.
//!
//! Only `python.with` and `python.withSync` enter any, and leave them themselves unless their worker is terminated. A lock would stay
//! locked then, for everybody.

use std::cell::Cell;

use pyo3::prelude::*;

use crate::runtime::{self, Function};

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// A context manager is about to be entered on the calling thread.
pub(crate) fn note() {
    ENTERED.set(true);
}

/// Leaves those that are still entered on the calling thread, the innermost first.
pub(crate) fn leave_all(py: Python<'_>) {
    if !ENTERED.take() {
        return;
    }
    let left = runtime::function(py, Function::LeaveAll).and_then(|leave| leave.call0());
    if let Err(error) = left {
        error.write_unraisable(py, None);
    }
}
