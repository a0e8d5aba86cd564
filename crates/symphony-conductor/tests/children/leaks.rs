//! What is left in this process when children have come and gone: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::sync::PoisonError;

use symphony_conductor::{ConductorPort, Demand};

use crate::fixture::{ALONE, Fixture, Orders, children, spec};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("there is /proc").count()
}

fn threads() -> BTreeSet<String> {
    let threads = fs::read_dir("/proc/self/task").expect("there is /proc").flatten();
    threads
        .map(|thread| thread.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn nothing_is_left_of_workers_that_came_and_went() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    let cycle = |what: &str, kill: bool| {
        let Ok(mut fixture) = Fixture::alone(spec("idle", what)) else {
            panic!("it did not start")
        };
        let worker = fixture.worker();
        let mut orders = Orders::to(&worker);
        orders.done(b'!');
        if kill {
            worker.kill(Demand::Kill);
            fixture.await_death();
        }
        fixture.conductor.stop().unwrap();
    };
    // The supervisor's thread begins with the first one.
    cycle("exit0", false);
    let (descriptors_before, children_before) = (descriptors(), children());
    let threads_before = threads();
    for round in 0..20 {
        cycle(["exit1", "close", "segv", "grandchild"][round % 4], round % 5 == 0);
        let failed = Fixture::alone(spec("starting", "exit1"));
        assert!(failed.is_err());
    }
    assert_eq!(descriptors(), descriptors_before);
    assert_eq!(children(), children_before);
    // Threads of the test runner may have ended meanwhile; none of ours has come.
    let more: Vec<_> = threads().difference(&threads_before).cloned().collect();
    assert!(more.is_empty(), "{more:?}");
}
