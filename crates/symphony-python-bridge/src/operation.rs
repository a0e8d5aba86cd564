//! The operations on Python objects that JavaScript asks for, one request at a time.
//!
//! The same code serves synchronous calls, on the JS thread, and queued ones, on the executor's threads; the caller
//! is attached. `docs/internal/native-interface.md` has the table of operations and the layout of a request.

mod arguments;
mod tables;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use symphony_wire::{ErrorCode, Reader, Token, WireError, Writer};

use self::arguments::Arguments;
use crate::async_support::Crossings;
use crate::contexts;
use crate::errors::{self, BridgeError, Failure};
use crate::float_parameters;
use crate::javascript;
use crate::method::Method;
use crate::names;
use crate::runtime::{self, Function};
use crate::symbols::{ARGUMENTS_OFFSET, symbols};
use crate::types::{self, Opening, References, Returns};

/// The fixed part of a request.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Bytes after the length field.
    pub length: u32,
    /// The number JavaScript gave it; 0 for a synchronous operation.
    pub request: u32,
    /// The session whose thread runs it; 0 for the pool.
    pub session: u32,
    operation: u8,
    returns: u8,
    flags: u8,
    outputs: u8,
}

/// Bytes of the fixed part, with the length field.
pub const HEADER_BYTES: usize = 16;

impl Header {
    /// Reads the fixed part; `None` if there are too few bytes for it or for what it promises.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let header = Self {
            length: word(0)?,
            request: word(4)?,
            session: word(8)?,
            operation: *bytes.get(12)?,
            returns: *bytes.get(13)?,
            flags: *bytes.get(14)?,
            outputs: *bytes.get(15)?,
        };
        let total = header.total();
        (total >= HEADER_BYTES && total <= bytes.len()).then_some(header)
    }

    /// Bytes of the whole request, with the length field.
    pub fn total(&self) -> usize {
        self.length as usize + 4
    }

    /// Which streams it wants for itself: 1 for `stdout`, 2 for `stderr`.
    pub fn outputs(&self) -> u8 {
        self.outputs & 3
    }

    /// Whether the outcome is converted at once.
    pub fn converts(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether plain data is copied and anything else becomes a handle, and primitives need not be spelled as bytes.
    pub fn is_auto(&self) -> bool {
        self.returns() == Returns::Auto && self.flags & 2 == 0
    }

    /// Whether the outcome becomes a handle in any case.
    pub fn is_reference(&self) -> bool {
        self.returns() == Returns::Reference
    }

    /// Whether the outcome is an object of the program's, which may be awaited.
    pub(crate) fn gives_object(&self) -> bool {
        matches!(self.operation, 0 | 1 | 2 | 20 | 22 | 23)
    }

    /// Whether it gives items one after the other.
    pub(crate) fn is_stream(&self) -> bool {
        self.operation == 25
    }

    /// Whether it throws an exception into a stream.
    pub(crate) fn is_throw(&self) -> bool {
        self.operation == 26
    }

    /// Whether it is a call.
    pub(crate) fn is_call(&self) -> bool {
        self.operation == 1
    }

    /// Whether it imports a module by its name.
    pub(crate) fn is_import(&self) -> bool {
        self.operation == 18
    }

    /// What it does, in a word; nothing for a call, which is known by what it calls.
    pub(crate) fn verb(&self) -> Option<&'static str> {
        Some(match self.operation {
            1 => return None,
            0 => "value",
            2 => "item",
            3 => "set item",
            4 => "delete item",
            5 => "set attribute",
            6 => "delete attribute",
            7 => "has attribute",
            8 => "len",
            9 => "contains",
            10 => "dir",
            11 => "str",
            12 => "repr",
            13 => "is",
            14 => "isinstance",
            15 => "iter",
            16 => "next",
            17 => "close",
            18 | 19 => "import",
            20 => "eval",
            21 => "exec",
            22 => "enter",
            23 => "exit",
            24 => "describe",
            25 => "stream",
            26 => "throw",
            27 => "buffer",
            30 | 31 => "arrow",
            _ => "request",
        })
    }

    /// What the outcome becomes.
    pub fn returns(&self) -> Returns {
        match self.returns {
            1 => Returns::Value,
            2 => Returns::Reference,
            _ => Returns::Auto,
        }
    }
}

/// What an operation gives: an object, or an error value that is the very thing asked for.
pub enum Outcome<'py> {
    /// A Python object, still to be converted.
    Object(Bound<'py, PyAny>),
    /// A Python object of which a plain copy is wanted.
    Opened(Bound<'py, PyAny>, Opening),
    /// A Python object of which the memory is wanted (operation 27).
    Buffer(Bound<'py, PyAny>),
    /// The description of this exception (operation 24).
    Description(Bound<'py, PyAny>),
}

impl Outcome<'_> {
    /// Appends the outcome as a wire value.
    ///
    /// # Errors
    ///
    /// When the object cannot be converted as asked; the writer then ends in the middle of a value.
    pub fn write(&self, returns: Returns, writer: &mut Writer, crossings: &mut Crossings<'_>) -> Result<(), Failure> {
        match self {
            Self::Object(object) => types::encode(object, returns, writer, crossings)?,
            Self::Opened(object, opening) => types::encode_opened(object, opening, writer, crossings)?,
            Self::Buffer(object) => types::encode_buffer(object, writer, crossings)?,
            Self::Description(exception) => errors::write_described(exception, writer, crossings),
        }
        Ok(())
    }
}

/// Runs one request.
///
/// # Errors
///
/// The exception that Python raised, a value that cannot be converted, or a request that does not parse.
pub fn run<'py>(
    py: Python<'py>,
    header: &Header,
    request: &[u8],
    references: &dyn References,
) -> Result<Outcome<'py>, Failure> {
    read(py, header, request, references)?.perform(py)
}

/// A request that has been read: its bytes are not needed any more.
pub struct Operation<'py> {
    number: u8,
    subject: Subject<'py>,
    arguments: Arguments<'py>,
}

/// What is iterated over, and how many items are wanted at first.
pub(crate) struct Wanted<'py> {
    pub(crate) object: Bound<'py, PyAny>,
    pub(crate) asked: u32,
    /// More of them, which nobody has asked for yet.
    pub(crate) ahead: u32,
    /// The program did not say how many more.
    pub(crate) by_default: bool,
}

/// Reads a request. That may run Python code: the path is followed, and keys are hashed.
///
/// # Errors
///
/// As [`run`].
pub fn read<'py>(
    py: Python<'py>,
    header: &Header,
    request: &[u8],
    references: &dyn References,
) -> Result<Operation<'py>, Failure> {
    let mut reader = Reader::new(&request[HEADER_BYTES..]);
    let target = read_target(py, &mut reader, references)?;
    let subject = walk(py, target, &mut reader, references)?;
    let arguments = Arguments::read(py, &mut reader, references)?;
    // What is left would mean that something before it was read as something else.
    if !reader.is_at_end() {
        return Err(malformed("there are bytes behind the keyword arguments"));
    }
    Ok(Operation {
        number: header.operation,
        subject,
        arguments,
    })
}

impl<'py> Operation<'py> {
    /// Whether it calls a function that was defined by `async def`, which runs none of the function's code yet.
    pub(crate) fn calls_coroutine_function(&mut self, py: Python<'py>) -> Result<bool, Failure> {
        if self.number != 1 {
            return Ok(false);
        }
        let Some(mut callable) = self.subject.callable(py)?.cloned() else {
            return Ok(false);
        };
        // SAFETY: a live object.
        if unsafe { ffi::Py_TYPE(callable.as_ptr()) } == symbols().method_type {
            callable = callable.getattr(pyo3::intern!(py, "__func__"))?;
        }
        // SAFETY: a live object.
        if unsafe { ffi::Py_TYPE(callable.as_ptr()) } != symbols().function_type {
            return Ok(false);
        }
        let code = callable.getattr(pyo3::intern!(py, "__code__"))?;
        let flags: u32 = code.getattr(pyo3::intern!(py, "co_flags"))?.extract()?;
        Ok(flags & CO_COROUTINE != 0)
    }

    /// What operation 25 wants.
    pub(crate) fn streamed(self, py: Python<'py>) -> Result<Wanted<'py>, Failure> {
        Ok(Wanted {
            asked: self.arguments.at(0)?.extract()?,
            ahead: self.arguments.at(1)?.extract()?,
            by_default: self.arguments.at(2)?.extract()?,
            object: self.subject.object(py)?,
        })
    }

    /// Into which stream what is thrown (operation 26).
    pub(crate) fn thrown(self) -> Result<(u32, Bound<'py, PyAny>), Failure> {
        let stream = self.arguments.at(0)?.extract()?;
        Ok((stream, javascript::thrown_exception(self.arguments.at(1)?)?))
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub fn perform(self, py: Python<'py>) -> Result<Outcome<'py>, Failure> {
        if self.number == 24 {
            return Ok(Outcome::Description(self.subject.object(py)?));
        }
        if self.number == 27 {
            let object = self.subject.object(py)?;
            return Ok(Outcome::Buffer(
                runtime::function(py, Function::BufferOf)?.call1((object,))?,
            ));
        }
        let opening = match self.arguments.at(0) {
            Ok(depth) if self.number == 0 => Some(opening(depth, self.arguments.at(1).ok())?),
            _ => None,
        };
        let object = perform(py, self.number, self.subject, self.arguments)?;
        Ok(match opening {
            Some(opening) => Outcome::Opened(object, opening),
            None => Outcome::Object(object),
        })
    }
}

/// How far operation 0 opens: as far as objects declare their fields, or down to a depth.
fn opening(depth: &Bound<'_, PyAny>, handles: Option<&Bound<'_, PyAny>>) -> Result<Opening, Failure> {
    let handles = handles.map(PyAnyMethods::extract).transpose()?.unwrap_or_default();
    if depth.is_none() {
        return Ok(Opening {
            any_object: false,
            most: None,
            handles,
        });
    }
    let depth: f64 = depth.extract()?;
    if depth.is_nan() || depth < 0.0 {
        return Err(malformed("the depth is negative"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and no data is deeper than the largest integer"
    )]
    let most = depth.is_finite().then_some(depth as usize);
    Ok(Opening {
        any_object: true,
        most,
        handles,
    })
}

/// The object an operation applies to; the last attribute step is kept apart, so that a call of it needs no bound
/// method.
struct Subject<'py> {
    target: Option<Bound<'py, PyAny>>,
    last: Option<Bound<'py, PyString>>,
    /// What a call of `last` calls, once it was looked up.
    method: Option<Method<'py>>,
}

/// The flag of code that was compiled from `async def`.
const CO_COROUTINE: u32 = 0x80;

impl<'py> Subject<'py> {
    /// What a call of it calls.
    fn callable(&mut self, py: Python<'py>) -> Result<Option<&Bound<'py, PyAny>>, Failure> {
        let Some(target) = &self.target else { return Ok(None) };
        let Some(name) = &self.last else {
            return Ok(Some(target));
        };
        if self.method.is_none() {
            // SAFETY: two live objects, the second a string.
            let found = unsafe { Method::find(py, target.as_ptr(), name.as_ptr()) };
            self.method = Some(found.ok_or_else(|| Failure::take(py))?);
        }
        Ok(self.method.as_ref().map(Method::function))
    }

    fn object(self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        let target = self.target.ok_or_else(|| malformed("the operation needs a target"))?;
        match self.last {
            Some(name) => attribute(py, &target, name.as_ptr()),
            None => Ok(target),
        }
    }
}

fn perform<'py>(
    py: Python<'py>,
    operation: u8,
    subject: Subject<'py>,
    arguments: Arguments<'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    if operation == 1 {
        return call(py, subject, arguments);
    }
    let argument = |index| arguments.at(index);
    let helper = |function: Function| runtime::function(py, function);
    let none = || py.None().into_bound(py);
    let flag = |value: bool| pyo3::types::PyBool::new(py, value).to_owned().into_any();
    match operation {
        18 => {
            let name = argument(0)?.cast::<PyString>().map_err(PyErr::from)?;
            return Ok(PyModule::import(py, name)?.into_any());
        }
        19 => return Ok(helper(Function::ImportFile)?.call1((argument(0)?,))?),
        20 => return Ok(helper(Function::Evaluate)?.call1((argument(0)?, argument(1)?))?),
        21 => return Ok(helper(Function::Execute)?.call1((argument(0)?, argument(1)?))?),
        31 => return tables::import(py, argument(0)?, argument(1)?),
        _ => {}
    }
    let object = subject.object(py)?;
    Ok(match operation {
        0 => object,
        2 => object.get_item(argument(0)?)?,
        3 => object.set_item(argument(0)?, argument(1)?).map(|()| none())?,
        4 => object.del_item(argument(0)?).map(|()| none())?,
        5 => object
            .setattr(name_argument(argument(0)?)?, argument(1)?)
            .map(|()| none())?,
        6 => object.delattr(name_argument(argument(0)?)?).map(|()| none())?,
        7 => flag(object.hasattr(name_argument(argument(0)?)?)?),
        8 => object.len()?.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        9 => flag(object.contains(argument(0)?)?),
        10 => object.dir()?.into_any(),
        11 => object.str()?.into_any(),
        12 => object.repr()?.into_any(),
        13 => flag(object.is(argument(0)?)),
        14 => flag(object.is_instance(argument(0)?)?),
        15 => iterator(py, &object)?,
        16 => next(py, &object)?,
        17 => close(&object)?,
        22 => {
            contexts::note();
            let asynchronous = arguments.at(0).is_ok();
            helper(Function::Enter)?.call1((object, asynchronous))?
        }
        23 => helper(Function::Leave)?.call1((object, argument(0)?))?,
        30 => tables::export(py, &object, argument(0)?, argument(1)?)?,
        other => return Err(malformed(&format!("unknown operation {other}"))),
    })
}

/// Attribute names reach the C API as they are, so a wrong type is said here in the words of the interface.
fn name_argument<'a, 'py>(name: &'a Bound<'py, PyAny>) -> Result<&'a Bound<'py, PyString>, Failure> {
    name.cast::<PyString>()
        .map_err(|_| PyTypeError::new_err(format!("attribute name must be a string, not `{}`", name.get_type())).into())
}

fn call<'py>(
    py: Python<'py>,
    mut subject: Subject<'py>,
    mut arguments: Arguments<'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    subject.callable(py)?;
    let Subject { target, method, .. } = subject;
    let target = target.ok_or_else(|| malformed("a call needs a target"))?;
    if arguments.has_integers() {
        let parameters = match &method {
            Some(method) => float_parameters::of_method(method),
            None => float_parameters::of(&target),
        };
        if let Some(parameters) = parameters {
            arguments.suit(&parameters)?;
        }
    }
    let callable = method.as_ref().map_or(&target, Method::function);
    // One slot in front for the callee (see `ARGUMENTS_OFFSET`), one for `self`.
    let mut slots: Vec<*mut ffi::PyObject> = Vec::with_capacity(arguments.positional().len() + 2);
    slots.push(std::ptr::null_mut());
    if method.as_ref().is_some_and(Method::takes_object) {
        slots.push(target.as_ptr());
    }
    slots.extend(arguments.positional().map(Bound::as_ptr));
    let (_, rest) = slots.split_at_mut(1);
    let count = rest.len() | ARGUMENTS_OFFSET;
    let keywords = arguments.keywords.as_ref().map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: a live callable; `rest` are as many borrowed references as `count` says, which outlive the call; the slot before
    // them is the callee's to use; the keywords are null or a real dict with string keys.
    owned(py, unsafe {
        (symbols().vectorcall_dict)(callable.as_ptr(), rest.as_ptr(), count, keywords)
    })
}

fn attribute<'py>(
    py: Python<'py>,
    object: &Bound<'py, PyAny>,
    name: *mut ffi::PyObject,
) -> Result<Bound<'py, PyAny>, Failure> {
    // SAFETY: both are live objects and `name` is a string.
    owned(py, unsafe { ffi::PyObject_GetAttr(object.as_ptr(), name) })
}

fn owned(py: Python<'_>, pointer: *mut ffi::PyObject) -> Result<Bound<'_, PyAny>, Failure> {
    // SAFETY: the C API gave an owned reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_opt(py, pointer) }.ok_or_else(|| Failure::take(py))
}

/// `iter(object)`; an object that has only `__next__` is its own iterator.
pub(crate) fn iterator<'py>(py: Python<'py>, object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Failure> {
    // SAFETY: a live object.
    if unsafe { ffi::PyIter_Check(object.as_ptr()) } != 0 && !object.hasattr(pyo3::intern!(py, "__iter__"))? {
        return Ok(object.clone());
    }
    Ok(object.try_iter()?.into_any())
}

/// A list of one value, or an empty list at the end.
fn next<'py>(py: Python<'py>, object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Failure> {
    // SAFETY: a live object.
    if unsafe { ffi::PyIter_Check(object.as_ptr()) } == 0 {
        let class = object.get_type();
        return Err(PyTypeError::new_err(format!("expected an iterator, got `{class}`")).into());
    }
    // SAFETY: checked above to be an iterator.
    let value = unsafe { ffi::PyIter_Next(object.as_ptr()) };
    if value.is_null() && PyErr::occurred(py) {
        return Err(Failure::take(py));
    }
    // SAFETY: an owned reference, or null at the end.
    let value = unsafe { Bound::from_owned_ptr_or_opt(py, value) };
    Ok(pyo3::types::PyList::new(py, value)?.into_any())
}

pub(crate) fn close<'py>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Failure> {
    let py = object.py();
    let name = pyo3::intern!(py, "close");
    if object.hasattr(name)? {
        object.call_method0(name)?;
    }
    Ok(py.None().into_bound(py))
}

fn read_target<'py>(
    py: Python<'py>,
    reader: &mut Reader<'_>,
    references: &dyn References,
) -> Result<Option<Bound<'py, PyAny>>, Failure> {
    Ok(match reader.token()? {
        Token::Nil => None,
        Token::HandleReference(id) => Some(references.import(py, id).ok_or_else(|| unknown_handle(id))?),
        Token::Request(id) => Some(references.request(py, id).ok_or_else(|| unknown_request(id))?),
        token => return Err(malformed(&format!("the target is a {}", token.kind()))),
    })
}

/// Follows the path; its last attribute step is given back instead of followed.
fn walk<'py>(
    py: Python<'py>,
    mut target: Option<Bound<'py, PyAny>>,
    reader: &mut Reader<'_>,
    references: &dyn References,
) -> Result<Subject<'py>, Failure> {
    let Token::Array(steps) = reader.token()? else {
        return Err(malformed("the path is not an array"));
    };
    let mut last = None;
    for step in 0..steps {
        let object = target.take().ok_or_else(|| malformed("a path needs a target"))?;
        let name = match reader.token()? {
            Token::Integer(number) => {
                let pointer = names::object(py, u32::try_from(number).unwrap_or(u32::MAX));
                // SAFETY: interned names live for ever; null is a number nobody gave out.
                unsafe { Bound::from_borrowed_ptr_or_opt(py, pointer) }
                    .and_then(|name| name.cast_into::<PyString>().ok())
                    .ok_or_else(|| malformed("unknown name number"))?
            }
            Token::Text(text) => PyString::new(py, text),
            Token::Array(1) => {
                let key = types::decode(py, reader, &|| "key".to_owned(), references)?;
                target = Some(object.get_item(key)?);
                continue;
            }
            token => return Err(malformed(&format!("a step is a {}", token.kind()))),
        };
        if step + 1 == steps {
            last = Some(name);
            target = Some(object);
        } else {
            target = Some(attribute(py, &object, name.as_ptr())?);
        }
    }
    Ok(Subject {
        target,
        last,
        method: None,
    })
}

fn malformed(detail: &str) -> Failure {
    BridgeError::new(
        ErrorCode::Protocol,
        format!("the core got a request it does not understand: {detail}"),
    )
    .into()
}

fn unknown_handle(id: u32) -> Failure {
    BridgeError::new(ErrorCode::Protocol, format!("there is no handle {id}")).into()
}

fn unknown_request(id: u32) -> Failure {
    BridgeError::new(ErrorCode::Protocol, format!("there is no request {id}")).into()
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        malformed(&error.to_string())
    }
}
