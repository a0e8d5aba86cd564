//! Whether requests are still taken. What comes after the gate was shut is not begun, and the host, which sees that when the process has
//! ended, has it done elsewhere.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static SHUT: AtomicBool = AtomicBool::new(false);
/// Threads that are taking requests just now.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// A thread that takes requests; until it is dropped.
pub(super) struct Inside(());

/// Lets the calling thread take requests, unless the gate is shut.
pub(super) fn enter() -> Option<Inside> {
    // First, so that whoever shuts the gate either sees this or is seen.
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let inside = Inside(());
    (!SHUT.load(Ordering::SeqCst)).then_some(inside)
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Shuts the gate. What was let in before is known to the executor then.
pub(super) fn shut() {
    SHUT.store(true, Ordering::SeqCst);
    // They wait for nobody in there.
    while INSIDE.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
}
