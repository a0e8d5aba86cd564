//! What went wrong, in a form that both languages understand.
//!
//! A [`Failure`] is an exception object, kept as it is, or an error of the bridge with a code from the common table.
//! Nothing flattens an exception to a string: JavaScript gets the object itself and a description of it.

mod exception;

use std::fmt;

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::{ErrorCode, WireError, Writer};

use crate::async_support::Crossings;
use crate::gil::Held;
use crate::types::ConversionError;

use exception::write_brief;
pub(crate) use exception::write_described;

/// An error of the bridge itself.
#[derive(Clone, Debug)]
pub struct BridgeError {
    code: ErrorCode,
    message: String,
    path: Option<String>,
}

impl BridgeError {
    /// An error with a code from the common table.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            path: None,
        }
    }

    /// Names the value at fault, such as `args[0].rows[3]`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What was expected, what was got and where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the error value; needs no Python.
    pub fn write(&self, writer: &mut Writer) {
        let start = writer.len();
        if write_bridge_error(self, false, writer).is_err() {
            // Only a text of 4 GiB fails to be written.
            writer.truncate(start);
            Self::new(self.code, "the message is too long").write(writer);
        }
    }

    /// A panic that was caught at the edge: always a bug of the bridge.
    pub fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Self::new(
            ErrorCode::BridgePanic,
            format!(
                "the Rust core of symphony-python-bridge panicked, which is a bug in it and not in your code; \
                 please report it with this message: {text}"
            ),
        )
    }
}

impl fmt::Display for BridgeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for BridgeError {}

/// Why an operation gave no value.
pub enum Failure {
    /// Python raised.
    Python(RaisedException),
    /// The bridge refused.
    Bridge(BridgeError),
    /// The bridge refused because of an exception.
    Caused(BridgeError, RaisedException),
}

/// An exception object, owned; may be moved between threads.
pub struct RaisedException(Held);

impl RaisedException {
    /// The exception.
    pub fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

impl Failure {
    /// Takes the exception that the last C call left.
    pub fn take(py: Python<'_>) -> Self {
        let mut kind = std::ptr::null_mut();
        let mut value = std::ptr::null_mut();
        let mut traceback = std::ptr::null_mut();
        // SAFETY: attached; the three results are owned references or null.
        unsafe { ffi::PyErr_Fetch(&raw mut kind, &raw mut value, &raw mut traceback) };
        if kind.is_null() {
            return BridgeError::new(ErrorCode::Protocol, "a C function failed without an exception").into();
        }
        // SAFETY: as fetched; normalising replaces `value` by an instance.
        unsafe { ffi::PyErr_NormalizeException(&raw mut kind, &raw mut value, &raw mut traceback) };
        // SAFETY: an owned reference.
        drop(unsafe { Bound::from_owned_ptr_or_opt(py, kind) });
        // SAFETY: an owned reference or null.
        if let Some(traceback) = unsafe { Bound::from_owned_ptr_or_opt(py, traceback) } {
            // SAFETY: `value` is an exception instance after normalising, `traceback` a traceback.
            unsafe { ffi::PyException_SetTraceback(value, traceback.as_ptr()) };
        }
        // SAFETY: an owned reference to the instance.
        Self::Python(RaisedException(Held::new(unsafe { Bound::from_owned_ptr(py, value) })))
    }

    /// A failure that is this exception object.
    pub fn of_exception(exception: Bound<'_, PyAny>) -> Self {
        Self::Python(RaisedException(Held::new(exception)))
    }

    /// A refusal of the bridge because of this exception object.
    pub fn caused(error: BridgeError, cause: Bound<'_, PyAny>) -> Self {
        Self::Caused(error, RaisedException(Held::new(cause)))
    }

    /// The same failure once more, for another request that depends on it.
    #[must_use]
    pub fn again(&self, py: Python<'_>) -> Self {
        match self {
            Self::Python(exception) => Self::of_exception(exception.0.bind(py)),
            Self::Bridge(error) => Self::Bridge(error.clone()),
            Self::Caused(error, cause) => Self::Caused(error.clone(), RaisedException(Held::new(cause.bind(py)))),
        }
    }

    /// Writes the error value that `docs/internal/native-interface.md` describes. With `complete` it holds everything;
    /// without, JavaScript asks for the rest when somebody looks.
    pub fn write(&self, py: Python<'_>, complete: bool, writer: &mut Writer, crossings: &mut Crossings<'_>) {
        match self {
            Self::Bridge(error) => error.write(writer),
            Self::Python(exception) if complete => write_described(&exception.bind(py), writer, crossings),
            Self::Python(exception) => write_brief(&exception.bind(py), false, writer, crossings),
            Self::Caused(error, cause) => {
                let start = writer.len();
                let cause = cause.bind(py);
                let written = write_bridge_error(error, true, writer);
                if written.is_err() {
                    writer.truncate(start);
                    error.write(writer);
                } else if complete {
                    write_described(&cause, writer, crossings);
                } else {
                    write_brief(&cause, false, writer, crossings);
                }
            }
        }
    }
}

impl From<BridgeError> for Failure {
    fn from(error: BridgeError) -> Self {
        Self::Bridge(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| Self::of_exception(error.into_value(py).into_bound(py).into_any()))
    }
}

impl From<ConversionError> for Failure {
    fn from(error: ConversionError) -> Self {
        if let Some(exception) = error.exception() {
            return Python::attach(|py| exception.clone_ref(py)).into();
        }
        let mut refusal = BridgeError::new(error.code(), error.to_string());
        if !error.path().is_empty() {
            refusal = refusal.at(error.path());
        }
        match error.cause() {
            None => refusal.into(),
            Some(cause) => Python::attach(|py| {
                let cause = cause.clone_ref(py).into_value(py).into_bound(py).into_any();
                Self::Caused(refusal, RaisedException(Held::new(cause)))
            }),
        }
    }
}

/// `has_cause`: the error value of the cause comes next.
fn write_bridge_error(error: &BridgeError, has_cause: bool, writer: &mut Writer) -> Result<(), WireError> {
    writer.array(3)?;
    writer.text(error.code.as_str())?;
    writer.text(&error.message)?;
    writer.map(usize::from(error.path.is_some()) + usize::from(has_cause))?;
    if let Some(path) = &error.path {
        writer.text("path")?;
        writer.text(path)?;
    }
    if has_cause {
        writer.text("cause")?;
    }
    Ok(())
}
