//! What is to be known of an environment in another process: which types it has heard of, and which crossings it has to give back. If it goes
//! without doing that, they are given back for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::releases;

/// An environment at the other end of a connection.
#[derive(Default)]
pub(super) struct Remote(Mutex<State>);

#[derive(Default)]
struct State {
    /// The types that it was told of, or will be.
    kinds: FxHashSet<u32>,
    unannounced: Vec<u32>,
    /// Crossings of handles that it has not given back.
    crossings: FxHashMap<u32, u32>,
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

    /// It is gone.
    pub(super) fn end(&self) {
        let crossings = std::mem::take(&mut self.lock().crossings);
        for (handle, count) in crossings {
            releases::crossings(handle, count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
