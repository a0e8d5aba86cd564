//! What JavaScript throws, as a Python exception, and back.

use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple, PyType};

use super::reference;
use crate::runtime::{self, Function};

/// `symphony_bridge.JsError`, once one was raised.
static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The exception for what was thrown: an exception of Python's that passed through JavaScript as it is, or the name, message and
/// stack of a JavaScript error with the error itself.
pub(super) fn raised(thrown: &Bound<'_, PyAny>) -> PyErr {
    thrown_exception(thrown).map_or_else(|error| error, PyErr::from_value)
}

/// The same as an object.
pub(crate) fn thrown_exception<'py>(thrown: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if thrown.is_instance_of::<PyBaseException>() {
        return Ok(thrown.clone());
    }
    let py = thrown.py();
    let class = runtime::function(py, Function::JsError)?;
    let known = class.cast::<PyType>()?.clone().unbind();
    let _ = CLASS.set(py, known);
    let parts = match thrown.cast::<PyList>() {
        Ok(parts) => parts.to_tuple(),
        Err(_) => thrown
            .cast::<PyTuple>()
            .map_err(|_| PyRuntimeError::new_err("JavaScript threw in an unknown form"))?
            .clone(),
    };
    class.call1(parts)
}

/// The JavaScript object that an exception carries through Python: to be thrown again as itself.
pub(crate) fn thrown<'py>(exception: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = exception.py();
    let class = CLASS.get(py)?.bind(py);
    if !exception.get_type().is(class) {
        return None;
    }
    let error = exception.getattr(pyo3::intern!(py, "error")).ok()?;
    reference(&error).is_some().then_some(error)
}
