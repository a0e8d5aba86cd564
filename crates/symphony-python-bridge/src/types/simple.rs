//! Values that are written without a look at anything else: exact strings, small integers, floats, booleans and `None`.
//!
//! Nothing here runs Python code or frees an object, so borrowed pointers stay valid from one value to the next. That
//! saves two reference counts a value, a third of what writing a list of integers costs.

use core::ffi::{c_char, c_int};
use core::ops::Range;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use symphony_wire::Writer;

use super::text;

/// Writes an object, unless it is more than a simple one: `false`, and nothing was written.
///
/// # Safety
/// `object` is alive, and the GIL is held.
#[inline]
pub(super) unsafe fn write(object: *mut ffi::PyObject, writer: &mut Writer) -> bool {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object) };
    if class == &raw mut ffi::PyUnicode_Type {
        // SAFETY: exactly a string.
        return unsafe { write_text(object, writer) };
    }
    if class == &raw mut ffi::PyLong_Type {
        let mut overflow: c_int = 0;
        // SAFETY: exactly an int, of which the function reads the digits.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
        if overflow == 0 {
            writer.integer(value);
        }
        return overflow == 0;
    }
    if class == &raw mut ffi::PyFloat_Type {
        // SAFETY: exactly a float.
        writer.float(unsafe { ffi::PyFloat_AsDouble(object) });
        return true;
    }
    // SAFETY: an immortal static object.
    if object == unsafe { ffi::Py_None() } {
        writer.nil();
        return true;
    }
    if class == &raw mut ffi::PyBool_Type {
        // SAFETY: as above.
        writer.boolean(object == unsafe { ffi::Py_True() });
        return true;
    }
    false
}

/// Not for strings that have no UTF-8 form, nor for long ones, whose UTF-8 form should not be kept.
///
/// # Safety
/// `object` is exactly a string, and the GIL is held.
#[inline]
unsafe fn write_text(object: *mut ffi::PyObject, writer: &mut Writer) -> bool {
    // SAFETY: exactly a string.
    let length = unsafe { ffi::PyUnicode_GetLength(object) };
    if length > text::LARGE.cast_signed() {
        return false;
    }
    let mut size = 0;
    // SAFETY: exactly a string; the bytes belong to it.
    let bytes: *const c_char = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut size) };
    if bytes.is_null() {
        // The caller writes it again by another way, which finds out why.
        // SAFETY: the GIL is held.
        unsafe { ffi::PyErr_Clear() };
        return false;
    }
    // SAFETY: `size` bytes, alive as long as the string.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), size.cast_unsigned()) };
    // SAFETY: CPython's encoder writes UTF-8 and nothing else.
    let text = unsafe { core::str::from_utf8_unchecked(bytes) };
    writer.text(text).is_ok()
}

/// Writes the items of a list from `start` up to the first that is not simple; gives where it stopped.
pub(super) fn write_list_items(list: &Bound<'_, PyList>, start: usize, writer: &mut Writer) -> usize {
    // SAFETY: within the list, which nothing changes meanwhile; a borrowed reference.
    let item = |index: usize| unsafe { ffi::PyList_GetItem(list.as_ptr(), index.cast_signed()) };
    write_items(start..list.len(), item, writer)
}

/// The same for a tuple.
pub(super) fn write_tuple_items(tuple: &Bound<'_, PyTuple>, start: usize, writer: &mut Writer) -> usize {
    // SAFETY: within the tuple; a borrowed reference.
    let item = |index: usize| unsafe { ffi::PyTuple_GetItem(tuple.as_ptr(), index.cast_signed()) };
    write_items(start..tuple.len(), item, writer)
}

#[inline]
fn write_items(mut range: Range<usize>, item: impl Fn(usize) -> *mut ffi::PyObject, writer: &mut Writer) -> usize {
    let end = range.end.max(range.start);
    // SAFETY: the container keeps the item.
    range
        .find(|index| !unsafe { write(item(*index), writer) })
        .unwrap_or(end)
}
