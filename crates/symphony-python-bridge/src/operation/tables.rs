//! Arrow tables in both directions: what Python makes of them, and its refusals as errors of the bridge.

use pyo3::prelude::*;
use symphony_wire::ErrorCode;

use crate::errors::{BridgeError, Failure};
use crate::runtime::{self, Function};

/// A description of the table and its memory; `lacking` are the types that JavaScript's Arrow does not have.
pub(super) fn export<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    lacking: &Bound<'py, PyAny>,
    preserve_index: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Failure> {
    runtime::function(py, Function::ExportArrow)?
        .call1((source, lacking, preserve_index))
        .or_else(|error| Err(refusal(py, error)?))
}

/// A table of the library `target`, from its description.
pub(super) fn import<'py>(
    py: Python<'py>,
    description: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Failure> {
    runtime::function(py, Function::ImportArrow)?
        .call1((description, target))
        .or_else(|error| Err(refusal(py, error)?))
}

/// `ERR_CONVERSION` with its path for what Python refused, and any other exception as it is.
fn refusal(py: Python<'_>, error: PyErr) -> Result<Failure, Failure> {
    let exception = error.value(py);
    if !exception.is_instance(&runtime::function(py, Function::ArrowRefusal)?)? {
        return Ok(error.into());
    }
    let path: String = exception.getattr("path")?.extract()?;
    let mut refused = BridgeError::new(ErrorCode::Conversion, exception.str()?.to_string());
    if !path.is_empty() {
        refused = refused.at(path);
    }
    Ok(match error.cause(py) {
        Some(cause) => Failure::caused(refused, cause.into_value(py).into_bound(py).into_any()),
        None => refused.into(),
    })
}
