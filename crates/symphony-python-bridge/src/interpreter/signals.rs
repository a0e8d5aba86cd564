//! Signals around initialisation: Python gets its handler table, Node keeps the handlers.
//!
//! Node's handlers are in place when Python starts, and Python leaves foreign handlers alone, so its own table would
//! stay empty. With the default action in place while it initialises it fills the table; then Node's come back.

use std::mem::MaybeUninit;

const TOUCHED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGPIPE, libc::SIGXFSZ];

/// The handlers to put back.
pub(super) struct SavedSignals([libc::sigaction; 3]);

impl SavedSignals {
    /// Saves the handlers that Python touches and gives SIGINT its default action.
    pub(super) fn take() -> Self {
        let saved = Self(TOUCHED.map(|signal| {
            let mut action = MaybeUninit::zeroed();
            // SAFETY: a valid signal number; null asks for the present action only.
            unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
            // SAFETY: all-zero is a valid `sigaction`, and the call above filled it.
            unsafe { action.assume_init() }
        }));
        // SAFETY: SIG_DFL is always a valid disposition.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        saved
    }
}

impl Drop for SavedSignals {
    fn drop(&mut self) {
        for (signal, action) in TOUCHED.into_iter().zip(&self.0) {
            // SAFETY: `action` is what the kernel gave for the same signal.
            unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) };
        }
    }
}
