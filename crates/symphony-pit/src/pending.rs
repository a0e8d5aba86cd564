//! A result that comes from another thread: awaited by any executor, or waited for by a thread that may.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::{Component, PitCode, PitError, Result};

enum State<T> {
    Waiting(Option<Waker>),
    Done(Result<T>),
    Taken,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

/// A result that is on its way. Dropping it changes nothing about what it is the result of, unless that says otherwise.
#[must_use = "it is a future: errors are lost if nobody looks at it"]
pub struct Pending<T>(Arc<Shared<T>>);

/// The other end, by which the result is given. Dropping it gives an error.
pub(crate) struct Promise<T>(Option<Arc<Shared<T>>>);

/// Both ends.
pub(crate) fn promise<T>() -> (Promise<T>, Pending<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::Waiting(None)),
        done: Condvar::new(),
    });
    (Promise(Some(Arc::clone(&shared))), Pending(shared))
}

impl<T> Promise<T> {
    /// Gives the result. `false` if nobody waits for it any more.
    pub(crate) fn fulfil(mut self, result: Result<T>) -> bool {
        self.0.take().is_some_and(|shared| shared.fulfil(result))
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.fulfil(Err(PitError::new(
                Component::Domain,
                PitCode::NotAttached,
                "this process has left the domain",
            )));
        }
    }
}

impl<T> Shared<T> {
    fn fulfil(self: Arc<Self>, result: Result<T>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *state, State::Done(result));
        // The waiting side is the only other owner.
        let awaited = Arc::strong_count(&self) > 1;
        drop(state);
        self.done.notify_all();
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
        awaited
    }
}

impl<T> Pending<T> {
    /// A result that is there already.
    pub(crate) fn ready(result: Result<T>) -> Self {
        let (promise, pending) = promise();
        promise.fulfil(result);
        pending
    }

    /// Waits for the result. Not for the thread of an event loop.
    ///
    /// # Errors
    /// What the operation met, or that the result was taken already.
    pub fn wait(self) -> Result<T> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while matches!(*state, State::Waiting(_)) {
            state = self.0.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        take(&mut state)
    }

    /// Waits so long for the result, and gives itself back if there was none.
    ///
    /// # Errors
    /// Itself, without a result.
    pub fn wait_for(self, time: Duration) -> std::result::Result<Result<T>, Self> {
        let until = Instant::now() + time;
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while matches!(*state, State::Waiting(_)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err(self);
            }
            state = self
                .0
                .done
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let result = take(&mut state);
        drop(state);
        Ok(result)
    }

    /// Whether the result is there.
    pub fn is_ready(&self) -> bool {
        !matches!(
            *self.0.state.lock().unwrap_or_else(PoisonError::into_inner),
            State::Waiting(_)
        )
    }
}

fn take<T>(state: &mut State<T>) -> Result<T> {
    match std::mem::replace(state, State::Taken) {
        State::Done(result) => result,
        State::Waiting(_) | State::Taken => Err(PitError::new(
            Component::Domain,
            PitCode::Internal,
            "a result was awaited after it had been taken",
        )),
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Waiting(waker) = &mut *state {
            if waker.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
                *waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(take(&mut state))
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pending")
            .field("ready", &self.is_ready())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_crosses_threads() {
        let (promise, pending) = promise();
        let thread = std::thread::spawn(move || promise.fulfil(Ok(5)));
        assert_eq!(pending.wait().unwrap(), 5);
        thread.join().unwrap();
    }

    #[test]
    fn a_promise_that_is_dropped_is_an_error_and_a_pending_that_is_dropped_is_noticed() {
        let (promised, pending) = promise::<()>();
        let pending = pending.wait_for(Duration::ZERO).unwrap_err();
        drop(promised);
        assert_eq!(pending.wait().unwrap_err().code(), PitCode::NotAttached);
        let (promised, pending) = promise::<()>();
        drop(pending);
        assert!(!promised.fulfil(Ok(())));
    }
}
