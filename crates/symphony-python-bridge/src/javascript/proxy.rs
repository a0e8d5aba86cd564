//! `JsProxy`: the part of promises, iterators and streams that Python code cannot do.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use symphony_wire::JsKind;

use super::object;
use super::objects::Reference;
use super::outcome::Outcome;
use super::question::{self, Draft, Operation};
use crate::interpreter;
use crate::runtime::{self, Function};

/// A JavaScript object that is more than a mapping with attributes. The classes derived from this one say what.
///
/// Its attributes are the properties that `object.name` has in JavaScript. There is one for each JavaScript object, and going back it
/// is that very object.
#[pyclass(frozen, subclass, weakref, module = "symphony_bridge")]
pub(crate) struct JsProxy {
    reference: Reference,
    name: String,
    kind: JsKind,
    /// Whether JavaScript is to be told if this is dropped: an iterator in the middle.
    open: AtomicBool,
}

thread_local! {
    /// What a class is about to make an object of, on its way there.
    static UNBORN: Cell<Option<JsProxy>> = const { Cell::new(None) };
}

impl JsProxy {
    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }
}

/// The proxy of an object, of the class that Python has for its kind.
pub(super) fn born(py: Python<'_>, reference: Reference, name: String, kind: JsKind) -> PyResult<Bound<'_, JsProxy>> {
    let [number, _] = kind.code();
    let class = runtime::function(py, Function::ProxyClass)?.call1((number,))?;
    let proxy = JsProxy {
        reference,
        name,
        kind,
        open: AtomicBool::new(false),
    };
    UNBORN.set(Some(proxy));
    let made = class.call0();
    // Still there if Python did not come to it.
    drop(UNBORN.take());
    Ok(made?.cast_into::<JsProxy>()?)
}

fn operation(number: u8) -> PyResult<Operation> {
    Operation::of(number).ok_or_else(|| PyValueError::new_err(format!("there is no operation {number}")))
}

impl JsProxy {
    fn draft<'a>(&'a self, number: u8, parts: &Bound<'_, PyTuple>) -> PyResult<Draft<'a>> {
        let mut draft = Draft::new(&self.reference, operation(number)?, parts.len())?;
        for part in parts.iter() {
            draft.value(&part, &|| "value".to_owned())?;
        }
        Ok(draft)
    }
}

#[pymethods]
impl JsProxy {
    /// Only for `born`, which has put it there.
    #[new]
    fn unborn() -> PyResult<Self> {
        UNBORN
            .take()
            .ok_or_else(|| PyTypeError::new_err("objects of JavaScript's are made by JavaScript"))
    }

    /// Asks, and waits for the answer; `NotImplemented` if there is none.
    #[pyo3(signature = (operation, *parts))]
    fn _ask<'py>(&self, operation: u8, parts: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = parts.py();
        Ok(match self.draft(operation, parts)?.ask(py)? {
            question::Outcome::Value(value) => value,
            question::Outcome::Missing => py.NotImplemented().into_bound(py),
        })
    }

    /// Asks, and gives where the answer will be.
    #[pyo3(signature = (operation, *parts))]
    fn _post(&self, operation: u8, parts: &Bound<'_, PyTuple>) -> PyResult<Outcome> {
        let settlement = self.draft(operation, parts)?.post()?;
        Ok(Outcome::of_question(Arc::clone(self.reference.channel()), settlement))
    }

    /// Where the outcome of a promise will be. To be asked once, by its owner.
    fn _outcome(&self) -> Outcome {
        Outcome::of_promise(&self.reference, self.kind == JsKind::Thenable)
    }

    /// Whether JavaScript is to close this if Python drops it.
    fn _set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        match object::attribute(&this.reference, name)? {
            Some(value) => object::bound(value, slf, &this.reference),
            None => Err(object::no_attribute(&this.name, name)),
        }
    }

    fn __dir__(slf: &Bound<'_, Self>) -> PyResult<Vec<String>> {
        object::names(&slf.get().reference, &slf.get_type())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("<{} {}>", slf.get_type().name()?, slf.get().name))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(object::not_pickled(&self.name))
    }

    /// Itself: it stands for one object, of which JavaScript alone could make a copy.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Itself, for the same reason.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
}

impl Drop for JsProxy {
    fn drop(&mut self) {
        if self.open.load(Ordering::Relaxed) && !interpreter::is_forked() {
            // The reference goes next, and wakes the environment.
            self.reference.channel().objects().abandon(self.reference.id());
        }
    }
}
