//! The error value of a Python exception: always all its members, whatever the exception's own code does.
//!
//! An exception may raise in its `__str__`, hold arguments that cannot be copied or a message that JavaScript cannot
//! hold. The user is to see that exception all the same, so each member gives way for itself.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use symphony_wire::{ErrorCode, WireError, Writer};

use super::Failure;
use crate::async_support::Crossings;
use crate::javascript;
use crate::kinds;
use crate::runtime::{self, Function};
use crate::types::{self, References, Returns};

/// The twelve members of an exception's details, of which a brief error fills four.
const DETAILS: usize = 12;

/// Writes what is known without asking for a description: type, message and the exception itself. `complete` says that
/// there is no use in asking for one.
pub(super) fn write_brief(
    exception: &Bound<'_, PyAny>,
    complete: bool,
    writer: &mut Writer,
    crossings: &mut Crossings<'_>,
) {
    let start = writer.len();
    let name = kinds::qualified_name(exception.get_type().as_any());
    let written = write_brief_with(exception, &message_of(exception), &name, complete, writer, crossings);
    if written.is_err() {
        // Only a text of 4 GiB fails to be written.
        writer.truncate(start);
        let message = PyString::new(exception.py(), "<message too long>");
        let short = write_brief_with(exception, &message, "object", complete, writer, crossings);
        debug_assert!(short.is_ok());
    }
}

fn write_brief_with(
    exception: &Bound<'_, PyAny>,
    message: &Bound<'_, PyString>,
    name: &str,
    complete: bool,
    writer: &mut Writer,
    crossings: &mut Crossings<'_>,
) -> Result<(), WireError> {
    writer.array(3)?;
    writer.text(ErrorCode::PythonException.as_str())?;
    write_text(message, writer)?;
    writer.array(DETAILS)?;
    writer.text(name)?;
    writer.nil();
    writer.array(0)?;
    writer.array(0)?;
    writer.nil();
    writer.nil();
    writer.nil();
    writer.boolean(false);
    writer.nil();
    let (id, type_key) = crossings.export(exception);
    writer.handle(id, type_key);
    writer.boolean(complete);
    write_thrown(exception, writer, crossings);
    Ok(())
}

/// `str(exception)`, or what stands for it if that raises.
fn message_of<'py>(exception: &Bound<'py, PyAny>) -> Bound<'py, PyString> {
    let py = exception.py();
    exception.str().unwrap_or_else(|problem| {
        let told = runtime::function(py, Function::MessageOf)
            .and_then(|function| Ok(function.call1((exception,))?.cast_into::<PyString>()?));
        told.unwrap_or_else(|_| {
            let name = problem.get_type(py).name().map(|name| name.to_string());
            let name = name.unwrap_or_else(|_| "an exception".to_owned());
            PyString::new(py, &format!("<message unavailable: {name} in __str__>"))
        })
    })
}

/// Writes the error value of an exception with everything known of it; only the brief one if that fails.
pub(crate) fn write_described(exception: &Bound<'_, PyAny>, writer: &mut Writer, crossings: &mut Crossings<'_>) {
    let py = exception.py();
    let (start, count) = (writer.len(), crossings.count());
    let written = runtime::function(py, Function::Describe)
        .and_then(|describe| describe.call1((exception,)))
        .map_err(Failure::from)
        .and_then(|description| {
            crossings.while_describing(|crossings| write_description(&description, writer, crossings))
        });
    if written.is_err() {
        writer.truncate(start);
        crossings.give_back_from(py, count);
        write_brief(exception, true, writer, crossings);
    }
}

fn write_description(
    description: &Bound<'_, PyAny>,
    writer: &mut Writer,
    crossings: &mut Crossings<'_>,
) -> Result<(), Failure> {
    let parts = description.cast::<PyTuple>().map_err(PyErr::from)?;
    let part = |index: usize| parts.get_item(index);
    writer.array(3)?;
    writer.text(ErrorCode::PythonException.as_str())?;
    write_texts(&part(1)?, writer)?;
    writer.array(DETAILS)?;
    write_texts(&part(0)?, writer)?;
    // `args` may hold anything; what cannot be copied, such as a cyclic list, goes as a handle.
    let arguments = part(2)?;
    let (start, count) = (writer.len(), crossings.count());
    if types::encode(&arguments, Returns::Auto, writer, crossings).is_err() {
        writer.truncate(start);
        crossings.give_back_from(description.py(), count);
        types::encode(&arguments, Returns::Reference, writer, crossings)?;
    }
    for index in [3, 4, 5] {
        write_texts(&part(index)?, writer)?;
    }
    for index in [6, 7] {
        write_linked(&part(index)?, writer, crossings)?;
    }
    writer.boolean(part(8)?.is_truthy()?);
    let members = part(9)?;
    if let Ok(members) = members.cast::<PyList>() {
        writer.array(members.len())?;
        for member in members {
            write_linked(&member, writer, crossings)?;
        }
    } else {
        writer.nil();
    }
    let exception = part(10)?;
    types::encode(&exception, Returns::Reference, writer, crossings)?;
    writer.boolean(true);
    write_thrown(&exception, writer, crossings);
    Ok(())
}

/// The JavaScript object that was thrown and became this exception, or nothing.
fn write_thrown(exception: &Bound<'_, PyAny>, writer: &mut Writer, crossings: &mut Crossings<'_>) {
    match javascript::thrown(exception).and_then(|thrown| crossings.export_js_object(&thrown)) {
        Some(id) => writer.js_object_reference(id),
        None => writer.nil(),
    }
}

fn write_linked(linked: &Bound<'_, PyAny>, writer: &mut Writer, crossings: &mut Crossings<'_>) -> Result<(), Failure> {
    if linked.is_none() {
        writer.nil();
        Ok(())
    } else {
        write_description(linked, writer, crossings)
    }
}

/// Writes texts, numbers and nothing, in lists and tuples: what `_describe` makes. Unlike the encoder of values it
/// accepts every text.
fn write_texts(value: &Bound<'_, PyAny>, writer: &mut Writer) -> Result<(), Failure> {
    if let Ok(text) = value.cast::<PyString>() {
        write_text(text, writer)?;
    } else if let Ok(list) = value.cast::<PyList>() {
        writer.array(list.len())?;
        for item in list {
            write_texts(&item, writer)?;
        }
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        writer.tuple(tuple.len())?;
        for item in tuple {
            write_texts(&item, writer)?;
        }
    } else if value.is_none() {
        writer.nil();
    } else {
        writer.integer(value.extract()?);
    }
    Ok(())
}

/// Writes a text. Two surrogates in a row that Python keeps apart become the character that they spell: JavaScript has
/// no other form for them, and a message that is almost right is better than none.
fn write_text(text: &Bound<'_, PyString>, writer: &mut Writer) -> Result<(), WireError> {
    if let Ok(text) = text.to_cow() {
        return writer.text(&text);
    }
    match utf16(text) {
        Ok(units) => writer.utf16(&units),
        Err(_) => writer.text("<text unavailable>"),
    }
}

fn utf16(text: &Bound<'_, PyString>) -> PyResult<Vec<u16>> {
    let py = text.py();
    let encoding = c"utf-16-le".as_ptr();
    // SAFETY: `text` is a str, and both names are NUL-terminated.
    let encoded = unsafe { ffi::PyUnicode_AsEncodedString(text.as_ptr(), encoding, c"surrogatepass".as_ptr()) };
    // SAFETY: the function gives a new reference, or null with an exception set.
    let encoded = unsafe { Bound::from_owned_ptr_or_err(py, encoded) }?;
    let bytes = encoded.cast_into::<PyBytes>()?;
    let units = bytes.as_bytes().as_chunks::<2>().0;
    Ok(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect())
}
