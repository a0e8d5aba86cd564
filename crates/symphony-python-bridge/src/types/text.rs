//! `str` to wire strings and back, lone surrogates included.

use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use symphony_wire::{WireError, Writer};

/// Above this many code points the UTF-8 form is made for this use only: Python would keep it beside a string that is
/// not ASCII for as long as the string lives.
pub(super) const LARGE: usize = 1 << 16;

/// Why a string could not be written.
pub(super) enum TextError {
    /// A high and a low surrogate as two code points: JavaScript could not tell them from the one character they spell.
    SplitPair,
    Wire(WireError),
    Raised(PyErr),
}

/// Writes a string.
pub(super) fn write(text: &Bound<'_, PyString>, writer: &mut Writer) -> Result<(), TextError> {
    let written = match text.len() {
        Ok(length) if length > LARGE => text.encode_utf8().map(|bytes| {
            // The codec promises UTF-8; checking costs less than trusting it would save.
            core::str::from_utf8(bytes.as_bytes()).map(|text| writer.text(text))
        }),
        _ => text.to_str().map(|text| Ok(writer.text(text))),
    };
    match written {
        Ok(Ok(written)) => written.map_err(TextError::Wire),
        Err(error) if !error.is_instance_of::<PyUnicodeEncodeError>(text.py()) => Err(TextError::Raised(error)),
        _ => write_surrogates(text, writer),
    }
}

fn write_surrogates(text: &Bound<'_, PyString>, writer: &mut Writer) -> Result<(), TextError> {
    // UTF-32 rather than UTF-16, in which a split pair looks like the character it spells.
    // SAFETY: `text` is a str, and both names are NUL-terminated.
    let encoded =
        unsafe { ffi::PyUnicode_AsEncodedString(text.as_ptr(), c"utf-32-le".as_ptr(), c"surrogatepass".as_ptr()) };
    // SAFETY: the function returns a new reference, or null with an exception set.
    let encoded = unsafe { Bound::from_owned_ptr_or_err(text.py(), encoded) }.map_err(TextError::Raised)?;
    let encoded = encoded
        .cast_into_exact::<PyBytes>()
        .map_err(|error| TextError::Raised(error.into()))?;
    let units = utf16_from_code_points(encoded.as_bytes()).ok_or(TextError::SplitPair)?;
    writer.utf16(&units).map_err(TextError::Wire)
}

/// The UTF-16 form of UTF-32, or nothing if it would join two code points into one.
fn utf16_from_code_points(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len() / 4);
    let mut after_high = false;
    for code_point in bytes.as_chunks::<4>().0 {
        let code_point = u32::from_le_bytes(*code_point);
        if after_high && (0xdc00..0xe000).contains(&code_point) {
            return None;
        }
        after_high = (0xd800..0xdc00).contains(&code_point);
        match (char::from_u32(code_point), u16::try_from(code_point)) {
            (Some(character), _) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            (None, Ok(surrogate)) => units.push(surrogate),
            (None, Err(_)) => return None,
        }
    }
    Some(units)
}

/// The string of UTF-8.
pub(super) fn read<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    PyString::from_bytes(py, text.as_bytes()).map(Bound::into_any)
}

/// The string of UTF-16 code units, little-endian, in which surrogates may be alone.
pub(super) fn read_utf16<'py>(py: Python<'py>, units: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut little_endian = -1;
    // SAFETY: pointer and length are those of a slice, whose length fits isize; the other two outlive the call.
    let string = unsafe {
        ffi::PyUnicode_DecodeUTF16(
            units.as_ptr().cast(),
            units.len().cast_signed(),
            c"surrogatepass".as_ptr(),
            &raw mut little_endian,
        )
    };
    // SAFETY: the function returns a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, string) }
}
