//! Exceptions for jobs that run and are not wanted any more.
//!
//! `PyThreadState_SetAsyncExc` raises an exception in a thread when that runs its next Python instruction. It is bound to a job:
//! whoever sets it, whoever begins or ends a job has the GIL, and a job that ends takes back what was not raised by then. The JS
//! thread must not wait for the GIL, so a thread of its own, `py-interrupt`, does.

use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::ErrorCode;

use super::awaiting::Key;
use crate::errors::{BridgeError, Failure};
use crate::gil::{GilCell, ThreadState};
use crate::interpreter;
use crate::javascript;
use crate::runtime::{self, Function};
use crate::symbols;

/// Why a call is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Whoever wanted it does not any more.
    Cancelled,
    /// Its time is over, and it is given a moment to end by itself.
    TimedOut,
}

impl Interruption {
    /// The exception that is raised.
    fn exception(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let function = match self {
            Self::Cancelled => Function::CallCancelled,
            Self::TimedOut => Function::TaskTimeout,
        };
        runtime::function(py, function)
    }
}

/// A job that runs.
struct Running {
    key: Key,
    thread: std::ffi::c_long,
    interrupted: Option<Interruption>,
    /// What it does now must come to its end.
    shielded: bool,
    /// What it does now is not interrupted in the middle ([`uninterrupted`]).
    postponing: Postponing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Postponing {
    No,
    Yes,
    /// An interruption has come meanwhile.
    Asked(Interruption),
}

static RUNNING: GilCell<Vec<Running>> = GilCell::new(Vec::new());

/// A job that runs on the calling thread and may be interrupted there. Ended by [`Interruptible::end`], with or without a panic.
pub(super) struct Interruptible {
    thread: std::ffi::c_long,
}

impl Interruptible {
    pub(super) fn begin(py: Python<'_>, key: Key) -> Self {
        let thread = symbols::thread_ident().cast_signed();
        RUNNING.with(py, |running| {
            running.push(Running {
                key,
                thread,
                interrupted: None,
                shielded: false,
                postponing: Postponing::No,
            });
        });
        Self { thread }
    }

    /// A failure, or that it was cancelled, if it is what the interruption raised.
    pub(super) fn explained(&self, py: Python<'_>, failure: Failure) -> Failure {
        let interrupted = RUNNING.with(py, |running| {
            let job = running.iter().find(|one| one.thread == self.thread)?;
            job.interrupted
        });
        match (&failure, interrupted) {
            (Failure::Python(raised) | Failure::Caused(_, raised), Some(interruption))
                if interruption
                    .exception(py)
                    .is_ok_and(|class| raised.bind(py).is_instance(&class).unwrap_or(false)) =>
            {
                BridgeError::new(ErrorCode::Cancelled, "the call was interrupted").into()
            }
            _ => failure,
        }
    }

    /// What comes now is not interrupted: it cleans up.
    pub(super) fn shield(&self, py: Python<'_>) {
        let interrupted = RUNNING.with(py, |running| {
            let job = running.iter_mut().find(|one| one.thread == self.thread)?;
            job.shielded = true;
            job.interrupted
        });
        self.take_back(py, interrupted.is_some());
    }

    pub(super) fn end(self, py: Python<'_>) {
        let interrupted = RUNNING.with(py, |running| {
            let index = running.iter().position(|one| one.thread == self.thread);
            running.swap_remove(index?).interrupted
        });
        self.take_back(py, interrupted.is_some());
    }

    /// Takes back what was not raised yet.
    fn take_back(&self, _py: Python<'_>, interrupted: bool) {
        if interrupted {
            // SAFETY: attached; without a class it takes an exception back.
            unsafe { ffi::PyThreadState_SetAsyncExc(self.thread, std::ptr::null_mut()) };
        }
    }
}

/// Raises an exception in the thread that runs a job, soon. Needs no GIL.
pub(super) fn interrupt(key: Key, interruption: Interruption) {
    // Without a thread nothing is raised, and the job goes on, which its caller is told.
    let sender = INTERRUPTER.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = sender.send((key, interruption));
}

static INTERRUPTER: LazyLock<Mutex<Sender<(Key, Interruption)>>> = LazyLock::new(|| {
    let (sender, keys) = channel();
    let _ = std::thread::Builder::new()
        .name("py-interrupt".to_owned())
        .spawn(move || {
            if !interpreter::is_running() {
                return;
            }
            let thread = ThreadState::of_current_thread();
            for (key, interruption) in keys {
                let attached = thread.attach();
                Python::attach(|py| raise_in(py, key, interruption));
                drop(attached);
            }
        });
    Mutex::new(sender)
});

fn raise_in(py: Python<'_>, key: Key, interruption: Interruption) {
    let Ok(class) = interruption.exception(py) else {
        return;
    };
    let thread = RUNNING.with(py, |running| {
        let job = running.iter_mut().find(|one| one.key == key && !one.shielded)?;
        if job.postponing != Postponing::No {
            job.postponing = Postponing::Asked(interruption);
            return None;
        }
        job.interrupted = Some(interruption);
        Some(job.thread)
    });
    if let Some(thread) = thread {
        // SAFETY: attached; the class is a live exception class, of which the function takes a reference.
        unsafe { ffi::PyThreadState_SetAsyncExc(thread, class.as_ptr()) };
        javascript::wake_interrupted();
    }
}

/// Runs `body`; an interruption of the job of this thread that comes meanwhile is raised after it.
///
/// For what starts threads: until a new one runs, CPython knows it by the number of the thread that started it, so that the exception
/// could reach the new thread, whose start then is waited for in vain.
pub(crate) fn uninterrupted<R>(py: Python<'_>, body: impl FnOnce() -> R) -> R {
    let thread = symbols::thread_ident().cast_signed();
    let set = |postponing| {
        RUNNING.with(py, |running| {
            let job = running.iter_mut().find(|one| one.thread == thread)?;
            Some((job.key, std::mem::replace(&mut job.postponing, postponing)))
        })
    };
    set(Postponing::Yes);
    let result = body();
    if let Some((key, Postponing::Asked(interruption))) = set(Postponing::No) {
        raise_in(py, key, interruption);
    }
    result
}
