//! What is seen of the pool: events, history, figures, predictions.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use symphony_pit::lifecycle::InstanceState::{Cold, Cooling, Hot, Warming};
use symphony_pit::lifecycle::TransitionReason::{PredictivePrewarm, UserRequest};
use symphony_pit::pool::{ModelStatus, PoolEvent, PredictionContext, UsagePattern};
use symphony_pit::{Component, ModelId};

use crate::fixture::{Fixture, await_that, model};

/// The smallest executor.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn events_come_in_order_to_those_who_wait_for_them() {
    let fixture = Fixture::new(100);
    let mut events = fixture.pool.subscribe();
    let model = fixture.register(model("m", "at-once", 10));
    let before = fixture.domain.epoch(Component::Pool).unwrap();
    let thread = std::thread::spawn(move || {
        let mut next = || match block_on(events.next()) {
            Some(PoolEvent::Transition(transition)) => (transition.from, transition.to, transition.reason),
            other => panic!("{other:?}"),
        };
        [next(), next(), next(), next()]
    });
    let warm = block_on(fixture.pool.prewarm(model, PredictivePrewarm)).unwrap();
    assert_eq!(fixture.pool.status(model).unwrap(), ModelStatus::Ready);
    let again = fixture.pool.prewarm(model, PredictivePrewarm).wait().unwrap();
    assert_eq!(again, warm, "one that is loaded will do");
    fixture.pool.unload(warm, std::time::Duration::ZERO).wait().unwrap();
    assert_eq!(
        thread.join().unwrap(),
        [
            (Cold, Warming, PredictivePrewarm),
            (Warming, Hot, PredictivePrewarm),
            (Hot, Cooling, UserRequest),
            (Cooling, Cold, UserRequest),
        ]
    );
    assert!(fixture.domain.epoch(Component::Pool).unwrap() > before);
}

#[test]
fn a_reader_that_is_late_is_told_how_much_it_missed() {
    let fixture = Fixture::new(100);
    let mut events = fixture.pool.subscribe();
    let model = fixture.register(model("m", "at-once", 10));
    let instance = fixture.acquire(model).unwrap().instance();
    for _ in 0..3000 {
        fixture.pool.park(instance).unwrap();
        fixture.pool.wake(instance).unwrap();
    }
    let seen: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert_eq!(seen[0], PoolEvent::Lost(6002 - 4096));
    assert_eq!(seen.len(), 4097);
    assert_eq!(fixture.pool.history(model.id(), 5).len(), 5);
}

#[test]
fn a_closed_domain_ends_the_events() {
    let fixture = Fixture::new(100);
    let mut events = fixture.pool.subscribe();
    let thread = std::thread::spawn(move || block_on(events.next()));
    fixture.domain.close();
    assert_eq!(thread.join().unwrap(), None);
}

#[test]
fn figures_count_what_happened() {
    let fixture = Fixture::new(20);
    let first = fixture.register(model("a", "at-once", 20));
    let second = fixture.register(model("b", "at-once", 20));
    for _ in 0..3 {
        drop(fixture.acquire(first).unwrap());
    }
    let lease = fixture.acquire(second).unwrap();
    await_that("the first is gone", || {
        fixture.pool.status(first).unwrap() == ModelStatus::Idle
    });
    let metrics = fixture.pool.metrics().unwrap();
    assert_eq!(
        (metrics.acquisitions, metrics.misses, metrics.loads, metrics.unloads),
        (4, 2, 2, 1)
    );
    assert_eq!((metrics.leases, metrics.resident_mb, metrics.evictions), (1, 20, 1));
    assert_eq!(metrics.instances, [("hot", 1)].into());
    drop(lease);
}

#[test]
fn what_followed_before_is_predicted() {
    let fixture = Fixture::new(100);
    let models: Vec<_> = (0..10).map(|_| ModelId::new()).collect();
    for round in 0..50 {
        for (model, after) in [(0, None), (1, Some(0)), (2, Some(1)), (3 + round % 7, Some(2))] {
            fixture.pool.record_usage(UsagePattern {
                model: models[model],
                after: after.map(|after: usize| models[after]),
                hour: 9,
            });
        }
    }
    let next = |after: usize| {
        let context = PredictionContext {
            after: Some(models[after]),
            hour: 9,
        };
        fixture.pool.predict(context)
    };
    assert_eq!(next(0)[0].0, models[1]);
    assert_eq!(next(1)[0].0, models[2]);
    let likely = next(0);
    assert!(likely.is_sorted_by(|left, right| left.1 >= right.1) && likely[0].1 > 0.8 && likely[0].1 <= 1.0);
    assert!(fixture.pool.predict(PredictionContext::default()).len() == 10);
}
