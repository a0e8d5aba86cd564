//! Models that several processes use.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use symphony_pit::domain::Domain;
use symphony_pit::lifecycle::{InstanceState, TransitionReason};
use symphony_pit::pool::{
    AcquireOptions, Budget, HealthStatus, LoadRequest, ModelLoader, ModelStatus, Pool, UnloadRequest,
};
use symphony_pit::{KeepAlive, ModelSpec, PitCode, Priority};

use crate::children::{Helper, await_order, say};
use crate::{attach, await_that};

/// Loads and unloads at once.
struct AtOnce;

impl ModelLoader for AtOnce {
    fn accepts(&self, _spec: &ModelSpec) -> bool {
        true
    }
    fn load(&self, request: LoadRequest) {
        request.loaded();
    }
    fn unload(&self, request: UnloadRequest) {
        request.done();
    }
}

pub(crate) fn pool(domain: &Arc<Domain>) -> Arc<Pool> {
    let pool = Pool::of(domain);
    pool.add_loader(Arc::new(AtOnce));
    pool
}

pub(crate) fn model(name: &str, memory_mb: u64) -> ModelSpec {
    let mut spec = ModelSpec::new(name, "1", "at-once");
    spec.resource_requirements.memory_mb = memory_mb;
    spec.keep_alive = KeepAlive::Forever;
    spec
}

pub(crate) fn child(task: &str, folder: &Path) {
    let domain = attach(folder);
    match task {
        // Loads a model, and has a lease of it or not.
        "load" | "hold" => {
            let pool = pool(&domain);
            let model = pool.register(model("m", 60)).wait().unwrap();
            let lease = pool.acquire(model, AcquireOptions::default()).wait().unwrap();
            let _lease = (task == "hold").then_some(lease);
            say("loaded");
            await_order();
        }
        // Takes a lease of what others have loaded.
        "borrow" => {
            let pool = Pool::of(&domain);
            let model = pool.find("m").unwrap();
            let lease = pool.acquire(model, AcquireOptions::default()).wait().unwrap();
            say(&lease.owner().0.to_string());
            await_order();
            say(pool
                .release(lease)
                .map_or_else(|error| error.code().name(), |()| "released"));
            await_order();
        }
        // Takes and gives back, as often as told, and says how often it was alone with the lease.
        "race" => {
            let pool = Pool::of(&domain);
            let model = pool.find("m").unwrap();
            say("ready");
            while let Some(turns) = await_order() {
                let mut taken = 0;
                for _ in 0..turns.parse::<u32>().unwrap() {
                    if let Some(lease) = pool.try_acquire(model, Priority::NORMAL).unwrap() {
                        taken += 1;
                        pool.release(lease).unwrap();
                    }
                }
                say(&taken.to_string());
            }
        }
        "take one" => {
            let pool = Pool::of(&domain);
            let model = pool.find("m").unwrap();
            say("ready");
            await_order();
            let lease = pool.try_acquire(model, Priority::NORMAL).unwrap();
            say(if lease.is_some() { "mine" } else { "none" });
            await_order();
        }
        other => panic!("no task `{other}`"),
    }
}

#[test]
fn of_processes_that_race_for_the_last_instance_one_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let model = pool.register(model("m", 10)).wait().unwrap();
    drop(pool.acquire(model, AcquireOptions::default()).wait().unwrap());
    let mut helpers: Vec<_> = (0..3)
        .map(|_| Helper::start("sharing: take one", folder.path()))
        .collect();
    for helper in &mut helpers {
        helper.expect("ready");
    }
    for helper in &mut helpers {
        helper.order("go");
    }
    let answers: Vec<_> = helpers.iter_mut().map(|helper| helper.answer().unwrap()).collect();
    assert_eq!(
        answers.iter().filter(|answer| *answer == "mine").count(),
        1,
        "{answers:?}"
    );
    assert_eq!(pool.status(model).unwrap(), ModelStatus::Busy);
    helpers.into_iter().for_each(Helper::end);
    assert_eq!(pool.status(model).unwrap(), ModelStatus::Ready, "who leaves gives back");
}

#[test]
fn leases_are_counted_right_over_processes_that_take_and_give_back() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let mut spec = model("m", 10);
    spec.max_concurrency = 2;
    let model = pool.register(spec).wait().unwrap();
    drop(pool.acquire(model, AcquireOptions::default()).wait().unwrap());
    let before = pool.metrics().unwrap().acquisitions;
    let mut helpers: Vec<_> = (0..3).map(|_| Helper::start("sharing: race", folder.path())).collect();
    for helper in &mut helpers {
        helper.expect("ready");
    }
    for helper in &mut helpers {
        helper.order("20000");
    }
    let answer = |helper: &mut Helper| helper.answer().unwrap().parse::<u64>().unwrap();
    let taken: u64 = helpers.iter_mut().map(answer).sum();
    assert_eq!(pool.metrics().unwrap().acquisitions - before, taken);
    assert!(taken >= 20_000, "somebody always gets one of two");
    helpers.into_iter().for_each(Helper::end);
    assert_eq!(pool.metrics().unwrap().leases, 0);
}

#[test]
fn a_holder_that_is_killed_loses_its_lease_and_the_next_waits_no_second() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let model = pool.register(model("m", 10)).wait().unwrap();
    drop(pool.acquire(model, AcquireOptions::default()).wait().unwrap());
    let mut helper = Helper::start("sharing: borrow", folder.path());
    helper.expect("0");
    let waiting = pool.acquire(model, AcquireOptions::default());
    helper.kill();
    // The keeper finds out by itself.
    let lease = waiting.wait().unwrap();
    assert_eq!(lease.owner(), domain.slot());
    let metrics = pool.metrics().unwrap();
    assert_eq!(
        (metrics.reclaimed_leases, metrics.dead_processes, metrics.leases),
        (1, 1, 1)
    );
    assert_eq!(lease.id().generation(), 2, "once here, once there");
}

#[test]
fn a_model_dies_with_its_process_and_its_holders_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = Pool::of(&domain);
    let mut helper = Helper::start("sharing: load", folder.path());
    helper.expect("loaded");
    let model = pool.find("m").unwrap();
    let lease = pool.acquire(model, AcquireOptions::default()).wait().unwrap();
    assert_eq!((lease.owner().0, lease.status().unwrap()), (1, ModelStatus::Busy));
    assert_eq!(pool.health(lease.instance()).unwrap(), HealthStatus::Healthy);
    let error = pool.unload(lease.instance(), Duration::ZERO).wait().unwrap_err();
    assert_eq!(
        error.code(),
        PitCode::InvalidArgument,
        "only its own process unloads it"
    );
    let mut options = AcquireOptions::default();
    options.here = true;
    let error = pool.acquire(model, options).wait().unwrap_err();
    assert!(error.to_string().contains("no loader"), "{error}");
    helper.kill();
    await_that("the model is gone", || {
        domain.reclaim_dead().unwrap();
        pool.status(model).unwrap() == ModelStatus::Idle
    });
    assert_eq!(lease.status().unwrap_err().code(), PitCode::StaleHandle);
    assert_eq!(pool.release(lease).unwrap_err().code(), PitCode::StaleHandle);
    let last = *pool.history(model.id(), 1).last().unwrap();
    assert_eq!(
        (last.to, last.reason),
        (InstanceState::Cold, TransitionReason::OwnerDied)
    );
    assert_eq!(pool.metrics().unwrap().resident_mb, 0);
}

#[test]
fn memory_is_one_budget_and_an_idle_model_makes_room_in_whichever_process() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let mut budget = Budget::default();
    budget.memory_mb = Some(100);
    pool.set_budget(budget).unwrap();
    let other = pool.register(model("other", 60)).wait().unwrap();
    let mut holder = Helper::start("sharing: hold", folder.path());
    holder.expect("loaded");
    let mut options = AcquireOptions::default();
    options.timeout = Some(Duration::from_millis(300));
    let error = pool.acquire(other, options).wait().unwrap_err();
    assert_eq!(error.code(), PitCode::Timeout, "the model there is in use");
    assert_eq!(pool.metrics().unwrap().resident_mb, 60);
    let waiting = pool.acquire(other, AcquireOptions::default());
    holder.end();
    drop(waiting.wait().unwrap());
    let instance = pool.instances().unwrap()[0].instance;
    pool.unload(instance, Duration::ZERO).wait().unwrap();
    let mut idle = Helper::start("sharing: load", folder.path());
    idle.expect("loaded");
    drop(pool.acquire(other, AcquireOptions::default()).wait().unwrap());
    assert_eq!(pool.metrics().unwrap().resident_mb, 60);
    let model = pool.find("m").unwrap();
    let last = *pool.history(model.id(), 1).last().unwrap();
    assert_eq!(
        (last.to, last.reason),
        (InstanceState::Cold, TransitionReason::ResourcePressure)
    );
    idle.end();
}

#[test]
fn a_model_that_must_be_here_moves_here_when_it_is_not_used_there() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let mut helper = Helper::start("sharing: load", folder.path());
    helper.expect("loaded");
    let model = pool.find("m").unwrap();
    let mut options = AcquireOptions::default();
    options.here = true;
    let lease = pool.acquire(model, options).wait().unwrap();
    assert_eq!(lease.owner(), domain.slot());
    assert_eq!(pool.instances().unwrap().len(), 1);
    helper.end();
}

#[test]
fn a_process_that_is_stopped_is_unhealthy_within_a_second_or_so() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = Pool::of(&domain);
    let mut helper = Helper::start("sharing: load", folder.path());
    helper.expect("loaded");
    let instance = pool.instances().unwrap()[0].instance;
    let process = rustix::process::Pid::from_raw(i32::try_from(helper.pid()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    await_that("its silence is noticed", || {
        pool.health(instance).unwrap() == HealthStatus::Unhealthy
    });
    assert!(domain.reclaim_dead().unwrap().is_empty(), "it is not dead");
    rustix::process::kill_process(process, rustix::process::Signal::CONT).unwrap();
    await_that("it is back", || pool.health(instance).unwrap() == HealthStatus::Healthy);
    helper.end();
}
