//! A process that gets orphans, as the first one of a container does, reaps those of its workers and no others.

use std::process::Command;
use std::time::Instant;

use symphony_conductor::ConductorPort;

use crate::fixture::{Fixture, LONG, Orders, children, spec};

/// The variable that makes [`reaper_process`] one.
const REAPER: &str = "REAPER";

/// The program of a process that gets orphans.
#[test]
fn reaper_process() {
    if std::env::var_os(REAPER).is_none() {
        return;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("anybody may");
    let mut own = Command::new("true").spawn().expect("there is `true`");
    let fixture = Fixture::start(spec("idle", "grandchild"));
    assert!(Orders::to(&fixture.worker()).done(b'!'));
    fixture.conductor.stop().expect("this is not the supervisor's thread");
    let deadline = Instant::now() + LONG;
    while children().iter().any(|&child| child != own.id()) {
        assert!(
            Instant::now() < deadline,
            "{:?} are left besides {}",
            children(),
            own.id()
        );
        std::thread::yield_now();
    }
    assert!(own.wait().expect("its status is still there").success());
}

#[test]
fn orphans_of_workers_are_reaped_by_the_first_process_of_a_container() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["strays::reaper_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(REAPER, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
