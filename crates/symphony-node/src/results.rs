//! Results of synchronous calls: text, bigints and live states as they are, everything else through the mailbox.

use std::ffi::c_char;
use std::ptr;

use napi::sys;
use pyo3::ffi;
use pyo3::prelude::*;
use symphony_python_bridge::async_support::Crossings;
use symphony_python_bridge::errors::Failure;
use symphony_python_bridge::handles;
use symphony_python_bridge::javascript;
use symphony_python_bridge::operation::Outcome;
use symphony_python_bridge::types::{self, Returns};
use symphony_wire::Writer;

use crate::js::{UNDEFINED, Value};
use crate::mailbox::Kind;
use crate::port::Port;

/// `Number.MAX_SAFE_INTEGER`.
const MOST_SAFE: u64 = (1 << 53) - 1;

/// The result of a call that gave `object`.
#[inline]
pub(crate) fn from_object(port: &Port, py: Python<'_>, object: Bound<'_, PyAny>) -> Value {
    let pointer = object.as_ptr();
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(pointer) };
    if class == &raw mut ffi::PyLong_Type {
        let mut overflow = 0;
        // SAFETY: exactly an int, so no Python code runs and no exception is set.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(pointer, &raw mut overflow) };
        if let Ok(small) = i32::try_from(value)
            && overflow == 0
        {
            port.mailbox().announce_integer(small);
            return UNDEFINED;
        }
    } else if class == &raw mut ffi::PyFloat_Type {
        // SAFETY: exactly a float.
        port.mailbox()
            .announce_number(unsafe { ffi::PyFloat_AsDouble(pointer) });
        return UNDEFINED;
    } else if object.is_none() {
        port.mailbox().announce(Kind::None);
        return UNDEFINED;
    }
    from_other_object(port, py, object, class)
}

/// Out of line: the frame of this one would cost the common results more than they do.
#[inline(never)]
fn from_other_object(port: &Port, py: Python<'_>, object: Bound<'_, PyAny>, class: *mut ffi::PyTypeObject) -> Value {
    let pointer = object.as_ptr();
    if class == &raw mut ffi::PyLong_Type {
        if let Some(value) = large_integer(port, pointer) {
            return value;
        }
    } else if class == &raw mut ffi::PyUnicode_Type {
        if let Some(value) = text(port.env(), pointer) {
            return value;
        }
    } else if class == &raw mut ffi::PyBool_Type {
        // SAFETY: `True` is an immortal static object.
        port.mailbox()
            .announce_boolean(ptr::eq(pointer, unsafe { ffi::Py_True() }));
        return UNDEFINED;
    } else if !is_plain_container(class)
        && !types::is_value_class(&object)
        && !types::is_array(&object)
        && !types::is_exception(&object)
        && !javascript::is_reference(&object)
    {
        return match types::plain_numpy_scalar(&object) {
            None => handle(port, &object),
            Some(Ok(plain)) => from_object(port, py, plain),
            Some(Err(error)) => from_failure(port, py, &error.into()),
        };
    }
    from_outcome(port, py, &Outcome::Object(object), Returns::Auto)
}

/// The result of an operation.
pub(crate) fn from_outcome(port: &Port, py: Python<'_>, outcome: &Outcome<'_>, returns: Returns) -> Value {
    port.mailbox().write_result(|writer| {
        let mut crossings = Crossings::of(port.channel());
        match outcome.write(returns, writer, &mut crossings) {
            Ok(()) => {
                expect(port, &crossings);
                Kind::Value
            }
            Err(failure) => {
                crossings.give_back(py);
                writer.clear();
                write_failure(port, py, &failure, writer)
            }
        }
    })
}

fn expect(port: &Port, crossings: &Crossings<'_>) {
    for id in crossings.handles() {
        port.adopted().expect(*id);
    }
}

fn write_failure(port: &Port, py: Python<'_>, failure: &Failure, writer: &mut Writer) -> Kind {
    let mut crossings = Crossings::of(port.channel());
    failure.write(py, false, writer, &mut crossings);
    expect(port, &crossings);
    Kind::Error
}

/// The result of a call that failed.
#[cold]
pub(crate) fn from_failure(port: &Port, py: Python<'_>, failure: &Failure) -> Value {
    if let Failure::Python(exception) = failure
        && announce(port, &exception.bind(py))
    {
        return UNDEFINED;
    }
    port.mailbox()
        .write_result(|writer| write_failure(port, py, failure, writer))
}

/// The short form of an exception: its message, a handle and its type. Not for a message without a UTF-8 form, nor for
/// an exception whose `__str__` fails, nor for one that JavaScript threw.
fn announce(port: &Port, exception: &Bound<'_, PyAny>) -> bool {
    if javascript::carries_thrown(exception) {
        return false;
    }
    let Ok(message) = exception.str() else { return false };
    let Ok(message) = message.to_cow() else { return false };
    let (id, type_key) = handles::export(exception);
    if port
        .mailbox()
        .announce_exception(&message, id, type_key, has_cause(exception))
    {
        port.adopted().expect(id);
        return true;
    }
    handles::release(exception.py(), id, 1);
    false
}

/// Whether the exception is chained to another one, as cause or as context.
fn has_cause(exception: &Bound<'_, PyAny>) -> bool {
    // SAFETY: an exception instance; an owned reference or null.
    let cause = unsafe { ffi::PyException_GetCause(exception.as_ptr()) };
    // SAFETY: as above.
    let context = unsafe { ffi::PyException_GetContext(exception.as_ptr()) };
    let chained = !cause.is_null() || !context.is_null();
    for other in [cause, context] {
        // SAFETY: owned by the calls above, or null, which is ignored.
        unsafe { ffi::Py_XDECREF(other) };
    }
    chained
}

/// The object as a handle: the live state, or a new id in the mailbox.
pub(crate) fn handle(port: &Port, object: &Bound<'_, PyAny>) -> Value {
    let (id, type_key) = handles::export(object);
    let state = port.adopted().find(port.env(), id);
    if state.is_null() {
        port.adopted().expect(id);
        port.mailbox().announce_handle(id, type_key);
        return UNDEFINED;
    }
    state
}

/// An integer of more than 32 bits; `None` if it has more than 64.
fn large_integer(port: &Port, object: *mut ffi::PyObject) -> Option<Value> {
    let mut overflow = 0;
    // SAFETY: exactly an int, so no Python code runs and no exception is set.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    if overflow != 0 {
        return None;
    }
    if value.unsigned_abs() <= MOST_SAFE {
        #[expect(clippy::cast_precision_loss, reason = "exact up to `MOST_SAFE`")]
        port.mailbox().announce_number(value as f64);
        return Some(UNDEFINED);
    }
    let mut result = ptr::null_mut();
    // SAFETY: writes the result only.
    unsafe { sys::napi_create_bigint_int64(port.env(), value, &raw mut result) };
    Some(result)
}

/// `None` for a string that has no UTF-8 form, which the codec carries, or that is too long for JavaScript.
fn text(env: sys::napi_env, object: *mut ffi::PyObject) -> Option<Value> {
    let mut length = 0;
    // SAFETY: exactly a string; the bytes live as long as it does.
    let bytes = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length) };
    if bytes.is_null() {
        // SAFETY: attached; the error says "lone surrogates", which is no error here.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    // SAFETY: as above.
    let text = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length.cast_unsigned()) };
    let mut result = ptr::null_mut();
    let start = text.as_ptr().cast::<c_char>();
    let status = if text.is_ascii() {
        // SAFETY: `length` bytes, copied by the call.
        unsafe { sys::napi_create_string_latin1(env, start, length, &raw mut result) }
    } else {
        // SAFETY: as above.
        unsafe { sys::napi_create_string_utf8(env, start, length, &raw mut result) }
    };
    (status == sys::Status::napi_ok).then_some(result)
}

fn is_plain_container(class: *mut ffi::PyTypeObject) -> bool {
    class == &raw mut ffi::PyDict_Type
        || class == &raw mut ffi::PyList_Type
        || class == &raw mut ffi::PyTuple_Type
        || class == &raw mut ffi::PyBytes_Type
        || class == &raw mut ffi::PySet_Type
        || class == &raw mut ffi::PyFrozenSet_Type
        || class == &raw mut ffi::PyByteArray_Type
}
