//! A life without faults.

use std::sync::Arc;

use symphony_conductor::{ConductorPort, EventKind, ExitReason, Spec, StartError, State};

use crate::fixture::{Fixture, Orders, exists, spec};

#[test]
fn a_worker_starts_takes_connections_and_stops() {
    let mut fixture = Fixture::start(spec("never", ""));
    let worker = fixture.worker();
    assert_eq!(fixture.conductor.state(), State::Ready);
    let (mut first, mut second) = (Orders::to(&worker), Orders::to(&worker));
    assert!(first.done(b'x') && second.done(b'y') && first.done(b'z'));
    fixture.await_state(State::Running);
    assert_eq!(fixture.conductor.status().workers[0].state, State::Running);
    fixture.conductor.stop().unwrap();
    let exit = fixture.await_event("stopped", |event| match &event.kind {
        EventKind::Stopped { exit } => Some(Arc::clone(exit)),
        _ => None,
    });
    assert_eq!(
        (exit.reason, exit.code, exit.was_ready),
        (ExitReason::Clean, Some(0), true)
    );
    assert_eq!(fixture.conductor.state(), State::Stopped);
    assert!(!exists(worker.pid()));
    assert!(worker.connect().is_err() || !first.done(b'x'));
}

#[test]
fn a_program_that_is_not_there_fails_the_start() {
    let Err(error) = Fixture::try_start(Spec::new("/no/such/program")) else {
        panic!("it started")
    };
    assert!(
        error
            .to_string()
            .contains("`/no/such/program` could not be started: exec: "),
        "{error}"
    );
}

#[test]
fn a_worker_that_says_why_it_cannot_start_fails_the_start_with_its_words() {
    let Err(error) = Fixture::try_start(spec("starting", "boot")) else {
        panic!("it started")
    };
    let StartError::Failed { exit: Some(exit), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(exit.reason, ExitReason::BootError);
    assert!(
        error
            .to_string()
            .ends_with("ModuleNotFoundError: No module named 'nowhere'"),
        "{error}"
    );
}
