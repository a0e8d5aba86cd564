//! Python objects to wire values.

use pyo3::PyTypeInfo;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyInt, PyIterator, PyList, PySet, PyString, PyTuple};
use rustc_hash::FxHashSet;
use symphony_wire::Writer;

use super::encode_failure::Failure;
use super::integer;
use super::open::{Opening, Openings};
use super::shapes::{Keys, Shape, Shapes};
use super::text;
use super::value_classes::{self, Written};
use super::{ConversionError, References, Returns, arrays, numpy_scalar, packed, path, simple};

/// Up to this depth a container is looked for among its ancestors one by one, deeper in a set.
const SHALLOW: usize = 32;

/// Writes an object. The path of an error begins with a step (`[3].price`); [`ConversionError::within`] puts the
/// caller's own words in front.
///
/// # Errors
/// The object, or a part of it, cannot cross. What was written until then is of no use: the caller truncates.
pub fn encode(
    object: &Bound<'_, PyAny>,
    returns: Returns,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), ConversionError> {
    let mut encoder = Encoder::new(returns, None, writer, references);
    if returns == Returns::Reference {
        encoder.reference(object);
        return Ok(());
    }
    encoder.run(object)
}

/// Writes a plain copy of an object: what is not plain data is opened to its fields or its value.
///
/// # Errors
/// As for [`encode`]; and the object, or a part of it, cannot be opened, or raised while it was.
pub fn encode_opened(
    object: &Bound<'_, PyAny>,
    opening: &Opening,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), ConversionError> {
    Encoder::new(Returns::Value, Some(Openings::new(opening)), writer, references).run(object)
}

/// Writes the memory of an object as an array.
///
/// # Errors
/// The object has no buffer, or JavaScript has no such elements.
pub fn encode_buffer(
    object: &Bound<'_, PyAny>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), ConversionError> {
    match arrays::write_buffer(object, writer, references) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Value(format!(
            "expected an object whose memory JavaScript has elements for, got a `{}`",
            type_name(object)
        ))
        .at(String::new())),
        Err(failure) => Err(failure.at(String::new())),
    }
}

pub(super) struct Encoder<'py, 'a> {
    returns: Returns,
    /// What has been opened; nothing if nothing is to be.
    pub(super) openings: Option<Openings<'py, 'a>>,
    writer: &'a mut Writer,
    references: &'a mut dyn References,
    /// The containers around the current value, outermost first.
    stack: Vec<Frame<'py>>,
    /// Those of them deeper than [`SHALLOW`].
    deep: FxHashSet<*mut ffi::PyObject>,
    shapes: Shapes<'py>,
}

/// A container whose header has been written.
struct Frame<'py> {
    /// Its identity; `items` keeps it alive.
    pointer: *mut ffi::PyObject,
    items: Items<'py>,
    /// How many items, or pairs, the header promised.
    length: usize,
    /// How many of them have been started.
    started: usize,
}

enum Items<'py> {
    List(Bound<'py, PyList>),
    /// The items that a list had; the list is kept for its identity.
    Snapshot {
        #[expect(dead_code, reason = "while it lives, no other object has its address")]
        list: Bound<'py, PyList>,
        items: Bound<'py, PyTuple>,
    },
    Tuple(Bound<'py, PyTuple>),
    /// Start, stop and step.
    Slice(Bound<'py, PyTuple>),
    Set(Bound<'py, PyIterator>),
    /// The values of a record, whose keys are known from its shape.
    Record {
        keys: Keys<'py>,
        values: Vec<Bound<'py, PyAny>>,
    },
    Dict {
        dict: Bound<'py, PyDict>,
        /// Every key is a string.
        strings: bool,
        /// Where `PyDict_Next` goes on.
        position: ffi::Py_ssize_t,
        key: Option<Bound<'py, PyAny>>,
        /// The value of `key`, while the key is the one being written.
        value: Option<Bound<'py, PyAny>>,
    },
}

impl<'py, 'a> Encoder<'py, 'a> {
    fn new(
        returns: Returns,
        openings: Option<Openings<'py, 'a>>,
        writer: &'a mut Writer,
        references: &'a mut dyn References,
    ) -> Self {
        Self {
            returns,
            openings,
            writer,
            references,
            stack: Vec::new(),
            deep: FxHashSet::default(),
            shapes: Shapes::default(),
        }
    }

    fn run(mut self, object: &Bound<'py, PyAny>) -> Result<(), ConversionError> {
        let written = self.value(object).and_then(|()| self.contents());
        written.map_err(|failure| failure.at(self.path()))
    }

    /// Writes a plain value or a reference, or the header of a container, which then is on the stack.
    pub(super) fn value(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        // SAFETY: `object` is alive, and its lifetime says that the GIL is held.
        if unsafe { simple::write(object.as_ptr(), self.writer) } {
            return Ok(());
        }
        if let Some(value) = exactly::<PyString>(object) {
            text::write(value, self.writer)?;
        } else if let Some(value) = exactly::<PyInt>(object) {
            integer::write(value, self.writer)?;
        } else if let Some(value) = exactly::<PyDict>(object) {
            self.enter_dict(value)?;
        } else if let Some(value) = exactly::<PyList>(object) {
            self.enter_list(value)?;
        } else if let Some(value) = exactly::<PyTuple>(object) {
            self.writer.tuple(value.len())?;
            self.enter(object, value.len(), Items::Tuple(value.clone()))?;
        } else if let Some(value) = exactly::<PyBytes>(object) {
            if value.as_bytes().len() < arrays::LARGE {
                self.writer.bytes(value.as_bytes())?;
            } else {
                arrays::write_large_bytes(value, self.writer, self.references)?;
            }
        } else if let Some(value) = exactly::<PySet>(object) {
            self.writer.set(value.len())?;
            self.enter(object, value.len(), Items::Set(object.try_iter()?))?;
        } else if let Some(value) = exactly::<PyFrozenSet>(object) {
            self.writer.frozen_set(value.len())?;
            self.enter(object, value.len(), Items::Set(object.try_iter()?))?;
        } else if let Some(value) = exactly::<PyByteArray>(object) {
            // SAFETY: the GIL is held and nothing below runs Python code, so nobody resizes the bytearray meanwhile.
            self.writer.byte_array(unsafe { value.as_bytes() })?;
        } else if let Some(written) = value_classes::write(object, self.writer)? {
            if let Written::Slice(parts) = written {
                self.enter(object, parts.len(), Items::Slice(parts))?;
            }
        } else if arrays::write(object, self.writer, self.references)? {
            // Written as a whole.
        } else if let Some(id) = self.references.export_js_object(object) {
            self.writer.js_object_reference(id);
        } else if super::is_exception(object) && self.references.write_exception(object, self.writer) {
            // So is this.
        } else if let Some(plain) = numpy_scalar::plain(object) {
            // An exact built-in type, so this goes no deeper than one level.
            return self.value(&plain?);
        } else if self.openings.is_some() {
            return self.open(object);
        } else if self.returns == Returns::Value {
            return Err(Failure::Value(format!(
                "expected plain data, got a `{}`; use returns `'auto'` or `'ref'` to receive it as a handle",
                type_name(object)
            )));
        } else {
            self.reference(object);
        }
        Ok(())
    }

    pub(super) fn reference(&mut self, object: &Bound<'py, PyAny>) {
        let (id, type_key) = self.references.export(object);
        self.writer.handle(id, type_key);
    }

    /// Writes what is in the containers on the stack.
    fn contents(&mut self) -> Result<(), Failure> {
        while let Some(frame) = self.stack.last_mut() {
            frame.write_simple_items(self.writer)?;
            if let Some(item) = frame.next()? {
                self.value(&item)?;
            } else {
                self.leave();
            }
        }
        Ok(())
    }

    /// How many containers are around the current value.
    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// Refuses an object that is around the current value already.
    pub(super) fn check_outside(&self, container: &Bound<'py, PyAny>) -> Result<(), Failure> {
        let pointer = container.as_ptr();
        let shallow = &self.stack[..self.stack.len().min(SHALLOW)];
        if shallow.iter().any(|frame| frame.pointer == pointer) || self.deep.contains(&pointer) {
            return Err(Failure::Value(format!(
                "expected data without cycles, got a `{}` that contains itself; use returns `'ref'` to receive a handle",
                type_name(container)
            )));
        }
        Ok(())
    }

    /// Lets the container at a depth be known as the object whose copy it is. The caller keeps that alive.
    pub(super) fn rename(&mut self, depth: usize, object: &Bound<'py, PyAny>) {
        let Some(frame) = self.stack.get_mut(depth) else {
            return;
        };
        let former = std::mem::replace(&mut frame.pointer, object.as_ptr());
        if depth >= SHALLOW {
            self.deep.remove(&former);
            self.deep.insert(object.as_ptr());
        }
    }

    fn enter(&mut self, container: &Bound<'py, PyAny>, length: usize, items: Items<'py>) -> Result<(), Failure> {
        let pointer = container.as_ptr();
        self.check_outside(container)?;
        if self.stack.len() >= SHALLOW {
            self.deep.insert(pointer);
        }
        self.stack.push(Frame {
            pointer,
            items,
            length,
            started: 0,
        });
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(frame) = self.stack.pop()
            && self.stack.len() >= SHALLOW
        {
            self.deep.remove(&frame.pointer);
        }
        if let Some(openings) = &mut self.openings {
            openings.left(self.stack.len());
        }
    }

    /// A list of floats, or of integers of 32 bits, is written at once.
    fn enter_list(&mut self, list: &Bound<'py, PyList>) -> Result<(), Failure> {
        if !packed::write(list, self.writer)? {
            self.writer.array(list.len())?;
            self.enter(list, list.len(), Items::List(list.clone()))?;
        }
        Ok(())
    }

    fn enter_dict(&mut self, dict: &Bound<'py, PyDict>) -> Result<(), Failure> {
        if let Some(shape) = self.shapes.of(dict, self.writer)? {
            return self.enter_record(dict, shape);
        }
        let strings = has_only_strings(dict) && !is_thenable(dict)?;
        if strings {
            self.writer.map(dict.len())?;
        } else {
            self.writer.any_map(dict.len())?;
        }
        self.enter(
            dict,
            dict.len(),
            Items::Dict {
                dict: dict.clone(),
                strings,
                position: 0,
                key: None,
                value: None,
            },
        )
    }

    /// Writes the values of a dict whose keys have been written, or are known from an earlier one.
    fn enter_record(&mut self, dict: &Bound<'py, PyDict>, shape: Shape<'py>) -> Result<(), Failure> {
        if shape.write_simple_values(dict, self.writer) {
            return Ok(());
        }
        let values = shape.values(dict).ok_or_else(|| Failure::changed("dict"))?;
        let Shape { keys } = shape;
        self.enter(dict, values.len(), Items::Record { keys, values })
    }

    /// The way to the value that was being written.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.stack {
            // Nothing of the innermost container has been started if it is the problem itself.
            let Some(index) = frame.started.checked_sub(1) else {
                break;
            };
            match &frame.items {
                Items::List(_) | Items::Tuple(_) | Items::Snapshot { .. } => path::push_index(&mut path, index),
                Items::Slice(_) => value_classes::push_part(&mut path, index),
                Items::Set(_) => path::push_unnamed(&mut path, "item", index),
                Items::Record { keys, .. } => match keys.get(index) {
                    Some(key) => path::push_key(&mut path, key, index),
                    None => break,
                },
                Items::Dict { value: Some(_), .. } => path::push_unnamed(&mut path, "key", index),
                Items::Dict { key: Some(key), .. } => path::push_key(&mut path, key, index),
                Items::Dict { .. } => break,
            }
        }
        path
    }
}

impl<'py> Frame<'py> {
    /// Writes the next items as long as they are simple. Before the first one that is not, whose conversion may let other
    /// code run, a list is copied: it crosses as it was at one moment, whatever becomes of it.
    fn write_simple_items(&mut self, writer: &mut Writer) -> Result<(), Failure> {
        if let Items::List(list) = &self.items {
            if list.len() != self.length {
                return Err(Failure::changed("list"));
            }
            self.started = simple::write_list_items(list, self.started, writer);
            if self.started < self.length {
                let items = list.to_tuple();
                let list = list.clone();
                self.items = Items::Snapshot { list, items };
            }
        } else if let Items::Tuple(items) | Items::Snapshot { items, .. } = &self.items {
            self.started = simple::write_tuple_items(items, self.started, writer);
        }
        Ok(())
    }

    /// The next value to write, or nothing at the end.
    fn next(&mut self) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        match &mut self.items {
            // All its items were simple: else it is a snapshot by now.
            Items::List(_) => Ok(None),
            Items::Tuple(tuple) | Items::Slice(tuple) | Items::Snapshot { items: tuple, .. } => {
                if self.started == self.length {
                    return Ok(None);
                }
                self.started += 1;
                Ok(Some(tuple.get_item(self.started - 1)?))
            }
            Items::Record { values, .. } => {
                let value = values.get(self.started).cloned();
                self.started += usize::from(value.is_some());
                Ok(value)
            }
            Items::Set(iterator) => match iterator.next().transpose()? {
                Some(item) if self.started < self.length => {
                    self.started += 1;
                    Ok(Some(item))
                }
                None if self.started == self.length => Ok(None),
                _ => Err(Failure::changed("set")),
            },
            Items::Dict {
                dict,
                strings,
                position,
                key,
                value,
            } => {
                if let Some(value) = value.take() {
                    return Ok(Some(value));
                }
                if dict.len() != self.length {
                    return Err(Failure::changed("dict"));
                }
                match next_pair(dict, position) {
                    Some((next_key, next_value)) if self.started < self.length => {
                        if *strings && !next_key.is_exact_instance_of::<PyString>() {
                            return Err(Failure::changed("dict"));
                        }
                        self.started += 1;
                        *key = Some(next_key.clone());
                        *value = Some(next_value);
                        Ok(Some(next_key))
                    }
                    None if self.started == self.length => Ok(None),
                    _ => Err(Failure::changed("dict")),
                }
            }
        }
    }
}

/// The object as a `T`, if its type is `T` itself and not a subclass.
#[inline]
fn exactly<'a, 'py, T: PyTypeInfo>(object: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, T>> {
    if object.is_exact_instance_of::<T>() {
        // SAFETY: the type was compared just now. (`cast_exact` would make an error object for each type that it is not.)
        Some(unsafe { object.cast_unchecked() })
    } else {
        None
    }
}

fn has_only_strings(dict: &Bound<'_, PyDict>) -> bool {
    let mut position = 0;
    let mut key = core::ptr::null_mut();
    // SAFETY: `dict` is a dict, the GIL is held, `position` is 0 or what an earlier step left; no value is asked for.
    while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, core::ptr::null_mut()) } != 0 {
        // SAFETY: a step that found a key set it to an object that the dict keeps; no code runs before the next step.
        let key = unsafe { Borrowed::from_ptr(dict.py(), key) };
        if !key.is_exact_instance_of::<PyString>() {
            return false;
        }
    }
    true
}

/// Whether JavaScript's `await` would take an object of these properties for a promise and wait for ever.
fn is_thenable(dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    let then = dict.get_item(intern!(dict.py(), "then"))?;
    Ok(then.is_some_and(|then| then.is_callable()))
}

/// One step of a dict's iteration. Other than an iterator it does not mind changes meanwhile: whoever steps compares
/// sizes.
fn next_pair<'py>(
    dict: &Bound<'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let mut key = core::ptr::null_mut();
    let mut value = core::ptr::null_mut();
    // SAFETY: `dict` is a dict, the GIL is held, and `position` is 0 or what an earlier step left.
    let found = unsafe { ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) };
    if found == 0 {
        return None;
    }
    // SAFETY: a step that found a pair set `key` to a reference borrowed from the dict; this takes an own one.
    let key = unsafe { Bound::from_borrowed_ptr(dict.py(), key) };
    // SAFETY: the same for `value`; taking a reference ran no code that could have removed it.
    let value = unsafe { Bound::from_borrowed_ptr(dict.py(), value) };
    Some((key, value))
}

pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().fully_qualified_name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "object".to_owned(),
    }
}
