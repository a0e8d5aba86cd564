//! Spells the way to a part of a value: `args[0].rows[3]["unit price"]`.

use core::fmt::Write as _;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

/// Longer keys are cut: a path is for people.
const LONGEST_KEY: usize = 60;

/// `[3]`: an item of a list or tuple.
pub(super) fn push_index(path: &mut String, index: usize) {
    push(path, format_args!("[{index}]"));
}

/// `<item 3>`: an item of a set, or a key of a dict, that is itself the problem. Neither has a name.
pub(super) fn push_unnamed(path: &mut String, what: &str, index: usize) {
    push(path, format_args!("<{what} {index}>"));
}

/// The value of a dict under a key: `.name`, `["other text"]`, `[1]`.
pub(super) fn push_key(path: &mut String, key: &Bound<'_, PyAny>, index: usize) {
    if let Ok(text) = key.cast_exact::<PyString>() {
        push_name(path, &text.to_string_lossy());
    } else if let Some(key) = spelled(key) {
        push(path, format_args!("[{key}]"));
    } else {
        push_unnamed(path, "value", index);
    }
}

/// The `repr` of a simple value; asking other objects for theirs could run any code.
pub(super) fn spelled(value: &Bound<'_, PyAny>) -> Option<String> {
    let simple = value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>();
    // An integer of some thousand digits refuses to be spelled.
    let repr = simple.then(|| value.repr())?.ok()?;
    Some(shortened(&repr.to_string_lossy()))
}

fn push_name(path: &mut String, name: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$';
    let identifier = name.bytes().all(plain) && !name.bytes().next().is_none_or(|first| first.is_ascii_digit());
    if identifier && name.len() <= LONGEST_KEY {
        push(path, format_args!(".{name}"));
    } else {
        push(path, format_args!("[{:?}]", shortened(name)));
    }
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_KEY) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn push(path: &mut String, step: core::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _infallible = path.write_fmt(step);
}
