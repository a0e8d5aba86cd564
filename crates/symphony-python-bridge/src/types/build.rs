//! Makes Python containers and byte strings from their finished parts. Running out of memory is an error, not a panic.

use pyo3::ffi;
use pyo3::prelude::*;

/// A list of these items.
pub(super) fn list<'py>(
    py: Python<'py>,
    items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the GIL is held.
    let list = unsafe { ffi::PyList_New(items.len().cast_signed()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    let list = unsafe { Bound::from_owned_ptr_or_err(py, list) }?;
    for (index, item) in (0..).zip(items) {
        // SAFETY: `list` is a list with room for as many items as the iterator has; the call takes over the reference.
        if unsafe { ffi::PyList_SetItem(list.as_ptr(), index, item.into_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
    }
    Ok(list)
}

/// A tuple of these items.
pub(super) fn tuple<'py>(
    py: Python<'py>,
    items: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the GIL is held.
    let tuple = unsafe { ffi::PyTuple_New(items.len().cast_signed()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    let tuple = unsafe { Bound::from_owned_ptr_or_err(py, tuple) }?;
    for (index, item) in (0..).zip(items) {
        // SAFETY: `tuple` is a tuple with room for as many items as the iterator has, and nobody else knows it yet; the
        // call takes over the reference.
        if unsafe { ffi::PyTuple_SetItem(tuple.as_ptr(), index, item.into_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
    }
    Ok(tuple)
}

/// An empty set.
pub(super) fn set(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: null means empty, and the GIL is held.
    let set = unsafe { ffi::PySet_New(core::ptr::null_mut()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, set) }
}

/// An empty frozenset, to be filled by [`add`] before anybody else knows it.
pub(super) fn frozen_set(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: null means empty, and the GIL is held.
    let set = unsafe { ffi::PyFrozenSet_New(core::ptr::null_mut()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, set) }
}

/// Adds to a set or to a new frozenset.
pub(super) fn add(set: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: both are objects and the GIL is held; the function checks the type of the first itself.
    if unsafe { ffi::PySet_Add(set.as_ptr(), item.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(set.py()))
    }
}

/// `bytes`.
pub(super) fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: pointer and length are those of a slice, whose length fits isize.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }
}

/// `bytearray`.
pub(super) fn byte_array<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: pointer and length are those of a slice, whose length fits isize.
    let object = unsafe { ffi::PyByteArray_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }
}
