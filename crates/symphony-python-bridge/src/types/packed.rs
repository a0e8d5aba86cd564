//! Lists of one type of number, which are written at once.

use core::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;
use symphony_wire::{WireError, Writer};

/// Shorter lists take no more room item by item.
const SHORTEST: usize = 8;

/// Writes a list of floats, or of integers of 32 bits; `false`, and nothing, for any other one.
pub(super) fn write(list: &Bound<'_, PyList>, writer: &mut Writer) -> Result<bool, WireError> {
    let length = list.len();
    if length < SHORTEST {
        return Ok(false);
    }
    // Nothing below runs Python code or frees an object: borrowed pointers stay valid.
    let items = || {
        (0..length).map(|index| {
            // SAFETY: within the list, which nothing changes meanwhile; a borrowed reference.
            unsafe { ffi::PyList_GetItem(list.as_ptr(), index.cast_signed()) }
        })
    };
    // SAFETY: the list keeps the item.
    let class = items().next().map(|item| unsafe { ffi::Py_TYPE(item) });
    if class == Some(&raw mut ffi::PyFloat_Type) {
        // SAFETY: the list keeps the items.
        return writer.floats_if_all(items().map(|item| unsafe { float(item) }));
    }
    if class == Some(&raw mut ffi::PyLong_Type) {
        // SAFETY: the list keeps the items.
        return writer.integers_if_all(items().map(|item| unsafe { small_integer(item) }));
    }
    Ok(false)
}

/// # Safety
/// `object` is alive, and the GIL is held.
#[inline]
unsafe fn float(object: *mut ffi::PyObject) -> Option<f64> {
    // SAFETY: a live object.
    if unsafe { ffi::Py_TYPE(object) } != &raw mut ffi::PyFloat_Type {
        return None;
    }
    // SAFETY: exactly a float.
    Some(unsafe { ffi::PyFloat_AsDouble(object) })
}

/// # Safety
/// `object` is alive, and the GIL is held.
#[inline]
unsafe fn small_integer(object: *mut ffi::PyObject) -> Option<i32> {
    // SAFETY: a live object.
    if unsafe { ffi::Py_TYPE(object) } != &raw mut ffi::PyLong_Type {
        return None;
    }
    let mut overflow: c_int = 0;
    // SAFETY: exactly an int.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    if overflow == 0 { i32::try_from(value).ok() } else { None }
}
