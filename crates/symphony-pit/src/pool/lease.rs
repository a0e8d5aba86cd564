//! The hot path: a lease is taken and given back by one exchange each, in memory that all processes share.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::{ModelStatus, Pool};
use crate::atomic::Ordering;
use crate::domain::layout::LEASE_COUNT;
use crate::domain::{InstanceWord, Shared, claim_behind, flags, held, release};
use crate::error::{PitCode, PitError, Result};
use crate::ids::{InstanceId, LeaseId, ModelId, ProcessSlot};
use crate::lifecycle::InstanceState;
use crate::time::Mono;

/// A registered model: its identity, and where it is in the map, so that nothing has to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelRef {
    pub(crate) id: ModelId,
    pub(crate) place: usize,
}

impl ModelRef {
    /// Its identity.
    pub fn id(self) -> ModelId {
        self.id
    }
}

/// A lease as numbers, without what gives it back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed {
    pub(crate) id: LeaseId,
    pub(crate) instance: InstanceId,
    pub(crate) place: usize,
    pub(crate) gate: u64,
    pub(crate) since: Mono,
}

/// The right to use a loaded model, given back when it is dropped, or by [`Pool::release`].
///
/// It says where the model is: calls go to the process [`Self::owner`], which knows the model by [`Self::instance`]. If that
/// process ends, or the model breaks, the lease is taken away, and giving it back is an error that can be ignored.
#[must_use = "a lease that is dropped is given back"]
pub struct Lease {
    pub(crate) pool: Arc<Pool>,
    pub(crate) model: ModelId,
    pub(crate) claimed: Claimed,
    /// Whether dropping it gives the lease back.
    pub(crate) armed: bool,
}

impl Lease {
    /// Its identity, for languages that keep a number instead of this value (see [`Self::into_id`]).
    pub fn id(&self) -> LeaseId {
        self.claimed.id
    }

    /// The model; a fallback's if that was lent instead.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// Which loaded one.
    pub fn instance(&self) -> InstanceId {
        self.claimed.instance
    }

    /// The process that has it loaded.
    pub fn owner(&self) -> ProcessSlot {
        ProcessSlot(InstanceWord::unpack(self.claimed.gate).owner)
    }

    /// Since when it is lent; up to a beat of the keeper too early.
    pub fn since(&self) -> Mono {
        self.claimed.since
    }

    /// What the model is doing. `Busy` as long as the lease is good.
    ///
    /// # Errors
    /// `StaleHandle` if the lease was taken away.
    #[inline]
    pub fn status(&self) -> Result<ModelStatus> {
        let shared = &self.pool.shared;
        shared.check()?;
        let word = shared.map().instance(self.claimed.place).word();
        if word.generation != InstanceWord::unpack(self.claimed.gate).generation {
            return Err(stale(self.claimed.id));
        }
        Ok(ModelStatus::of(word.state(), true))
    }

    /// Gives up this value but not the lease, which [`Pool::release_id`] gives back.
    pub fn into_id(mut self) -> LeaseId {
        self.armed = false;
        self.claimed.id
    }
}

impl Drop for Lease {
    #[inline]
    fn drop(&mut self) {
        if self.armed {
            // Taken away already, or the process has left: then nothing is held any more.
            let _stale = give_back(&self.pool.shared, self.claimed.id, self.claimed.place);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lease")
            .field("id", &self.claimed.id)
            .field("model", &self.model)
            .field("instance", &self.claimed.instance)
            .finish_non_exhaustive()
    }
}

pub(crate) fn stale(id: LeaseId) -> PitError {
    PitError::pool(
        PitCode::StaleHandle,
        format!("lease {id} was given back already, or taken away because its model or process is gone"),
    )
}

/// Where this thread begins to look for a free slot, so that threads do not meet at the first.
fn first_slot(count: usize) -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static TURN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    if count <= 1 {
        return 0;
    }
    let turn = TURN.get().unwrap_or_else(|| {
        let turn = THREADS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        TURN.set(Some(turn));
        turn
    });
    turn % count
}

/// Takes a lease of the instance at `place`, if it is hot, of this model and not lent out.
#[inline]
pub(crate) fn claim_at(shared: &Shared, place: usize, model: ModelId) -> Option<Claimed> {
    let map = shared.map();
    let cell = map.instance(place);
    let gate = cell.gate().load(Ordering::SeqCst);
    if InstanceWord::unpack(gate).state() != InstanceState::Hot || cell.model() != model {
        return None;
    }
    // What is read here belongs to the gate's word: it is compared again after a slot was taken.
    let (instance, range) = (cell.id(), cell.slots().places());
    let first = first_slot(range.len());
    let turned = range.clone().skip(first).chain(range.take(first));
    for slot in turned {
        let lease = map.lease(slot);
        if let Some(generation) = claim_behind(cell.gate(), gate, lease.slot(), shared.holder()) {
            let since = shared.recently();
            lease.since().store(since.0, Ordering::Relaxed);
            lease.instance_place().store(place as u64, Ordering::Relaxed);
            cell.last_use().store(since.0, Ordering::Relaxed);
            return Some(Claimed {
                id: LeaseId::new(slot, generation),
                instance,
                place,
                gate,
                since,
            });
        }
    }
    None
}

/// Takes a lease of any instance of a model whose bit is in `among`.
#[inline]
pub(crate) fn claim_among(shared: &Shared, model: ModelRef, among: impl Fn(usize, u64) -> u64) -> Option<Claimed> {
    for (word, bits) in shared.map().model(model.place).instances().iter().enumerate() {
        let mut bits = among(word, bits.load(Ordering::Relaxed));
        while bits != 0 {
            let place = word * 64 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let Some(claimed) = claim_at(shared, place, model.id) {
                return Some(claimed);
            }
        }
    }
    None
}

/// Gives a lease of this process back.
#[inline]
pub(crate) fn give_back(shared: &Shared, id: LeaseId, place: usize) -> Result<()> {
    shared.check()?;
    let map = shared.map();
    let cell = map.instance(place);
    // Before: afterwards the place may be another's.
    cell.last_use().store(shared.recently().0, Ordering::Relaxed);
    let rings = cell.flags().load(Ordering::Relaxed) & flags::RING_OWNER != 0;
    let owner = cell.word().owner;
    if !release(map.lease(id.slot()).slot(), id.generation(), shared.holder()) {
        return Err(stale(id));
    }
    if rings {
        shared.ring(owner);
    }
    shared.ring_waiting();
    Ok(())
}

/// Gives a lease of this process back that is known by its number.
#[inline]
pub(crate) fn give_back_id(shared: &Shared, id: LeaseId) -> Result<()> {
    if id.slot() >= LEASE_COUNT {
        return Err(stale(id));
    }
    let place = shared.map().lease(id.slot()).instance_place().load(Ordering::Relaxed);
    let place = usize::try_from(place).unwrap_or_default();
    if place >= crate::domain::layout::INSTANCE_COUNT {
        return Err(stale(id));
    }
    give_back(shared, id, place)
}

/// How many leases the instance at `place` has.
pub(crate) fn lease_count(shared: &Shared, place: usize) -> usize {
    let map = shared.map();
    held(map.slots(map.instance(place).slots()))
}
