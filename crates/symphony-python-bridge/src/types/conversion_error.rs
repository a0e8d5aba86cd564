//! Why a value could not be converted, and which part of it.

use core::fmt;

use pyo3::PyErr;
use symphony_wire::ErrorCode;

/// A conversion that failed. `Display` gives path and message.
#[derive(Debug)]
pub struct ConversionError {
    path: String,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// The value cannot cross: `ERR_CONVERSION`.
    Value(String),
    /// The other half sent something impossible: `ERR_PROTOCOL`.
    Protocol(String),
    /// Python raised while the value was converted: out of memory, or a `__hash__` that fails.
    Raised(PyErr),
    /// The value cannot cross because its own code raised: `ERR_CONVERSION` with that exception as its cause.
    Caused(String, PyErr),
}

impl ConversionError {
    pub(super) fn value(path: String, message: impl Into<String>) -> Self {
        Self {
            path,
            reason: Reason::Value(message.into()),
        }
    }

    pub(super) fn protocol(path: String, message: impl Into<String>) -> Self {
        Self {
            path,
            reason: Reason::Protocol(message.into()),
        }
    }

    pub(super) fn raised(path: String, error: PyErr) -> Self {
        Self {
            path,
            reason: Reason::Raised(error),
        }
    }

    pub(super) fn caused(path: String, message: impl Into<String>, cause: PyErr) -> Self {
        Self {
            path,
            reason: Reason::Caused(message.into(), cause),
        }
    }

    /// Which error this is for JavaScript. `ERR_PYTHON_EXCEPTION` if there is an [exception](Self::exception).
    pub fn code(&self) -> ErrorCode {
        match self.reason {
            Reason::Value(_) | Reason::Caused(..) => ErrorCode::Conversion,
            Reason::Protocol(_) => ErrorCode::Protocol,
            Reason::Raised(_) => ErrorCode::PythonException,
        }
    }

    /// Where the value is that could not be converted, such as `args[0].rows[3].price`; empty for the value as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The exception that Python raised, if that is the reason.
    pub fn exception(&self) -> Option<&PyErr> {
        match &self.reason {
            Reason::Raised(error) => Some(error),
            Reason::Value(_) | Reason::Protocol(_) | Reason::Caused(..) => None,
        }
    }

    /// The exception behind an error that is none itself.
    pub fn cause(&self) -> Option<&PyErr> {
        match &self.reason {
            Reason::Caused(_, cause) => Some(cause),
            Reason::Value(_) | Reason::Protocol(_) | Reason::Raised(_) => None,
        }
    }

    /// What was expected, what was got, and the option that would allow it.
    pub fn message(&self) -> String {
        match &self.reason {
            Reason::Value(message) | Reason::Protocol(message) | Reason::Caused(message, _) => message.clone(),
            Reason::Raised(error) => error.to_string(),
        }
    }

    /// The same error, as seen from further out: `root` goes in front of the path.
    #[must_use]
    pub fn within(mut self, root: &str) -> Self {
        self.path.insert_str(0, root);
        self
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        match &self.reason {
            Reason::Value(message) | Reason::Protocol(message) | Reason::Caused(message, _) => {
                formatter.write_str(message)
            }
            Reason::Raised(error) => write!(formatter, "{error}"),
        }
    }
}

impl core::error::Error for ConversionError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.reason {
            Reason::Raised(error) | Reason::Caused(_, error) => Some(error),
            Reason::Value(_) | Reason::Protocol(_) => None,
        }
    }
}
