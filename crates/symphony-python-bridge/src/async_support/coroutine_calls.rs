//! Which calls gave coroutines: the next ones go to the loop at once, which spares them the way over a thread of the pool.
//!
//! A call is known by its target, if that is a handle, and its path. What they stand for may change, so the loop's thread looks again
//! whether it is a coroutine function; only that is certain not to block there.

use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHasher};
use symphony_wire::{Reader, Token};

use crate::operation::Header;

/// So many calls are remembered.
const MOST: usize = 4096;

/// The calls of one environment.
#[derive(Default)]
pub(super) struct CoroutineCalls {
    /// By [`key`]; `false` for those that give coroutines without being coroutine functions.
    known: Mutex<FxHashMap<u64, bool>>,
    /// Whether there are any, so that nobody else takes the lock.
    any: AtomicBool,
}

impl CoroutineCalls {
    /// A call gave a coroutine. `body` is that of its request, here and below.
    pub(super) fn learn(&self, body: &[u8]) {
        if let Some(key) = key(body) {
            let mut known = self.lock();
            if known.len() >= MOST {
                known.clear();
            }
            known.entry(key).or_insert(true);
            self.any.store(true, Ordering::Release);
        }
    }

    /// A call that was known calls something else: it is not looked at again.
    pub(super) fn forget(&self, body: &[u8]) {
        if let Some(key) = key(body) {
            self.lock().insert(key, false);
        }
    }

    /// Whether a request is a call that gave a coroutine the last time.
    pub(super) fn contain(&self, header: &Header, body: &[u8]) -> bool {
        self.any.load(Ordering::Acquire)
            && header.is_call()
            && key(body).is_some_and(|key| self.lock().get(&key) == Some(&true))
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<u64, bool>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The target and the path of a call whose target is a handle, as a number.
fn key(body: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(body);
    let Token::HandleReference(_) = reader.token().ok()? else {
        return None;
    };
    let Token::Array(steps) = reader.token().ok()? else {
        return None;
    };
    for _ in 0..steps {
        let (Token::Integer(_) | Token::Text(_)) = reader.token().ok()? else {
            return None;
        };
    }
    let mut hasher = FxHasher::default();
    hasher.write(&body[..reader.position()]);
    Some(hasher.finish())
}
