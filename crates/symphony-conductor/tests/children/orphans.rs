//! A parent that is killed takes its children and their children along, whatever they are doing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use symphony_conductor::{Conductor, ConductorPort, Environment, EventKind, Spec};

use crate::fixture::{Fixture, Orders, await_end, exists, spec};
use crate::python::python;

/// The variable that makes [`parent_process`] a parent: when and what its child does.
const PARENT: &str = "PARENT_OF";

/// The program of the parents: starts a child, says its number, and waits to be killed.
#[test]
fn parent_process() {
    let Ok(text) = std::env::var(PARENT) else { return };
    let (when, what) = text.split_once(' ').expect("when and what");
    let mut fixture = if when == "starting" {
        let spec = if what == "foreign" {
            // A program that knows nothing of us.
            let mut spec = Spec::new("sleep");
            spec.args = vec!["3600".into()];
            spec
        } else {
            spec(when, what)
        };
        let (sender, events) = std::sync::mpsc::channel();
        let environment = Environment::default().on_event(move |event| {
            let _nobody_listens = sender.send(event.clone());
        });
        let conductor = Conductor::launch(spec, environment, |_| {}).expect("the spec is right");
        let pid = events.iter().find_map(|event| event.pid).expect("a process is started");
        println!("\npid {pid}");
        std::mem::forget(conductor);
        std::thread::park();
        return;
    } else if when == "python" {
        Fixture::start(python())
    } else {
        Fixture::start(spec(when, what))
    };
    let worker = fixture.worker();
    if when == "draining" {
        fixture
            .conductor
            .stop_then(Some(symphony_conductor::policy::StopPlan::default()), || {});
    } else if when == "python" {
        // Nothing of ours runs in that process: C code holds the GIL, and there is no thread that watches.
        assert!(Orders::to(&worker).done(b'c'));
        while !fixture
            .conductor
            .dump(worker.id())
            .expect("it dumps")
            .contains("spin_in_c")
        {}
    } else {
        Orders::to(&worker).give(b'!');
    }
    if what == "grandchild" {
        let grandchild = fixture.await_event("grandchild", |event| match &event.kind {
            EventKind::Line { text, .. } => text.strip_prefix("grandchild ").map(str::to_owned),
            _ => None,
        });
        println!("\npid {grandchild}");
    }
    println!("\npid {}", worker.pid());
    loop {
        std::thread::park();
    }
}

#[test]
fn no_child_outlives_a_parent_that_is_killed() {
    for case in [
        "starting foreign",
        "starting sleep",
        "starting deaf",
        "starting stop",
        "never nothing",
        "idle spin",
        "idle deaf",
        "idle stop",
        "idle grandchild",
        "python spin",
        "busy spin",
        "draining sleep",
        "draining deaf",
        "draining stop",
    ] {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["orphans::parent_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(PARENT, case)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let wanted = if case.ends_with("grandchild") { 2 } else { 1 };
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("pid ")?.parse().ok());
        let pids: Vec<u32> = numbers.take(wanted).collect();
        assert_eq!(pids.len(), wanted, "{case}: the parent said {pids:?}");
        assert!(pids.iter().all(|&pid| exists(pid)), "{case}");
        parent.kill().unwrap();
        parent.wait().unwrap();
        for pid in pids {
            await_end(pid);
        }
    }
}
