//! The protocol of lease slots, run in every order that the memory model allows.

#[path = "../src/domain/slot.rs"]
#[expect(dead_code, reason = "the rest is used by the library")]
mod slot;

/// What `crate::atomic` is in the library, by the model checker's atomics.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

    /// The checker treats `SeqCst` accesses as `AcqRel` and fences as they are.
    pub(crate) fn store_then_load() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

use atomic::{AtomicU64, Ordering};
use loom::sync::Arc;
use loom::thread;
use slot::Holder;

const A: Holder = Holder::process(0);
const B: Holder = Holder::process(1);
const C: Holder = Holder::process(2);

fn free_slot() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(0))
}

#[test]
fn of_two_that_claim_one_slot_one_has_it() {
    loom::model(|| {
        let slot = free_slot();
        let other = Arc::clone(&slot);
        let claimed = thread::spawn(move || slot::claim(&other, A).is_some());
        let mine = slot::claim(&slot, B).is_some();
        assert!(claimed.join().unwrap() != mine);
    });
}

#[test]
fn one_holder_at_a_time_through_any_number_of_turns() {
    loom::model(|| {
        let slot = free_slot();
        let inside = Arc::new(AtomicU64::new(0));
        let turn = |slot: &AtomicU64, inside: &AtomicU64, holder| {
            if let Some(generation) = slot::claim(slot, holder) {
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                inside.fetch_sub(1, Ordering::Relaxed);
                assert!(slot::release(slot, generation, holder));
            }
        };
        let (other, others) = (Arc::clone(&slot), Arc::clone(&inside));
        let thread = thread::spawn(move || {
            turn(&other, &others, A);
            turn(&other, &others, A);
        });
        turn(&slot, &inside, B);
        thread.join().unwrap();
        assert!(slot::read(&slot).is_free());
    });
}

#[test]
fn a_lease_that_is_given_back_twice_frees_the_slot_once() {
    loom::model(|| {
        let slot = free_slot();
        let generation = slot::claim(&slot, A).unwrap();
        let (first, second) = (Arc::clone(&slot), Arc::clone(&slot));
        let first = thread::spawn(move || slot::release(&first, generation, A));
        let next = thread::spawn(move || slot::claim(&second, B));
        let again = slot::release(&slot, generation, A);
        assert!(first.join().unwrap() != again);
        if let Some(theirs) = next.join().unwrap() {
            assert!(slot::release(&slot, theirs, B), "the next holder lost its lease");
        }
    });
}

#[test]
fn reclaiming_and_releasing_free_the_slot_once() {
    loom::model(|| {
        let slot = free_slot();
        let generation = slot::claim(&slot, A).unwrap();
        let reclaimer = Arc::clone(&slot);
        let by_reclaiming = thread::spawn(move || slot::reclaim(&reclaimer, A));
        let released = slot::release(&slot, generation, A);
        assert!(by_reclaiming.join().unwrap() != released);
        assert_eq!(slot::read(&slot).generation, generation + 1);
    });
}

#[test]
fn reclaiming_never_takes_from_the_next_holder() {
    loom::model(|| {
        let slot = free_slot();
        slot::claim(&slot, A).unwrap();
        let (reclaimer, claimer) = (Arc::clone(&slot), Arc::clone(&slot));
        let first = thread::spawn(move || slot::reclaim(&reclaimer, A));
        let theirs = thread::spawn(move || slot::claim(&claimer, B));
        let second = slot::reclaim(&slot, A);
        assert!(first.join().unwrap() != second, "it is reclaimed once");
        if let Some(generation) = theirs.join().unwrap() {
            assert!(slot::release(&slot, generation, B));
        }
    });
}

#[test]
fn a_late_release_by_a_holder_that_was_taken_for_dead_is_refused() {
    loom::model(|| {
        let slot = free_slot();
        let generation = slot::claim(&slot, A).unwrap();
        assert!(slot::revoke(&slot));
        let late = Arc::clone(&slot);
        let released = thread::spawn(move || slot::release(&late, generation, A));
        let theirs = slot::claim(&slot, C).unwrap();
        assert!(!released.join().unwrap());
        assert!(slot::release(&slot, theirs, C));
    });
}

#[test]
fn whoever_closes_a_gate_and_finds_no_holder_has_the_slots_alone() {
    const OPEN: u64 = 1;
    const CLOSED: u64 = 2;
    loom::model(|| {
        let (gate, slot, using) = (Arc::new(AtomicU64::new(OPEN)), free_slot(), Arc::new(AtomicU64::new(0)));
        let (their_gate, their_slot, their_using) = (Arc::clone(&gate), Arc::clone(&slot), Arc::clone(&using));
        let user = thread::spawn(move || {
            if let Some(generation) = slot::claim_behind(&their_gate, OPEN, &their_slot, A) {
                assert_eq!(their_using.load(Ordering::Acquire), 0, "it was unloaded under a lease");
                assert!(slot::release(&their_slot, generation, A));
            }
        });
        assert!(slot::turn(&gate, OPEN, CLOSED));
        if slot::held([&*slot]) == 0 {
            using.store(1, Ordering::Release);
        }
        user.join().unwrap();
    });
}

#[test]
fn whoever_waits_either_gets_the_slot_or_is_seen_by_its_holder() {
    loom::model(|| {
        let (slot, mask) = (free_slot(), Arc::new(AtomicU64::new(0)));
        let generation = slot::claim(&slot, A).unwrap();
        let (their_slot, their_mask) = (Arc::clone(&slot), Arc::clone(&mask));
        let waiter = thread::spawn(move || {
            slot::announce(&their_mask, 1);
            slot::claim(&their_slot, B).is_some()
        });
        assert!(slot::release(&slot, generation, A));
        let seen = slot::waiting(&mask) != 0;
        let got = waiter.join().unwrap();
        assert!(got || seen, "a waiter would sleep for ever");
    });
}
