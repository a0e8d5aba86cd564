//! The protocol of one lease slot, and of the gate before a group of them.
//!
//! A slot is one word: who holds it, and how often it has been lent before. Every step is one exchange of that word, so a
//! process that is killed at any moment leaves it lent or free and nothing between; a holder that comes too late does not
//! fit the word any more. A gate is a word that says that slots may be taken; it is closed by whoever wants them empty.
//!
//! `tests/model.rs` runs this file in every order that the memory model allows.

use crate::atomic::{AtomicU64, Ordering, store_then_load};

const HOLDER_BITS: u32 = 16;
const GENERATIONS: u64 = 1 << (u64::BITS - HOLDER_BITS);

/// Who holds a slot: a process, by its place in the table plus one; zero is nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder(u16);

impl Holder {
    /// The process at `place`, which is below 65,535.
    pub(crate) const fn process(place: u16) -> Self {
        Self(place + 1)
    }

    /// The place of the process; `None` for nobody.
    pub(crate) const fn place(self) -> Option<u16> {
        self.0.checked_sub(1)
    }
}

/// A word in its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) generation: u64,
    pub(crate) holder: Holder,
}

impl Slot {
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            generation: word >> HOLDER_BITS,
            holder: Holder((word & 0xffff) as u16),
        }
    }

    const fn pack(self) -> u64 {
        (self.generation % GENERATIONS) << HOLDER_BITS | self.holder.0 as u64
    }

    const fn freed(self) -> u64 {
        Self {
            generation: self.generation + 1,
            holder: Holder(0),
        }
        .pack()
    }

    pub(crate) const fn is_free(self) -> bool {
        self.holder.0 == 0
    }
}

/// What a slot is now.
#[inline]
pub(crate) fn read(slot: &AtomicU64) -> Slot {
    Slot::unpack(slot.load(Ordering::SeqCst))
}

/// Takes a slot if it is free. Gives the generation by which it is given back.
#[inline]
pub(crate) fn claim(slot: &AtomicU64, holder: Holder) -> Option<u64> {
    let found = slot.load(Ordering::Relaxed);
    let before = Slot::unpack(found);
    if !before.is_free() {
        return None;
    }
    let taken = Slot { holder, ..before }.pack();
    slot.compare_exchange(found, taken, Ordering::SeqCst, Ordering::Relaxed)
        .ok()
        .map(|_| before.generation)
}

/// Gives a slot back. `false` if it is not held so any more: given back already, reclaimed, revoked or never lent.
#[inline]
pub(crate) fn release(slot: &AtomicU64, generation: u64, holder: Holder) -> bool {
    let held = Slot { generation, holder };
    let released = slot
        .compare_exchange(held.pack(), held.freed(), Ordering::SeqCst, Ordering::Relaxed)
        .is_ok();
    store_then_load();
    released
}

/// Takes a slot from a holder that is dead. Whoever calls it knows that the holder is, and stays, dead meanwhile.
pub(crate) fn reclaim(slot: &AtomicU64, dead: Holder) -> bool {
    let found = read(slot);
    found.holder == dead && free(slot, found)
}

/// Takes a slot from whoever holds it.
pub(crate) fn revoke(slot: &AtomicU64) -> bool {
    let found = read(slot);
    !found.is_free() && free(slot, found)
}

fn free(slot: &AtomicU64, found: Slot) -> bool {
    slot.compare_exchange(found.pack(), found.freed(), Ordering::SeqCst, Ordering::Relaxed)
        .is_ok()
}

/// Takes a slot behind a gate, if the gate reads `open` before and after. A slot that was taken while the gate was being
/// closed is given back at once, so that whoever closes it may find a holder for an instant, and never misses one.
#[inline]
pub(crate) fn claim_behind(gate: &AtomicU64, open: u64, slot: &AtomicU64, holder: Holder) -> Option<u64> {
    let generation = claim(slot, holder)?;
    store_then_load();
    if gate.load(Ordering::SeqCst) == open {
        return Some(generation);
    }
    let _taken_meanwhile = release(slot, generation, holder);
    None
}

/// Changes a gate. `false` if it did not read `from`.
pub(crate) fn turn(gate: &AtomicU64, from: u64, to: u64) -> bool {
    let turned = gate
        .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok();
    store_then_load();
    turned
}

/// How many of these slots are held. After their gate was closed, zero means that nobody holds one or will.
pub(crate) fn held<'a>(slots: impl IntoIterator<Item = &'a AtomicU64>) -> usize {
    slots.into_iter().filter(|slot| !read(slot).is_free()).count()
}

/// Says that somebody waits for a slot. Whoever says so tries once more before it sleeps.
pub(crate) fn announce(waiting: &AtomicU64, bit: u64) {
    waiting.fetch_or(bit, Ordering::SeqCst);
    store_then_load();
}

/// Who waits: asked after a slot was given back.
#[inline]
pub(crate) fn waiting(waiting: &AtomicU64) -> u64 {
    waiting.load(Ordering::SeqCst)
}
