//! Why a part of an object could not be written.

use pyo3::PyErr;
use symphony_wire::WireError;

use super::ConversionError;
use super::integer::IntegerError;
use super::text::TextError;

/// A [`ConversionError`] that does not know its path yet.
pub(super) enum Failure {
    Value(String),
    Raised(PyErr),
    /// Code of the value raised; the path has one more step, if that is known.
    Caused {
        step: String,
        message: String,
        cause: PyErr,
    },
}

impl Failure {
    pub(super) fn at(self, mut path: String) -> ConversionError {
        match self {
            Self::Value(message) => ConversionError::value(path, message),
            Self::Raised(error) => ConversionError::raised(path, error),
            Self::Caused { step, message, cause } => {
                path.push_str(&step);
                ConversionError::caused(path, message, cause)
            }
        }
    }

    /// Refuses what other code changes under our feet.
    pub(super) fn changed(what: &str) -> Self {
        Self::Value(format!(
            "the {what} was changed by other code while it was being converted; convert a copy, or hold a lock"
        ))
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Value(format!("the value is too large: {error}"))
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<IntegerError> for Failure {
    fn from(error: IntegerError) -> Self {
        match error {
            IntegerError::Wire(error) => error.into(),
            IntegerError::Raised(error) => error.into(),
        }
    }
}

impl From<TextError> for Failure {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Wire(error) => error.into(),
            TextError::Raised(error) => error.into(),
            TextError::SplitPair => Self::Value(
                "expected a `str` that JavaScript can hold, got one with a surrogate pair as two code points; join them \
                 with `.encode('utf-16', 'surrogatepass').decode('utf-16')`, or use returns `'ref'`"
                    .to_owned(),
            ),
        }
    }
}
