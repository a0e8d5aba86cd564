//! Domains and pools used by several processes. This test binary is also their program: started again with the one test
//! [`child_process`], it does what its environment says.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::exit,
    reason = "what fails in a test fails the test; children end when nobody gives them orders"
)]

mod children;
mod kills;
mod rules;
mod sharing;

use std::sync::Arc;

use symphony_pit::domain::{AttachOptions, Domain};

/// The program of all children. Without a parent, it finds nothing to do.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(children::TASK) else {
        assert!(std::env::var_os(children::FOLDER).is_none(), "a child without a task");
        return;
    };
    let folder = std::env::var_os(children::FOLDER).expect("a child is given a folder");
    match task.split_once(": ") {
        Some(("sharing", task)) => sharing::child(task, folder.as_ref()),
        Some(("kills", task)) => kills::child(task, folder.as_ref()),
        _ => rules::child(&task, folder.as_ref()),
    }
}

/// Temporary folders may be in memory, which matters to none of these tests.
pub(crate) fn options() -> AttachOptions {
    let mut options = AttachOptions::default();
    options.any_filesystem = true;
    options
}

pub(crate) fn attach(folder: &std::path::Path) -> Arc<Domain> {
    Domain::attach(folder, &options()).unwrap()
}

/// Waits until something is so.
pub(crate) fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
