//! What is to be known of an environment in another process: which types it has heard of, which crossings it has to give back, and the memory
//! that is on its way there. If it goes without giving back, that is done for it.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use symphony_conductor::transport::{Piece, Pieces, SharedMemory};

use crate::releases;

/// So many numbers of requests are told apart in the memory that says which have begun.
const STARTS: usize = 4096;

/// An environment at the other end of a connection.
#[derive(Default)]
pub(super) struct Remote {
    state: Mutex<State>,
    /// For each request the place of its number, modulo [`STARTS`]: the last one of them that has begun.
    starts: OnceLock<SharedMemory>,
    /// Its requests that have no outcome yet.
    outstanding: AtomicUsize,
}

/// Whether somebody waits until no request is under way.
static DRAINING: AtomicBool = AtomicBool::new(false);
static DRAINED: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

/// Waits until that is so; it is looked at again whenever a request has its outcome, or an environment ends.
pub(super) fn wait_until(is_so: impl Fn() -> bool) {
    DRAINING.store(true, Ordering::SeqCst);
    let mut guard = DRAINED.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !is_so() {
        guard = DRAINED.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Something happened for which somebody may wait.
pub(super) fn changed() {
    if DRAINING.load(Ordering::SeqCst) {
        // Under the lock, so that who looks just now has begun to wait before this is told.
        let guard = DRAINED.0.lock().unwrap_or_else(PoisonError::into_inner);
        DRAINED.1.notify_all();
        drop(guard);
    }
}

/// Memory for the environment, and its number.
pub(crate) struct Items {
    pub(crate) number: u32,
    pub(crate) file: OwnedFd,
}

#[derive(Default)]
struct State {
    /// The types that it was told of, or will be.
    kinds: FxHashSet<u32>,
    unannounced: Vec<u32>,
    /// Crossings of handles that it has not given back.
    crossings: FxHashMap<u32, u32>,
    /// Memory that it is to get before the messages that name it.
    items: Vec<Items>,
    pieces: Pieces,
}

impl Remote {
    /// A handle of that type crosses.
    pub(super) fn crossed(&self, handle: u32, kind: u32) {
        let mut state = self.lock();
        *state.crossings.entry(handle).or_default() += 1;
        if state.kinds.insert(kind) {
            state.unannounced.push(kind);
        }
    }

    /// So many crossings come back; gives how many of them it had.
    pub(super) fn gave_back(&self, handle: u32, count: u32) -> u32 {
        let mut state = self.lock();
        let Some(crossings) = state.crossings.get_mut(&handle) else {
            return 0;
        };
        let had = count.min(*crossings);
        *crossings -= had;
        if *crossings == 0 {
            state.crossings.remove(&handle);
        }
        had
    }

    /// The types that it is to be told of now.
    pub(super) fn take_unannounced_kinds(&self) -> Vec<u32> {
        std::mem::take(&mut self.lock().unannounced)
    }

    /// Memory for the items of an array, and the number by which a message names it; nothing where there is none.
    pub(super) fn new_items(&self, bytes: usize) -> Option<(u32, NonNull<u8>)> {
        let mut state = self.lock();
        let Piece { number, pointer, file } = state.pieces.take(bytes).ok()?;
        if let Some(file) = file {
            state.items.push(Items { number, file });
        }
        Some((number, pointer))
    }

    /// Memory is not used any more; gives the numbers that the environment may forget.
    pub(super) fn take_back_items(&self, number: u32) -> Vec<u32> {
        self.lock().pieces.give_back(number)
    }

    /// The memory that it is to get now.
    pub(super) fn take_items(&self) -> Vec<Items> {
        std::mem::take(&mut self.lock().items)
    }

    /// Makes the memory in which it sees which requests have begun; nothing where there is none.
    pub(super) fn announce_starts(&self) -> Option<OwnedFd> {
        let (memory, file) = SharedMemory::create(STARTS * size_of::<AtomicU32>()).ok()?;
        self.starts.set(memory).ok()?;
        Some(file)
    }

    /// A request came.
    pub(super) fn requested(&self) {
        self.outstanding.fetch_add(1, Ordering::SeqCst);
    }

    /// It has its outcome.
    pub(super) fn answered(&self) {
        self.outstanding.fetch_sub(1, Ordering::SeqCst);
        changed();
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.outstanding.load(Ordering::SeqCst) == 0
    }

    /// A request begins.
    pub(super) fn started(&self, request: u32) {
        let Some(memory) = self.starts.get() else { return };
        let place = request as usize % STARTS;
        // SAFETY: within the memory.
        let place = unsafe { memory.pointer().cast::<AtomicU32>().add(place) };
        // SAFETY: aligned, since the memory is to a page; both processes use atomics there.
        let place = unsafe { place.as_ref() };
        place.store(request, Ordering::Release);
    }

    /// It is gone.
    pub(super) fn end(&self) {
        let crossings = std::mem::take(&mut self.lock().crossings);
        for (handle, count) in crossings {
            releases::crossings(handle, count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
