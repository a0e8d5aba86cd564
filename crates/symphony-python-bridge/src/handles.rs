//! The handle table: Python objects held for JavaScript, by number.
//!
//! One entry an object, whatever the number of environments that hold it. An entry counts *crossings*: each time the
//! object reaches JavaScript as a handle the count goes up, and the JavaScript side gives every crossing back. An id
//! that is on its way in a message therefore stays valid even if the collector frees an older view meanwhile.
//!
//! Whoever gives back a crossing that it has not takes it from somebody else, to whom the object is gone then, or another one by the
//! same number. That would show late and far away, so each thing that cannot be right is counted where it is seen: [`faults`].

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use crate::float_parameters::{self, FloatParameters};
use crate::gil::GilCell;
use crate::kinds;
use crate::memory::View;

/// In lists of crossings: the crossing is of the memory of the handle's object as well. Ids are smaller.
pub const OF_MEMORY: u32 = 1 << 31;

/// Takes back a crossing of a list.
pub fn give_back(py: Python<'_>, crossing: u32) {
    if crossing & OF_MEMORY == 0 {
        release(py, crossing, 1);
    } else {
        release_memory(py, crossing & !OF_MEMORY);
    }
}

struct Entry {
    object: Option<NonNull<ffi::PyObject>>,
    crossings: u32,
    kind: u32,
    /// Whether calls of the object have to look for parameters that want a `float`.
    may_want_floats: bool,
    /// Of an object whose memory JavaScript uses: what keeps the memory where it is.
    view: Option<View>,
    /// How many crossings are of that memory.
    view_users: u32,
}

#[derive(Default)]
struct Table {
    /// Slot 0 is never used, so that 0 can mean "no handle".
    entries: Vec<Entry>,
    free: Vec<u32>,
    by_object: FxHashMap<usize, u32>,
}

static TABLE: GilCell<Option<Table>> = GilCell::new(None);

static FAULTS: AtomicUsize = AtomicUsize::new(0);

/// How often a handle was used, shared or given back that there was not, or given back more often than it had crossed. Any other number
/// than 0 is a mistake of the bridge's.
pub fn faults() -> usize {
    FAULTS.load(Ordering::Relaxed)
}

/// Something that cannot be right was seen. Needs no GIL.
#[cold]
pub fn note_fault() {
    FAULTS.fetch_add(1, Ordering::Relaxed);
}

fn with_table<R>(py: Python<'_>, body: impl FnOnce(&mut Table) -> R) -> R {
    TABLE.with(py, |table| {
        body(table.get_or_insert_with(|| {
            let mut table = Table::default();
            table.entries.push(Entry {
                object: None,
                crossings: 0,
                kind: 0,
                may_want_floats: false,
                view: None,
                view_users: 0,
            });
            table
        }))
    })
}

/// Counts one crossing of the object; gives its handle id and the key of its type description.
pub fn export(object: &Bound<'_, PyAny>) -> (u32, u32) {
    let py = object.py();
    let key = object.as_ptr() as usize;
    let known = with_table(py, |table| {
        let id = *table.by_object.get(&key)?;
        let entry = &mut table.entries[id as usize];
        entry.crossings += 1;
        Some((id, entry.kind))
    });
    known.unwrap_or_else(|| {
        // Describing the type runs Python code, so the table is not borrowed meanwhile.
        let kind = kinds::acquire(object);
        insert(object, kind)
    })
}

fn insert(object: &Bound<'_, PyAny>, kind: u32) -> (u32, u32) {
    let py = object.py();
    let pointer = object.clone().into_ptr();
    let key = pointer as usize;
    let (id, known_kind, inserted) = with_table(py, |table| {
        if let Some(&id) = table.by_object.get(&key) {
            let entry = &mut table.entries[id as usize];
            entry.crossings += 1;
            return (id, entry.kind, false);
        }
        let entry = Entry {
            object: NonNull::new(pointer),
            crossings: 1,
            kind,
            may_want_floats: true,
            view: None,
            view_users: 0,
        };
        let id = if let Some(id) = table.free.pop() {
            table.entries[id as usize] = entry;
            id
        } else {
            table.entries.push(entry);
            u32::try_from(table.entries.len() - 1).expect("fewer than 2^32 handles")
        };
        table.by_object.insert(key, id);
        (id, kind, true)
    });
    if !inserted {
        // Another thread entered the object while the type was described: its entry stands.
        // SAFETY: `pointer` is the reference taken above, which the table did not keep.
        unsafe { ffi::Py_DecRef(pointer) };
        kinds::release(py, kind);
    }
    (id, known_kind)
}

/// The object of a handle, or `None` for an id that is not in use.
#[inline]
pub fn get(py: Python<'_>, id: u32) -> Option<Bound<'_, PyAny>> {
    callable(py, id).map(|(object, _)| object)
}

/// What is to be called, and whether [`float_parameters()`] may know of any.
#[inline]
pub fn callable(py: Python<'_>, id: u32) -> Option<(Bound<'_, PyAny>, bool)> {
    let (pointer, may_want_floats) = with_table(py, |table| {
        let entry = table.entries.get(id as usize)?;
        Some((entry.object?, entry.may_want_floats))
    })
    .or_else(|| {
        note_fault();
        None
    })?;
    // A reference of its own: Python may call JavaScript, which may give back its handle in the middle of a call.
    // SAFETY: the table owns a reference, and nothing ran since it was read that could have released it.
    Some((
        unsafe { Bound::from_borrowed_ptr(py, pointer.as_ptr()) },
        may_want_floats,
    ))
}

/// Which parameters of a handle's object want a `float`, as the signature said at the first question.
#[cold]
pub fn float_parameters(py: Python<'_>, id: u32) -> Option<FloatParameters> {
    let object = get(py, id)?;
    let found = float_parameters::of(&object);
    if found.is_none() {
        with_table(py, |table| {
            // Another object may have the id by now.
            if let Some(entry) = table.entries.get_mut(id as usize)
                && entry.object.is_some_and(|held| held.as_ptr() == object.as_ptr())
            {
                entry.may_want_floats = false;
            }
        });
    }
    found
}

/// Says that one of the crossings of a handle is of its object's memory, and keeps the export with which that stays where it is, if there
/// is none yet.
pub(crate) fn keep_view(py: Python<'_>, id: u32, view: View) {
    let rejected = with_table(py, |table| {
        let Some(entry) = table.entries.get_mut(id as usize) else {
            return Some(view);
        };
        entry.view_users += 1;
        if entry.object.is_none() || entry.view.is_some() {
            return Some(view);
        }
        entry.view = Some(view);
        None
    });
    if let Some(view) = rejected {
        view.release(py);
    }
}

/// Takes back a crossing of an object's memory. After the last one the object may move its memory again.
pub fn release_memory(py: Python<'_>, id: u32) {
    let view = with_table(py, |table| {
        let entry = table.entries.get_mut(id as usize)?;
        if entry.view_users == 0 {
            note_fault();
        }
        entry.view_users = entry.view_users.saturating_sub(1);
        if entry.view_users == 0 { entry.view.take() } else { None }
    });
    if let Some(view) = view {
        view.release(py);
    }
    release(py, id, 1);
}

/// Counts one crossing more of a handle that is in use.
pub(crate) fn add_crossing(py: Python<'_>, id: u32) {
    with_table(py, |table| match table.entries.get_mut(id as usize) {
        Some(entry) if entry.object.is_some() => entry.crossings += 1,
        _ => note_fault(),
    });
}

/// Takes back crossings; at zero the reference is dropped, which may run Python code.
pub fn release(py: Python<'_>, id: u32, count: u32) {
    let freed = with_table(py, |table| {
        let found = table.entries.get_mut(id as usize);
        let Some((entry, pointer)) = found.and_then(|entry| entry.object.map(|pointer| (entry, pointer))) else {
            note_fault();
            return None;
        };
        if entry.crossings < count {
            note_fault();
        }
        entry.crossings = entry.crossings.saturating_sub(count);
        if entry.crossings > 0 {
            return None;
        }
        entry.object = None;
        let kind = entry.kind;
        let view = entry.view.take();
        table.by_object.remove(&(pointer.as_ptr() as usize));
        table.free.push(id);
        Some((pointer, kind, view))
    });
    if let Some((pointer, kind, view)) = freed {
        if let Some(view) = view {
            view.release(py);
        }
        // SAFETY: the reference that the entry owned; nothing else knows the entry any more.
        unsafe { ffi::Py_DecRef(pointer.as_ptr()) };
        kinds::release(py, kind);
    }
}

/// How many objects are held.
pub fn count(py: Python<'_>) -> usize {
    with_table(py, |table| table.by_object.len())
}
