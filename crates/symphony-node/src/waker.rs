//! The one thread-safe function of a port: it makes the JS thread take what executor threads completed.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;
use symphony_python_bridge::async_support::Wake;
use symphony_python_bridge::javascript::{Answer, Called, Register};

use crate::js;
use crate::port::Port;
use crate::thread_safe_function::ThreadSafeFunction;

/// The port's end. On the environment's thread only.
#[derive(Default)]
pub(crate) struct Waker {
    shared: Remote,
    /// The same function, for this thread: waiting for the lock here would be waiting for the thread that wakes us.
    function: Cell<Option<ThreadSafeFunction>>,
}

/// The channel's end, used by any thread. Empty once the environment ended: calling the function then would be an error.
#[derive(Clone, Default)]
pub(crate) struct Remote {
    function: Arc<Mutex<Option<ThreadSafeFunction>>>,
    /// For the environment's own thread.
    port: Arc<AtomicPtr<Port>>,
}

impl Waker {
    /// The end for other threads.
    pub(crate) fn remote(&self) -> Remote {
        self.shared.clone()
    }

    /// Makes the function; it does not keep the process alive until [`Waker::hold`].
    pub(crate) fn connect(&self, env: sys::napi_env, port: *mut c_void) {
        if let Some(function) = ThreadSafeFunction::new(env, port, deliver) {
            self.function.set(Some(function));
            self.shared.port.store(port.cast(), Ordering::Release);
            *self.shared.lock() = Some(function);
        }
    }

    /// Keeps the process alive, or no longer.
    pub(crate) fn hold(&self, env: sys::napi_env, hold: bool) {
        if let Some(function) = self.function.get() {
            function.hold(env, hold);
        }
    }

    /// The environment ends.
    pub(crate) fn disconnect(&self) {
        self.function.set(None);
        let function = self.shared.lock().take();
        // Nobody calls it any more, since the slot is empty now.
        if let Some(function) = function {
            function.release();
        }
    }
}

impl Remote {
    fn lock(&self) -> MutexGuard<'_, Option<ThreadSafeFunction>> {
        self.function.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Remote {
    fn answer(&self, number: u32, question: &[u8]) -> Option<Answer> {
        // SAFETY: a port is never freed, and the caller is its thread, the only one that uses it.
        unsafe { self.port.load(Ordering::Acquire).as_ref() }?.answer(number, question, false)
    }

    fn call(&self, function: u32, arguments: &[Register]) -> Called {
        // SAFETY: as in `answer`.
        match unsafe { self.port.load(Ordering::Acquire).as_ref() } {
            Some(port) => port.call_function(function, arguments),
            None => Called::Dead,
        }
    }

    fn wake(&self) {
        // Held during the call, so that `disconnect` cannot release the function under it.
        let function = self.lock();
        if let Some(function) = *function {
            function.call();
        }
    }
}

unsafe extern "C" fn deliver(env: sys::napi_env, _function: sys::napi_value, port: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        // The environment is being torn down; nothing was passed that would have to be freed.
        return;
    }
    // SAFETY: the pointer given to `connect`: a port that is never freed.
    let port = unsafe { &*port.cast::<Port>() };
    js::edge(env, || {
        port.deliver();
        Ok(js::UNDEFINED)
    });
}
