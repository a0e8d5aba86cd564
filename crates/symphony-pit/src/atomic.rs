//! The atomics of the protocols in shared memory. `tests/model.rs` compiles the same protocols with those of a model checker.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

/// Where two threads each write one word and then read the other's, one of them must see the other. `SeqCst` accesses
/// alone guarantee it; the model checker knows only fences of that strength, so it has one here.
#[inline]
pub(crate) fn store_then_load() {}
