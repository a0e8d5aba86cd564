//! Models that do not load, stop answering, or take too long.

use std::time::Duration;

use symphony_pit::lifecycle::{InstanceState, TransitionReason};
use symphony_pit::pool::{AcquireOptions, HealthReport, HealthStatus, ModelStatus, PoolEvent};
use symphony_pit::{PitCode, Priority};

use crate::fixture::{Fixture, await_that, model};

#[test]
fn a_model_that_fails_twice_is_replaced_by_its_fallback_and_that_is_recorded() {
    let fixture = Fixture::new(100);
    let mut spec = model("main", "broken", 10);
    spec.fallbacks = vec!["unknown".into(), "also-broken".into(), "spare".into()];
    let main = fixture.register(spec);
    let mut spec = model("also-broken", "broken", 10);
    spec.fallbacks = vec!["main".into(), "spare".into()];
    let also = fixture.register(spec);
    let spare = fixture.register(model("spare", "at-once", 10));
    let mut events = fixture.pool.subscribe();
    let lease = fixture.acquire(main).unwrap();
    assert_eq!(lease.model(), spare.id());
    assert_eq!(fixture.pool.status(main).unwrap(), ModelStatus::Failed);
    for broken in [main, also] {
        let history = fixture.pool.history(broken.id(), 100);
        let states: Vec<_> = history.iter().map(|step| step.to).collect();
        let once = [InstanceState::Warming, InstanceState::Failed];
        assert_eq!(
            states,
            [once[0], once[1], InstanceState::Cold, once[0], once[1]][..states.len()]
        );
        assert!(
            history
                .iter()
                .filter(|step| step.reason == TransitionReason::LoadFailure)
                .count()
                == 2
        );
    }
    let fallback = std::iter::from_fn(|| events.try_next()).find_map(|event| match event {
        PoolEvent::Fallback { wanted, granted, .. } => Some((wanted, granted)),
        _ => None,
    });
    assert_eq!(fallback, Some((main.id(), spare.id())));
    let metrics = fixture.pool.metrics().unwrap();
    assert_eq!((metrics.fallbacks, metrics.load_failures, metrics.loads), (1, 4, 1));
    assert_eq!(fixture.resident_mb(), 10, "what failed holds no memory");
}

#[test]
fn without_a_fallback_the_loaders_own_words_come_back_with_a_time() {
    let fixture = Fixture::new(100);
    let broken = fixture.register(model("m", "broken", 10));
    for _ in 0..2 {
        let error = fixture.acquire(broken).unwrap_err();
        assert_eq!(error.code(), PitCode::LoadFailed);
        assert_eq!(error.to_string(), "model `m` 1 did not load: it is broken");
        assert!(error.retry_after_ms().is_some_and(|time| time <= 30_000));
    }
    assert_eq!(
        fixture.pool.metrics().unwrap().load_failures,
        2,
        "it is not tried again for a while"
    );
    let forgetful = fixture.register(model("m", "forgetful", 10));
    let error = fixture.acquire(forgetful).unwrap_err();
    assert_eq!(error.to_string(), "the loader of model `m` gave up without an answer");
    let nobodys = fixture.register(model("m", "nobody's", 10));
    let error = fixture.acquire(nobodys).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no loader of this process accepts `nobody's`"),
        "{error}"
    );
}

#[test]
fn a_load_that_nobody_waits_for_is_called_off_and_its_memory_comes_back() {
    let fixture = Fixture::unloading_by_hand(100);
    let model = fixture.register(model("m", "by-hand", 10));
    // The loader notices and stops.
    let waiting = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    assert!(!request.is_cancelled());
    drop(waiting);
    await_that("loading is called off", || request.is_cancelled());
    assert_eq!(fixture.resident_mb(), 10, "as long as the loader has not stopped");
    request.failed("stopped");
    assert_eq!(
        (fixture.pool.status(model).unwrap(), fixture.resident_mb()),
        (ModelStatus::Idle, 0)
    );
    // The loader does not notice, and is asked to unload.
    let waiting = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    drop(waiting);
    await_that("loading is called off", || request.is_cancelled());
    request.loaded();
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_none());
    fixture.next_unload().done();
    assert_eq!(
        (fixture.pool.status(model).unwrap(), fixture.resident_mb()),
        (ModelStatus::Idle, 0)
    );
    let states: Vec<_> = fixture.pool.history(model.id(), 9).iter().map(|step| step.to).collect();
    assert_eq!(
        states,
        [
            InstanceState::Warming,
            InstanceState::Cold,
            InstanceState::Warming,
            InstanceState::Cold
        ]
    );
    let metrics = fixture.pool.metrics().unwrap();
    assert_eq!((metrics.cancellations, metrics.load_failures), (2, 0));
}

#[test]
fn a_load_goes_on_as_long_as_somebody_waits_for_it() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "by-hand", 10));
    let first = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    let second = fixture.pool.acquire(model, AcquireOptions::default());
    drop(first);
    std::thread::sleep(Duration::from_millis(150));
    assert!(!request.is_cancelled() && fixture.loads.within(Duration::ZERO).is_none());
    request.loaded();
    drop(second.wait().unwrap());
}

#[test]
fn a_load_without_progress_times_out_and_one_with_progress_does_not() {
    let fixture = Fixture::new(100);
    let mut spec = model("m", "by-hand", 10);
    spec.load_timeout_ms = 200;
    let model = fixture.register(spec);
    let waiting = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(50));
        request.progress();
    }
    assert!(!request.is_cancelled() && !waiting.is_ready());
    let error = waiting.wait().unwrap_err();
    assert_eq!(error.code(), PitCode::Timeout, "{error}");
    assert!(request.is_cancelled());
    assert_eq!(fixture.resident_mb(), 10);
    request.failed("stopped");
    assert_eq!(fixture.resident_mb(), 0);
}

#[test]
fn a_model_with_three_bad_reports_is_taken_away_and_replaced() {
    let fixture = Fixture::new(100);
    let mut spec = model("main", "at-once", 10);
    spec.fallbacks = vec!["spare".into()];
    let main = fixture.register(spec);
    let spare = fixture.register(model("spare", "at-once", 10));
    let lease = fixture.acquire(main).unwrap();
    let instance = lease.instance();
    let report = |healthy| fixture.pool.report_health(instance, HealthReport { healthy }).unwrap();
    assert_eq!(report(false), HealthStatus::Degraded);
    assert_eq!(fixture.pool.health(instance).unwrap(), HealthStatus::Degraded);
    assert_eq!(report(true), HealthStatus::Healthy);
    assert_eq!(fixture.pool.health(instance).unwrap(), HealthStatus::Healthy);
    assert_eq!(
        (report(false), report(false), report(false)),
        (HealthStatus::Degraded, HealthStatus::Degraded, HealthStatus::Unhealthy)
    );
    await_that("it is unloaded as broken", || {
        fixture.pool.status(main).unwrap() == ModelStatus::Failed
    });
    assert_eq!(lease.status().unwrap_or(ModelStatus::Failed), ModelStatus::Failed);
    assert_eq!(fixture.pool.release(lease).unwrap_err().code(), PitCode::StaleHandle);
    assert_eq!(fixture.acquire(main).unwrap().model(), spare.id());
    let broken = fixture.pool.history(main.id(), 1)[0];
    assert_eq!(
        (broken.to, broken.reason),
        (InstanceState::Failed, TransitionReason::HealthCheckFailure)
    );
}
