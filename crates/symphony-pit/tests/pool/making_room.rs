//! Memory: never more than the budget, and what goes when more is wanted.

use std::time::Duration;

use symphony_pit::lifecycle::{InstanceState, TransitionReason};
use symphony_pit::pool::{AcquireOptions, Budget, ModelRef, ModelStatus};
use symphony_pit::{KeepAlive, PitCode, Priority};

use crate::fixture::{Fixture, await_that, model};

impl Fixture {
    /// Models of this size that are loaded, the first used first.
    fn loaded(&self, sizes: &[u64]) -> Vec<ModelRef> {
        let load = |(number, size): (usize, &u64)| {
            let model = self.register(model(&format!("m{number}"), "at-once", *size));
            drop(self.acquire(model).unwrap());
            // Uses are told apart by the keeper's beat.
            std::thread::sleep(Duration::from_millis(150));
            model
        };
        sizes.iter().enumerate().map(load).collect()
    }

    fn status(&self, model: ModelRef) -> ModelStatus {
        self.pool.status(model).unwrap()
    }
}

#[test]
fn the_one_that_was_not_used_for_longest_goes() {
    let fixture = Fixture::new(100);
    let models = fixture.loaded(&[40, 30, 30]);
    drop(fixture.pool.try_acquire(models[0], Priority::NORMAL).unwrap().unwrap());
    let other = fixture.register(model("other", "at-once", 20));
    let _lease = fixture.acquire(other).unwrap();
    let statuses: Vec<_> = models.iter().map(|model| fixture.status(*model)).collect();
    assert_eq!(statuses, [ModelStatus::Ready, ModelStatus::Idle, ModelStatus::Ready]);
    assert_eq!(fixture.pool.metrics().unwrap().evictions, 1);
    let last = *fixture.pool.history(models[1].id(), 2).first().unwrap();
    assert_eq!(
        (last.to, last.reason),
        (InstanceState::Cooling, TransitionReason::ResourcePressure)
    );
}

#[test]
fn what_is_lent_or_pinned_stays_and_the_request_waits() {
    let fixture = Fixture::new(100);
    let models = fixture.loaded(&[50, 50]);
    let lease = fixture.pool.try_acquire(models[0], Priority::NORMAL).unwrap().unwrap();
    let pinned = fixture.pool.instances().unwrap()[1].instance;
    fixture.pool.pin(pinned, true).unwrap();
    let other = fixture.register(model("other", "at-once", 10));
    let mut options = AcquireOptions::default();
    options.timeout = Some(Duration::from_millis(250));
    let error = fixture.pool.acquire(other, options).wait().unwrap_err();
    assert_eq!(error.code(), PitCode::Timeout);
    assert_eq!(
        (fixture.status(models[0]), fixture.status(models[1])),
        (ModelStatus::Busy, ModelStatus::Ready)
    );
    let waiting = fixture.pool.acquire(other, AcquireOptions::default());
    drop(lease);
    drop(waiting.wait().unwrap());
    assert_eq!(
        (fixture.status(models[0]), fixture.status(models[1])),
        (ModelStatus::Idle, ModelStatus::Ready)
    );
}

#[test]
fn room_is_there_only_when_the_memory_has_come_back() {
    let fixture = Fixture::unloading_by_hand(100);
    let models = fixture.loaded(&[100]);
    let other = fixture.register(model("other", "by-hand", 100));
    let waiting = fixture.pool.acquire(other, AcquireOptions::default());
    let unload = fixture.next_unload();
    assert_eq!(fixture.status(models[0]), ModelStatus::Deallocating);
    assert!(
        fixture.loads.within(Duration::from_millis(250)).is_none(),
        "the memory is not free yet"
    );
    assert_eq!(fixture.resident_mb(), 100);
    unload.done();
    fixture.next_load().loaded();
    drop(waiting.wait().unwrap());
    assert_eq!(fixture.resident_mb(), 100);
}

#[test]
fn a_large_request_is_not_starved_by_small_ones() {
    let fixture = Fixture::new(100);
    let models = fixture.loaded(&[60]);
    let lease = fixture.acquire(models[0]).unwrap();
    let large = fixture.register(model("large", "at-once", 100));
    let small = fixture.register(model("small", "at-once", 10));
    let first = fixture.pool.acquire(large, AcquireOptions::default());
    await_that("it waits", || fixture.pool.metrics().unwrap().waiting == 1);
    let second = fixture.pool.acquire(small, AcquireOptions::default());
    std::thread::sleep(Duration::from_millis(250));
    assert!(!second.is_ready(), "it would take what the first waits for");
    drop(lease);
    drop(first.wait().unwrap());
    drop(second.wait().unwrap());
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let fixture = Fixture::new(100);
    let large = fixture.register(model("large", "at-once", 101));
    let error = fixture.acquire(large).unwrap_err();
    assert_eq!(error.code(), PitCode::ResourceExhausted);
    assert_eq!(error.to_string(), "model `large` needs 101 MB of memory of 100 in all");
    let mut spec = model("licensed", "at-once", 1);
    spec.resource_requirements.named.insert("licence".into(), 1);
    let licensed = fixture.register(spec);
    assert_eq!(
        fixture.acquire(licensed).unwrap_err().code(),
        PitCode::ResourceExhausted
    );
    let mut budget = Budget::default();
    budget.named.insert("licence".into(), 1);
    budget.cpu_millis = Some(500);
    fixture.pool.set_budget(budget.clone()).unwrap();
    assert_eq!(fixture.pool.budget(), budget);
    drop(fixture.acquire(licensed).unwrap());
    drop(fixture.acquire(large).unwrap());
    let mut spec = model("busy", "at-once", 1);
    spec.resource_requirements.cpu_cores = 0.501;
    let busy = fixture.register(spec);
    assert_eq!(fixture.acquire(busy).unwrap_err().code(), PitCode::ResourceExhausted);
}

#[test]
fn a_model_is_unloaded_after_its_keep_alive_time() {
    let fixture = Fixture::new(100);
    let mut spec = model("m", "at-once", 10);
    spec.keep_alive = KeepAlive::Milliseconds(0);
    let at_once = fixture.register(spec.clone());
    spec.keep_alive = KeepAlive::Milliseconds(200);
    let soon = fixture.register(spec);
    let lease = fixture.acquire(at_once).unwrap();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(
        lease.status().unwrap(),
        ModelStatus::Busy,
        "its time begins when it is given back"
    );
    drop(fixture.acquire(soon).unwrap());
    drop(lease);
    await_that("the first is unloaded", || fixture.status(at_once) == ModelStatus::Idle);
    await_that("the second is unloaded", || fixture.status(soon) == ModelStatus::Idle);
    let last = *fixture.pool.history(soon.id(), 1).last().unwrap();
    assert_eq!(
        (last.to, last.reason),
        (InstanceState::Cold, TransitionReason::AutomaticTimeout)
    );
    assert_eq!(fixture.resident_mb(), 0);
}

#[test]
fn unloading_waits_for_leases_and_takes_them_in_the_end() {
    let fixture = Fixture::unloading_by_hand(100);
    let model = fixture.register(model("m", "at-once", 10));
    let lease = fixture.acquire(model).unwrap();
    let instance = lease.instance();
    let unloading = fixture.pool.unload(instance, Duration::from_secs(3600));
    await_that("it is no longer lent", || {
        fixture.status(model) == ModelStatus::Deallocating
    });
    assert!(fixture.unloads.as_ref().unwrap().within(Duration::ZERO).is_none());
    drop(lease);
    fixture.next_unload().done();
    unloading.wait().unwrap();
    assert_eq!(
        fixture.pool.unload(instance, Duration::ZERO).wait().unwrap_err().code(),
        PitCode::NotFound
    );

    let lease = fixture.acquire(model).unwrap();
    let unloading = fixture.pool.unload(lease.instance(), Duration::ZERO);
    fixture.next_unload().done();
    unloading.wait().unwrap();
    assert_eq!(lease.status().unwrap_err().code(), PitCode::StaleHandle);
    assert_eq!(fixture.pool.release(lease).unwrap_err().code(), PitCode::StaleHandle);
}

#[test]
fn a_parked_model_is_not_lent_and_goes_when_memory_is_needed() {
    let fixture = Fixture::new(100);
    let model = fixture.register(model("m", "at-once", 60));
    let lease = fixture.acquire(model).unwrap();
    let instance = lease.instance();
    assert_eq!(fixture.pool.park(instance).unwrap_err().code(), PitCode::Conflict);
    assert_eq!(lease.status().unwrap(), ModelStatus::Busy);
    assert_eq!(
        fixture.pool.wake(instance).unwrap_err().code(),
        PitCode::InvalidTransition
    );
    drop(lease);
    fixture.pool.park(instance).unwrap();
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_none());
    assert_eq!(
        (fixture.status(model), fixture.resident_mb()),
        (ModelStatus::Parked, 60)
    );
    fixture.pool.wake(instance).unwrap();
    assert!(fixture.pool.try_acquire(model, Priority::NORMAL).unwrap().is_some());
    fixture.pool.park(instance).unwrap();
    let other = fixture.register(crate::fixture::model("other", "at-once", 60));
    drop(fixture.acquire(other).unwrap());
    assert_eq!(fixture.status(model), ModelStatus::Idle);
}

#[test]
fn memory_never_exceeds_the_budget_whatever_is_asked() {
    let fixture = Fixture::new(100);
    let models: Vec<_> = (0..8_u64)
        .map(|number| {
            let mut spec = model(&format!("m{number}"), "at-once", 10 + number * 7);
            spec.max_instances = 2;
            fixture.register(spec)
        })
        .collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                most = fixture.resident_mb().max(most);
            }
            most
        });
        let users: Vec<_> = (0..4_usize)
            .map(|thread| {
                let (fixture, models) = (&fixture, &models);
                scope.spawn(move || {
                    for turn in 0..50 {
                        let model = models[(turn * (thread + 3) + thread) % models.len()];
                        drop(fixture.acquire(model).unwrap());
                    }
                })
            })
            .collect();
        for user in users {
            user.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let most = watch.join().unwrap();
        assert!(most <= 100, "{most} MB");
    });
    assert!(fixture.pool.metrics().unwrap().evictions > 0);
}
