//! The end of a process whose workers do not come back from Python.
//!
//! When a process exits, Node waits for the threads of its workers, and nothing ends a blocking Python call: a worker in
//! `time.sleep(3600)` would keep the process for an hour.

use std::time::Duration;

use crate::async_support;

/// Ends the process with that status after `limit`, if a thread of another environment is in the middle of a synchronous call now and
/// still is then. For the last act of the main thread, when Python was shut down and every stream is flushed.
pub fn exit_within(limit: Duration, status: i32) {
    if !async_support::others_are_in_python() {
        return;
    }
    let watch = std::thread::Builder::new().name("py-exit".to_owned());
    // Without a thread for it the process ends when the calls do.
    let _ = watch.spawn(move || {
        std::thread::sleep(limit);
        if async_support::others_are_in_python() {
            // SAFETY: ends this process at once, under threads that would never notice; exit handlers have run or had their time.
            unsafe { libc::_exit(status) }
        }
    });
}
