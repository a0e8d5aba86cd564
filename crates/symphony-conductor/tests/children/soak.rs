//! Many lives, one after the other. `SYMPHONY_SOAK=10000` has as many of them; the default is what a test may cost.

use std::time::{Duration, Instant};

use symphony_conductor::policy::{BackoffRule, Intensity};
use symphony_conductor::{ConductorPort, Demand, EventKind, ExitReason, MetricValue, State};

use crate::fixture::{Fixture, LONG, Orders, spec};

fn rounds(default: usize) -> usize {
    std::env::var("SYMPHONY_SOAK")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    format!("median {:?}, 99 % {:?}, longest {:?}", at(50), at(99), at(100))
}

#[test]
fn every_cycle_of_start_call_and_stop_succeeds() {
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..rounds(100) {
        let begin = Instant::now();
        let mut fixture = Fixture::start(spec("never", ""));
        starts.push(begin.elapsed());
        assert!(Orders::to(&fixture.worker()).done(b'x'));
        let begin = Instant::now();
        fixture.conductor.stop().unwrap();
        stops.push(begin.elapsed());
        assert_eq!(fixture.await_stop().reason, ExitReason::Clean);
        assert_eq!(fixture.conductor.state(), State::Stopped);
    }
    println!("\nstart to ready: {}\nstop to end: {}", spread(starts), spread(stops));
}

#[test]
fn a_pool_whose_workers_are_killed_at_random_always_recovers() {
    let mut spec = spec("never", "");
    (spec.size, spec.standby) = (2, 1);
    spec.intensity = Intensity {
        restarts: u32::MAX,
        within: LONG,
    };
    let mut backoff = BackoffRule::default();
    backoff.cap = Duration::from_millis(20);
    spec.backoff = backoff;
    let mut fixture = Fixture::start(spec);
    fixture.await_state(State::Standby);
    let mut recoveries = Vec::new();
    for round in 0..rounds(100) {
        let workers = fixture.conductor.workers();
        let victim = &workers[(round * 7) % workers.len()];
        let begin = Instant::now();
        victim.kill(Demand::Kill);
        let report = fixture.await_death();
        assert_eq!((report.pid, report.reason), (victim.pid(), ExitReason::Killed));
        let promoted = fixture.await_event("promoted", |event| {
            matches!(event.kind, EventKind::Promoted).then_some(event.worker)
        });
        let spare = fixture.conductor.worker(promoted).expect("it was ready");
        assert!(Orders::to(&spare).done(b'x'));
        recoveries.push(begin.elapsed());
        assert_eq!(fixture.conductor.workers().len(), 2);
        // The dead one stands by now.
        fixture.await_state(State::Standby);
    }
    let status = fixture.conductor.status();
    let recovery = status
        .metrics
        .iter()
        .find(|metric| metric.name == "symphony.conductor.recovery.duration");
    let Some(MetricValue::Histogram(recovery)) = recovery.map(|metric| &metric.value) else {
        panic!("{status:?}")
    };
    assert_eq!(recovery.count, recoveries.len() as u64);
    println!("\nkill to the first answer of a spare: {}", spread(recoveries));
    fixture.stop();
}
