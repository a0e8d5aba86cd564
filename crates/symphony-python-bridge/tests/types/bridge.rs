//! A bridge of two ends in one test: a table of handles, and Python by its source text.

use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use symphony_python_bridge::types::{ConversionError, References, Returns, decode, encode};
use symphony_wire::{Reader, Token, Writer};

/// What was exported, in order: handle ids are places in it, from 1.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) exported: Vec<Py<PyAny>>,
    pub(crate) outcomes: Vec<Py<PyAny>>,
}

impl References for Table {
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32) {
        self.exported.push(object.clone().unbind());
        (u32::try_from(self.exported.len()).unwrap(), 7)
    }

    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        Some(self.exported.get(id as usize - 1)?.bind(py).clone())
    }

    fn request<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>> {
        Some(self.outcomes.get(id as usize - 1)?.bind(py).clone())
    }
}

/// Runs a test with the GIL.
pub(crate) fn with_python<R>(test: impl FnOnce(Python<'_>) -> R) -> R {
    Python::initialize();
    Python::attach(test)
}

/// The value of an expression.
pub(crate) fn eval<'py>(py: Python<'py>, expression: &str) -> Bound<'py, PyAny> {
    py.eval(&CString::new(expression).unwrap(), None, None).unwrap()
}

/// The variable `value` after running statements.
pub(crate) fn run<'py>(py: Python<'py>, statements: &str) -> Bound<'py, PyAny> {
    let scope = PyDict::new(py);
    py.run(&CString::new(statements).unwrap(), Some(&scope), None).unwrap();
    scope.get_item("value").unwrap().unwrap()
}

/// The bytes of an object.
pub(crate) fn encoded(object: &Bound<'_, PyAny>, returns: Returns) -> Result<Vec<u8>, ConversionError> {
    let mut writer = Writer::new();
    encode(object, returns, &mut writer, &mut Table::default())?;
    Ok(writer.into_vec())
}

/// The object of some bytes; all of them are used up.
pub(crate) fn decoded<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, ConversionError> {
    let mut reader = Reader::new(bytes);
    let object = decode(py, &mut reader, &|| "args[0]".to_owned(), &Table::default())?;
    assert!(reader.is_at_end(), "bytes are left");
    Ok(object)
}

/// Why an object cannot be encoded.
pub(crate) fn encode_error(object: &Bound<'_, PyAny>, returns: Returns) -> ConversionError {
    encoded(object, returns).unwrap_err()
}

/// Why what is written cannot be decoded.
pub(crate) fn decode_error(py: Python<'_>, write: impl FnOnce(&mut Writer)) -> ConversionError {
    let mut writer = Writer::new();
    write(&mut writer);
    decoded(py, writer.as_slice()).unwrap_err()
}

/// All tokens of a message.
pub(crate) fn tokens(bytes: &[u8]) -> Vec<Token<'_>> {
    let mut reader = Reader::new(bytes);
    let mut tokens = Vec::new();
    while !reader.is_at_end() {
        tokens.push(reader.token().unwrap());
    }
    tokens
}
