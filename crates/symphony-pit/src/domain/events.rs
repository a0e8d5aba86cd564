//! The ring of the last events of a domain: lossy, for people and for those who want to know that something changed.
//!
//! A writer takes a ticket, marks the cell, fills it and marks it again. One that is killed in between leaves a cell that
//! readers skip. The check word makes readers skip, too, what two writers have mixed, one of them a whole ring late.

use super::hot_map::HotMap;
use super::layout::{EVENT_COUNT, EVENTS, mix};
use crate::atomic::{AtomicU64, Ordering};
use crate::time::Mono;

/// One event as it lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawEvent {
    /// How many events there were before it.
    pub(crate) ticket: u64,
    pub(crate) at: Mono,
    pub(crate) what: [u64; 5],
}

const CELLS: u64 = EVENT_COUNT as u64;

fn sequence(ticket: u64) -> u64 {
    ticket * 2 + 2
}

fn cell(map: &HotMap, ticket: u64) -> &[AtomicU64; 8] {
    map.cell(EVENTS + usize::try_from(ticket % CELLS).unwrap_or_default())
}

/// Adds an event.
pub(crate) fn write(map: &HotMap, what: [u64; 5]) {
    let ticket = map.event_head().fetch_add(1, Ordering::SeqCst);
    let at = Mono::now();
    let words = cell(map, ticket);
    words[0].store(sequence(ticket) - 1, Ordering::SeqCst);
    words[1].store(at.0, Ordering::Relaxed);
    for (word, value) in words[2..7].iter().zip(what) {
        word.store(value, Ordering::Relaxed);
    }
    let check = mix([sequence(ticket), at.0].into_iter().chain(what));
    words[7].store(check, Ordering::Relaxed);
    words[0].store(sequence(ticket), Ordering::SeqCst);
}

/// How many events there have been.
pub(crate) fn head(map: &HotMap) -> u64 {
    map.event_head().load(Ordering::SeqCst)
}

/// What a reader finds at a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Event(RawEvent),
    /// It is being written, by a process that may be dead.
    Unfinished,
    /// Overwritten by later ones, or mixed with one.
    Lost,
}

/// Reads the event of a ticket that was given out.
pub(crate) fn read(map: &HotMap, ticket: u64) -> Found {
    let words = cell(map, ticket);
    let before = words[0].load(Ordering::Acquire);
    if before < sequence(ticket) {
        return Found::Unfinished;
    }
    let mut what = [0; 5];
    let at = words[1].load(Ordering::Relaxed);
    for (value, word) in what.iter_mut().zip(&words[2..7]) {
        *value = word.load(Ordering::Relaxed);
    }
    let check = words[7].load(Ordering::Relaxed);
    if before != sequence(ticket) || check != mix([before, at].into_iter().chain(what)) {
        return Found::Lost;
    }
    Found::Event(RawEvent {
        ticket,
        at: Mono(at),
        what,
    })
}

/// The last events, the oldest first, that are still there and whole.
pub(crate) fn recent(map: &HotMap) -> impl DoubleEndedIterator<Item = RawEvent> {
    let head = head(map);
    (head.saturating_sub(CELLS)..head).filter_map(|ticket| match read(map, ticket) {
        Found::Event(event) => Some(event),
        Found::Unfinished | Found::Lost => None,
    })
}
