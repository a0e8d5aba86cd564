//! The artifact store, used by one process and by several. This test binary is also the others' program: started again with
//! the one test [`child_process`], it does what its environment says.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

#[path = "../processes/children.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod children;
mod content;
mod describing;
mod finding;
mod fixture;
mod model;
mod processes;

/// The program of all children. Without a parent, it finds nothing to do.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(children::TASK) else {
        assert!(std::env::var_os(children::FOLDER).is_none(), "a child without a task");
        return;
    };
    let folder = std::env::var_os(children::FOLDER).expect("a child is given a folder");
    processes::child(&task, folder.as_ref());
}
