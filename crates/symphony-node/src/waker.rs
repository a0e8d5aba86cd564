//! The one thread-safe function of a port: it makes the JS thread take what executor threads completed.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::sys;
use symphony_python_bridge::async_support::Wake;
use symphony_python_bridge::javascript::{Answer, Called, Register};

use crate::js;
use crate::port::Port;

/// The port's end. On the environment's thread only.
#[derive(Default)]
pub(crate) struct Waker {
    shared: Remote,
    /// The same function, for this thread: waiting for the lock here would be waiting for the thread that wakes us.
    function: Cell<Option<Function>>,
}

/// The channel's end, used by any thread. Empty once the environment ended: calling the function then would be an error.
#[derive(Clone, Default)]
pub(crate) struct Remote {
    function: Arc<Mutex<Option<Function>>>,
    /// For the environment's own thread.
    port: Arc<AtomicPtr<Port>>,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API makes these functions to be called from any thread.
unsafe impl Send for Function {}

impl Waker {
    /// The end for other threads.
    pub(crate) fn remote(&self) -> Remote {
        self.shared.clone()
    }

    /// Makes the function; it does not keep the process alive until [`Waker::hold`].
    pub(crate) fn connect(&self, env: sys::napi_env, port: *mut c_void) {
        let name = js::string(env, "symphony-python-bridge");
        let mut function = ptr::null_mut();
        // SAFETY: no JS function (the callback calls what it needs), an unbounded queue, one initial thread; the
        // port outlives the environment.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                port,
                Some(deliver),
                &raw mut function,
            )
        };
        if status == sys::Status::napi_ok {
            // SAFETY: the function made above, on the environment's thread.
            unsafe { sys::napi_unref_threadsafe_function(env, function) };
            self.function.set(Some(Function(function)));
            self.shared.port.store(port.cast(), Ordering::Release);
            *self.shared.lock() = Some(Function(function));
        }
    }

    /// Keeps the process alive, or no longer.
    pub(crate) fn hold(&self, env: sys::napi_env, hold: bool) {
        let Some(function) = self.function.get() else { return };
        if hold {
            // SAFETY: a live function on its own thread.
            unsafe { sys::napi_ref_threadsafe_function(env, function.0) };
        } else {
            // SAFETY: as above.
            unsafe { sys::napi_unref_threadsafe_function(env, function.0) };
        }
    }

    /// The environment ends.
    pub(crate) fn disconnect(&self) {
        self.function.set(None);
        let function = self.shared.lock().take();
        if let Some(function) = function {
            // SAFETY: a live function that nobody calls any more, since the slot is empty now.
            unsafe {
                sys::napi_release_threadsafe_function(function.0, sys::ThreadsafeFunctionReleaseMode::abort);
            }
        }
    }
}

impl Remote {
    fn lock(&self) -> MutexGuard<'_, Option<Function>> {
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
            // SAFETY: a live function; the call never blocks, as its queue is unbounded.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
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
