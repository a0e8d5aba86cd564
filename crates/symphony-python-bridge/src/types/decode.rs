//! Wire values to Python objects.

use std::rc::Rc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt};
use symphony_wire::{Reader, Token};

use super::time_zones::ZoneOfMessage;
use super::value_classes::{self, Compound};
use super::{ConversionError, References, arrays, build, integer, number, path, text};

/// How deep a dict key or an item of a set may nest. Python hashes tuples recursively in C without a check of its own,
/// so that a key of a million nested tuples would overflow the thread's stack.
const DEEPEST_KEY: usize = 500;

/// Reads one value. `root` spells where it stands (`args[0]`); it is called only for an error.
///
/// # Errors
/// `ERR_CONVERSION` if the value cannot be a Python object, `ERR_PROTOCOL` if the bytes are wrong or name a handle or
/// request that does not exist. The reader is of no further use then.
pub fn decode<'py>(
    py: Python<'py>,
    reader: &mut Reader<'_>,
    root: &dyn Fn() -> String,
    references: &dyn References,
) -> Result<Bound<'py, PyAny>, ConversionError> {
    let mut decoder = Decoder {
        py,
        references,
        values: Vec::new(),
        stack: Vec::new(),
        shapes: Vec::new(),
        zone: ZoneOfMessage::default(),
    };
    decoder.read(reader).map_err(|failure| failure.at(decoder.path(root())))
}

struct Decoder<'py, 'a> {
    py: Python<'py>,
    references: &'a dyn References,
    /// The finished parts of the containers on the stack. A container is made when all its parts are there, so what is
    /// allocated is bounded by what was read, and nobody (a garbage collection, a `__hash__`) sees half a tuple.
    values: Vec<Bound<'py, PyAny>>,
    stack: Vec<Frame>,
    /// The keys of the shapes that were met, by their number.
    shapes: Vec<Option<Keys<'py>>>,
    zone: ZoneOfMessage<'py>,
}

/// The keys of a shape. Records are made from them while others are read, so each holds them for itself.
type Keys<'py> = Rc<[Bound<'py, PyAny>]>;

struct Frame {
    kind: Kind,
    /// Where its parts begin in `values`.
    start: usize,
    /// How many parts it has; a pair is two.
    parts: usize,
    /// How deep inside a key or an item of a set it is; 0 if it is not.
    hashed: usize,
    /// While it is made: the part that is being inserted.
    inserting: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Tuple,
    Set,
    FrozenSet,
    /// String keys only.
    Map,
    AnyMap,
    /// String keys, then as many values; later records have this number.
    Shape(u8),
    /// The values of a record.
    Record(u8),
    Compound(Compound),
}

/// A [`ConversionError`] that does not know its path yet.
pub(super) enum Failure {
    Value(String),
    Protocol(String),
    Raised(PyErr),
}

impl Failure {
    fn at(self, path: String) -> ConversionError {
        match self {
            Self::Value(message) => ConversionError::value(path, message),
            Self::Protocol(message) => ConversionError::protocol(path, message),
            Self::Raised(error) => ConversionError::raised(path, error),
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl<'py> Decoder<'py, '_> {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<Bound<'py, PyAny>, Failure> {
        loop {
            let token = reader.token().map_err(|error| Failure::Protocol(error.to_string()))?;
            let mut value = match self.begin(&token, reader)? {
                Some(value) => value,
                None => match self.finished_container()? {
                    Some(empty) => empty,
                    None => continue,
                },
            };
            loop {
                if self.stack.is_empty() {
                    return Ok(value);
                }
                self.values.push(value);
                match self.finished_container()? {
                    Some(container) => value = container,
                    None => break,
                }
            }
        }
    }

    /// A value that is complete, or nothing if a container was put on the stack.
    fn begin(&mut self, token: &Token<'_>, reader: &Reader<'_>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let py = self.py;
        self.check_key(token)?;
        let value = match *token {
            Token::Nil => py.None().into_bound(py),
            Token::Boolean(value) => PyBool::new(py, value).to_owned().into_any(),
            Token::Integer(value) => PyInt::new(py, value).into_any(),
            Token::Unsigned(value) => PyInt::new(py, value).into_any(),
            Token::BigInteger(bytes) => integer::read_big(py, bytes)?,
            Token::Float(value) => PyFloat::new(py, value).into_any(),
            Token::Text(value) => text::read(py, value)?,
            Token::Utf16(units) => text::read_utf16(py, units)?,
            Token::Bytes(bytes) => build::bytes(py, bytes)?,
            Token::ByteArray(bytes) => build::byte_array(py, bytes)?,
            Token::HandleReference(id) => self
                .references
                .import(py, id)
                .ok_or_else(|| Failure::Protocol(format!("expected a live handle, got the unknown id {id}")))?,
            Token::Request(id) => self
                .references
                .request(py, id)
                .ok_or_else(|| Failure::Protocol(format!("expected a finished request, got the unknown id {id}")))?,
            Token::Floats(items) => build::list(py, items.floats().map(|item| PyFloat::new(py, item).into_any()))?,
            Token::Numbers(items) => build::list(py, items.floats().map(|item| number::from_js(py, item)))?,
            Token::Integers(items) => build::list(py, items.integers().map(|item| PyInt::new(py, item).into_any()))?,
            Token::Shape { shape, .. } => return self.enter(Kind::Shape(shape), token).map(|()| None),
            Token::Record { shape, .. } => {
                self.know_shape(shape, reader)?;
                return self.enter(Kind::Record(shape), token).map(|()| None);
            }
            Token::Array(_) => return self.enter(Kind::List, token).map(|()| None),
            Token::Tuple(_) => return self.enter(Kind::Tuple, token).map(|()| None),
            Token::Set(_) => return self.enter(Kind::Set, token).map(|()| None),
            Token::FrozenSet(_) => return self.enter(Kind::FrozenSet, token).map(|()| None),
            Token::Map(_) => return self.enter(Kind::Map, token).map(|()| None),
            Token::AnyMap(_) => return self.enter(Kind::AnyMap, token).map(|()| None),
            Token::Complex { .. }
            | Token::Decimal(_)
            | Token::Fraction(_)
            | Token::Uuid(_)
            | Token::Ellipsis
            | Token::DateTime(..)
            | Token::Date(_)
            | Token::Time(_)
            | Token::TimeDelta(_) => value_classes::read(py, token, &mut self.zone)?,
            Token::Range => return self.enter(Kind::Compound(Compound::Range), token).map(|()| None),
            Token::Slice => return self.enter(Kind::Compound(Compound::Slice), token).map(|()| None),
            Token::Path => return self.enter(Kind::Compound(Compound::Path), token).map(|()| None),
            Token::JsObject(object) => match self.references.import_js_object(py, object) {
                Some(made) => made?,
                None => {
                    return Err(Failure::Protocol(
                        "expected a message of a JavaScript environment".to_owned(),
                    ));
                }
            },
            Token::ArrayReference(array) => arrays::read(py, &array, self.references)?,
            Token::CopiedArray(array) => arrays::read_copied(py, array)?,
            Token::MessageArray(array) => arrays::read_message(py, &array)?,
            Token::InlineArray(array) => {
                return Err(Failure::Protocol(format!(
                    "expected an array on its way to Python, got the crossing of handle {}",
                    array.id
                )));
            }
            Token::SharedArray(array) => {
                return Err(Failure::Protocol(format!(
                    "expected an array on its way to Python, got the crossing of handle {}",
                    array.id
                )));
            }
            Token::Exception => {
                return Err(Failure::Protocol(
                    "expected an exception as a handle on its way back, got its description".to_owned(),
                ));
            }
            Token::JsObjectReference(id) => {
                return Err(Failure::Protocol(format!(
                    "expected a JavaScript object on its way to Python, got object {id} on its way back"
                )));
            }
            Token::Handle { id, .. } => {
                return Err(Failure::Protocol(format!(
                    "expected a handle on its way back, got the crossing of handle {id}"
                )));
            }
        };
        Ok(Some(value))
    }

    /// Makes the keys of a shape known that an earlier value of the message described.
    fn know_shape(&mut self, shape: u8, reader: &Reader<'_>) -> Result<(), Failure> {
        if matches!(self.shapes.get(usize::from(shape)), Some(Some(_))) {
            return Ok(());
        }
        let unknown = || Failure::Protocol(format!("shape {shape} has no keys"));
        let mut keys = Vec::new();
        let mut reader = reader.keys_of(shape).ok_or_else(unknown)?;
        while reader.is_promised() {
            keys.push(
                match reader.token().map_err(|error| Failure::Protocol(error.to_string()))? {
                    Token::Text(key) => text::read(self.py, key)?,
                    Token::Utf16(key) => text::read_utf16(self.py, key)?,
                    token => return Err(no_key(&token)),
                },
            );
        }
        self.remember_shape(shape, keys.into());
        Ok(())
    }

    fn remember_shape(&mut self, shape: u8, keys: Keys<'py>) {
        let index = usize::from(shape);
        if self.shapes.len() <= index {
            self.shapes.resize(index + 1, None);
        }
        self.shapes[index] = Some(keys);
    }

    fn keys(&self, shape: u8) -> Keys<'py> {
        let known = self.shapes.get(usize::from(shape)).and_then(Clone::clone);
        known.unwrap_or_else(|| Rc::from([]))
    }

    /// The keys of a [`Kind::Map`] and of a [`Kind::Shape`] are strings.
    #[inline]
    fn check_key(&self, token: &Token<'_>) -> Result<(), Failure> {
        match self.stack.last() {
            Some(frame)
                if frame.wants_string(self.values.len()) && !matches!(token, Token::Text(_) | Token::Utf16(_)) =>
            {
                Err(no_key(token))
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, kind: Kind, token: &Token<'_>) -> Result<(), Failure> {
        let hashed = match self.stack.last() {
            Some(parent) if parent.hashed > 0 => parent.hashed + 1,
            Some(parent) if parent.hashes_part(self.values.len()) => 1,
            _ => 0,
        };
        if hashed > DEEPEST_KEY {
            return Err(Failure::Value(format!(
                "expected a key that nests at most {DEEPEST_KEY} deep, got a deeper one"
            )));
        }
        self.stack.push(Frame {
            kind,
            start: self.values.len(),
            parts: token.children(),
            hashed,
            inserting: None,
        });
        Ok(())
    }

    /// The innermost container, if all its parts are there.
    fn finished_container(&mut self) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let py = self.py;
        let Some(frame) = self.stack.last_mut() else {
            return Ok(None);
        };
        if self.values.len() - frame.start < frame.parts {
            return Ok(None);
        }
        let container = match frame.kind {
            Kind::List => build::list(py, self.values.drain(frame.start..))?,
            Kind::Tuple => build::tuple(py, self.values.drain(frame.start..))?,
            Kind::Set => frame.fill_set(build::set(py)?, &self.values)?,
            Kind::FrozenSet => frame.fill_set(build::frozen_set(py)?, &self.values)?,
            Kind::Map | Kind::AnyMap => {
                let pairs = self.values[frame.start..].as_chunks::<2>().0.iter();
                frame.fill_dict(PyDict::new(py), pairs.map(|[key, value]| (key, value)))?
            }
            Kind::Shape(shape) => {
                let (keys, values) = self.values[frame.start..].split_at(frame.parts / 2);
                let dict = frame.fill_dict(PyDict::new(py), keys.iter().zip(values))?;
                let keys = keys.into();
                self.remember_shape(shape, keys);
                dict
            }
            Kind::Record(shape) => {
                let keys = self.keys(shape);
                let frame = self.stack.last_mut().expect("the frame that was found above");
                frame.fill_dict(PyDict::new(py), keys.iter().zip(&self.values[frame.start..]))?
            }
            Kind::Compound(kind) => kind.make(py, &self.values[frame.start..])?,
        };
        let Some(frame) = self.stack.last() else {
            return Ok(None);
        };
        self.values.truncate(frame.start);
        self.stack.pop();
        Ok(Some(container))
    }

    /// The way to the value that was being read.
    fn path(&self, mut path: String) -> String {
        for (depth, frame) in self.stack.iter().enumerate() {
            // The parts of a container end where those of the next inner one begin.
            let end = self.stack.get(depth + 1).map_or(self.values.len(), |inner| inner.start);
            let part = frame.inserting.unwrap_or(end.saturating_sub(frame.start));
            match frame.kind {
                Kind::List | Kind::Tuple => path::push_index(&mut path, part),
                Kind::Set | Kind::FrozenSet => path::push_unnamed(&mut path, "item", part),
                Kind::Compound(kind) => kind.push_part(&mut path, part),
                Kind::Map | Kind::AnyMap if part.is_multiple_of(2) => path::push_unnamed(&mut path, "key", part / 2),
                Kind::Map | Kind::AnyMap => path::push_key(&mut path, &self.values[frame.start + part - 1], part / 2),
                Kind::Shape(_) if part < frame.parts / 2 => path::push_unnamed(&mut path, "key", part),
                Kind::Shape(_) => {
                    let index = part - frame.parts / 2;
                    path::push_key(&mut path, &self.values[frame.start + index], index);
                }
                Kind::Record(shape) => match self.keys(shape).get(part) {
                    Some(key) => path::push_key(&mut path, key, part),
                    None => path::push_unnamed(&mut path, "value", part),
                },
            }
        }
        path
    }
}

fn no_key(token: &Token<'_>) -> Failure {
    Failure::Protocol(format!("expected a string as key, got {}", token.kind()))
}

impl Frame {
    /// Whether the next part has to be a string.
    #[inline]
    fn wants_string(&self, values: usize) -> bool {
        match self.kind {
            Kind::Map => self.is_at_key(values),
            Kind::Shape(_) => values - self.start < self.parts / 2,
            _ => false,
        }
    }

    fn is_at_key(&self, values: usize) -> bool {
        (values - self.start).is_multiple_of(2)
    }

    /// Whether Python will hash the next part.
    fn hashes_part(&self, values: usize) -> bool {
        match self.kind {
            Kind::Set | Kind::FrozenSet => true,
            Kind::AnyMap => self.is_at_key(values),
            Kind::List | Kind::Tuple | Kind::Map | Kind::Shape(_) | Kind::Record(_) | Kind::Compound(_) => false,
        }
    }

    fn fill_set<'py>(
        &mut self,
        set: Bound<'py, PyAny>,
        values: &[Bound<'py, PyAny>],
    ) -> Result<Bound<'py, PyAny>, Failure> {
        for (index, item) in values[self.start..].iter().enumerate() {
            self.inserting = Some(index);
            build::add(&set, item).map_err(|error| unhashable(set.py(), error, "an item of a set"))?;
            if set.len()? != index + 1 {
                return Err(equal(item, "an item of the set"));
            }
        }
        Ok(set)
    }

    fn fill_dict<'a, 'py: 'a>(
        &mut self,
        dict: Bound<'py, PyDict>,
        pairs: impl Iterator<Item = (&'a Bound<'py, PyAny>, &'a Bound<'py, PyAny>)>,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        for (index, (key, value)) in pairs.enumerate() {
            if let Err(error) = dict.set_item(key, value) {
                self.inserting = Some(self.part_of_key(index));
                return Err(unhashable(dict.py(), error, "a key of a dict"));
            }
            if dict.len() != index + 1 {
                self.inserting = Some(self.part_of_key(index));
                return Err(equal(key, "a key of the dict"));
            }
        }
        Ok(dict.into_any())
    }

    /// Which part the key of a pair is.
    fn part_of_key(&self, pair: usize) -> usize {
        match self.kind {
            Kind::Map | Kind::AnyMap => 2 * pair,
            _ => pair,
        }
    }
}

fn unhashable(py: Python<'_>, error: PyErr, what: &str) -> Failure {
    if error.is_instance_of::<PyTypeError>(py) {
        Failure::Value(format!("expected {what} that Python can hash: {}", error.value(py)))
    } else {
        Failure::Raised(error)
    }
}

fn equal(value: &Bound<'_, PyAny>, what: &str) -> Failure {
    Failure::Value(format!(
        "expected distinct values, but in Python {} equals {what} that is already there",
        path::spelled(value).unwrap_or_else(|| "it".to_owned())
    ))
}
