//! References given back by threads that may not wait for the GIL.
//!
//! JavaScript's garbage collector runs finalizers on the JS thread, possibly while another thread holds the GIL for
//! seconds. So they only queue here; executor threads do the decrefs before they detach, and a thread of its own does
//! them where there is no executor at work. That thread does nothing else, because a destructor may take its time.
//!
//! Crossings that are *added* without the GIL, for handles that one environment shares with another, pass through here as well. Those of a
//! batch are counted before anything of it is given back, and giving back begins by taking the whole queue; so an addition takes
//! effect before every release that was queued after it.

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
    Memory(u32),
    Object(NonNull<ffi::PyObject>),
}

// SAFETY: the pointer is an owned reference that only `drain`, which holds the GIL, dereferences.
unsafe impl Send for Release {}

#[derive(Default)]
struct Queue {
    /// Handles that get one crossing more.
    added: Vec<u32>,
    released: Vec<Release>,
    /// The memory of a list that was done before, for the next one.
    spare: Vec<Release>,
}

/// A list that takes more than this is not kept.
const LARGEST_SPARE: usize = 1 << 14;

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    added: Vec::new(),
    released: Vec::new(),
    spare: Vec::new(),
});
static QUEUED: AtomicBool = AtomicBool::new(false);

/// Gives back `count` crossings of a handle.
pub fn crossings(id: u32, count: u32) {
    push(Release::Crossings(id, count));
}

/// Gives back a crossing of a list, which may be one of an object's memory ([`handles::OF_MEMORY`]).
pub fn crossing(crossing: u32) {
    if crossing & handles::OF_MEMORY == 0 {
        crossings(crossing, 1);
    } else {
        memory(crossing & !handles::OF_MEMORY);
    }
}

/// Gives back a crossing of an object's memory.
pub fn memory(id: u32) {
    push(Release::Memory(id));
}

/// Counts one crossing more of a handle of which the caller has one that it has not given back.
pub fn add_crossing(id: u32) {
    queue().added.push(id);
    QUEUED.store(true, Ordering::Relaxed);
    schedule();
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
    queue()
        .released
        .extend(objects.into_iter().map(|object| Release::Object(object.into_raw())));
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
        let (added, mut released) = {
            let mut queue = queue();
            QUEUED.store(false, Ordering::Relaxed);
            let spare = std::mem::take(&mut queue.spare);
            (
                std::mem::take(&mut queue.added),
                std::mem::replace(&mut queue.released, spare),
            )
        };
        // Runs no Python code, so that nobody else gets the GIL and gives back what comes later.
        for id in added {
            handles::add_crossing(py, id);
        }
        for release in released.drain(..) {
            match release {
                Release::Crossings(id, count) => handles::release(py, id, count),
                Release::Memory(id) => handles::release_memory(py, id),
                Release::Object(pointer) => {
                    // SAFETY: the queue owned this reference and the thread is attached (`py`).
                    drop(unsafe { Bound::from_owned_ptr(py, pointer.as_ptr()) });
                }
            }
        }
        if released.capacity() <= LARGEST_SPARE {
            queue().spare = released;
        }
    }
}

fn push(release: Release) {
    queue().released.push(release);
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

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
