//! `JsObject`: an instance of a JavaScript class, as a mapping with attributes.

use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyType};

use super::function::{JsFunction, JsMethod};
use super::objects::Reference;
use super::question::{Draft, Operation, Outcome};

/// An object of JavaScript's that is not plain data: an instance of a class, an `Error`, a `URL`.
///
/// Its attributes are the properties that `object.name` has in JavaScript, methods and getters included; its items are what
/// `{ ...object }` would copy, so that `Model(**item)` works. The methods of a mapping are there where the object has no member of the
/// same name. Everything is asked when it is used, on the JavaScript thread: at once
/// in a synchronous call from there; from any other thread it waits for JavaScript's event loop.
///
/// There is one for each JavaScript object, and going back it is that very object. It is always true, equal to itself only, and
/// hashable.
#[pyclass(frozen, weakref, mapping, module = "symphony_bridge")]
pub(crate) struct JsObject {
    reference: Reference,
    name: String,
}

static REGISTERED: PyOnceLock<()> = PyOnceLock::new();

impl JsObject {
    pub(super) fn new(reference: Reference, name: String) -> Self {
        Self { reference, name }
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Makes the class one of those that `collections.abc.Mapping` counts in.
    pub(super) fn be_a_mapping(py: Python<'_>) -> PyResult<()> {
        REGISTERED
            .get_or_try_init(py, || {
                let mapping = py.import("collections.abc")?.getattr("Mapping")?;
                mapping.call_method1("register", (py.get_type::<Self>(),))?;
                Ok(())
            })
            .copied()
    }

    fn ask_keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match Draft::new(&self.reference, Operation::Keys, 0)?.ask(py)? {
            Outcome::Value(keys) => Ok(keys.cast_into::<PyList>()?),
            Outcome::Missing => Ok(PyList::empty(py)),
        }
    }

    fn ask_items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let items = PyDict::new(py);
        if let Outcome::Value(pairs) = Draft::new(&self.reference, Operation::Items, 0)?.ask(py)? {
            for pair in pairs.try_iter()? {
                let pair = pair?;
                items.set_item(pair.get_item(0)?, pair.get_item(1)?)?;
            }
        }
        Ok(items)
    }

    fn ask_item<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // Other keys than strings there are none, and asking for one might find the string that it spells.
        let Ok(key) = key.cast::<PyString>() else {
            return Ok(None);
        };
        let mut draft = Draft::new(&self.reference, Operation::Item, 1)?;
        draft.value(key, &|| "key".to_owned())?;
        Ok(match draft.ask(key.py())? {
            Outcome::Value(value) => Some(value),
            Outcome::Missing => None,
        })
    }
}

/// The property of an object, if there is one.
pub(super) fn attribute<'py>(
    reference: &Reference,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let text = name.to_cow()?;
    // Protocols of Python's, which many libraries look for in everything.
    if text.starts_with("__") && text.ends_with("__") {
        return Ok(None);
    }
    let mut draft = Draft::new(reference, Operation::Attribute, 1)?;
    draft.value(name, &|| "name".to_owned())?;
    Ok(match draft.ask(name.py())? {
        Outcome::Value(value) => Some(value),
        Outcome::Missing => None,
    })
}

/// What was read from an object: a function as a method of it.
pub(super) fn bound<'py>(
    value: Bound<'py, PyAny>,
    owner: &Bound<'py, PyAny>,
    reference: &Reference,
) -> PyResult<Bound<'py, PyAny>> {
    match value.cast::<JsFunction>() {
        // A function of another environment cannot have an object of this one as `this`.
        Ok(function) if Arc::ptr_eq(function.get().reference().channel(), reference.channel()) => {
            JsMethod::bind(function, owner)
        }
        _ => Ok(value),
    }
}

pub(super) fn no_attribute(owner: &str, name: &Bound<'_, PyString>) -> PyErr {
    PyAttributeError::new_err(format!("`{owner}` has no attribute '{name}'"))
}

/// The names of an object's properties.
pub(super) fn names(reference: &Reference, class: &Bound<'_, PyType>) -> PyResult<Vec<String>> {
    let py = class.py();
    let mut names: Vec<String> = class.dir()?.extract()?;
    if let Outcome::Value(own) = Draft::new(reference, Operation::Names, 0)?.ask(py)? {
        names.extend(own.extract::<Vec<String>>()?);
    }
    Ok(names)
}

#[pymethods]
impl JsObject {
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let Some(value) = attribute(&this.reference, name)? else {
            // The object's own members come first: a mapping has what it lacks.
            return match &*name.to_cow()? {
                "get" => slf.getattr(intern!(slf.py(), "__get_item__")),
                method @ ("keys" | "values" | "items") => slf.getattr(format!("__{method}__")),
                _ => Err(no_attribute(&this.name, name)),
            };
        };
        // Whatever takes a mapping calls this one; as an item the property is there all the same.
        if name.to_cow()? == "keys" && !value.is_callable() {
            return slf.getattr("__keys__");
        }
        bound(value, slf, &this.reference)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_item(key)?
            .ok_or_else(|| PyKeyError::new_err(key.clone().unbind()))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(key) = key.cast::<PyString>() else {
            return Ok(false);
        };
        let mut draft = Draft::new(&self.reference, Operation::Contains, 1)?;
        draft.value(key, &|| "key".to_owned())?;
        match draft.ask(key.py())? {
            Outcome::Value(value) => value.is_truthy(),
            Outcome::Missing => Ok(false),
        }
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.ask_keys(py)?.len())
    }

    /// As in JavaScript, where an object without properties is true as well.
    #[expect(clippy::unused_self, reason = "Python passes it")]
    fn __bool__(&self) -> bool {
        true
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.ask_keys(py)?.try_iter()?.into_any())
    }

    /// The keys as they are now.
    #[pyo3(name = "__keys__")]
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let keys = self.ask_keys(py)?;
        py.get_type::<PyDict>()
            .call_method1(intern!(py, "fromkeys"), (keys,))?
            .call_method0(intern!(py, "keys"))
    }

    /// The values as they are now.
    #[pyo3(name = "__values__")]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_items(py)?.call_method0(intern!(py, "values"))
    }

    /// The keys and values as they are now.
    #[pyo3(name = "__items__")]
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_items(py)?.call_method0(intern!(py, "items"))
    }

    /// The value of a key, or `default`.
    #[pyo3(name = "__get_item__", signature = (key, default=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.ask_item(key)?.or(default))
    }

    fn __dir__(slf: &Bound<'_, Self>) -> PyResult<Vec<String>> {
        let mut names = names(&slf.get().reference, &slf.get_type())?;
        names.extend(["get", "items", "keys", "values"].map(str::to_owned));
        Ok(names)
    }

    fn __repr__(&self) -> String {
        format!("<JsObject {}>", self.name)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(not_pickled(&self.name))
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

/// It lives in one process, in one JavaScript environment.
pub(super) fn not_pickled(name: &str) -> PyErr {
    pyo3::exceptions::PyTypeError::new_err(format!(
        "cannot pickle the JavaScript object `{name}`; make a dict of it first"
    ))
}
