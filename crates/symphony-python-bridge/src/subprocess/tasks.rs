//! What this process is doing: calls are noted in the page that its Conductor reads, by their names, from their beginning to their end.
//!
//! Noting is part of every call, so it takes no lock and no allocation; without a Conductor it is one test.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_conductor::child::{TaskMark, TaskName};
use symphony_wire::{Reader, Token};

use super::child;
use crate::operation::Header;
use crate::types::References;

/// The place of a call among those that are noted; until it ends.
#[derive(Debug)]
pub(crate) struct Noted {
    /// The mark, and one more than that; 0 when it has ended.
    mark: AtomicU32,
}

impl Noted {
    /// Notes that a request begins; nothing in a process that no Conductor started. `body` is that of the request.
    pub(crate) fn begin(py: Python<'_>, header: &Header, body: &[u8], references: &dyn References) -> Option<Self> {
        let child = child()?;
        let mut name = TaskName::default();
        spell(py, header, body, references, &mut name);
        let mark = child.task_started(header.request.into(), name.as_str());
        Some(Self {
            mark: AtomicU32::new(mark.number() + 1),
        })
    }

    /// Notes that it has ended. Idempotent.
    pub(crate) fn end(&self) {
        let mark = self.mark.swap(0, Ordering::Relaxed);
        if let Some(number) = mark.checked_sub(1)
            && let Some(child) = child()
        {
            child.task_ended(TaskMark::of(number));
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.end();
    }
}

/// The name of a request: `agents.planner:decide` for a call of a module's function, `decide` for one of another object's, and else
/// what it does.
fn spell(py: Python<'_>, header: &Header, body: &[u8], references: &dyn References, name: &mut TaskName) {
    let mut reader = Reader::new(body);
    let target = match reader.token() {
        Ok(Token::HandleReference(id)) => references.import(py, id),
        Ok(Token::Request(id)) => references.request(py, id),
        _ => None,
    };
    let verb = header.verb();
    if let Some(verb) = verb {
        name.push(verb);
    }
    let Ok(Token::Array(steps)) = reader.token() else {
        return;
    };
    let mut separator = if verb.is_some() { " " } else { "" };
    if let Some(module) = target.as_ref().and_then(module_name) {
        name.push(separator);
        name.push(module);
        separator = ":";
    }
    for step in 0..steps {
        // An item has no name.
        let Ok(Token::Text(attribute)) = reader.token() else {
            return;
        };
        name.push(if step == 0 { separator } else { "." });
        name.push(attribute);
    }
    if header.is_import()
        && let Ok(Token::Array(_)) = reader.token()
        && let Ok(Token::Text(module)) = reader.token()
    {
        name.push(" ");
        name.push(module);
    }
}

/// The name of a module, as it was made.
fn module_name<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    // SAFETY: a live object.
    if unsafe { ffi::PyModule_CheckExact(object.as_ptr()) } == 0 {
        return None;
    }
    // SAFETY: a module; a C string that lives as long as its dict has that name, or null with an exception set.
    let name = unsafe { ffi::PyModule_GetName(object.as_ptr()) };
    if name.is_null() {
        drop(PyErr::take(object.py()));
        return None;
    }
    // SAFETY: see above; nothing runs in between that could take the name out of the dict.
    unsafe { std::ffi::CStr::from_ptr(name) }.to_str().ok()
}
