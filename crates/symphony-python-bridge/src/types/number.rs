//! JavaScript's numbers as Python's, and back: which of them are integers.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

/// Integral numbers below this magnitude are `int`: every one of them has exactly one `number`.
pub const SAFE: f64 = 9_007_199_254_740_992.0;

/// The integer that a number is, if it is integral, of safe magnitude and not -0.
#[inline]
pub fn as_integer(number: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; the comparison below finds out"
    )]
    let integer = number as i64;
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "exact for every integer that passes"
    )]
    let same = integer as f64 == number;
    (same && number.abs() < SAFE && !(integer == 0 && number.is_sign_negative())).then_some(integer)
}

/// The number that an integer is, if no other integer is the same.
#[inline]
pub(crate) fn from_integer(integer: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact for every integer that passes")]
    let number = integer as f64;
    (number.abs() < SAFE).then_some(number)
}

/// `int` or `float`.
#[inline]
pub(super) fn from_js(py: Python<'_>, number: f64) -> Bound<'_, PyAny> {
    match as_integer(number) {
        Some(integer) => PyInt::new(py, integer).into_any(),
        None => PyFloat::new(py, number).into_any(),
    }
}
