//! What becomes of promises: JavaScript says it once, and whoever waits hears of it.
//!
//! JavaScript's thread hands over bytes and never waits for the GIL. A thread that waits in [`Settlement::wait`] is woken directly and
//! decodes them itself. An event loop of asyncio's is called by `py-settle`, a thread that exists from the first such call on,
//! because that needs the GIL.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::patience::Patience;
use crate::async_support::Channel;
use crate::gil::{Held, ThreadState};
use crate::interpreter::{self, STACK_BYTES};

/// What became of one promise, or of one question that nobody waits for.
#[derive(Default)]
pub(crate) struct Settlement {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// Python callables to be called when that is known.
    waiters: Vec<Held>,
}

#[derive(Default)]
pub(super) enum Stage {
    #[default]
    Pending,
    Settled(Settled),
    /// The bytes were made a value of, which whoever did that keeps.
    Read,
    /// The environment ended before.
    Ended,
}

/// An answer of JavaScript's: a status and a wire value.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) bytes: Arc<[u8]>,
    _pin: Arc<Pin>,
}

/// The environment keeps what a value names until this goes.
struct Pin {
    channel: Weak<Channel>,
    /// The number under which it does, or 0.
    number: u32,
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Some(channel) = self
            .channel
            .upgrade()
            .filter(|_| self.number != 0 && !interpreter::is_forked())
        {
            channel.answer_was_read(self.number);
        }
    }
}

/// Why a wait ended without an outcome.
pub(super) enum Unsettled {
    /// The caller's own time is up.
    TimedOut,
    /// JavaScript's thread was in one synchronous call all the time.
    Overdue,
}

impl Settlement {
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self.lock().stage, Stage::Pending)
    }

    /// The bytes, until they were read; nothing if there will not be any.
    pub(super) fn settled(&self) -> Option<Settled> {
        match &self.lock().stage {
            Stage::Settled(settled) => Some(settled.clone()),
            _ => None,
        }
    }

    /// The value was made.
    pub(super) fn was_read(&self) {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Settled(_)) {
            let settled = std::mem::replace(&mut state.stage, Stage::Read);
            drop(state);
            drop(settled);
        }
    }

    /// Calls `waiter` when the outcome is known; `false` if it is already.
    pub(super) fn watch(&self, waiter: Held) -> bool {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Pending) {
            return false;
        }
        state.waiters.push(waiter);
        true
    }

    /// Nobody waits by this one any more.
    pub(super) fn unwatch(&self, waiter: &Bound<'_, PyAny>) {
        let removed = {
            let mut state = self.lock();
            let place = state
                .waiters
                .iter()
                .position(|other| other.bind(waiter.py()).is(waiter));
            place.map(|place| state.waiters.swap_remove(place))
        };
        drop(removed);
    }

    /// Waits, without the GIL; `false` if some thread was interrupted meanwhile, perhaps this one.
    pub(super) fn wait(self: &Arc<Self>, channel: &Channel, limit: Option<Duration>) -> Result<bool, Unsettled> {
        let _waiting = Waiting::register(self);
        let interruptions = INTERRUPTIONS.load(Ordering::Acquire);
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut patience = Patience::new(channel);
        let mut state = self.lock();
        while matches!(state.stage, Stage::Pending) {
            if INTERRUPTIONS.load(Ordering::Acquire) != interruptions {
                return Ok(false);
            }
            let mut left = patience.left(channel).ok_or(Unsettled::Overdue)?;
            if let Some(end) = end {
                left = left.min(end.saturating_duration_since(Instant::now()));
                if left.is_zero() {
                    return Err(Unsettled::TimedOut);
                }
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(true)
    }

    fn settle(&self, outcome: Stage) {
        let waiters = {
            let mut state = self.lock();
            if !matches!(state.stage, Stage::Pending) {
                return;
            }
            state.stage = outcome;
            std::mem::take(&mut state.waiters)
        };
        self.changed.notify_all();
        call(waiters);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Those of one environment. The lock is held for a few instructions and never while Python code runs.
#[derive(Default)]
pub(crate) struct Settlements(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Of promises that Python holds, or that settled on their way to it: until JavaScript forgets the object.
    promises: FxHashMap<u32, Arc<Settlement>>,
    /// Of questions that nobody waits for, by their numbers: until they settle.
    questions: FxHashMap<u32, Arc<Settlement>>,
    closed: bool,
}

impl Settlements {
    /// That of a promise, and whether JavaScript has to be asked to watch it once more, because what it said is gone.
    pub(super) fn of_promise(&self, id: u32) -> (Arc<Settlement>, bool) {
        let mut known = lock(&self.0);
        let again = known
            .promises
            .get(&id)
            .is_some_and(|known| matches!(known.lock().stage, Stage::Read));
        if again {
            known.promises.remove(&id);
        }
        let closed = known.closed;
        let settlement = Arc::clone(known.promises.entry(id).or_default());
        drop(known);
        if closed {
            settlement.settle(Stage::Ended);
        }
        (settlement, again)
    }

    /// That of a question which is about to be asked.
    pub(super) fn of_question(&self, number: u32) -> Arc<Settlement> {
        let mut known = lock(&self.0);
        let settlement = Arc::new(Settlement::default());
        if known.closed {
            drop(known);
            settlement.settle(Stage::Ended);
        } else {
            known.questions.insert(number, Arc::clone(&settlement));
        }
        settlement
    }

    /// JavaScript says what became of a promise. Whether anybody may ever ask.
    pub(crate) fn settle_promise(&self, channel: &Arc<Channel>, id: u32, bytes: &[u8], number: u32) -> bool {
        let settlement = {
            let mut known = lock(&self.0);
            if known.closed {
                return false;
            }
            Arc::clone(known.promises.entry(id).or_default())
        };
        settlement.settle_with(channel, bytes, number)
    }

    /// JavaScript says what became of a question. Whether anybody may ever ask.
    pub(crate) fn settle_question(&self, channel: &Arc<Channel>, asked: u32, bytes: &[u8], number: u32) -> bool {
        let settlement = lock(&self.0).questions.remove(&asked);
        // Without another owner nobody waits.
        settlement.is_some_and(|settlement| {
            Arc::strong_count(&settlement) > 1 && settlement.settle_with(channel, bytes, number)
        })
    }

    /// The object of that number is gone from JavaScript. What Python holds of its outcome, it keeps.
    pub(crate) fn forget_promise(&self, id: u32) {
        let forgotten = lock(&self.0).promises.remove(&id);
        drop(forgotten);
    }

    /// Nothing settles any more.
    pub(crate) fn close(&self) {
        let (promises, questions) = {
            let mut known = lock(&self.0);
            known.closed = true;
            (
                std::mem::take(&mut known.promises),
                std::mem::take(&mut known.questions),
            )
        };
        for settlement in promises.into_values().chain(questions.into_values()) {
            settlement.settle(Stage::Ended);
        }
    }
}

impl Settlement {
    /// Whether it was open.
    fn settle_with(&self, channel: &Arc<Channel>, bytes: &[u8], number: u32) -> bool {
        if self.is_settled() {
            return false;
        }
        let pin = Pin {
            channel: Arc::downgrade(channel),
            number,
        };
        self.settle(Stage::Settled(Settled {
            bytes: Arc::from(bytes),
            _pin: Arc::new(pin),
        }));
        true
    }
}

/// What `py-settle` is to call.
static CALLS: Mutex<Vec<Held>> = Mutex::new(Vec::new());
static ARRIVED: Condvar = Condvar::new();
static STARTED: AtomicBool = AtomicBool::new(false);

/// Lets `py-settle` call waiters.
fn call(waiters: Vec<Held>) {
    // In a forked child there is neither that thread nor anybody who waits.
    if waiters.is_empty() || interpreter::is_forked() {
        return;
    }
    lock(&CALLS).extend(waiters);
    if !STARTED.swap(true, Ordering::AcqRel) {
        let started = std::thread::Builder::new()
            .name("py-settle".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(serve);
        // Without memory for a thread: the next one who settles anything tries again.
        STARTED.store(started.is_ok(), Ordering::Release);
    }
    ARRIVED.notify_one();
}

fn serve() {
    let thread = ThreadState::of_current_thread();
    let mut calls = lock(&CALLS);
    loop {
        let batch = std::mem::take(&mut *calls);
        if batch.is_empty() {
            calls = ARRIVED.wait(calls).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(calls);
        let attached = thread.attach();
        Python::attach(|py| {
            for waiter in batch {
                if let Err(error) = waiter.bind(py).call0() {
                    error.write_unraisable(py, None);
                }
            }
        });
        drop(attached);
        calls = lock(&CALLS);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a thread was interrupted.
static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);

/// The settlements by which threads wait.
static WAITED_FOR: Mutex<Vec<Arc<Settlement>>> = Mutex::new(Vec::new());

/// A thread waits by a settlement.
struct Waiting<'a>(&'a Arc<Settlement>);

impl<'a> Waiting<'a> {
    fn register(settlement: &'a Arc<Settlement>) -> Self {
        let mut all = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(settlement));
        Self(settlement)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut all = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = all.iter().position(|one| Arc::ptr_eq(one, self.0)) {
            all.swap_remove(place);
        }
    }
}

/// An exception was set for a thread, which raises it as soon as it runs Python: those that wait have a look.
pub(crate) fn wake_interrupted() {
    INTERRUPTIONS.fetch_add(1, Ordering::AcqRel);
    let all = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for settlement in all {
        // Under the lock, so that it is not between its look and its wait.
        let _state = settlement.lock();
        settlement.changed.notify_all();
    }
}
