//! Lists of numbers, which are written at once.

use core::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;
use symphony_wire::{WireError, Writer};

use super::number;

/// Shorter lists take no more room item by item.
const SHORTEST: usize = 8;

/// Writes a list of floats, of integers of 32 bits, or of numbers; `false`, and nothing, for any other one.
pub(super) fn write(list: &Bound<'_, PyList>, writer: &mut Writer) -> Result<bool, WireError> {
    let length = list.len();
    if length < SHORTEST {
        return Ok(false);
    }
    // Nothing below runs Python code or frees an object: borrowed pointers stay valid.
    // SAFETY: within the list, which nothing changes meanwhile; a borrowed reference.
    let item = |index: usize| unsafe { ffi::PyList_GetItem(list.as_ptr(), index.cast_signed()) };
    // SAFETY: the list keeps the item.
    let class = unsafe { ffi::Py_TYPE(item(0)) };
    let mut tried = 0;
    let mut items = (0..length).map(|index| {
        tried = index;
        item(index)
    });
    let written = if class == &raw mut ffi::PyFloat_Type {
        // SAFETY: the list keeps the items.
        writer.floats_if_all(items.by_ref().map(|item| unsafe { float(item) }))?
    } else if class == &raw mut ffi::PyLong_Type {
        // SAFETY: the list keeps the items.
        writer.integers_if_all(items.by_ref().map(|item| unsafe { small_integer(item) }))?
    } else {
        return Ok(false);
    };
    // The item that was no such one tells whether a second look at those before it may be worth its time.
    // SAFETY: the list keeps the item.
    if written || unsafe { number(item(tried)) }.is_none() {
        return Ok(written);
    }
    // SAFETY: the list keeps the items.
    writer.numbers_if_all((0..length).map(|index| unsafe { number(item(index)) }))
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

/// A float that is no integer to a reader of numbers, or an int that is one.
///
/// # Safety
/// `object` is alive, and the GIL is held.
#[inline]
unsafe fn number(object: *mut ffi::PyObject) -> Option<f64> {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object) };
    if class == &raw mut ffi::PyFloat_Type {
        // SAFETY: exactly a float.
        let value = unsafe { ffi::PyFloat_AsDouble(object) };
        return number::as_integer(value).is_none().then_some(value);
    }
    if class != &raw mut ffi::PyLong_Type {
        return None;
    }
    let mut overflow: c_int = 0;
    // SAFETY: exactly an int.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    number::from_integer(value).filter(|_| overflow == 0)
}
