//! The few Node-API calls that are needed in many places, and the edge that no panic crosses.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use napi::sys;
use symphony_python_bridge::errors::BridgeError;
use symphony_wire::ErrorCode;

pub(crate) type Value = sys::napi_value;

/// What a callback returns for `undefined`.
pub(crate) const UNDEFINED: Value = ptr::null_mut();

/// A function Node calls.
pub(crate) type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> Value;

/// The arguments of a callback, at most `N`; missing ones are `undefined`.
pub(crate) struct Arguments<const N: usize> {
    pub(crate) env: sys::napi_env,
    pub(crate) count: usize,
    pub(crate) values: [Value; N],
    pub(crate) data: *mut c_void,
}

impl<const N: usize> Arguments<N> {
    #[inline]
    pub(crate) fn new(env: sys::napi_env) -> Self {
        Self {
            env,
            count: N,
            values: [ptr::null_mut(); N],
            data: ptr::null_mut(),
        }
    }

    /// Takes over what the callback got. In place: moving the values right after Node wrote them, word by word, would
    /// stall the processor for as long as the rest of a call takes.
    #[inline]
    pub(crate) fn read(&mut self, info: sys::napi_callback_info) {
        // SAFETY: `env` and `info` are those of the running callback; the array has room for `count` values.
        unsafe {
            sys::napi_get_cb_info(
                self.env,
                info,
                &raw mut self.count,
                self.values.as_mut_ptr(),
                ptr::null_mut(),
                &raw mut self.data,
            );
        }
    }

    /// The arguments that were passed, from `first` on; those behind the most that fit are not among them.
    #[inline]
    pub(crate) fn from(&self, first: usize) -> &[Value] {
        &self.values[first..self.count.clamp(first, N)]
    }

    #[inline]
    pub(crate) fn u32(&self, index: usize) -> u32 {
        let mut value = 0;
        // SAFETY: a value of the running callback; the result is left alone if it is no number.
        unsafe { sys::napi_get_value_uint32(self.env, self.values[index], &raw mut value) };
        value
    }

    /// An address or a length; 0 if it is no number.
    pub(crate) fn size(&self, index: usize) -> usize {
        let mut value = 0.0;
        // SAFETY: as above, if it is no number.
        unsafe { sys::napi_get_value_double(self.env, self.values[index], &raw mut value) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an integer below 2^53; the conversion saturates"
        )]
        let value = value as usize;
        value
    }

    pub(crate) fn boolean(&self, index: usize) -> bool {
        let mut value = false;
        // SAFETY: as above, if it is no boolean.
        unsafe { sys::napi_get_value_bool(self.env, self.values[index], &raw mut value) };
        value
    }

    pub(crate) fn text(&self, index: usize) -> Result<String, BridgeError> {
        text(self.env, self.values[index]).ok_or_else(|| {
            BridgeError::new(
                ErrorCode::InvalidArgument,
                format!("argument {index}: expected a string"),
            )
        })
    }
}

/// The data that the running function was defined with.
#[cold]
pub(crate) fn data(env: sys::napi_env, info: sys::napi_callback_info) -> *mut c_void {
    let mut data = ptr::null_mut();
    // SAFETY: `env` and `info` are those of the running callback; null results are not written.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut data,
        );
    }
    data
}

/// Runs the body of a callback: an error is thrown, a panic becomes an error.
#[inline]
pub(crate) fn edge(env: sys::napi_env, body: impl FnOnce() -> Result<Value, BridgeError>) -> Value {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => throw(env, &error),
        Err(panic) => throw(env, &BridgeError::from_panic(panic.as_ref())),
    }
}

#[cold]
pub(crate) fn throw(env: sys::napi_env, error: &BridgeError) -> Value {
    let code = string(env, error.code().as_str());
    let message = string(env, error.message());
    let mut object = ptr::null_mut();
    // SAFETY: two strings of this environment.
    unsafe { sys::napi_create_error(env, code, message, &raw mut object) };
    // SAFETY: the error object made above.
    unsafe { sys::napi_throw(env, object) };
    UNDEFINED
}

pub(crate) fn string(env: sys::napi_env, text: &str) -> Value {
    let mut value = ptr::null_mut();
    let length = text.len().cast_signed();
    // SAFETY: `length` bytes of UTF-8, copied by the call.
    unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast::<c_char>(), length, &raw mut value) };
    value
}

pub(crate) fn text(env: sys::napi_env, value: Value) -> Option<String> {
    let mut length = 0;
    // SAFETY: a null buffer asks for the length in bytes.
    let status = unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &raw mut length) };
    if status != sys::Status::napi_ok {
        return None;
    }
    let mut bytes = vec![0u8; length + 1];
    // SAFETY: room for the text and its terminator.
    unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            bytes.as_mut_ptr().cast::<c_char>(),
            bytes.len(),
            &raw mut length,
        );
    }
    bytes.truncate(length);
    String::from_utf8(bytes).ok()
}

pub(crate) fn number(env: sys::napi_env, number: u32) -> Value {
    let mut value = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_create_uint32(env, number, &raw mut value) };
    value
}

pub(crate) fn boolean(env: sys::napi_env, boolean: bool) -> Value {
    let mut value = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_get_boolean(env, boolean, &raw mut value) };
    value
}

pub(crate) fn undefined(env: sys::napi_env) -> Value {
    let mut value = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_get_undefined(env, &raw mut value) };
    value
}

pub(crate) fn null(env: sys::napi_env) -> Value {
    let mut value = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_get_null(env, &raw mut value) };
    value
}

pub(crate) fn set(env: sys::napi_env, object: Value, name: &str, value: Value) {
    let key = string(env, name);
    // SAFETY: values of this environment; `object` is an object we made or got for this purpose.
    unsafe { sys::napi_set_property(env, object, key, value) };
}

/// Defines a function whose callback finds `data` again.
pub(crate) fn define(env: sys::napi_env, object: Value, name: &str, callback: Callback, data: *mut c_void) {
    let mut function = ptr::null_mut();
    let length = name.len().cast_signed();
    // SAFETY: the name is copied; `data` lives as long as the environment.
    unsafe {
        sys::napi_create_function(
            env,
            name.as_ptr().cast::<c_char>(),
            length,
            Some(callback),
            data,
            &raw mut function,
        );
    }
    set(env, object, name, function);
}

/// A new `ArrayBuffer`: the value and its memory.
pub(crate) fn array_buffer(env: sys::napi_env, bytes: usize) -> Option<(Value, *mut u8)> {
    let mut data = ptr::null_mut();
    let mut value = ptr::null_mut();
    // SAFETY: writes the two results only.
    let status = unsafe { sys::napi_create_arraybuffer(env, bytes, &raw mut data, &raw mut value) };
    (status == sys::Status::napi_ok).then_some((value, data.cast::<u8>()))
}

/// Calls a function with `undefined` as `this`; gives its result, or what it threw, or nothing if JavaScript cannot run any more.
fn called(env: sys::napi_env, function: Value, arguments: &[Value]) -> Option<Result<Value, Value>> {
    let mut this = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_get_undefined(env, &raw mut this) };
    let mut result = ptr::null_mut();
    // SAFETY: a function and values of this environment, inside an open handle scope.
    let status = unsafe {
        sys::napi_call_function(
            env,
            this,
            function,
            arguments.len(),
            arguments.as_ptr(),
            &raw mut result,
        )
    };
    if status != sys::Status::napi_pending_exception {
        return (status == sys::Status::napi_ok).then_some(Ok(result));
    }
    let mut exception = ptr::null_mut();
    // SAFETY: an exception is pending.
    let cleared = unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut exception) };
    // The exception that unwinds a worker which is being terminated looks like any other here.
    (cleared == sys::Status::napi_ok && !exception.is_null() && can_run(env)).then_some(Err(exception))
}

/// Whether JavaScript can run: a worker that is being terminated unwinds without doing anything.
pub(crate) fn can_run(env: sys::napi_env) -> bool {
    let mut same = false;
    let value = null(env);
    // SAFETY: a value of this environment. Chosen because it asks Node that question first and then does next to nothing.
    unsafe { sys::napi_strict_equals(env, value, value, &raw mut same) == sys::Status::napi_ok }
}

/// Calls a function without arguments or a result, in a handle scope of its own: whether it came to its end, or nothing if JavaScript
/// cannot run any more.
#[inline]
pub(crate) fn call_plainly(env: sys::napi_env, function: sys::napi_ref) -> Option<bool> {
    let mut outcome = None;
    scope(env, || {
        let called = called(env, referenced(env, function), &[]);
        outcome = called.map(|result| result.is_ok());
    });
    outcome
}

/// Calls a function. An exception it throws is reported as uncaught, since no JavaScript is below us that could catch it.
pub(crate) fn call(env: sys::napi_env, function: Value, arguments: &[Value]) {
    if let Some(Err(exception)) = called(env, function, arguments) {
        // SAFETY: the exception just taken.
        unsafe { sys::napi_fatal_exception(env, exception) };
    }
}

/// Calls a function: whether it came to its end, or nothing if JavaScript cannot run any more. What it throws is dropped.
pub(crate) fn try_call(env: sys::napi_env, function: Value, arguments: &[Value]) -> Option<bool> {
    called(env, function, arguments).map(|result| result.is_ok())
}

/// Calls a function that gives a number; 0 if it threw, which what this is used for does only where the stack is at its end, and nothing
/// if JavaScript cannot run any more.
pub(crate) fn call_for_number(env: sys::napi_env, function: Value, arguments: &[Value]) -> Option<f64> {
    let Ok(result) = called(env, function, arguments)? else {
        return Some(0.0);
    };
    let mut number = 0.0;
    // SAFETY: a value of this environment.
    let status = unsafe { sys::napi_get_value_double(env, result, &raw mut number) };
    (status == sys::Status::napi_ok).then_some(number)
}

/// A `Uint8Array` with a copy of these bytes; nothing if there is no memory for it.
pub(crate) fn uint8_array(env: sys::napi_env, bytes: &[u8]) -> Option<Value> {
    let (buffer, data) = array_buffer(env, bytes.len())?;
    // SAFETY: the new buffer has exactly that many bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
    let mut view = ptr::null_mut();
    // SAFETY: a view of the whole buffer just made.
    unsafe {
        sys::napi_create_typedarray(
            env,
            sys::TypedarrayType::uint8_array,
            bytes.len(),
            buffer,
            0,
            &raw mut view,
        );
    }
    Some(view)
}

/// A strong or weak reference to a value.
pub(crate) fn reference(env: sys::napi_env, value: Value) -> sys::napi_ref {
    let mut reference = ptr::null_mut();
    // SAFETY: an object or function of this environment.
    unsafe { sys::napi_create_reference(env, value, 1, &raw mut reference) };
    reference
}

/// The value of a reference; null if it was collected.
#[inline]
pub(crate) fn referenced(env: sys::napi_env, reference: sys::napi_ref) -> Value {
    let mut value = ptr::null_mut();
    // SAFETY: a reference that was not deleted.
    unsafe { sys::napi_get_reference_value(env, reference, &raw mut value) };
    value
}

/// Runs `body` in a handle scope of its own.
pub(crate) fn scope<R>(env: sys::napi_env, body: impl FnOnce() -> R) -> R {
    let mut scope = ptr::null_mut();
    // SAFETY: on the environment's thread.
    unsafe { sys::napi_open_handle_scope(env, &raw mut scope) };
    let result = body();
    // SAFETY: the scope opened above.
    unsafe { sys::napi_close_handle_scope(env, scope) };
    result
}

/// Whether the memory of an `ArrayBuffer` was transferred. That of a `SharedArrayBuffer` cannot be.
pub(crate) fn is_detached(env: sys::napi_env, buffer: Value) -> bool {
    let mut detached = false;
    // SAFETY: a value of this environment.
    unsafe { sys::napi_is_detached_arraybuffer(env, buffer, &raw mut detached) };
    detached
}

/// The memory of a `Uint8Array`; nothing for anything else.
pub(crate) fn bytes_of(env: sys::napi_env, array: Value) -> Option<(NonNull<u8>, usize)> {
    let mut kind = 0;
    let mut length = 0;
    let mut data = ptr::null_mut();
    // SAFETY: writes the results only; fails for anything but a typed array.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            array,
            &raw mut kind,
            &raw mut length,
            &raw mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    // One without bytes may have no address.
    let data = NonNull::new(data.cast::<u8>()).or((length == 0).then_some(NonNull::dangling()))?;
    (status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint8_array).then_some((data, length))
}

/// Where the memory begins of the buffer that a typed array is a view of; nothing for anything else, and for memory without an address.
pub(crate) fn start_of_buffer(env: sys::napi_env, array: Value) -> Option<NonNull<u8>> {
    let mut offset = 0;
    let mut data = ptr::null_mut();
    // SAFETY: writes the results only; fails for anything but a typed array.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            array,
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut data,
            ptr::null_mut(),
            &raw mut offset,
        )
    };
    let start = NonNull::new(data.cast::<u8>().wrapping_sub(offset))?;
    (status == sys::Status::napi_ok).then_some(start)
}

/// The buffer of a typed array; null for anything else.
pub(crate) fn buffer_of(env: sys::napi_env, array: Value) -> Value {
    let mut buffer = ptr::null_mut();
    // SAFETY: writes the result only; fails for anything but a typed array.
    unsafe {
        sys::napi_get_typedarray_info(
            env,
            array,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut buffer,
            ptr::null_mut(),
        )
    };
    buffer
}
