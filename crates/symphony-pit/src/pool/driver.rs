//! What the keeper's thread does for the pool: serves requests, loads and unloads.
//!
//! No lock of the pool is held while a loader or a waker is called: both may call the pool.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::loader::{LoadRequest, LoadState, ModelLoader, UnloadRequest};
use super::models::Entry;
use super::plan::{Needs, Plan, Resident, plan};
use super::queue::Waiting;
use super::{Failure, Loading, MISSES, ModelRef, Pool, Want, Wish, event, lease_count};
use crate::atomic::Ordering;
use crate::domain::layout::{INSTANCE_COUNT, LEASE_COUNT};
use crate::domain::{
    Attendant, Awaited, Counter, InstanceCell, InstanceWord, Lock, SlotRange, announce, event_head, flags, revoke,
};
use crate::error::{PitCode, PitError, Result};
use crate::ids::{InstanceId, ModelId};
use crate::lifecycle::{InstanceState, Step, TransitionReason};
use crate::time::Mono;

/// So often in a row a model may fail to load before requests get its fallbacks.
const ATTEMPTS: u32 = 2;

/// How long they do, before it is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// How long the keeper waits for other processes' decisions.
const PATIENCE: Duration = Duration::from_millis(20);

/// What one pass over the queue has seen.
#[derive(Default)]
struct Pass {
    /// Requests for each model that wait, and come before. What they will get is not unloaded for those after them.
    ahead: HashMap<ModelId, usize>,
    /// Models for which a request has found nothing, so that those after it need not look: what changes meanwhile rings.
    waits: HashSet<(ModelId, bool)>,
    /// Models for which a request waits, and whether it must be here: nobody overtakes it in this pass.
    passed_over: HashSet<(ModelId, bool)>,
    /// Whether a more urgent request waits for room, so that nothing else may take it.
    blocked: bool,
}

/// A request whose turn it is.
#[derive(Clone, Copy)]
struct Turn {
    number: u64,
    model: ModelRef,
    here: bool,
    /// Why a model is loaded for nobody yet; `None` for a lease.
    warm: Option<TransitionReason>,
}

/// What becomes of a request in a pass.
enum Served {
    /// It has its answer.
    Done,
    /// It stays in the queue.
    Waits,
    /// Another model shall do.
    Instead(ModelRef),
    /// It fails.
    Fails(PitError),
}

impl Attendant for Pool {
    fn attend(&self, now: Mono) -> Option<Mono> {
        if self.shared.check().is_err() {
            return None;
        }
        self.say_what_is_awaited();
        self.end_abandoned(now);
        self.look_after_own(now);
        self.serve_all(now);
        self.tell_listeners();
        self.say_what_is_awaited();
        self.end_drained();
        let local = self.local();
        let stalls = local.loading.values().filter(|loading| !loading.timed_out);
        let stall = stalls.map(|loading| self.stalls_at(loading)).min();
        let drain = local
            .draining
            .values()
            .map(|draining| draining.until)
            .filter(|until| *until > now)
            .min();
        // What is over already waits for a host's answer, and that rings.
        let due = [local.queue.next_deadline(), stall, drain].into_iter().flatten();
        due.filter(|due| *due > now).min()
    }

    fn end(&self) {
        let mut local = self.local();
        let waiting = local.queue.take(|_| true);
        let listeners = std::mem::take(&mut local.listeners);
        let draining = std::mem::take(&mut local.draining);
        for loading in local.loading.values() {
            loading.state.cancelled.store(true, Ordering::SeqCst);
        }
        for waiting in &waiting {
            self.note_urgency(&local, waiting.what.model);
        }
        drop(local);
        // Dropped promises say that this process has left.
        drop((waiting, listeners, draining));
    }
}

impl Pool {
    /// Sets or clears this process's bits, by which others know whether to wake it. Before the queue is served, so that what
    /// is given back meanwhile is either seen or rings.
    fn say_what_is_awaited(&self) {
        let (slots, events) = {
            let local = self.local();
            (!local.queue.is_empty(), !local.listeners.is_empty())
        };
        for (wanted, what) in [(slots, Awaited::Slot), (events, Awaited::Event)] {
            let (word, bit) = self.shared.map().waiting(self.shared.place(), what);
            let said = word.load(Ordering::SeqCst) & bit != 0;
            if wanted && !said {
                announce(word, bit);
            } else if !wanted && said {
                word.fetch_and(!bit, Ordering::SeqCst);
            }
        }
    }

    /// Ends the requests that were given up or have waited too long.
    fn end_abandoned(&self, now: Mono) {
        let mut local = self.local();
        let cancelled = local
            .queue
            .take(|waiting| waiting.what.cancelled.load(Ordering::SeqCst));
        let late = local
            .queue
            .take(|waiting| waiting.deadline.is_some_and(|deadline| deadline <= now));
        for waiting in cancelled.iter().chain(&late) {
            self.note_urgency(&local, waiting.what.model);
        }
        drop(local);
        for waiting in cancelled {
            waiting
                .what
                .fail(PitError::pool(PitCode::Cancelled, "the request was given up"));
        }
        for waiting in late {
            self.shared.map().count(Counter::Timeouts, 1);
            let waited = now.since(waiting.since).as_millis();
            waiting
                .what
                .fail(PitError::pool(PitCode::Timeout, format!("no lease within {waited} ms")));
        }
    }

    fn tell_listeners(&self) {
        let head = event_head(self.shared.map());
        let mut local = self.local();
        let (due, waiting): (Vec<_>, Vec<_>) = local.listeners.drain(..).partition(|(seen, _)| *seen < head);
        local.listeners = waiting;
        drop(local);
        for (_, promise) in due {
            promise.fulfil(Ok(()));
        }
    }

    fn stalls_at(&self, loading: &Loading) -> Mono {
        let spec = self
            .models
            .entry(&self.shared, loading.model)
            .map(|entry| entry.spec.load_timeout_ms);
        let patience = Duration::from_millis(spec.unwrap_or_default().into());
        Mono(loading.state.progress.load(Ordering::Relaxed)).after(patience)
    }

    /// Does what is due with the instances of this process.
    fn look_after_own(&self, now: Mono) {
        for word in 0..self.mine.len() {
            let mut bits = self.mine(word);
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.look_after(place, now);
            }
        }
    }

    fn look_after(&self, place: usize, now: Mono) {
        let cell = self.shared.map().instance(place);
        let word = cell.word();
        let draining = {
            let local = self.local();
            let draining = local.draining.get(&place);
            draining
                .filter(|draining| draining.instance == cell.id())
                .map(|draining| draining.until)
        };
        match word.state() {
            InstanceState::Warming => self.look_after_loading(place, now),
            InstanceState::Hot | InstanceState::Parked if draining.is_some() => {
                cell.flags().fetch_or(flags::RING_OWNER, Ordering::SeqCst);
                let _next_time = self.step(place, word, Step::Cool, TransitionReason::UserRequest);
                self.look_after_cooling(place, draining, now);
            }
            InstanceState::Hot | InstanceState::Parked => self.look_after_idle(place, now),
            InstanceState::Cooling => self.look_after_cooling(place, draining, now),
            InstanceState::Failed => {
                let again = self
                    .local()
                    .failures
                    .get(&cell.model())
                    .is_none_or(|failure| failure.until <= now);
                if (again || draining.is_some())
                    && self
                        .step(place, word, Step::Recover, TransitionReason::ErrorRecovery)
                        .is_ok()
                {
                    self.drained(place);
                }
            }
            InstanceState::Cold => self.drained(place),
        }
    }

    /// Calls off what nobody waits for any more, or what makes no progress.
    fn look_after_loading(&self, place: usize, now: Mono) {
        let mut local = self.local();
        let Some(loading) = local.loading.get(&place) else {
            return;
        };
        let draining = local
            .draining
            .get(&place)
            .is_some_and(|draining| draining.instance == loading.instance);
        let model = loading.model;
        let stalled = self.stalls_at(loading) <= now && !loading.timed_out;
        let wanted = loading.reason == TransitionReason::PredictivePrewarm
            || local.queue.iter().any(|waiting| waiting.what.model.id == model);
        if stalled {
            let message = "it made no progress for the time that its specification allows".to_owned();
            local.failures.insert(
                model,
                Failure {
                    count: ATTEMPTS,
                    until: now.after(PAUSE),
                    message,
                    code: PitCode::Timeout,
                },
            );
        }
        if let Some(loading) = local.loading.get_mut(&place)
            && (stalled || draining || !wanted)
        {
            loading.timed_out |= stalled;
            loading.state.cancelled.store(true, Ordering::SeqCst);
        }
    }

    /// Unloads what was not used for its time, or what another process needs the memory of.
    fn look_after_idle(&self, place: usize, now: Mono) {
        let cell = self.shared.map().instance(place);
        let flags = cell.flags().load(Ordering::SeqCst);
        if flags & flags::PINNED != 0 || lease_count(&self.shared, place) > 0 {
            cell.flags().fetch_and(!flags::COOL_WANTED, Ordering::SeqCst);
            return;
        }
        let awaited = || {
            let local = self.local();
            local.queue.iter().any(|waiting| waiting.what.model.id == cell.model())
        };
        if flags & flags::COOL_WANTED != 0 {
            cell.flags().fetch_and(!flags::COOL_WANTED, Ordering::SeqCst);
            if !awaited() && self.cool(place, TransitionReason::ResourcePressure) {
                self.shared.map().count(Counter::Evictions, 1);
            }
            return;
        }
        let Ok(entry) = self.models.entry(&self.shared, cell.model()) else {
            return;
        };
        let last_use = Mono(cell.last_use().load(Ordering::Relaxed));
        if let Some(keep_alive) = entry.spec.keep_alive.duration()
            && last_use.after(keep_alive) <= now
            && !awaited()
        {
            self.cool(place, TransitionReason::AutomaticTimeout);
        }
    }

    /// Begins to unload an instance of this process that nobody uses. `false` if somebody does after all.
    fn cool(&self, place: usize, reason: TransitionReason) -> bool {
        let cell = self.shared.map().instance(place);
        let word = cell.word();
        if self.step(place, word, Step::Cool, reason).is_err() {
            return false;
        }
        // Closed now: who took a lease before is seen here.
        if lease_count(&self.shared, place) > 0 {
            let _kept = self.step(place, word.with(InstanceState::Cooling), Step::Revive, reason);
            return false;
        }
        self.start_unloading(place, cell.id(), reason);
        true
    }

    fn look_after_cooling(&self, place: usize, until: Option<Mono>, now: Mono) {
        if self.local().unloading.contains_key(&place) {
            return;
        }
        if until.is_none_or(|until| until <= now) {
            self.take_leases(place);
        }
        if lease_count(&self.shared, place) == 0 {
            let instance = self.shared.map().instance(place).id();
            self.start_unloading(place, instance, TransitionReason::UserRequest);
        }
    }

    fn take_leases(&self, place: usize) {
        let map = self.shared.map();
        for slot in map.slots(map.instance(place).slots()) {
            revoke(slot);
        }
    }

    /// Asks the loader to unload what is cooling, or was loaded for nobody. Whoever asks first does it.
    fn start_unloading(&self, place: usize, instance: InstanceId, reason: TransitionReason) {
        let cell = self.shared.map().instance(place);
        {
            let mut local = self.local();
            let closed = matches!(cell.state(), InstanceState::Cooling | InstanceState::Warming);
            if !closed || cell.id() != instance || local.unloading.contains_key(&place) {
                return;
            }
            local.unloading.insert(place, reason);
        }
        self.shared.map().count(Counter::Unloads, 1);
        let Some(pool) = self.this.upgrade() else { return };
        let request = UnloadRequest {
            pool,
            place,
            instance: cell.id(),
            model: cell.model(),
        };
        let entry = self.models.entry(&self.shared, cell.model());
        // Without a loader there is nothing that it could have loaded: dropping the request says that it is gone.
        if let Some(loader) = entry.ok().and_then(|entry| self.loader(&entry)) {
            loader.unload(request);
        }
    }

    /// What an [`UnloadRequest`] says when it is done.
    pub(super) fn unload_ended(&self, place: usize, instance: InstanceId) {
        let Some((reason, broken)) = ({
            let mut local = self.local();
            let broken = local.broken.remove(&place);
            local.misses.remove(&place);
            local.unloading.remove(&place).map(|reason| (reason, broken))
        }) else {
            return;
        };
        let cell = self.shared.map().instance(place);
        let word = cell.word();
        if self.shared.check().is_err() || cell.id() != instance || word.owner != self.shared.place() {
            return;
        }
        let step = match word.state() {
            InstanceState::Warming => Step::Cancelled,
            _ if broken => Step::Fail,
            _ => Step::Unloaded,
        };
        let _gone = self.step(place, word, step, reason);
        self.drained(place);
        self.nudge();
    }

    /// Answers those who wanted an instance unloaded.
    fn drained(&self, place: usize) {
        let Some(super::Draining { promises, .. }) = self.local().draining.remove(&place) else {
            return;
        };
        for promise in promises {
            promise.fulfil(Ok(()));
        }
    }

    /// Answers those whose instance is gone by another way.
    fn end_drained(&self) {
        let gone: Vec<_> = {
            let local = self.local();
            let draining = local.draining.iter();
            let gone = draining.filter(|(place, draining)| {
                let cell = self.shared.map().instance(**place);
                cell.state() == InstanceState::Cold || cell.id() != draining.instance
            });
            gone.map(|(place, _)| *place).collect()
        };
        for place in gone {
            self.drained(place);
        }
    }

    /// What a [`LoadRequest`] says when it is done.
    pub(super) fn load_ended(&self, place: usize, instance: InstanceId, result: Result<()>) {
        let loading = {
            let mut local = self.local();
            match local.loading.get(&place) {
                Some(loading) if loading.instance == instance => local.loading.remove(&place),
                _ => None,
            }
        };
        let Some(loading) = loading else { return };
        let cell = self.shared.map().instance(place);
        let word = cell.word();
        if self.shared.check().is_err() || cell.id() != instance || word.owner != self.shared.place() {
            return;
        }
        let cancelled = loading.state.cancelled.load(Ordering::SeqCst);
        let reason = if loading.timed_out {
            TransitionReason::AutomaticTimeout
        } else {
            loading.reason
        };
        match result {
            Ok(()) if !cancelled => {
                self.shared.map().count(Counter::Loads, 1);
                cell.last_use().store(self.shared.now().0, Ordering::Relaxed);
                self.local().failures.remove(&loading.model);
                let _loaded = self.step(place, word, Step::Loaded, reason);
            }
            Ok(()) => {
                self.shared.map().count(Counter::Cancellations, 1);
                self.start_unloading(place, instance, reason);
            }
            Err(_) if cancelled => {
                self.shared.map().count(Counter::Cancellations, 1);
                let _cancelled = self.step(place, word, Step::Cancelled, reason);
                self.drained(place);
            }
            Err(error) => {
                self.shared.map().count(Counter::LoadFailures, 1);
                self.note_failure(loading.model, 1, &error);
                let _failed = self.step(place, word, Step::Fail, TransitionReason::LoadFailure);
            }
        }
        self.nudge();
    }

    fn note_failure(&self, model: ModelId, weight: u32, error: &PitError) {
        let now = self.shared.now();
        let mut local = self.local();
        let before = local.failures.get(&model).map_or(0, |failure| {
            // One more attempt after the pause, not as many as at first.
            if failure.until <= now {
                failure.count.min(ATTEMPTS - 1)
            } else {
                failure.count
            }
        });
        let count = before + weight;
        let until = if count >= ATTEMPTS { now.after(PAUSE) } else { now };
        local.failures.insert(
            model,
            Failure {
                count,
                until,
                message: error.message().to_owned(),
                code: error.code(),
            },
        );
    }

    /// Takes an instance of this process out of use that does not answer as it should.
    pub(super) fn break_at(&self, place: usize) {
        let cell = self.shared.map().instance(place);
        let error = PitError::pool(
            PitCode::Unhealthy,
            format!("model `{}` had {MISSES} bad reports in a row", cell.id()),
        );
        self.note_failure(cell.model(), ATTEMPTS, &error);
        self.local().broken.insert(place);
        if self
            .step(place, cell.word(), Step::Cool, TransitionReason::HealthCheckFailure)
            .is_err()
        {
            self.local().broken.remove(&place);
            return;
        }
        self.take_leases(place);
        self.start_unloading(place, cell.id(), TransitionReason::HealthCheckFailure);
        self.shared.ring_waiting();
    }

    pub(super) fn park_at(&self, place: usize) -> Result<()> {
        let word = self.shared.map().instance(place).word();
        self.step(place, word, Step::Park, TransitionReason::UserRequest)?;
        let leases = lease_count(&self.shared, place);
        if leases == 0 {
            return Ok(());
        }
        self.step(
            place,
            word.with(InstanceState::Parked),
            Step::Wake,
            TransitionReason::UserRequest,
        )?;
        Err(PitError::pool(
            PitCode::Conflict,
            format!("the model has {leases} leases"),
        ))
    }

    pub(super) fn wake_at(&self, place: usize) -> Result<()> {
        let word = self.shared.map().instance(place).word();
        self.step(place, word, Step::Wake, TransitionReason::UserRequest)
    }

    fn loader(&self, entry: &Entry) -> Option<Arc<dyn ModelLoader>> {
        let loaders = self.loaders.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let loaders: Vec<_> = loaders.iter().map(Arc::clone).collect();
        loaders.into_iter().find(|loader| loader.accepts(&entry.spec))
    }

    fn serve_all(&self, now: Mono) {
        let turns: Vec<_> = {
            let local = self.local();
            let turn = |waiting: &Waiting<Wish>| Turn {
                number: waiting.number,
                model: waiting.what.model,
                here: waiting.what.options.here,
                warm: match waiting.what.want {
                    Want::Lease(_) => None,
                    Want::Warm(_, reason) => Some(reason),
                },
            };
            local.queue.order(now).into_iter().map(turn).collect()
        };
        let mut pass = Pass::default();
        for mut turn in turns {
            // A fallback may have a fallback; none is tried twice, so this ends.
            while !pass.waits.contains(&(turn.model.id, turn.here)) {
                match self.serve(turn, &mut pass, now) {
                    Served::Done => break,
                    Served::Waits => {
                        if turn.warm.is_none() {
                            pass.passed_over.insert((turn.model.id, turn.here));
                        }
                        break;
                    }
                    Served::Instead(model) => {
                        let mut local = self.local();
                        let Some(mut waiting) = local.queue.remove(turn.number) else {
                            break;
                        };
                        waiting.what.wanted.get_or_insert(turn.model.id);
                        waiting.what.tried.push(turn.model.id);
                        waiting.what.model = model;
                        local.queue.put_back(waiting);
                        self.note_urgency(&local, turn.model);
                        self.note_urgency(&local, model);
                        turn.model = model;
                    }
                    Served::Fails(error) => {
                        if let Some(wish) = self.take(turn.number) {
                            wish.fail(error);
                        }
                        break;
                    }
                }
            }
        }
    }

    /// Takes a request out of the queue.
    fn take(&self, number: u64) -> Option<Wish> {
        let mut local = self.local();
        let waiting = local.queue.remove(number)?;
        self.note_urgency(&local, waiting.what.model);
        Some(waiting.what)
    }

    fn serve(&self, turn: Turn, pass: &mut Pass, now: Mono) -> Served {
        let Turn {
            number, model, here, ..
        } = turn;
        let reason = turn.warm.unwrap_or(TransitionReason::UserRequest);
        // What became free during this pass is for those who were looked at before; what made it free rings.
        let others_first =
            pass.passed_over.contains(&(model.id, false)) || pass.passed_over.contains(&(model.id, here));
        if !others_first && self.grant(turn) {
            return Served::Done;
        }
        let entry = match self.models.entry(&self.shared, model.id) {
            Ok(entry) => entry,
            Err(error) => return Served::Fails(error),
        };
        if let Some(served) = self.after_failure(number, &entry, now) {
            return served;
        }
        let instances = self.count_instances(&entry, here);
        let ahead = pass.ahead.entry(model.id).or_default();
        *ahead += 1;
        if *ahead <= instances.coming {
            return Served::Waits;
        }
        let Some(loader) = self.loader(&entry) else {
            if instances.all > 0 && !here {
                pass.waits.insert((model.id, here));
                return Served::Waits;
            }
            return Served::Fails(PitError::pool(
                PitCode::LoadFailed,
                format!(
                    "no loader of this process accepts `{}` (model `{}`), and no process has it loaded",
                    entry.spec.loader, entry.spec.name
                ),
            ));
        };
        if pass.blocked || instances.all >= usize::from(entry.spec.max_instances) {
            if here && !instances.own {
                // It may be loaded here when it is gone there.
                self.evict(self.places(model).collect());
            }
            pass.waits.insert((model.id, here));
            return Served::Waits;
        }
        match self.admit(&entry, reason, pass) {
            Ok(Admitted::Load(request)) => {
                loader.load(request);
                // It may be there already.
                if !others_first && self.grant(turn) {
                    Served::Done
                } else {
                    Served::Waits
                }
            }
            Ok(Admitted::Evict(victims)) => {
                pass.blocked = true;
                self.evict(victims);
                Served::Waits
            }
            Ok(Admitted::Wait) => {
                pass.blocked = true;
                Served::Waits
            }
            Err(error) => Served::Fails(error),
        }
    }

    /// Answers a request if what it wants is there.
    fn grant(&self, turn: Turn) -> bool {
        let Turn {
            number,
            model,
            here,
            warm,
        } = turn;
        if warm.is_some() {
            let hot = self
                .places(model)
                .map(|place| self.shared.map().instance(place))
                .find(|cell| cell.state() == InstanceState::Hot)
                .map(InstanceCell::id);
            let Some(instance) = hot else { return false };
            if let Some(Wish {
                want: Want::Warm(promise, _),
                ..
            }) = self.take(number)
            {
                promise.fulfil(Ok(instance));
            }
            return true;
        }
        let Some(claimed) = self.claim(model, here) else {
            return false;
        };
        let Some(lease) = self.this.upgrade().map(|pool| pool.lease(model.id, claimed)) else {
            return false;
        };
        if let Some(Wish {
            want: Want::Lease(promise),
            wanted,
            ..
        }) = self.take(number)
        {
            if let Some(wanted) = wanted {
                self.shared.map().count(Counter::Fallbacks, 1);
                self.shared.tell(event::fallback(wanted, model.id));
            }
            // Nobody waits any more: the lease is given back as it is dropped.
            promise.fulfil(Ok(lease));
        }
        true
    }

    /// What a request gets whose model fails: `None` if it may be loaded (again).
    fn after_failure(&self, number: u64, entry: &Entry, now: Mono) -> Option<Served> {
        let (code, message, retry, tried, fallbacks) = {
            let local = self.local();
            let failure = local.failures.get(&entry.model.id)?;
            if failure.count < ATTEMPTS || failure.until <= now {
                return None;
            }
            let wish = &local.queue.get(number)?.what;
            let retry = u32::try_from(failure.until.since(now).as_millis()).unwrap_or(u32::MAX);
            (
                failure.code,
                failure.message.clone(),
                retry,
                wish.tried.clone(),
                wish.options.fallbacks,
            )
        };
        if fallbacks {
            let names = entry.spec.fallbacks.iter();
            let others = names.filter_map(|name| self.find(name).ok());
            let mut untried = others.filter(|other| other.id != entry.model.id && !tried.contains(&other.id));
            if let Some(other) = untried.next() {
                return Some(Served::Instead(other));
            }
        }
        Some(Served::Fails(PitError::pool(code, message).with_retry_after(retry)))
    }

    fn count_instances(&self, entry: &Entry, here: bool) -> Instances {
        let mut counted = Instances::default();
        for place in self.places(entry.model) {
            let word = self.shared.map().instance(place).word();
            let own = word.owner == self.shared.place();
            counted.own |= own;
            match word.state() {
                InstanceState::Cold | InstanceState::Failed => {}
                InstanceState::Warming if own || !here => {
                    counted.all += 1;
                    counted.coming += usize::from(entry.spec.max_concurrency);
                }
                _ => counted.all += 1,
            }
        }
        counted
    }

    fn evict(&self, victims: Vec<usize>) {
        for place in victims {
            let cell = self.shared.map().instance(place);
            let word = cell.word();
            if word.owner == self.shared.place() {
                if self.cool(place, TransitionReason::ResourcePressure) {
                    self.shared.map().count(Counter::Evictions, 1);
                }
            } else {
                cell.flags().fetch_or(flags::COOL_WANTED, Ordering::SeqCst);
                self.shared.ring(word.owner);
            }
        }
    }

    /// Sets room aside for a model, if there is some. One process at a time.
    fn admit(&self, entry: &Entry, reason: TransitionReason, pass: &Pass) -> Result<Admitted> {
        // Held for microseconds, unless its holder is stopped in the middle: this thread must go on then, and tries again at its
        // next beat.
        let _alone = match Lock::take(&self.shared.folder().join("pool.lock"), PATIENCE) {
            Err(error) if error.code() == PitCode::Timeout => return Ok(Admitted::Wait),
            lock => lock?,
        };
        // Another process may have been quicker.
        if self.count_instances(entry, false).all >= usize::from(entry.spec.max_instances) {
            return Ok(Admitted::Wait);
        }
        let needs = Needs::of(&entry.spec.resource_requirements);
        match plan(&self.budget(), &self.residents(pass), &needs) {
            Plan::Load => match self.reserve(entry, &needs, reason) {
                Some(request) => Ok(Admitted::Load(request)),
                None => Ok(Admitted::Wait),
            },
            Plan::Evict(victims) => Ok(Admitted::Evict(victims)),
            Plan::Wait => Ok(Admitted::Wait),
            Plan::Never(excess) => Err(PitError::pool(
                PitCode::ResourceExhausted,
                format!("model `{}` needs {excess} in all", entry.spec.name),
            )),
        }
    }

    fn residents(&self, pass: &Pass) -> Vec<Resident> {
        let resident = |place| {
            let cell = self.shared.map().instance(place);
            let state = cell.state();
            if !state.is_resident() {
                return None;
            }
            let [memory_mb, gpu_memory_mb, cpu_millis] = cell.needs().map(|word| word.load(Ordering::Relaxed));
            let entry = self.models.entry(&self.shared, cell.model());
            let named = entry.map(|entry| entry.spec.resource_requirements.named.clone());
            Some(Resident {
                place,
                state,
                needs: Needs {
                    memory_mb,
                    gpu_memory_mb,
                    cpu_millis,
                    named: named.unwrap_or_default(),
                },
                leases: lease_count(&self.shared, place),
                pinned: cell.flags().load(Ordering::Relaxed) & flags::PINNED != 0
                    || pass.ahead.contains_key(&cell.model()),
                last_use: Mono(cell.last_use().load(Ordering::Relaxed)),
            })
        };
        (0..INSTANCE_COUNT).filter_map(resident).collect()
    }

    /// Makes an instance that is warming. `None` if there is no place, or no slots, for one more.
    fn reserve(&self, entry: &Entry, needs: &Needs, reason: TransitionReason) -> Option<LoadRequest> {
        let map = self.shared.map();
        let (place, cell) = map.instances().find(|(_, cell)| cell.state() == InstanceState::Cold)?;
        let slots = self.free_slots(entry.spec.max_concurrency)?;
        let (instance, model, now) = (InstanceId::new(), entry.model, self.shared.now());
        cell.describe(model.place, instance, model.id, slots);
        let words = [needs.memory_mb, needs.gpu_memory_mb, needs.cpu_millis];
        for (word, need) in cell.needs().into_iter().zip(words) {
            word.store(need, Ordering::Relaxed);
        }
        cell.last_use().store(now.0, Ordering::Relaxed);
        cell.health().store(0, Ordering::Relaxed);
        cell.uses_before().store(map.lendings(slots), Ordering::Relaxed);
        let rings = entry.spec.keep_alive.duration() == Some(Duration::ZERO);
        cell.flags()
            .store(if rings { flags::RING_OWNER } else { 0 }, Ordering::Relaxed);
        map.model(model.place).add_instance(place);
        let cold = cell.word();
        let owned = InstanceWord {
            owner: self.shared.place(),
            ..cold
        };
        self.mine[place / 64].fetch_or(1 << (place % 64), Ordering::SeqCst);
        let state = Arc::new(LoadState {
            cancelled: AtomicBool::new(false),
            progress: now.0.into(),
        });
        let loading = Loading {
            instance,
            model: model.id,
            state: Arc::clone(&state),
            reason,
            timed_out: false,
        };
        self.local().loading.insert(place, loading);
        // This alone makes it count. Nobody else turns a cold gate: that is done under the lock.
        let warming = InstanceState::Cold.after(Step::Load).unwrap_or(InstanceState::Warming);
        if !map.turn(place, cold, owned.with(warming), now) {
            self.local().loading.remove(&place);
            return None;
        }
        self.shared.tell(event::transition(
            model.id,
            instance,
            InstanceState::Cold,
            warming,
            reason,
        ));
        Some(LoadRequest {
            pool: self.this.upgrade()?,
            place,
            instance,
            model: model.id,
            spec: Arc::clone(&entry.spec),
            state,
            answered: false,
        })
    }

    /// The first slots in a row that belong to no instance.
    fn free_slots(&self, count: u16) -> Option<SlotRange> {
        let map = self.shared.map();
        let mut taken: Vec<_> = map
            .instances()
            .filter(|(_, cell)| cell.state() != InstanceState::Cold)
            .map(|(_, cell)| cell.slots().places())
            .collect();
        taken.sort_by_key(|range| range.start);
        let mut first = 0;
        for range in taken {
            if range.start >= first + usize::from(count) {
                break;
            }
            first = first.max(range.end);
        }
        (first + usize::from(count) <= LEASE_COUNT).then(|| SlotRange {
            first: u32::try_from(first).unwrap_or(u32::MAX),
            count: count.into(),
        })
    }
}

/// What admission says.
enum Admitted {
    Load(LoadRequest),
    Evict(Vec<usize>),
    Wait,
}

/// How many instances of a model there are.
#[derive(Default)]
struct Instances {
    all: usize,
    /// Whether this process has one of them.
    own: bool,
    /// Leases that those which are being loaded will have.
    coming: usize,
}

impl Wish {
    fn fail(self, error: PitError) {
        match self.want {
            Want::Lease(promise) => drop(promise.fulfil(Err(error))),
            Want::Warm(promise, _) => drop(promise.fulfil(Err(error))),
        }
    }
}
