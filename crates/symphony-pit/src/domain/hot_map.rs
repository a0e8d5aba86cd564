//! `hot.map` by names instead of cells. Every place that comes from the map itself is checked, so that a damaged map gives
//! wrong answers at worst, and never reads elsewhere.

use std::sync::atomic::AtomicU32;

use super::layout::{
    BUDGET, COUNTER_CELLS, COUNTERS, EPOCHS, EVENT_HEAD, INSTANCE_CELLS, INSTANCE_COUNT, INSTANCES, InstanceWord,
    LEASES, MODEL_COUNT, MODELS, PROCESSES, SlotRange, WAITING,
};
use super::slot::{self, Holder};
use super::sys::{Cell, Mapping};
use crate::atomic::{AtomicU64, Ordering};
use crate::error::Component;
use crate::ids::{Id128, InstanceId, ModelId};
use crate::lifecycle::InstanceState;
use crate::time::Mono;

/// What is counted over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Counter {
    Loads,
    LoadFailures,
    Cancellations,
    Unloads,
    Evictions,
    Misses,
    Fallbacks,
    QueueRefusals,
    Timeouts,
    Reclaimed,
    DeadProcesses,
    UsesOfFormerInstances,
}

/// What a process may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// That a lease is given back, or room for a model.
    Slot = 0,
    /// That something happens.
    Event = 1,
}

/// The shared memory of a domain.
#[derive(Debug)]
pub(crate) struct HotMap {
    mapping: Mapping,
}

/// A cell that is not there reads as zeros, and what is written to it is lost.
static NOTHING: Cell = Cell([const { AtomicU64::new(0) }; 8]);

impl HotMap {
    pub(crate) fn new(mapping: Mapping) -> Self {
        Self { mapping }
    }

    #[inline]
    pub(crate) fn cell(&self, index: usize) -> &[AtomicU64; 8] {
        let cell = self.mapping.cell(index);
        debug_assert!(cell.is_some(), "no cell {index}");
        &cell.unwrap_or(&NOTHING).0
    }

    fn words(&self, first: usize, word: usize) -> &AtomicU64 {
        &self.cell(first + word / 8)[word % 8]
    }

    /// How often a component has changed.
    #[inline]
    pub(crate) fn epoch(&self, component: Component) -> &AtomicU64 {
        &self.cell(EPOCHS)[component as usize]
    }

    pub(crate) fn budget(&self) -> &[AtomicU64; 8] {
        self.cell(BUDGET)
    }

    pub(crate) fn count(&self, counter: Counter, by: u64) {
        self.counter(counter).fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn counter(&self, counter: Counter) -> &AtomicU64 {
        self.words(COUNTERS, (counter as usize).min(COUNTER_CELLS * 8 - 1))
    }

    pub(crate) fn event_head(&self) -> &AtomicU64 {
        &self.cell(EVENT_HEAD)[0]
    }

    /// The word in which the process at `place` says that it waits, and its bit there.
    pub(crate) fn waiting(&self, place: u16, what: Awaited) -> (&AtomicU64, u64) {
        let words = self.cell(WAITING + what as usize);
        (&words[usize::from(place / 64) % 4], 1 << (place % 64))
    }

    /// Whether any process waits.
    #[inline]
    pub(crate) fn is_awaited(&self, what: Awaited) -> bool {
        let words = &self.cell(WAITING + what as usize)[..4];
        words.iter().fold(0, |all, word| all | slot::waiting(word)) != 0
    }

    /// The places of the processes that wait.
    #[inline]
    pub(crate) fn all_waiting(&self, what: Awaited) -> impl Iterator<Item = u16> {
        let words = self.cell(WAITING + what as usize);
        (0..4_u16).flat_map(move |word| {
            let mut bits = slot::waiting(&words[usize::from(word)]);
            std::iter::from_fn(move || {
                let bit = u16::try_from(bits.trailing_zeros()).ok().filter(|_| bits != 0)?;
                bits &= bits - 1;
                Some(word * 64 + bit)
            })
        })
    }

    pub(crate) fn doorbell(&self, place: u16) -> Option<&AtomicU32> {
        self.mapping.doorbell(usize::from(place))
    }

    pub(crate) fn process(&self, place: u16) -> ProcessCell<'_> {
        ProcessCell(self.cell(PROCESSES + usize::from(place)))
    }

    #[inline]
    pub(crate) fn instance(&self, place: usize) -> InstanceCell<'_> {
        let first = INSTANCES + place * INSTANCE_CELLS;
        InstanceCell {
            first: self.cell(first),
            second: self.cell(first + 1),
        }
    }

    /// All places of instances.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (usize, InstanceCell<'_>)> {
        (0..INSTANCE_COUNT).map(|place| (place, self.instance(place)))
    }

    #[inline]
    pub(crate) fn model(&self, place: usize) -> ModelCell<'_> {
        ModelCell(self.cell(MODELS + place.min(MODEL_COUNT - 1)))
    }

    #[inline]
    pub(crate) fn lease(&self, place: usize) -> LeaseCell<'_> {
        LeaseCell(self.cell(LEASES + place))
    }

    /// The slots of leases in `range`.
    pub(crate) fn slots(&self, range: SlotRange) -> impl Iterator<Item = &AtomicU64> {
        range.places().map(|place| self.lease(place).slot())
    }
}

/// A process that is attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessCell<'a>(&'a [AtomicU64; 8]);

impl<'a> ProcessCell<'a> {
    /// State and incarnation.
    pub(crate) fn state(self) -> &'a AtomicU64 {
        &self.0[0]
    }
    pub(crate) fn pid(self) -> &'a AtomicU64 {
        &self.0[1]
    }
    pub(crate) fn started(self) -> &'a AtomicU64 {
        &self.0[2]
    }
    pub(crate) fn beat(self) -> &'a AtomicU64 {
        &self.0[3]
    }
    pub(crate) fn attached(self) -> &'a AtomicU64 {
        &self.0[4]
    }
}

/// A place for a model in one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceCell<'a> {
    first: &'a [AtomicU64; 8],
    second: &'a [AtomicU64; 8],
}

impl<'a> InstanceCell<'a> {
    /// The gate before its slots: state, owner, generation.
    #[inline]
    pub(crate) fn gate(self) -> &'a AtomicU64 {
        &self.first[0]
    }

    #[inline]
    pub(crate) fn word(self) -> InstanceWord {
        InstanceWord::unpack(self.gate().load(Ordering::SeqCst))
    }

    pub(crate) fn state(self) -> InstanceState {
        self.word().state()
    }

    #[inline]
    pub(crate) fn model_place(self) -> usize {
        usize::try_from(self.first[1].load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(crate) fn id(self) -> InstanceId {
        InstanceId(read_id(&self.first[2], &self.first[3]))
    }

    #[inline]
    pub(crate) fn model(self) -> ModelId {
        ModelId(read_id(&self.first[4], &self.first[5]))
    }

    #[inline]
    pub(crate) fn slots(self) -> SlotRange {
        SlotRange::unpack(self.first[6].load(Ordering::Relaxed))
    }

    /// Written while its state is still cold and nobody else may.
    pub(crate) fn describe(self, model_place: usize, id: InstanceId, model: ModelId, slots: SlotRange) {
        self.first[1].store(model_place as u64, Ordering::Relaxed);
        write_id(&self.first[2], &self.first[3], id.0);
        write_id(&self.first[4], &self.first[5], model.0);
        self.first[6].store(slots.pack(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn last_use(self) -> &'a AtomicU64 {
        &self.second[0]
    }
    /// Memory, memory of the graphics processor, thousandths of cores.
    pub(crate) fn needs(self) -> [&'a AtomicU64; 3] {
        [&self.second[1], &self.second[2], &self.second[3]]
    }
    /// Since when it is in its state.
    pub(crate) fn since(self) -> &'a AtomicU64 {
        &self.second[4]
    }
    /// [`flags`].
    #[inline]
    pub(crate) fn flags(self) -> &'a AtomicU64 {
        &self.second[5]
    }
    /// When its health was last reported, in nanoseconds, with the verdict in the lowest two bits.
    pub(crate) fn health(self) -> &'a AtomicU64 {
        &self.second[6]
    }
    /// The sum of the generations of its slots when it got them.
    pub(crate) fn uses_before(self) -> &'a AtomicU64 {
        &self.second[7]
    }
}

impl InstanceWord {
    /// The state. A number that names none counts as broken.
    #[inline]
    pub(crate) fn state(self) -> InstanceState {
        InstanceState::from_number(self.state).unwrap_or(InstanceState::Failed)
    }

    #[inline]
    pub(crate) fn with(self, state: InstanceState) -> Self {
        Self {
            state: state.number(),
            ..self
        }
    }
}

/// A registered model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelCell<'a>(&'a [AtomicU64; 8]);

impl<'a> ModelCell<'a> {
    #[inline]
    pub(crate) fn id(self) -> ModelId {
        ModelId(read_id(&self.0[0], &self.0[1]))
    }

    pub(crate) fn set_id(self, id: ModelId) {
        write_id(&self.0[0], &self.0[1], id.0);
    }

    /// Places where instances of it may be: a bit that is set proves nothing, one that is not proves that there is none.
    #[inline]
    pub(crate) fn instances(self) -> &'a [AtomicU64] {
        &self.0[2..6]
    }

    pub(crate) fn add_instance(self, place: usize) {
        self.0[2 + place / 64 % 4].fetch_or(1 << (place % 64), Ordering::SeqCst);
    }

    pub(crate) fn remove_instance(self, place: usize) {
        self.0[2 + place / 64 % 4].fetch_and(!(1 << (place % 64)), Ordering::SeqCst);
    }
}

/// A lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseCell<'a>(&'a [AtomicU64; 8]);

impl<'a> LeaseCell<'a> {
    #[inline]
    pub(crate) fn slot(self) -> &'a AtomicU64 {
        &self.0[0]
    }
    #[inline]
    pub(crate) fn since(self) -> &'a AtomicU64 {
        &self.0[1]
    }
    /// The place of the instance that it is a lease of.
    #[inline]
    pub(crate) fn instance_place(self) -> &'a AtomicU64 {
        &self.0[2]
    }
}

#[inline]
fn read_id(high: &AtomicU64, low: &AtomicU64) -> Id128 {
    Id128::from_words([high.load(Ordering::Relaxed), low.load(Ordering::Relaxed)])
}

fn write_id(high: &AtomicU64, low: &AtomicU64, id: Id128) {
    let [first, second] = id.words();
    high.store(first, Ordering::Relaxed);
    low.store(second, Ordering::Relaxed);
}

/// What is said of an instance besides its state.
pub(crate) mod flags {
    /// It must not be unloaded for another.
    pub(crate) const PINNED: u64 = 1;
    /// Its owner is to be woken when a lease is given back.
    pub(crate) const RING_OWNER: u64 = 2;
    /// Another process wants its owner to unload it, if nobody uses it.
    pub(crate) const COOL_WANTED: u64 = 4;
}

/// What became of the instances and leases of a process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reclaimed {
    /// Leases that it held.
    pub leases: u64,
    /// Models that it had loaded.
    pub instances: u64,
}

/// A model that was lost with its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadInstance {
    pub(crate) place: usize,
    pub(crate) model: ModelId,
    pub(crate) instance: InstanceId,
    pub(crate) state: InstanceState,
}

impl HotMap {
    /// Changes the state of an instance whose gate reads `from`, and tells everybody.
    pub(crate) fn turn(&self, place: usize, from: InstanceWord, to: InstanceWord, now: Mono) -> bool {
        let cell = self.instance(place);
        // Before and after: a reader that saw any of it sees that the epoch moved while it read, and one that asks later that
        // something is new.
        self.epoch(Component::Pool).fetch_add(1, Ordering::SeqCst);
        let turned = slot::turn(cell.gate(), from.pack(), to.pack());
        if turned {
            cell.since().store(now.0, Ordering::Relaxed);
        }
        self.epoch(Component::Pool).fetch_add(1, Ordering::SeqCst);
        turned
    }

    /// Makes an instance cold whose leases are gone, so that the place can be used again.
    pub(crate) fn vacate(&self, place: usize, from: InstanceWord, now: Mono) -> bool {
        let cell = self.instance(place);
        let model = self.model(cell.model_place());
        let uses = self.uses(place);
        let vacant = InstanceWord {
            generation: from.generation + 1,
            owner: 0,
            state: InstanceState::Cold.number(),
        };
        // Before the place is free: afterwards the bit may be another instance's.
        model.remove_instance(place);
        let vacated = self.turn(place, from, vacant, now);
        if vacated {
            self.count(Counter::UsesOfFormerInstances, uses);
        } else if cell.word().generation == from.generation {
            model.add_instance(place);
        }
        vacated
    }

    /// How often an instance was lent.
    pub(crate) fn uses(&self, place: usize) -> u64 {
        let cell = self.instance(place);
        self.lendings(cell.slots())
            .saturating_sub(cell.uses_before().load(Ordering::Relaxed))
    }

    /// How often slots were lent, ever.
    pub(crate) fn lendings(&self, range: SlotRange) -> u64 {
        self.slots(range)
            .map(slot::read)
            .map(|slot| slot.generation + u64::from(!slot.is_free()))
            .sum()
    }

    /// Takes everything from a process that is dead and stays so meanwhile. May be interrupted and repeated.
    pub(crate) fn reclaim(&self, dead: u16, mut on_death: impl FnMut(DeadInstance)) -> Reclaimed {
        let mut reclaimed = Reclaimed::default();
        let now = Mono::now();
        for (place, cell) in self.instances() {
            loop {
                let found = cell.word();
                if found.state == 0 || found.owner != dead {
                    break;
                }
                // Closed first: nobody takes a slot any more when the leases are taken away.
                let closed = found.with(InstanceState::Cooling);
                if found.state() != InstanceState::Cooling && !self.turn(place, found, closed, now) {
                    continue;
                }
                for slot in self.slots(cell.slots()) {
                    reclaimed.leases += u64::from(slot::revoke(slot));
                }
                let lost = DeadInstance {
                    place,
                    model: cell.model(),
                    instance: cell.id(),
                    state: found.state(),
                };
                if self.vacate(place, closed, now) {
                    on_death(lost);
                    reclaimed.instances += 1;
                    break;
                }
            }
        }
        for place in 0..super::layout::LEASE_COUNT {
            reclaimed.leases += u64::from(slot::reclaim(self.lease(place).slot(), Holder::process(dead)));
        }
        for what in [Awaited::Slot, Awaited::Event] {
            let (word, bit) = self.waiting(dead, what);
            word.fetch_and(!bit, Ordering::SeqCst);
        }
        reclaimed
    }
}
