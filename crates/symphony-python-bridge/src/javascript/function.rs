//! `JsFunction` and `JsMethod`: JavaScript functions as Python callables.

use std::cell::Cell;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::object;
use super::objects::Reference;
use super::question::{Draft, Operation, Outcome, too_large};
use crate::runtime::{self, Function};

/// A function of JavaScript's.
///
/// Called from any thread, it runs on the JavaScript thread, and the caller waits for its result. Keyword arguments arrive as one
/// `kw(…)` behind the others. What it throws is raised as `JsError`. There is one for each JavaScript function, and going back it is
/// that very function.
///
/// The class that Python sees is derived from this one; see [`direct_call`](super::direct_call).
#[pyclass(
    frozen,
    weakref,
    subclass,
    name = "JsFunctionBase",
    module = "symphony_bridge._native"
)]
pub(crate) struct JsFunction {
    reference: Reference,
    name: String,
    parameters: u8,
    /// Declared as such, so that what it gives is a promise.
    is_async: bool,
}

thread_local! {
    /// The function that the class is about to make an object of, on its way there.
    pub(super) static UNBORN: Cell<Option<JsFunction>> = const { Cell::new(None) };
}

impl JsFunction {
    pub(super) fn new(reference: Reference, name: String, parameters: u8, is_async: bool) -> Self {
        Self {
            reference,
            name,
            parameters,
            is_async,
        }
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    pub(super) fn call<'py>(
        &self,
        this: Option<&Reference>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        let mut draft = Draft::with_this(&self.reference, this, Operation::Call, 2)?;
        draft.writer().array(arguments.len()).map_err(too_large)?;
        for (index, argument) in arguments.iter().enumerate() {
            draft.value(&argument, &|| format!("args[{index}]"))?;
        }
        match keywords.filter(|keywords| !keywords.is_empty()) {
            None => draft.writer().nil(),
            // The names of keywords are strings, and none of them is `then` with a callable: a list of pairs says so more simply.
            Some(keywords) => {
                let pairs = keywords.items();
                draft.writer().array(2 * pairs.len()).map_err(too_large)?;
                for (name, value) in keywords.iter() {
                    draft.value(&name, &|| "kw".to_owned())?;
                    draft.value(&value, &|| format!("kw.{name}"))?;
                }
            }
        }
        Ok(match draft.ask(py)? {
            Outcome::Value(value) => value,
            Outcome::Missing => py.None().into_bound(py),
        })
    }

    /// What `inspect.iscoroutinefunction` and that of `asyncio` look for in what is no function of Python's: the value of a
    /// variable in the module.
    fn coroutine_mark<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let module = match &*name.to_cow()? {
            "_is_coroutine_mark" => "inspect",
            "_is_coroutine" => "asyncio.coroutines",
            _ => return Ok(None),
        };
        if !self.is_async {
            return Err(object::no_attribute(self.shown_name(), name));
        }
        name.py().import(module)?.getattr(name).map(Some)
    }

    fn shown_name(&self) -> &str {
        if self.name.is_empty() {
            "<anonymous>"
        } else {
            &self.name
        }
    }
}

#[pymethods]
impl JsFunction {
    /// Only for `direct_call::born`, which has put it there.
    #[new]
    fn unborn() -> PyResult<Self> {
        UNBORN
            .take()
            .ok_or_else(|| PyTypeError::new_err("functions of JavaScript's are made by JavaScript"))
    }

    #[pyo3(signature = (*arguments, **keywords))]
    fn __call__<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(None, arguments, keywords)
    }

    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(mark) = self.coroutine_mark(name)? {
            return Ok(mark);
        }
        object::attribute(&self.reference, name)?.ok_or_else(|| object::no_attribute(self.shown_name(), name))
    }

    fn __dir__(slf: &Bound<'_, Self>) -> PyResult<Vec<String>> {
        object::names(&slf.get().reference, &slf.get_type())
    }

    /// The function's name.
    #[getter]
    fn __name__(&self) -> &str {
        &self.name
    }

    /// The function's name.
    #[getter]
    fn __qualname__(&self) -> &str {
        &self.name
    }

    /// What `inspect.signature` gives.
    #[getter]
    fn __signature__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::function(py, Function::SignatureOf)?.call1((self.parameters,))
    }

    /// None, as of any function without annotations.
    #[getter]
    #[expect(clippy::unused_self, reason = "Python passes it")]
    fn __annotations__<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        PyDict::new(py)
    }

    fn __repr__(&self) -> String {
        format!("<JsFunction {}>", self.shown_name())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(object::not_pickled(self.shown_name()))
    }

    /// Itself, as with Python's functions.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Itself, as with Python's functions.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
}

/// A JavaScript function read from an object, called with that object as `this`.
#[pyclass(frozen, weakref, module = "symphony_bridge")]
pub(crate) struct JsMethod {
    function: Py<JsFunction>,
    /// A `JsObject` or a `JsProxy`.
    this: Py<PyAny>,
}

impl JsMethod {
    pub(super) fn reference(&self) -> &Reference {
        self.function.get().reference()
    }

    pub(super) fn bind<'py>(
        function: &Bound<'py, JsFunction>,
        this: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method = Self {
            function: function.clone().unbind(),
            this: this.clone().unbind(),
        };
        Ok(Bound::new(function.py(), method)?.into_any())
    }
}

#[pymethods]
impl JsMethod {
    #[pyo3(signature = (*arguments, **keywords))]
    fn __call__<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let this = self.this.bind(arguments.py());
        self.function.get().call(super::reference(this), arguments, keywords)
    }

    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(name.py()).getattr(name)
    }

    /// The function.
    #[getter]
    fn __func__(&self, py: Python<'_>) -> Py<JsFunction> {
        self.function.clone_ref(py)
    }

    /// The object.
    #[getter]
    fn __self__(&self, py: Python<'_>) -> Py<PyAny> {
        self.this.clone_ref(py)
    }

    fn __dir__(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.function.bind(py).dir()?.extract()
    }

    /// The function's name.
    #[getter]
    fn __name__(&self) -> &str {
        &self.function.get().name
    }

    /// The function's name.
    #[getter]
    fn __qualname__(&self) -> &str {
        &self.function.get().name
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(object::not_pickled(self.function.get().shown_name()))
    }

    /// Itself, as with Python's methods.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Itself: it is bound to an object that there is once.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    /// What `inspect.signature` gives.
    #[getter]
    fn __signature__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.get().__signature__(py)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast_exact::<Self>()
            .is_ok_and(|other| other.get().function.is(&self.function) && other.get().this.is(&self.this))
    }

    fn __hash__(&self) -> usize {
        self.function.as_ptr() as usize ^ (self.this.as_ptr() as usize).rotate_left(7)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.function.get().shown_name();
        Ok(format!("<JsMethod {name} of {}>", self.this.bind(py).repr()?))
    }
}
