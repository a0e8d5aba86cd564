//! The way from any thread to the JavaScript thread: Node-API's thread-safe functions, without a JavaScript function behind them.

use std::ffi::c_void;
use std::ptr;

use napi::sys;

use crate::js;

/// What Node calls on the JavaScript thread, with the context that the function was made with; the environment is null if it is being torn
/// down.
pub(crate) type Deliver = unsafe extern "C" fn(sys::napi_env, sys::napi_value, *mut c_void, *mut c_void);

/// One function. Whoever has it sees to it that nobody calls it once it was released.
#[derive(Clone, Copy)]
pub(crate) struct ThreadSafeFunction(sys::napi_threadsafe_function);

// SAFETY: Node-API makes these functions to be called from any thread.
unsafe impl Send for ThreadSafeFunction {}

impl ThreadSafeFunction {
    /// A function that does not keep the process alive until [`hold`](Self::hold). `context` outlives the environment.
    pub(crate) fn new(env: sys::napi_env, context: *mut c_void, deliver: Deliver) -> Option<Self> {
        Self::until(env, context, deliver, None)
    }

    /// The same; `ended` is called with the context as its second argument when `deliver` is not called any more.
    pub(crate) fn until(
        env: sys::napi_env,
        context: *mut c_void,
        deliver: Deliver,
        ended: sys::napi_finalize,
    ) -> Option<Self> {
        let name = js::string(env, "symphony-python-bridge");
        let mut function = ptr::null_mut();
        // SAFETY: no JS function (the callback calls what it needs), an unbounded queue, one initial thread.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                context,
                ended,
                context,
                Some(deliver),
                &raw mut function,
            )
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        let function = Self(function);
        function.hold(env, false);
        Some(function)
    }

    /// Has it delivered. From any thread; never blocks, as the queue is unbounded.
    pub(crate) fn call(self) {
        // SAFETY: a live function.
        unsafe {
            sys::napi_call_threadsafe_function(self.0, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking);
        }
    }

    /// Keeps the process alive, or no longer. On the environment's thread only.
    pub(crate) fn hold(self, env: sys::napi_env, hold: bool) {
        if hold {
            // SAFETY: a live function on its own thread.
            unsafe { sys::napi_ref_threadsafe_function(env, self.0) };
        } else {
            // SAFETY: as above.
            unsafe { sys::napi_unref_threadsafe_function(env, self.0) };
        }
    }

    /// Ends it.
    pub(crate) fn release(self) {
        // SAFETY: a live function that nobody calls any more.
        unsafe {
            sys::napi_release_threadsafe_function(self.0, sys::ThreadsafeFunctionReleaseMode::abort);
        }
    }
}
