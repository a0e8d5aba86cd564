//! Every fault, in every state.

use std::time::Duration;

use symphony_conductor::{ConductorPort, Demand, EventKind, ExitReason, ExitReport, StartError, State};

use crate::fixture::{Fixture, Orders, await_end, await_state, exists, spec};

/// What ends a process: the misbehaviour, its exit code and signal, and the reason if nobody asked for it.
const ENDS: [(&str, Option<i32>, Option<i32>, ExitReason); 8] = [
    ("kill", None, Some(9), ExitReason::OomSuspected),
    ("segv", None, Some(11), ExitReason::Crash),
    ("abort", None, Some(6), ExitReason::Crash),
    ("exit0", Some(0), None, ExitReason::Clean),
    ("exit1", Some(1), None, ExitReason::Crash),
    ("exit3", Some(3), None, ExitReason::Crash),
    ("exit70", Some(70), None, ExitReason::Fatal),
    ("panic", Some(1), None, ExitReason::Crash),
];

/// What the kernel's counters say of a kill from outside.
fn expected(report: &ExitReport, reason: ExitReason) -> ExitReason {
    match (reason, report.oom_kill) {
        (ExitReason::OomSuspected, Some(false)) => ExitReason::Killed,
        _ => reason,
    }
}

fn check(report: &ExitReport, (what, code, signal, reason): (&str, Option<i32>, Option<i32>, ExitReason)) {
    assert_eq!((report.code, report.signal), (code, signal), "{what}: {report:?}");
    assert_eq!(report.reason, expected(report, reason), "{what}: {report:?}");
    if what == "panic" {
        assert!(report.stderr_tail.contains("uncaught"), "{report:?}");
    }
    assert!(!exists(report.pid), "{what}: there is a zombie");
}

#[test]
fn a_worker_that_ends_before_it_is_ready_fails_the_start_at_once() {
    for (what, code, signal, reason) in ENDS {
        let reason = if what == "exit3" { ExitReason::BootError } else { reason };
        let Err(error) = Fixture::try_start(spec("starting", what)) else {
            panic!("{what}: it started")
        };
        let StartError::Failed { exit: Some(exit), .. } = &error else {
            panic!("{what}: {error}")
        };
        check(exit, (what, code, signal, reason));
        assert!(!exit.was_ready);
    }
}

#[test]
fn a_worker_that_ends_idle_or_busy_is_reported_and_started_again() {
    for when in ["idle", "busy"] {
        for end in ENDS {
            let mut fixture = Fixture::start(spec(when, end.0));
            let before = fixture.worker().pid();
            assert!(
                !Orders::to(&fixture.worker()).done(b'!'),
                "{} {when}: it answered",
                end.0
            );
            let report = fixture.await_death();
            check(&report, end);
            assert_eq!(report.pid, before);
            let running: Vec<_> = report.last_tasks.iter().filter(|task| task.running).collect();
            if when == "busy" {
                assert_eq!(
                    (running.len(), running[0].id, running[0].name.as_str()),
                    (1, 7, "the task")
                );
            } else {
                assert!(running.is_empty());
            }
            if end.3 == ExitReason::Clean {
                // It had nothing to do any more: that is no reason to start it again.
                assert!(fixture.conductor.workers().is_empty());
            } else {
                fixture.await_restart();
                assert!(Orders::to(&fixture.worker()).done(b'x'));
            }
            fixture.stop();
        }
    }
}

#[test]
fn a_worker_that_ends_wrongly_while_it_drains_has_stopped_all_the_same() {
    for end in ENDS {
        let mut fixture = Fixture::start(spec("draining", end.0));
        fixture.conductor.stop().unwrap();
        let report = fixture.await_stop();
        check(&report, end);
        assert_eq!(fixture.conductor.state(), State::Stopped, "{}", end.0);
    }
}

#[test]
fn a_worker_that_does_not_become_ready_is_killed_when_its_time_is_over() {
    for what in ["spin", "sleep", "deaf", "stop"] {
        let mut spec = spec("starting", what);
        spec.startup_timeout = Duration::from_millis(300);
        let Err(error) = Fixture::try_start(spec) else {
            panic!("{what}: it started")
        };
        let StartError::Failed { exit: Some(exit), .. } = &error else {
            panic!("{what}: {error}")
        };
        check(exit, (what, None, Some(6), ExitReason::Timeout));
    }
}

#[test]
fn a_worker_that_does_not_drain_gets_the_signals_one_after_the_other() {
    for (what, signal) in [("spin", 15), ("sleep", 15), ("stop", 15), ("deaf", 6)] {
        let mut fixture = Fixture::start(spec("draining", what));
        fixture.conductor.stop().unwrap();
        let report = fixture.await_stop();
        check(&report, (what, None, Some(signal), ExitReason::Killed));
    }
}

#[test]
fn a_worker_that_is_stuck_still_drains_since_its_control_thread_is_not() {
    for what in ["spin", "sleep", "deaf"] {
        for when in ["idle", "busy"] {
            let mut fixture = Fixture::start(spec(when, what));
            Orders::to(&fixture.worker()).give(b'!');
            fixture.conductor.stop().unwrap();
            check(&fixture.await_stop(), (what, Some(0), None, ExitReason::Clean));
        }
    }
}

#[test]
fn a_stopped_process_ends_too() {
    let mut fixture = Fixture::start(spec("idle", "stop"));
    Orders::to(&fixture.worker()).give(b'!');
    // Everything that it could do about it is in the phases.
    fixture.conductor.stop().unwrap();
    let report = fixture.await_stop();
    assert!(
        matches!(report.reason, ExitReason::Killed | ExitReason::Clean),
        "{report:?}"
    );
}

#[test]
fn a_process_that_is_killed_for_a_timeout_says_so_and_is_started_again() {
    for (what, demand, signal, reason) in [
        ("spin", Demand::Timeout, 6, ExitReason::Timeout),
        ("stop", Demand::Timeout, 6, ExitReason::Timeout),
        ("deaf", Demand::Kill, 9, ExitReason::Killed),
    ] {
        let mut fixture = Fixture::start(spec("busy", what));
        let worker = fixture.worker();
        Orders::to(&worker).give(b'!');
        if what == "stop" {
            // A stop that comes after SIGCONT would hold SIGABRT up.
            await_state(worker.pid(), 'T');
        }
        worker.kill(demand);
        check(&fixture.await_death(), (what, None, Some(signal), reason));
        fixture.await_restart();
        fixture.stop();
    }
}

#[test]
fn a_process_that_closes_its_outputs_serves_on() {
    for (when, order) in [("starting", b'x'), ("idle", b'!')] {
        let mut fixture = Fixture::start(spec(when, "close"));
        assert!(Orders::to(&fixture.worker()).done(order) && Orders::to(&fixture.worker()).done(b'x'));
        fixture.conductor.stop().unwrap();
        assert_eq!(fixture.await_stop().reason, ExitReason::Clean);
    }
}

#[test]
fn ten_megabytes_of_output_block_nobody() {
    for when in ["starting", "idle", "busy"] {
        let mut fixture = Fixture::start(spec(when, "noise"));
        assert!(Orders::to(&fixture.worker()).done(b'x'));
        if when != "starting" {
            assert!(Orders::to(&fixture.worker()).done(b'!'));
        }
        fixture.conductor.stop().unwrap();
        let report = fixture.await_stop();
        assert!(report.stderr_tail.len() > 60 * 1024 && report.stderr_tail.len() <= 64 * 1024);
        let status = fixture.conductor.status();
        let counted = |name| {
            let metric = status.metrics.iter().find(|metric| metric.name == name);
            match metric.map(|metric| &metric.value) {
                Some(symphony_conductor::MetricValue::Counter(value)) => *value,
                other => panic!("{name}: {other:?}"),
            }
        };
        let (bytes, dropped) = (
            counted("symphony.conductor.output"),
            counted("symphony.conductor.output.dropped_lines"),
        );
        assert!(bytes >= 10_000_000, "{bytes}");
        let lines = fixture
            .events
            .try_iter()
            .filter(|event| matches!(event.kind, EventKind::Line { .. }))
            .count() as u64;
        assert!(dropped > 0 && lines + dropped <= 100_100, "{lines} and {dropped}");
    }
}

#[test]
fn a_grandchild_ends_with_the_child() {
    for (when, what) in [
        ("idle", "grandchild"),
        ("idle", "grandchild+exit1"),
        ("draining", "grandchild+exit1"),
    ] {
        let mut fixture = Fixture::start(spec(when, what));
        let worker = fixture.worker();
        let dies = what.ends_with("exit1");
        if when == "idle" {
            assert_ne!(Orders::to(&worker).done(b'!'), dies);
        }
        if dies && when == "idle" {
            fixture.await_death();
        } else {
            fixture.conductor.stop().unwrap();
        }
        let exit = fixture.conductor.status().last_exits.pop().expect("it has ended");
        let grandchild = exit
            .stdout_tail
            .lines()
            .find_map(|line| line.strip_prefix("grandchild "));
        await_end(grandchild.expect("it said its number").parse().unwrap());
    }
}
