//! The rules, with real processes: limits of restarts, spares, replacement, health, dumps.

use std::time::Duration;

use symphony_conductor::policy::{HealthLevel, Intensity, RecycleReason, RestartPolicy};
use symphony_conductor::{Conductor, ConductorPort, Demand, Environment, EventKind, ExitReason, StartError, State};

use crate::fixture::{Fixture, LONG, Orders, await_state, spec};

#[test]
fn a_worker_that_dies_too_often_is_given_up_until_it_is_reset() {
    let mut spec = spec("idle", "exit1");
    spec.intensity = Intensity {
        restarts: 2,
        within: LONG,
    };
    let mut fixture = Fixture::start(spec);
    for _ in 0..2 {
        Orders::to(&fixture.worker()).done(b'!');
        fixture.await_restart();
    }
    Orders::to(&fixture.worker()).done(b'!');
    let exits = fixture.await_event("given up", |event| match &event.kind {
        EventKind::GivenUp { last_exits } => Some(last_exits.len()),
        _ => None,
    });
    assert_eq!(exits, 3);
    assert_eq!(fixture.conductor.state(), State::CrashLoop);
    assert!(fixture.conductor.workers().is_empty());
    fixture.conductor.reset();
    fixture.await_restart();
    assert!(Orders::to(&fixture.worker()).done(b'x'));
    fixture.stop();
}

#[test]
fn a_spare_takes_the_place_of_a_worker_that_dies() {
    let mut spec = spec("idle", "exit1");
    spec.standby = 1;
    let mut fixture = Fixture::start(spec);
    fixture.await_state(State::Standby);
    let first = fixture.worker();
    Orders::to(&first).done(b'!');
    fixture.await_event("promoted", |event| {
        matches!(event.kind, EventKind::Promoted).then_some(())
    });
    let second = fixture.worker();
    assert_ne!(first.id(), second.id());
    assert!(Orders::to(&second).done(b'x'));
    // The dead one comes back as the spare.
    fixture.await_state(State::Standby);
    assert_eq!(fixture.conductor.workers().len(), 1);
    fixture.stop();
}

#[test]
fn a_worker_is_replaced_before_it_is_retired() {
    let mut spec = spec("never", "");
    spec.recycling.max_tasks = Some(10);
    spec.health.interval = Duration::from_millis(20);
    let mut fixture = Fixture::start(spec);
    let first = fixture.worker();
    let mut orders = Orders::to(&first);
    for _ in 0..11 {
        assert!(orders.done(b't'));
    }
    let reason = fixture.await_event("recycling", |event| match event.kind {
        EventKind::Recycling { reason } => Some(reason),
        _ => None,
    });
    assert_eq!(reason, RecycleReason::Tasks);
    fixture.await_event("restarted", |event| {
        (matches!(event.kind, EventKind::Restarted { attempt: 0, .. }) && event.worker != first.id()).then_some(())
    });
    let exit = fixture.await_stop();
    assert_eq!((exit.pid, exit.reason), (first.pid(), ExitReason::Clean));
    let workers = fixture.conductor.workers();
    assert_eq!(workers.len(), 1);
    assert!(Orders::to(&workers[0]).done(b'x'));
    fixture.stop();
}

#[test]
fn a_worker_that_grows_is_asked_to_collect_and_then_replaced() {
    let mut spec = spec("never", "");
    spec.recycling.max_rss = Some(32 << 20);
    spec.health.interval = Duration::from_millis(20);
    let mut fixture = Fixture::start(spec);
    Orders::to(&fixture.worker()).give(b'm');
    let exit = fixture.await_stop();
    assert!(exit.stderr_tail.contains("collected"), "{exit:?}");
    assert!(exit.max_rss > 32 << 20, "{exit:?}");
    fixture.stop();
}

#[test]
fn all_workers_of_a_pool_serve_and_a_death_concerns_one() {
    let mut spec = spec("idle", "exit1");
    spec.size = 3;
    let mut fixture = Fixture::start(spec);
    let workers = fixture.conductor.workers();
    assert_eq!(workers.len(), 3);
    let mut orders: Vec<_> = workers.iter().map(Orders::to).collect();
    assert!(!orders[1].done(b'!'));
    assert!(orders[0].done(b'x') && orders[2].done(b'x'));
    fixture.await_restart();
    assert_eq!(fixture.conductor.workers().len(), 3);
    fixture.stop();
}

#[test]
fn a_restart_that_is_asked_for_gives_new_processes_and_counts_no_death() {
    let mut spec = spec("never", "");
    spec.size = 2;
    spec.intensity.restarts = 0;
    let fixture = Fixture::start(spec);
    let before: Vec<_> = fixture
        .conductor
        .workers()
        .iter()
        .map(symphony_conductor::Worker::pid)
        .collect();
    fixture.conductor.restart().unwrap();
    let after = fixture.conductor.workers();
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|worker| !before.contains(&worker.pid())));
    fixture.conductor.stop().unwrap();
    fixture.conductor.start().unwrap();
    assert_eq!(fixture.conductor.workers().len(), 2);
    assert!(fixture.conductor.start().is_err());
    fixture.stop();
}

#[test]
fn a_process_that_does_not_run_is_unresponsive_and_is_killed_for_it() {
    let mut spec = spec("idle", "stop");
    spec.health.interval = Duration::from_millis(50);
    // Long enough that the process that follows is not taken for such a one on a busy machine.
    spec.health.kill_unresponsive = Some(Duration::from_secs(4));
    let mut fixture = Fixture::start(spec);
    Orders::to(&fixture.worker()).give(b'!');
    fixture.await_event("unresponsive", |event| match event.kind {
        EventKind::Health { to, .. } => (to == HealthLevel::Unresponsive).then_some(()),
        _ => None,
    });
    assert_eq!(fixture.await_death().reason, ExitReason::Timeout);
    fixture.await_restart();
    fixture.stop();
}

#[test]
fn a_silent_gil_is_told_from_a_silent_event_loop() {
    for (beats, level) in [(b"gl", HealthLevel::GilHeld), (b"ll", HealthLevel::LoopStuck)] {
        let mut spec = spec("busy", "sleep");
        spec.health.interval = Duration::from_millis(20);
        (spec.health.gil, spec.health.event_loop) = (Duration::from_millis(200), Duration::from_millis(200));
        // A machine that is busy must not look like a child that does not run.
        spec.health.native = LONG;
        let mut fixture = Fixture::start(spec);
        let mut orders = Orders::to(&fixture.worker());
        assert!(orders.done(beats[0]) && orders.done(beats[1]));
        orders.give(b'!');
        let task = fixture.await_event("health", |event| match &event.kind {
            EventKind::Health { to, task, .. } => (*to == level).then(|| task.clone()),
            _ => None,
        });
        assert_eq!(task.map(|task| task.name), Some("the task".to_owned()));
        fixture.stop();
    }
}

#[test]
fn a_dump_is_refused_by_a_worker_that_would_die_of_it() {
    let fixture = Fixture::start(spec("never", ""));
    let error = fixture.conductor.dump(fixture.worker().id()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    assert!(Orders::to(&fixture.worker()).done(b'x'));
    fixture.stop();
}

#[test]
fn lines_are_events_with_their_stream() {
    let mut fixture = Fixture::start(spec("never", ""));
    assert!(Orders::to(&fixture.worker()).done(b'w'));
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(fixture.await_event("line", |event| match &event.kind {
            EventKind::Line { stream, text, .. } if text.starts_with("from ") => Some((*stream, text.clone())),
            _ => None,
        }));
    }
    streams.sort_by_key(|(_, text)| text.clone());
    assert_eq!(streams[0], (symphony_conductor::Stream::Stderr, "from err".to_owned()));
    assert_eq!(streams[1], (symphony_conductor::Stream::Stdout, "from out".to_owned()));
    fixture.stop();
}

#[test]
fn a_conductor_that_is_dropped_stops() {
    let Fixture { conductor, events, .. } = Fixture::start(spec("never", ""));
    let worker = conductor.workers().remove(0);
    drop(conductor);
    let stopped = events
        .iter()
        .any(|event| matches!(event.kind, EventKind::Stopped { .. }));
    assert!(stopped);
    assert!(worker.connect().is_err());
    // What is left of it does nothing.
    worker.kill(Demand::Kill);
}

#[test]
fn a_callback_that_waits_for_its_own_thread_gets_an_error() {
    let (sender, results) = std::sync::mpsc::channel();
    let fixture = Fixture::start(spec("never", ""));
    let conductor = fixture.conductor.clone();
    fixture.conductor.restart_then(move |_| {
        let refused = conductor.stop().unwrap_err();
        sender.send(refused.to_string()).unwrap();
    });
    assert!(
        results
            .recv_timeout(LONG)
            .unwrap()
            .contains("`stop` waits for the supervisor's thread")
    );
    fixture.stop();
}

#[test]
fn a_worker_that_takes_no_connections_makes_nobody_wait() {
    let fixture = Fixture::start(spec("idle", "stop"));
    let worker = fixture.worker();
    Orders::to(&worker).give(b'!');
    await_state(worker.pid(), 'T');
    let mut kept = Vec::new();
    let error = loop {
        match worker.connect() {
            Ok(socket) => kept.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error.kind(),
        std::io::ErrorKind::WouldBlock,
        "{error} after {}",
        kept.len()
    );
    fixture.stop();
}

#[test]
fn a_child_that_floods_its_parent_is_read_like_others() {
    // Not ours to write with, which is why it is done with a shell: a packet is whatever one `write` has.
    let mut flooding = spec("", "");
    flooding.executable = "sh".into();
    flooding.args = vec!["-c".into(), "while echo x >&3; do :; done".into()];
    flooding.startup_timeout = LONG;
    let (sender, ended) = std::sync::mpsc::channel();
    let flood = Conductor::launch(flooding, Environment::default(), move |result| {
        let _nobody_waits = sender.send(result);
    });
    let flood = flood.unwrap();
    let fixture = Fixture::start(spec("never", ""));
    assert!(Orders::to(&fixture.worker()).done(b'x'));
    fixture.stop();
    flood.stop().unwrap();
    assert!(matches!(ended.recv_timeout(LONG), Ok(Err(StartError::Stopped))));
}

#[test]
fn a_lost_connection_can_be_told_how_its_process_ended() {
    let mut spec = spec("idle", "exit70");
    spec.restart = RestartPolicy::Temporary;
    let fixture = Fixture::start(spec);
    let worker = fixture.worker();
    let (sender, reports) = std::sync::mpsc::channel();
    let early = sender.clone();
    worker.ended_then(move |exit| early.send(exit.code).unwrap());
    assert_eq!(worker.exit(), None);
    assert!(!Orders::to(&worker).done(b'!'));
    assert_eq!(reports.recv_timeout(LONG).unwrap(), Some(70));
    assert_eq!(worker.exit().map(|exit| exit.code), Some(Some(70)));
    // Also when the Conductor is gone, and everything else with it.
    drop(fixture);
    worker.ended_then(move |exit| sender.send(exit.code).unwrap());
    assert_eq!(reports.recv_timeout(LONG).unwrap(), Some(70));
}
