//! `int` to wire integers and back, of any size.

use core::ffi::c_int;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyInt};
use symphony_wire::{WireError, Writer};

/// Why an integer could not be written.
pub(super) enum IntegerError {
    Wire(WireError),
    Raised(PyErr),
}

impl From<PyErr> for IntegerError {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// Writes an integer whose type is exactly `int`.
#[inline]
pub(super) fn write(integer: &Bound<'_, PyInt>, writer: &mut Writer) -> Result<(), IntegerError> {
    let mut overflow: c_int = 0;
    // SAFETY: the object is an int, and the GIL is held, as `Bound` proves.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(integer.as_ptr(), &raw mut overflow) };
    if overflow == 0 {
        writer.integer(value);
        return Ok(());
    }
    write_big(integer, writer)
}

/// By `int.to_bytes`, which is linear and the same in every version; the C functions for it are private before 3.13.
fn write_big(integer: &Bound<'_, PyInt>, writer: &mut Writer) -> Result<(), IntegerError> {
    let py = integer.py();
    let bits: usize = integer.call_method0(intern!(py, "bit_length"))?.extract()?;
    let signed = [(intern!(py, "signed"), true)].into_py_dict(py)?;
    let arguments = (bits / 8 + 1, intern!(py, "little"));
    let bytes = integer.call_method(intern!(py, "to_bytes"), arguments, Some(&signed))?;
    let bytes = bytes.cast_exact::<PyBytes>().map_err(PyErr::from)?;
    writer.big_integer(bytes.as_bytes()).map_err(IntegerError::Wire)
}

/// The integer of two's complement, little-endian.
pub(super) fn read_big<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if bytes.len() <= size_of::<i64>() {
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut extended = [if negative { 0xff } else { 0 }; size_of::<i64>()];
        extended[..bytes.len()].copy_from_slice(bytes);
        return Ok(PyInt::new(py, i64::from_le_bytes(extended)).into_any());
    }
    let signed = [(intern!(py, "signed"), true)].into_py_dict(py)?;
    let arguments = (PyBytes::new(py, bytes), intern!(py, "little"));
    py.get_type::<PyInt>()
        .call_method(intern!(py, "from_bytes"), arguments, Some(&signed))
}
