//! References given back by threads that may not wait for the GIL.
//!
//! JavaScript's garbage collector runs finalizers on the JS thread, possibly while another thread holds the GIL for
//! seconds. So they only queue here; executor threads do the decrefs before they detach, and a thread of its own does
//! them where there is no executor at work. That thread does nothing else, because a destructor may take its time.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::gil::{Held, ThreadState};
use crate::handles;
use crate::interpreter::{self, STACK_BYTES};

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

/// Gives back references, taking the lock once.
pub(crate) fn objects(objects: Vec<Held>) {
    if objects.is_empty() {
        return;
    }
    queue().extend(objects.into_iter().map(|object| Release::Object(object.into_raw())));
    QUEUED.store(true, Ordering::Relaxed);
    schedule();
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
    schedule();
}

/// Releases that come within this time are done together, so that the thread is woken at most once in it.
const INTERVAL: Duration = Duration::from_millis(5);
static SCHEDULED: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Option<Thread>> = OnceLock::new();

fn schedule() {
    if SCHEDULED.swap(true, Ordering::AcqRel) {
        return;
    }
    let thread = THREAD.get_or_init(|| {
        std::thread::Builder::new()
            .name("py-release".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(serve)
            .ok()
            .map(|handle| handle.thread().clone())
    });
    if let Some(thread) = thread {
        thread.unpark();
    }
}

fn serve() {
    loop {
        while !SCHEDULED.load(Ordering::Acquire) {
            std::thread::park();
        }
        std::thread::sleep(INTERVAL);
        SCHEDULED.store(false, Ordering::Release);
        if any() && interpreter::is_running() {
            let attached = ThreadState::of_current_thread().attach();
            drain(attached.python());
            drop(attached);
        }
    }
}

fn queue() -> MutexGuard<'static, Vec<Release>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
