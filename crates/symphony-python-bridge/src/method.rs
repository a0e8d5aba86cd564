//! Methods called by name without a bound-method object in between.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::symbols::symbols;

/// What a call of `object.name(…)` calls. Holds a reference.
pub struct Method<'py> {
    function: Bound<'py, PyAny>,
    takes_object: bool,
}

impl<'py> Method<'py> {
    /// Looks up an attribute that is about to be called; nothing if that failed, and then Python's exception is set.
    ///
    /// # Safety
    ///
    /// `object` and `name` are live objects, and `name` is a string.
    #[inline]
    pub unsafe fn find(py: Python<'py>, object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Option<Self> {
        let Some(get_method) = symbols().get_method else {
            // SAFETY: as the caller promises.
            let attribute = unsafe { ffi::PyObject_GetAttr(object, name) };
            // SAFETY: an owned reference, or null with an exception set.
            let function = unsafe { Bound::from_owned_ptr_or_opt(py, attribute) }?;
            return Some(Self {
                function,
                takes_object: false,
            });
        };
        let mut found = ptr::null_mut();
        // SAFETY: as the caller promises; `found` is written in any case.
        let takes_object = unsafe { get_method(object, name, &raw mut found) } != 0;
        // SAFETY: an owned reference, or null with an exception set.
        let function = unsafe { Bound::from_owned_ptr_or_opt(py, found) }?;
        Some(Self { function, takes_object })
    }

    /// What is called.
    pub fn function(&self) -> &Bound<'py, PyAny> {
        &self.function
    }

    /// Whether the object has to be the first argument.
    pub fn takes_object(&self) -> bool {
        self.takes_object
    }
}

/// Whether `attribute` is a method bound to `object`, so that looking it up again at the call gives the same thing. A
/// module's functions are bound to the module as well, but are values of their own.
///
/// # Safety
///
/// `attribute` is a live object, and the thread is attached.
#[inline]
pub unsafe fn is_method_of(attribute: *mut ffi::PyObject, object: &Bound<'_, PyAny>) -> bool {
    let symbols = symbols();
    // SAFETY: a live object, as the caller promises.
    let class = unsafe { ffi::Py_TYPE(attribute) };
    let bound_to = if class == symbols.method_type {
        // SAFETY: exactly a bound method.
        unsafe { (symbols.method_self)(attribute) }
    } else if class == symbols.builtin_type {
        // SAFETY: exactly a built-in function.
        unsafe { ffi::PyCFunction_GetSelf(attribute) }
    } else {
        return false;
    };
    ptr::eq(bound_to, object.as_ptr()) && !object.is_instance_of::<PyModule>()
}
