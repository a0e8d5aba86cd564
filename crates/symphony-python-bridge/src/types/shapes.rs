//! Dicts that have the same keys as an earlier one of the same message: rows of a table. Their keys are written once.
//!
//! The first dict with certain keys is written as a map, since most dicts are the only ones of their kind; the second
//! one describes the shape, and from then on a dict is its number and its values.

use std::rc::Rc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use symphony_wire::{WireError, Writer};

use super::{simple, text};

/// Dicts with more keys are written as maps.
const MOST_KEYS: usize = 64;
/// As many shapes as are remembered at a time; a power of two.
const SLOTS: usize = 64;

/// The keys of a shape. Strong references, because a pointer says something about a key only while that lives.
pub(super) type Keys<'py> = Rc<[Bound<'py, PyAny>]>;

/// The shapes of one message, each in the place that its keys choose.
#[derive(Default)]
pub(super) struct Shapes<'py> {
    slots: Vec<Option<Slot<'py>>>,
}

struct Slot<'py> {
    keys: Keys<'py>,
    /// By which number the message knows it; none if only one dict had these keys until now.
    number: Option<u8>,
}

/// A dict's shape, known to the message.
pub(super) struct Shape<'py> {
    pub(super) keys: Keys<'py>,
}

impl<'py> Shapes<'py> {
    /// The shape of a dict, after the beginning of its record was written; nothing if the dict is to be written as a map.
    pub(super) fn of(
        &mut self,
        dict: &Bound<'py, PyDict>,
        writer: &mut Writer,
    ) -> Result<Option<Shape<'py>>, WireError> {
        let mut keys = [core::ptr::null_mut(); MOST_KEYS];
        let Some(count) = keys_of(dict, &mut keys) else {
            return Ok(None);
        };
        let keys = &keys[..count];
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let slot = &mut self.slots[place(keys)];
        match slot {
            Some(known) if known.has(keys) => {
                if let Some(number) = known.number {
                    writer.record(number);
                } else {
                    if !known.is_plain() {
                        return Ok(None);
                    }
                    let Some(number) = known.describe(writer)? else {
                        return Ok(None);
                    };
                    known.number = Some(number);
                }
                Ok(Some(Shape {
                    keys: Rc::clone(&known.keys),
                }))
            }
            _ => {
                let py = dict.py();
                // SAFETY: the dict keeps its keys, and nothing ran since they were read.
                let keys = keys.iter().map(|key| unsafe { Bound::from_borrowed_ptr(py, *key) });
                *slot = Some(Slot {
                    keys: keys.collect(),
                    number: None,
                });
                Ok(None)
            }
        }
    }
}

impl Slot<'_> {
    /// By identity: equal keys that are different objects make another shape, which is only longer.
    fn has(&self, keys: &[*mut ffi::PyObject]) -> bool {
        self.keys.len() == keys.len() && self.keys.iter().zip(keys).all(|(known, key)| known.as_ptr() == *key)
    }

    /// Whether every dict of these keys is an object in JavaScript: all are strings, and none is `then`, which makes a
    /// promise of an object that has a function there. That the strings have a UTF-8 form is asked here as well.
    fn is_plain(&self) -> bool {
        self.keys.iter().all(|key| {
            key.cast_exact::<PyString>()
                .is_ok_and(|key| key.to_str().is_ok_and(|key| key != "then" && key.len() <= text::LARGE))
        })
    }

    fn describe(&self, writer: &mut Writer) -> Result<Option<u8>, WireError> {
        let number = writer.shape(self.keys.len())?;
        if number.is_some() {
            for key in self.keys.iter() {
                if let Ok(Ok(key)) = key.cast_exact::<PyString>().map(|key| key.to_str()) {
                    writer.text(key)?;
                }
            }
        }
        Ok(number)
    }
}

impl<'py> Shape<'py> {
    /// Writes the values of a dict that has this shape, if all are simple; else nothing.
    pub(super) fn write_simple_values(&self, dict: &Bound<'py, PyDict>, writer: &mut Writer) -> bool {
        let start = writer.len();
        let mut position = 0;
        let mut value = core::ptr::null_mut();
        for _ in 0..self.keys.len() {
            // SAFETY: a dict that nothing changes meanwhile, since simple values run no Python code.
            let found =
                unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, core::ptr::null_mut(), &raw mut value) };
            // SAFETY: the dict keeps the value.
            if found == 0 || !unsafe { simple::write(value, writer) } {
                writer.truncate(start);
                return false;
            }
        }
        true
    }

    /// The values of a dict that had this shape a moment ago, if it still has as many.
    pub(super) fn values(&self, dict: &Bound<'py, PyDict>) -> Option<Vec<Bound<'py, PyAny>>> {
        let values: Vec<_> = dict.iter().map(|(_, value)| value).collect();
        (values.len() == self.keys.len()).then_some(values)
    }
}

/// Borrows the keys of a dict; gives how many there are, or nothing if there are none or too many.
fn keys_of(dict: &Bound<'_, PyDict>, keys: &mut [*mut ffi::PyObject; MOST_KEYS]) -> Option<usize> {
    let count = dict.len();
    if count == 0 || count > MOST_KEYS {
        return None;
    }
    let mut position = 0;
    for key in &mut keys[..count] {
        // SAFETY: a dict that nothing changes meanwhile; the key is borrowed from it.
        if unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, key, core::ptr::null_mut()) } == 0 {
            return None;
        }
    }
    Some(count)
}

/// The place of a shape: by the addresses of its first and last key and by their number.
fn place(keys: &[*mut ffi::PyObject]) -> usize {
    let [first, last] = [keys.first(), keys.last()].map(|key| key.map_or(0, |key| *key as usize));
    let mixed = (first >> 4)
        .wrapping_mul(31)
        .wrapping_add(last >> 4)
        .wrapping_add(keys.len());
    (mixed ^ (mixed >> 7)) & (SLOTS - 1)
}
