//! Leases: given, queued, given back, given up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use symphony_pit::lifecycle::InstanceState;
use symphony_pit::pool::{AcquireOptions, ModelStatus};
use symphony_pit::{LeaseId, ModelSpec, PitCode, Priority};

use crate::fixture::{Fixture, await_that, model};

#[test]
fn a_model_is_loaded_for_the_first_and_lent_again_afterwards() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "by-hand", 10));
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_none());
    let first = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    assert_eq!((request.model(), request.spec().name.as_str()), (model.id(), "m"));
    assert_eq!(fixture.pool.status(model).unwrap(), ModelStatus::Loading);
    assert_eq!(fixture.resident_mb(), 10, "memory counts from the beginning");
    let instance = request.instance();
    request.loaded();
    let lease = first.wait().unwrap();
    assert_eq!(
        (lease.instance(), lease.model(), lease.owner()),
        (instance, model.id(), fixture.domain.slot())
    );
    assert_eq!(lease.status().unwrap(), ModelStatus::Busy);
    assert!(
        fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_none(),
        "one at a time"
    );
    fixture.pool.release(lease).unwrap();
    assert_eq!(fixture.pool.status(model).unwrap(), ModelStatus::Ready);
    let again = fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().unwrap();
    assert_eq!(again.instance(), instance);
    drop(again);
    assert_eq!(
        fixture.pool.status(model).unwrap(),
        ModelStatus::Ready,
        "dropping gives back"
    );
}

#[test]
fn the_same_specification_is_the_same_model_and_names_mean_the_last() {
    let fixture = Fixture::new(100);
    let first = fixture.register(model("m", "at-once", 10));
    let second = fixture.register(model("m", "at-once", 11));
    assert_ne!(first, second);
    assert_eq!(fixture.pool.find("m").unwrap(), second);
    assert_eq!(fixture.register(model("m", "at-once", 10)), first);
    assert_eq!(fixture.pool.find("m").unwrap(), first);
    assert_eq!(
        fixture.pool.spec(first.id()).unwrap().resource_requirements.memory_mb,
        10
    );
    assert_eq!(fixture.pool.find("other").unwrap_err().code(), PitCode::NotFound);
    let refused = fixture
        .pool
        .register(ModelSpec::new("", "1", "at-once"))
        .wait()
        .unwrap_err();
    assert_eq!(refused.code(), PitCode::InvalidArgument);
    for number in 0..128 {
        fixture.register(model(&format!("m{number}"), "at-once", 1));
    }
    let lease = fixture.acquire(fixture.pool.find("m127").unwrap()).unwrap();
    assert_eq!(fixture.pool.spec(lease.model()).unwrap().name, "m127");
}

#[test]
fn a_lease_that_is_given_back_twice_or_was_never_lent_is_stale() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "at-once", 10));
    let id = fixture.acquire(model).unwrap().into_id();
    fixture.pool.release_id(id).unwrap();
    assert_eq!(fixture.pool.release_id(id).unwrap_err().code(), PitCode::StaleHandle);
    let next = fixture.acquire(model).unwrap();
    assert_eq!(fixture.pool.release_id(id).unwrap_err().code(), PitCode::StaleHandle);
    assert_eq!(
        next.status().unwrap(),
        ModelStatus::Busy,
        "the next holder lost nothing"
    );
    for number in [0, u64::MAX, 1 << 16 | 0x1fff] {
        let error = fixture.pool.release_id(LeaseId::from_number(number)).unwrap_err();
        assert_eq!(error.code(), PitCode::StaleHandle);
    }
    fixture.pool.release(next).unwrap();
}

#[test]
fn requests_are_served_by_urgency_when_leases_are_given_back() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "at-once", 10));
    let mut lease = fixture.acquire(model).unwrap();
    let ask = |priority| {
        let mut options = AcquireOptions::default();
        options.priority = priority;
        fixture.pool.acquire(model, options)
    };
    let (low, normal, high) = (ask(Priority::LOW), ask(Priority::NORMAL), ask(Priority::HIGH));
    assert_eq!(fixture.pool.metrics().unwrap().waiting, 3);
    let id = lease.id();
    for request in [high, normal, low] {
        drop(lease);
        lease = request.wait().unwrap();
        assert_ne!(lease.id(), id);
    }
    let waiting = ask(Priority::NORMAL);
    drop(lease);
    // Whoever waits is not overtaken by an equal; by whom it may, only by luck.
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_none());
    drop(waiting.wait().unwrap());
}

#[test]
fn the_queue_is_bounded_and_waiting_has_an_end() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "at-once", 10));
    let _lease = fixture.acquire(model).unwrap();
    fixture.pool.set_queue_limit(1);
    let mut options = AcquireOptions::default();
    options.timeout = Some(Duration::from_millis(20));
    let waiting = fixture.pool.acquire(model, options);
    let refused = fixture.pool.acquire(model, options).wait().unwrap_err();
    assert_eq!(refused.code(), PitCode::QueueFull);
    assert!(refused.is_retryable());
    assert_eq!(waiting.wait().unwrap_err().code(), PitCode::Timeout);
    let metrics = fixture.pool.metrics().unwrap();
    assert_eq!((metrics.queue_refusals, metrics.timeouts, metrics.waiting), (1, 1, 0));
}

#[test]
fn a_request_that_is_given_up_leaves_the_queue() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "at-once", 10));
    let lease = fixture.acquire(model).unwrap();
    let cancelled = fixture.pool.acquire(model, AcquireOptions::default());
    cancelled.cancel();
    assert_eq!(cancelled.wait().unwrap_err().code(), PitCode::Cancelled);
    drop(fixture.pool.acquire(model, AcquireOptions::default()));
    await_that("nobody waits", || fixture.pool.metrics().unwrap().waiting == 0);
    drop(lease);
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_some());
}

#[test]
fn more_instances_are_loaded_when_more_wait_and_no_more_than_allowed() {
    let fixture = Fixture::new(100);
    let mut spec = model("m", "by-hand", 10);
    spec.max_instances = 2;
    spec.max_concurrency = 2;
    let model = fixture.register(spec);
    let requests: Vec<_> = (0..5)
        .map(|_| fixture.pool.acquire(model, AcquireOptions::default()))
        .collect();
    let loads = [fixture.next_load(), fixture.next_load()];
    assert_eq!(fixture.resident_mb(), 20);
    loads.into_iter().for_each(symphony_pit::pool::LoadRequest::loaded);
    let mut leases = Vec::new();
    for request in requests {
        if leases.len() == 4 {
            assert!(!request.is_ready() && fixture.loads.within(Duration::ZERO).is_none());
            leases.pop();
        }
        leases.push(request.wait().unwrap());
    }
    let instances = fixture.pool.instances().unwrap();
    assert_eq!(
        instances
            .iter()
            .map(|instance| (instance.leases, instance.state))
            .collect::<Vec<_>>(),
        [(2, InstanceState::Hot), (2, InstanceState::Hot)]
    );
    assert_eq!(instances.iter().map(|instance| instance.uses).sum::<u64>(), 5);
}

#[test]
fn a_thousand_threads_lose_and_double_no_lease() {
    const THREADS: usize = 1000;
    const TURNS: usize = 12;
    let fixture = Fixture::new(100);
    let mut spec = model("m", "at-once", 10);
    spec.max_concurrency = 4;
    let model = fixture.register(spec);
    fixture.pool.set_queue_limit(THREADS);
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            std::thread::Builder::new()
                .stack_size(128 * 1024)
                .spawn_scoped(scope, || {
                    for turn in 0..TURNS {
                        let lease = match fixture.pool.try_acquire(model, Priority::NORMAL).unwrap() {
                            Some(lease) => lease,
                            None if turn % 4 != 0 => continue,
                            None => fixture.acquire(model).unwrap(),
                        };
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 4);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        fixture.pool.release(lease).unwrap();
                    }
                })
                .unwrap();
        }
    });
    let metrics = fixture.pool.metrics().unwrap();
    assert_eq!((metrics.leases, metrics.waiting, metrics.loads), (0, 0, 1));
    assert!(metrics.acquisitions >= (THREADS * TURNS / 4) as u64);
}

#[test]
fn everything_is_refused_after_the_domain_was_closed() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "by-hand", 10));
    let waiting = fixture.pool.acquire(model, AcquireOptions::default());
    let request = fixture.next_load();
    fixture.domain.close();
    assert_eq!(waiting.wait().unwrap_err().code(), PitCode::NotAttached);
    assert!(request.is_cancelled());
    request.loaded();
    assert_eq!(fixture.acquire(model).unwrap_err().code(), PitCode::NotAttached);
    assert_eq!(fixture.pool.status(model).unwrap_err().code(), PitCode::NotAttached);
    assert_eq!(fixture.register_error().code(), PitCode::NotAttached);
}

impl Fixture {
    fn register_error(&self) -> symphony_pit::PitError {
        self.pool.register(model("other", "at-once", 1)).wait().unwrap_err()
    }
}
