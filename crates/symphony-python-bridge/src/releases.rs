//! References given back by threads that may not wait for the GIL.
//!
//! JavaScript's garbage collector runs finalizers on the JS thread, possibly while another thread holds the GIL for
//! seconds. So they only queue here; `py-main` and the executor threads do the decrefs.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::handles;

enum Release {
    Crossings(u32, u32),
    Object(NonNull<ffi::PyObject>),
}

// SAFETY: the pointer is an owned reference that only `drain`, which holds the GIL, dereferences.
unsafe impl Send for Release {}

static QUEUE: Mutex<Vec<Release>> = Mutex::new(Vec::new());
static QUEUED: AtomicBool = AtomicBool::new(false);

/// Gives back `count` crossings of a handle.
pub fn crossings(id: u32, count: u32) {
    push(Release::Crossings(id, count));
}

/// Gives back one owned reference.
pub(crate) fn object(object: NonNull<ffi::PyObject>) {
    push(Release::Object(object));
}

/// How many releases wait.
pub fn pending() -> usize {
    queue().len()
}

/// Whether anything waits; a relaxed look that costs a nanosecond.
pub(crate) fn any() -> bool {
    QUEUED.load(Ordering::Relaxed)
}

/// Does what was queued. Runs destructors, so it may run Python code.
pub(crate) fn drain(py: Python<'_>) {
    while any() {
        let batch = {
            let mut queue = queue();
            QUEUED.store(false, Ordering::Relaxed);
            std::mem::take(&mut *queue)
        };
        for release in batch {
            match release {
                Release::Crossings(id, count) => handles::release(py, id, count),
                Release::Object(pointer) => {
                    // SAFETY: the queue owned this reference and the thread is attached (`py`).
                    drop(unsafe { Bound::from_owned_ptr(py, pointer.as_ptr()) });
                }
            }
        }
    }
}

fn push(release: Release) {
    queue().push(release);
    QUEUED.store(true, Ordering::Relaxed);
    crate::interpreter::schedule_releases();
}

fn queue() -> MutexGuard<'static, Vec<Release>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
