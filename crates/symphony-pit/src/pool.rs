//! The pool manager: which models are loaded in which process, who uses them, and what is loaded or unloaded next.
//!
//! The pool keeps *who has what*. The model itself is an object of the process that loaded it, made and called by the host
//! ([`ModelLoader`]). A [`Lease`] says where it is.
//!
//! | operation | costs | waits |
//! |---|---|---|
//! | [`Pool::try_acquire`], [`Pool::release`], [`Lease::status`] | tens of ns, no lock, no allocation | never |
//! | [`Pool::acquire`] | the same if a model is free | for a model that is loaded, or room for it |
//! | [`Pool::register`] | one write to a store | for that write |
//! | everything else | microseconds | never, unless it gives a [`Pending`] |
//!
//! # Who does what
//!
//! Only the process that has a model loaded changes its state; others ask it to (a flag, and its doorbell). What is loaded is
//! decided under one lock of all processes, `pool.lock`, so that the budget is never exceeded. Both are done by the keeper's
//! thread (`driver.rs`), which also serves waiting requests, most urgent first. Loaders are called on it.
//!
//! Not guaranteed: an order among waiting requests of different processes; that [`Pool::try_acquire`] waits behind the
//! requests of other processes; that a process that is stopped (and not dead) answers when asked to unload.

mod driver;
mod event;
mod lease;
mod loader;
mod models;
mod plan;
mod prediction;
mod queue;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

pub use event::{PoolEvent, StateTransition};
pub use lease::{Lease, ModelRef};
pub use loader::{LoadRequest, ModelLoader, UnloadRequest};
pub use plan::Budget;
pub use prediction::{PredictionContext, UsagePattern};

pub(crate) use event::record_death;

use crate::atomic::Ordering;
use crate::domain::layout::{INSTANCE_COUNT, MODEL_COUNT};
use crate::domain::{
    Attendant, Counter, Domain, Found, InstanceWord, Shared, event_head, flags, read_event, recent_events,
};
use crate::error::{Component, PitCode, PitError, Result};
use crate::ids::{InstanceId, LeaseId, ModelId, ProcessSlot};
use crate::lifecycle::{InstanceState, TransitionReason};
use crate::pending::{Pending, Promise, promise};
use crate::resources::{ModelSpec, Priority};
use crate::time::Mono;
use lease::{Claimed, claim_among, give_back, give_back_id, lease_count};
use models::Models;
use prediction::Predictor;
use queue::Queue;

/// How many requests of one process wait at most, unless said otherwise.
const QUEUE_LIMIT: usize = 512;

/// What a model is doing, in the words of the callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelStatus {
    /// Not loaded.
    Idle,
    /// Being loaded.
    Loading,
    /// Loaded, and nobody uses it.
    Ready,
    /// Loaded and used.
    Busy,
    /// Being unloaded.
    Deallocating,
    /// Asleep.
    Parked,
    /// Broken.
    Failed,
}

impl ModelStatus {
    pub(crate) const fn of(state: InstanceState, lent: bool) -> Self {
        match state {
            InstanceState::Cold => Self::Idle,
            InstanceState::Warming => Self::Loading,
            InstanceState::Hot if lent => Self::Busy,
            InstanceState::Hot => Self::Ready,
            InstanceState::Cooling => Self::Deallocating,
            InstanceState::Failed => Self::Failed,
            InstanceState::Parked => Self::Parked,
        }
    }

    /// The word for it in texts and other languages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Deallocating => "deallocating",
            Self::Parked => "parked",
            Self::Failed => "failed",
        }
    }
}

/// How a lease is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcquireOptions {
    /// How urgent it is. Default: [`Priority::NORMAL`].
    pub priority: Priority,
    /// How long to wait. Default: as long as it takes.
    pub timeout: Option<Duration>,
    /// Whether the model must be loaded in this process. Default: no.
    pub here: bool,
    /// Whether another model may be lent if this one fails, as its specification says. Default: yes.
    pub fallbacks: bool,
}

impl Default for AcquireOptions {
    fn default() -> Self {
        Self {
            priority: Priority::NORMAL,
            timeout: None,
            here: false,
            fallbacks: true,
        }
    }
}

/// What the host has found out about a model that it has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether it answered as it should.
    pub healthy: bool,
}

/// How a loaded model is, by what is known of it and of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthStatus {
    /// Nothing speaks against it.
    Healthy,
    /// The last report was bad.
    Degraded,
    /// It is not lent any more, or its process has given no sign for a second.
    Unhealthy,
}

/// So many bad reports in a row, and a model is unloaded as broken.
const MISSES: u32 = 3;

/// So often a picture of all instances is taken anew because something changed meanwhile.
const ATTEMPTS: usize = 100;

/// How long a process may be silent.
const SILENCE: Duration = Duration::from_secs(1);

/// A loaded model as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceInfo {
    /// Its identity.
    pub instance: InstanceId,
    /// The model.
    pub model: ModelId,
    /// The process that has it.
    pub owner: ProcessSlot,
    /// What it is doing.
    pub state: InstanceState,
    /// Since when.
    pub since: Mono,
    /// How many leases it has.
    pub leases: usize,
    /// How often it was lent.
    pub uses: u64,
    /// When it was last lent or given back; up to a beat too early.
    pub last_use: Mono,
    /// The memory that counts, in units of 2^20 bytes.
    pub memory_mb: u64,
}

/// Figures of the pool over all processes, since the machine or the domain began, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Leases that were given out.
    pub acquisitions: u64,
    /// Requests that found no free model and had to wait.
    pub misses: u64,
    /// Models that were loaded.
    pub loads: u64,
    /// Models that did not load.
    pub load_failures: u64,
    /// Loads that were called off.
    pub cancellations: u64,
    /// Models that were unloaded, for whatever reason.
    pub unloads: u64,
    /// Models that were unloaded for others.
    pub evictions: u64,
    /// Requests that got another model.
    pub fallbacks: u64,
    /// Requests that were refused because too many waited.
    pub queue_refusals: u64,
    /// Requests that waited too long.
    pub timeouts: u64,
    /// Leases and processes that were cleared up after a death.
    pub reclaimed_leases: u64,
    /// Processes that ended without leaving.
    pub dead_processes: u64,
    /// Leases now.
    pub leases: usize,
    /// Memory that counts now, in units of 2^20 bytes.
    pub resident_mb: u64,
    /// Requests of this process that wait now.
    pub waiting: usize,
    /// Loaded models now, by state.
    pub instances: BTreeMap<&'static str, usize>,
}

/// What a request waits for.
enum Want {
    /// A lease.
    Lease(Promise<Lease>),
    /// That the model is loaded here or anywhere.
    Warm(Promise<InstanceId>, TransitionReason),
}

/// A request in the queue.
struct Wish {
    model: ModelRef,
    /// What was asked for first, if this is a fallback of it.
    wanted: Option<ModelId>,
    /// What was tried before.
    tried: Vec<ModelId>,
    options: AcquireOptions,
    want: Want,
    cancelled: Arc<AtomicBool>,
}

struct Loading {
    instance: InstanceId,
    model: ModelId,
    state: Arc<loader::LoadState>,
    reason: TransitionReason,
    timed_out: bool,
}

struct Failure {
    count: u32,
    until: Mono,
    message: String,
    code: PitCode,
}

struct Draining {
    instance: InstanceId,
    until: Mono,
    promises: Vec<Promise<()>>,
}

/// What the pool of this process knows besides the map.
struct Local {
    queue: Queue<Wish>,
    loading: HashMap<usize, Loading>,
    unloading: HashMap<usize, TransitionReason>,
    draining: HashMap<usize, Draining>,
    /// To be failed, not cold, when they are unloaded.
    broken: HashSet<usize>,
    misses: HashMap<usize, u32>,
    failures: HashMap<ModelId, Failure>,
    listeners: Vec<(u64, Promise<()>)>,
    named: BTreeMap<String, u32>,
    predictor: Predictor,
}

/// The models of a domain, for this process. See the module.
pub struct Pool {
    // Before the domain, which must see its memory released when it leaves.
    shared: Arc<Shared>,
    loaders: RwLock<Vec<Arc<dyn ModelLoader>>>,
    models: Models,
    local: Mutex<Local>,
    /// The most urgent waiting request for each model; the smallest number for none.
    most_urgent: Vec<AtomicI32>,
    /// Places of instances of this process.
    mine: [AtomicU64; INSTANCE_COUNT / 64],
    domain: Arc<Domain>,
    this: Weak<Pool>,
}

/// The pools of this process.
static POOLS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

impl Pool {
    /// The pool of a domain. There is one for each domain in a process, and all who ask share it.
    pub fn of(domain: &Arc<Domain>) -> Arc<Self> {
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        let known = pools.iter().filter_map(Weak::upgrade);
        if let Some(pool) = known.into_iter().find(|pool| Arc::ptr_eq(&pool.domain, domain)) {
            return pool;
        }
        let pool = Arc::new_cyclic(|this| Self {
            shared: Arc::clone(domain.shared()),
            loaders: RwLock::default(),
            models: Models::default(),
            local: Mutex::new(Local {
                queue: Queue::new(QUEUE_LIMIT),
                loading: HashMap::new(),
                unloading: HashMap::new(),
                draining: HashMap::new(),
                broken: HashSet::new(),
                misses: HashMap::new(),
                failures: HashMap::new(),
                listeners: Vec::new(),
                named: BTreeMap::new(),
                predictor: Predictor::default(),
            }),
            most_urgent: (0..MODEL_COUNT).map(|_| AtomicI32::new(i32::MIN)).collect(),
            mine: Default::default(),
            domain: Arc::clone(domain),
            this: Weak::clone(this),
        });
        pools.push(Arc::downgrade(&pool));
        drop(pools);
        let attendant: Weak<dyn Attendant> = Weak::clone(&pool.this) as _;
        domain.attend(attendant);
        pool
    }

    /// The domain.
    pub fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }

    /// Adds a loader. Those that were added first are asked first.
    pub fn add_loader(&self, loader: Arc<dyn ModelLoader>) {
        self.loaders
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(loader);
        self.nudge();
    }

    /// Says what may be used. Memory and cores are the whole domain's: who says it last decides. What is loaded stays.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    pub fn set_budget(&self, budget: Budget) -> Result<()> {
        self.shared.check()?;
        let words = self.shared.map().budget();
        for (word, bound) in words
            .iter()
            .zip([budget.memory_mb, budget.gpu_memory_mb, budget.cpu_millis])
        {
            word.store(bound.map_or(0, |bound| bound.saturating_add(1)), Ordering::SeqCst);
        }
        self.local().named = budget.named;
        self.nudge();
        self.shared.ring_waiting();
        Ok(())
    }

    /// What may be used.
    pub fn budget(&self) -> Budget {
        let words = self.shared.map().budget();
        let bound = |word: usize| words[word].load(Ordering::SeqCst).checked_sub(1);
        Budget {
            memory_mb: bound(0),
            gpu_memory_mb: bound(1),
            cpu_millis: bound(2),
            named: self.local().named.clone(),
        }
    }

    /// Says how many requests of this process may wait. Default: 512.
    pub fn set_queue_limit(&self, limit: usize) {
        self.local().queue.limit = limit;
    }

    /// Registers a model. The same specification is the same model, in whichever process and however often.
    pub fn register(&self, spec: ModelSpec) -> Pending<ModelRef> {
        Models::register(&self.shared, spec)
    }

    /// The model that was registered last under a name.
    ///
    /// # Errors
    /// `NotFound`, and what the store says.
    pub fn find(&self, name: &str) -> Result<ModelRef> {
        self.models.find(&self.shared, name)
    }

    /// The specification of a model.
    ///
    /// # Errors
    /// `NotFound`, and what the store says.
    pub fn spec(&self, model: ModelId) -> Result<Arc<ModelSpec>> {
        Ok(Arc::clone(&self.models.entry(&self.shared, model)?.spec))
    }

    /// A lease, if the model is loaded and free; one that is loaded in this process before others. Never loads and never waits.
    /// `None`, too, if a request of this process waits for it that is as urgent.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    #[inline]
    pub fn try_acquire(self: &Arc<Self>, model: ModelRef, priority: Priority) -> Result<Option<Lease>> {
        self.shared.check()?;
        let urgent = self.most_urgent.get(model.place);
        let most = urgent.map_or(i32::MIN, |urgent| urgent.load(Ordering::Relaxed));
        if most != i32::MIN && most >= priority.0 {
            return Ok(None);
        }
        Ok(self.claim(model, false).map(|claimed| self.lease(model.id, claimed)))
    }

    /// A lease, as soon as there is one: loads the model if this process has a loader for it and there is room, makes room,
    /// and waits its turn. Dropping the result gives the request up; a model that is then loaded for nobody is unloaded.
    ///
    /// The result is an error for: `ResourceExhausted` (more than there is in all), `QueueFull`, `LoadFailed` (twice, and
    /// no fallback), `Timeout`, `Unhealthy`, `NotFound`.
    pub fn acquire(self: &Arc<Self>, model: ModelRef, options: AcquireOptions) -> Acquire<Lease> {
        if let Err(error) = self.shared.check() {
            return Acquire::ready(Err(error));
        }
        let free = if options.here {
            self.claim(model, true).map(|claimed| Ok(self.lease(model.id, claimed)))
        } else {
            self.try_acquire(model, options.priority).transpose()
        };
        if let Some(lease) = free {
            return Acquire::ready(lease);
        }
        self.shared.map().count(Counter::Misses, 1);
        let (promise, pending) = promise();
        self.enqueue(model, options, Want::Lease(promise), pending)
    }

    /// Loads a model that will be wanted. Gives the loaded one; one that is loaded already will do.
    pub fn prewarm(&self, model: ModelRef, reason: TransitionReason) -> Acquire<InstanceId> {
        if let Err(error) = self.shared.check() {
            return Acquire::ready(Err(error));
        }
        let options = AcquireOptions {
            priority: Priority::LOW,
            fallbacks: false,
            ..AcquireOptions::default()
        };
        let (promise, pending) = promise();
        self.enqueue(model, options, Want::Warm(promise, reason), pending)
    }

    fn enqueue<T>(&self, model: ModelRef, options: AcquireOptions, want: Want, pending: Pending<T>) -> Acquire<T> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let now = self.shared.now();
        let wish = Wish {
            model,
            wanted: None,
            tried: Vec::new(),
            options,
            want,
            cancelled: Arc::clone(&cancelled),
        };
        let deadline = options.timeout.map(|timeout| now.after(timeout));
        let mut local = self.local();
        match local.queue.push(options.priority, now, deadline, wish) {
            Ok(_number) => {
                self.note_urgency(&local, model);
                drop(local);
                self.nudge();
                Acquire {
                    pending,
                    ticket: Some((Weak::clone(&self.this), cancelled)),
                }
            }
            Err(error) => {
                drop(local);
                self.shared.map().count(Counter::QueueRefusals, 1);
                Acquire::ready(Err(error))
            }
        }
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// `StaleHandle`: it was taken away, because its model or its process is gone.
    #[inline]
    pub fn release(&self, mut lease: Lease) -> Result<()> {
        lease.armed = false;
        give_back(&lease.pool.shared, lease.claimed.id, lease.claimed.place)
    }

    /// Gives a lease of this process back that was kept as a number ([`Lease::into_id`]).
    ///
    /// # Errors
    /// `StaleHandle`: it was given back already, taken away, or is none of this process.
    #[inline]
    pub fn release_id(&self, id: LeaseId) -> Result<()> {
        self.shared.check()?;
        give_back_id(&self.shared, id)
    }

    /// What a model is doing: the best of its loaded ones.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    pub fn status(&self, model: ModelRef) -> Result<ModelStatus> {
        self.shared.check()?;
        let of = self.places(model).map(|place| {
            let state = self.shared.map().instance(place).state();
            ModelStatus::of(state, lease_count(&self.shared, place) > 0)
        });
        let rank = |status: &ModelStatus| match status {
            ModelStatus::Ready => 6,
            ModelStatus::Busy => 5,
            ModelStatus::Loading => 4,
            ModelStatus::Parked => 3,
            ModelStatus::Deallocating => 2,
            ModelStatus::Failed => 1,
            ModelStatus::Idle => 0,
        };
        Ok(of.max_by_key(rank).unwrap_or(ModelStatus::Idle))
    }

    /// All models that are loaded, being loaded or broken, in all processes: as of one moment, unless they change without pause.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    pub fn instances(&self) -> Result<Vec<InstanceInfo>> {
        self.shared.check()?;
        let map = self.shared.map();
        let describe = |place| {
            let cell = map.instance(place);
            let word = cell.word();
            (word.state() != InstanceState::Cold).then(|| InstanceInfo {
                instance: cell.id(),
                model: cell.model(),
                owner: ProcessSlot(word.owner),
                state: word.state(),
                since: Mono(cell.since().load(Ordering::Relaxed)),
                leases: lease_count(&self.shared, place),
                uses: map.uses(place),
                last_use: Mono(cell.last_use().load(Ordering::Relaxed)),
                memory_mb: cell.needs()[0].load(Ordering::Relaxed),
            })
        };
        let epoch = map.epoch(Component::Pool);
        let mut instances = Vec::new();
        for _attempt in 0..ATTEMPTS {
            let before = epoch.load(Ordering::SeqCst);
            instances = (0..INSTANCE_COUNT).filter_map(describe).collect();
            if epoch.load(Ordering::SeqCst) == before {
                break;
            }
        }
        Ok(instances)
    }

    /// Unloads a model of this process: it is no longer lent, and after `grace` its leases are taken away.
    ///
    /// The result is an error for: `NotFound` (not loaded), `InvalidArgument` (loaded in another process).
    pub fn unload(&self, instance: InstanceId, grace: Duration) -> Pending<()> {
        let (promise, pending) = promise();
        match self.shared.check().and_then(|()| self.own_place(instance)) {
            Err(error) => return Pending::ready(Err(error)),
            Ok(place) => {
                let until = self.shared.now().after(grace);
                let mut local = self.local();
                let draining = local.draining.entry(place).or_insert_with(|| Draining {
                    instance,
                    until,
                    promises: Vec::new(),
                });
                draining.until = until;
                draining.promises.push(promise);
            }
        }
        self.nudge();
        pending
    }

    /// Keeps a model of this process from being unloaded for others or for not being used, or allows it again.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (loaded in another process).
    pub fn pin(&self, instance: InstanceId, pinned: bool) -> Result<()> {
        self.shared.check()?;
        let cell = self.shared.map().instance(self.own_place(instance)?);
        if pinned {
            cell.flags().fetch_or(flags::PINNED, Ordering::SeqCst);
        } else {
            cell.flags().fetch_and(!flags::PINNED, Ordering::SeqCst);
            self.nudge();
        }
        Ok(())
    }

    /// Takes a model of this process out of lending, so that its host can put it to sleep. Its memory still counts.
    ///
    /// # Errors
    /// `InvalidTransition` (not hot), `Conflict` (in use), `NotFound`, `InvalidArgument` (loaded in another process).
    pub fn park(&self, instance: InstanceId) -> Result<()> {
        self.shared.check()?;
        self.park_at(self.own_place(instance)?)
    }

    /// Lends a model again that its host has woken.
    ///
    /// # Errors
    /// `InvalidTransition` (not parked), `NotFound`, `InvalidArgument` (loaded in another process).
    pub fn wake(&self, instance: InstanceId) -> Result<()> {
        self.shared.check()?;
        self.wake_at(self.own_place(instance)?)
    }

    /// Says how a model of this process is. After three bad reports in a row its leases are taken away, it is unloaded, and
    /// requests get its fallbacks for a while.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (loaded in another process).
    pub fn report_health(&self, instance: InstanceId, report: HealthReport) -> Result<HealthStatus> {
        self.shared.check()?;
        let place = self.own_place(instance)?;
        let misses = {
            let mut local = self.local();
            let misses = local.misses.entry(place).or_default();
            *misses = if report.healthy { 0 } else { *misses + 1 };
            *misses
        };
        let verdict = if misses == 0 { 1 } else { 2 };
        let now = self.shared.now();
        self.shared
            .map()
            .instance(place)
            .health()
            .store(now.0 << 2 | verdict, Ordering::Relaxed);
        if misses < MISSES {
            return Ok(if misses == 0 {
                HealthStatus::Healthy
            } else {
                HealthStatus::Degraded
            });
        }
        self.break_at(place);
        Ok(HealthStatus::Unhealthy)
    }

    /// How a loaded model is, in whichever process.
    ///
    /// # Errors
    /// `NotFound`, `ForkedHandle`, `NotAttached`.
    pub fn health(&self, instance: InstanceId) -> Result<HealthStatus> {
        self.shared.check()?;
        let place = self.place_of(instance)?;
        let cell = self.shared.map().instance(place);
        let word = cell.word();
        let beat = Mono(self.shared.map().process(word.owner).beat().load(Ordering::Relaxed));
        let silent = self.shared.now().since(beat) > SILENCE;
        let broken = matches!(word.state(), InstanceState::Failed | InstanceState::Cold);
        Ok(match cell.health().load(Ordering::Relaxed) & 3 {
            _ if silent || broken => HealthStatus::Unhealthy,
            2 => HealthStatus::Degraded,
            _ => HealthStatus::Healthy,
        })
    }

    /// The last changes of a model's state that the domain remembers, the oldest first, `last` at most.
    pub fn history(&self, model: ModelId, last: usize) -> Vec<StateTransition> {
        let transitions = recent_events(self.shared.map())
            .rev()
            .filter_map(|event| match event::decode(event) {
                Some(PoolEvent::Transition(transition)) if transition.model == model => Some(transition),
                _ => None,
            });
        let mut newest: Vec<_> = transitions.take(last).collect();
        newest.reverse();
        newest
    }

    /// What happens from now on, in all processes.
    pub fn subscribe(&self) -> PoolEvents {
        PoolEvents {
            pool: self.this.upgrade(),
            next: event_head(self.shared.map()),
        }
    }

    /// Figures over all processes.
    ///
    /// # Errors
    /// `ForkedHandle`, `NotAttached`.
    pub fn metrics(&self) -> Result<PoolMetrics> {
        let instances = self.instances()?;
        let map = self.shared.map();
        let count = |counter| map.counter(counter).load(Ordering::Relaxed);
        let mut states = BTreeMap::new();
        for instance in &instances {
            *states.entry(instance.state.name()).or_default() += 1;
        }
        let resident = instances.iter().filter(|instance| instance.state.is_resident());
        Ok(PoolMetrics {
            acquisitions: count(Counter::UsesOfFormerInstances)
                + instances.iter().map(|instance| instance.uses).sum::<u64>(),
            misses: count(Counter::Misses),
            loads: count(Counter::Loads),
            load_failures: count(Counter::LoadFailures),
            cancellations: count(Counter::Cancellations),
            unloads: count(Counter::Unloads),
            evictions: count(Counter::Evictions),
            fallbacks: count(Counter::Fallbacks),
            queue_refusals: count(Counter::QueueRefusals),
            timeouts: count(Counter::Timeouts),
            reclaimed_leases: count(Counter::Reclaimed),
            dead_processes: count(Counter::DeadProcesses),
            leases: instances.iter().map(|instance| instance.leases).sum(),
            resident_mb: resident.map(|instance| instance.memory_mb).sum(),
            waiting: self.local().queue.len(),
            instances: states,
        })
    }

    /// Notes that a model was used, for [`Self::predict`]. Known to this process alone.
    pub fn record_usage(&self, usage: UsagePattern) {
        self.local().predictor.record(usage);
    }

    /// The models that will be used next, with how likely that is (0 to 1), the likeliest first. Microseconds.
    pub fn predict(&self, context: PredictionContext) -> Vec<(ModelId, f32)> {
        self.local().predictor.predict(context)
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the keeper look what is to be done.
    fn nudge(&self) {
        self.shared.ring(self.shared.place());
    }

    fn mine(&self, word: usize) -> u64 {
        self.mine[word].load(Ordering::Relaxed)
    }

    #[inline]
    fn claim(&self, model: ModelRef, here: bool) -> Option<Claimed> {
        let shared = &self.shared;
        if shared.map().model(model.place).id() != model.id {
            return None;
        }
        let own = claim_among(shared, model, |word, bits| bits & self.mine(word));
        if here {
            return own;
        }
        own.or_else(|| claim_among(shared, model, |word, bits| bits & !self.mine(word)))
    }

    #[inline]
    fn lease(self: &Arc<Self>, model: ModelId, claimed: Claimed) -> Lease {
        Lease {
            pool: Arc::clone(self),
            model,
            claimed,
            armed: true,
        }
    }

    /// The places where instances of a model are, as far as its bits and theirs say.
    fn places(&self, model: ModelRef) -> impl Iterator<Item = usize> {
        let map = self.shared.map();
        (0..INSTANCE_COUNT).filter(move |place| {
            let bits = map.model(model.place).instances()[place / 64].load(Ordering::Relaxed);
            let cell = map.instance(*place);
            bits >> (place % 64) & 1 == 1 && cell.state() != InstanceState::Cold && cell.model() == model.id
        })
    }

    fn place_of(&self, instance: InstanceId) -> Result<usize> {
        let mut all = self.shared.map().instances();
        all.find(|(_, cell)| cell.id() == instance && cell.state() != InstanceState::Cold)
            .map(|(place, _)| place)
            .ok_or_else(|| PitError::pool(PitCode::NotFound, format!("no loaded model `{instance}`")))
    }

    fn own_place(&self, instance: InstanceId) -> Result<usize> {
        let place = self.place_of(instance)?;
        let owner = self.shared.map().instance(place).word().owner;
        if owner == self.shared.place() {
            return Ok(place);
        }
        Err(PitError::pool(
            PitCode::InvalidArgument,
            format!("model `{instance}` is loaded in process {owner} of the domain, which alone can do that"),
        ))
    }

    /// Keeps [`Self::most_urgent`] in step with the queue.
    fn note_urgency(&self, local: &Local, model: ModelRef) {
        let requests = local
            .queue
            .iter()
            .filter(|waiting| waiting.what.model == model && matches!(waiting.what.want, Want::Lease(_)));
        let most = requests.map(|waiting| waiting.priority.0).max().unwrap_or(i32::MIN);
        if let Some(word) = self.most_urgent.get(model.place) {
            word.store(most, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Who had models loaded is gone, so they are; in a forked child, or after the domain was closed, they are not this
        // process's any more.
        if self.shared.check().is_ok() {
            self.shared.map().reclaim(self.shared.place(), |_| {});
            self.shared.ring_waiting();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("folder", &self.shared.folder())
            .finish_non_exhaustive()
    }
}

/// A request that waits. Dropping it gives it up.
#[must_use = "dropping it gives the request up"]
#[derive(Debug)]
pub struct Acquire<T> {
    pending: Pending<T>,
    ticket: Option<(Weak<Pool>, Arc<AtomicBool>)>,
}

impl<T> Acquire<T> {
    fn ready(result: Result<T>) -> Self {
        Self {
            pending: Pending::ready(result),
            ticket: None,
        }
    }

    /// Whether the result is there.
    pub fn is_ready(&self) -> bool {
        self.pending.is_ready()
    }

    /// Gives it up, so that awaiting it says `Cancelled`, unless the result was there before.
    pub fn cancel(&self) {
        if let Some((pool, cancelled)) = &self.ticket {
            cancelled.store(true, Ordering::SeqCst);
            if let Some(pool) = pool.upgrade() {
                pool.nudge();
            }
        }
    }

    /// Waits for the result. Not for the thread of an event loop.
    ///
    /// # Errors
    /// See [`Pool::acquire`].
    pub fn wait(mut self) -> Result<T> {
        let pending = std::mem::replace(
            &mut self.pending,
            Pending::ready(Err(PitError::pool(PitCode::Internal, "taken"))),
        );
        let result = pending.wait();
        self.ticket = None;
        result
    }
}

impl<T> Future for Acquire<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = Pin::new(&mut self.pending).poll(context);
        if poll.is_ready() {
            self.ticket = None;
        }
        poll
    }
}

impl<T> Drop for Acquire<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Events of the pool, in their order.
pub struct PoolEvents {
    pool: Option<Arc<Pool>>,
    next: u64,
}

/// So long an event that is being written holds up those after it; then its writer is taken for dead.
const PATIENCE: Duration = Duration::from_millis(500);

impl PoolEvents {
    /// The next event, if there is one.
    pub fn try_next(&mut self) -> Option<PoolEvent> {
        let pool = self.pool.as_ref()?;
        let map = pool.shared.map();
        let mut lost = 0;
        while self.next < event_head(map) {
            let found = read_event(map, self.next);
            if found == Found::Unfinished {
                let after = read_event(map, self.next + 1);
                let dead = matches!(after, Found::Event(after) if Mono::now().since(after.at) > PATIENCE);
                if !dead {
                    break;
                }
            }
            let event = match found {
                Found::Event(event) => event::decode(event),
                Found::Unfinished | Found::Lost => {
                    lost += 1;
                    None
                }
            };
            if event.is_some() && lost > 0 {
                // The event itself is read next time.
                return Some(PoolEvent::Lost(lost));
            }
            self.next += 1;
            if event.is_some() {
                return event;
            }
        }
        (lost > 0).then_some(PoolEvent::Lost(lost))
    }

    /// The next event, when it happens. `None` when this process has left the domain.
    pub async fn next(&mut self) -> Option<PoolEvent> {
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            let pool = self.pool.as_ref()?;
            pool.shared.check().ok()?;
            let (promise, pending) = promise();
            pool.local().listeners.push((self.next, promise));
            pool.nudge();
            pending.await.ok()?;
        }
    }
}

impl fmt::Debug for PoolEvents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PoolEvents")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// What every change of a state goes through: only legal steps, told to everybody.
impl Pool {
    /// Takes a step with an instance of this process whose gate reads `from`.
    fn step(
        &self,
        place: usize,
        from: InstanceWord,
        step: crate::lifecycle::Step,
        reason: TransitionReason,
    ) -> Result<()> {
        let to = from
            .state()
            .after(step)
            .map_err(|illegal| PitError::pool(PitCode::InvalidTransition, illegal.to_string()).with_source(illegal))?;
        let (map, now) = (self.shared.map(), self.shared.now());
        let cell = map.instance(place);
        let (model, instance) = (cell.model(), cell.id());
        let turned = if to == InstanceState::Cold {
            // Before: afterwards the place may be another instance's, of this process even.
            let (word, bit) = (&self.mine[place / 64], 1 << (place % 64));
            word.fetch_and(!bit, Ordering::SeqCst);
            let vacated = map.vacate(place, from, now);
            if !vacated {
                word.fetch_or(bit, Ordering::SeqCst);
            }
            vacated
        } else {
            map.turn(place, from, from.with(to), now)
        };
        if !turned {
            let message = format!("model `{instance}` changed meanwhile; it was {}", from.state());
            return Err(PitError::pool(PitCode::Conflict, message));
        }
        self.shared
            .tell(event::transition(model, instance, from.state(), to, reason));
        Ok(())
    }
}
