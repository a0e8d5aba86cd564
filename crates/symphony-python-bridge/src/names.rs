//! Attribute names as numbers: JavaScript sends a number, Python gets the interned string.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::gil::GilCell;

#[derive(Default)]
struct Names {
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(Mutex::default);
static OBJECTS: GilCell<Vec<*mut ffi::PyObject>> = GilCell::new(Vec::new());

/// The number of a name; the same text gives the same number. Needs no GIL.
///
/// # Panics
///
/// When there are more than 2^32 names.
pub fn number(text: &str) -> u32 {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&number) = names.numbers.get(text) {
        return number;
    }
    let number = u32::try_from(names.texts.len()).expect("fewer than 2^32 attribute names");
    names.texts.push(text.into());
    names.numbers.insert(text.into(), number);
    number
}

/// The text of a number that [`number`] gave.
pub fn text(number: u32) -> Option<String> {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.texts.get(number as usize).map(ToString::to_string)
}

/// The interned Python string of a number, borrowed: it lives as long as the process. Null for an unknown number.
#[inline]
pub fn object(py: Python<'_>, number: u32) -> *mut ffi::PyObject {
    let index = number as usize;
    OBJECTS
        .with(py, |objects| objects.get(index).copied())
        .filter(|pointer| !pointer.is_null())
        .unwrap_or_else(|| intern(py, number))
}

#[cold]
fn intern(py: Python<'_>, number: u32) -> *mut ffi::PyObject {
    let Some(text) = text(number) else {
        return std::ptr::null_mut();
    };
    let object = pyo3::types::PyString::intern(py, &text).into_ptr();
    OBJECTS.with(py, |objects| {
        let index = number as usize;
        if objects.len() <= index {
            objects.resize(index + 1, std::ptr::null_mut());
        }
        objects[index] = object;
    });
    object
}
