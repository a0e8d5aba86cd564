//! Calls of functions with numbers, booleans and `None`, on JavaScript's own thread: through registers, without bytes.
//!
//! The class that Python sees is derived from [`JsFunction`] and adds one thing, a slot for the vector call protocol, which PyO3 does
//! not offer: through it a call makes neither a tuple nor a dict. What does not fit is called by way of `JsFunction.__call__`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::{PyRecursionError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::function::{JsFunction, UNBORN};
use super::objects::Reference;
use super::question::{self, Answer};
use crate::errors::BridgeError;
use crate::symbols::ARGUMENTS_OFFSET;
use crate::types;

/// As many arguments as there are registers for.
pub const MOST_ARGUMENTS: usize = 3;

/// An argument that fits a register.
#[derive(Clone, Copy, Default)]
pub enum Register {
    /// `None`
    #[default]
    None,
    /// `bool`
    Boolean(bool),
    /// An `int` that a number holds exactly, or a `float`.
    Number(f64),
}

/// What became of a call through registers.
pub enum Called {
    /// The function gave this.
    Register(Register),
    /// It gave something else, or threw.
    Answered {
        /// A status and a wire value.
        answer: Answer,
        /// The number under which the environment keeps what the answer names.
        number: u32,
    },
    /// The function wants its arguments in another form; nothing happened yet.
    Indirect,
    /// JavaScript cannot run any more.
    Dead,
}

type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// `Py_TPFLAGS_HAVE_VECTORCALL`: in the stable ABI from 3.12 on, and the same bit before.
const HAVE_VECTORCALL: std::ffi::c_ulong = 1 << 11;

/// The derived class, and where in its objects the slot is.
static CLASS: PyOnceLock<(Py<PyType>, usize)> = PyOnceLock::new();

/// The class of JavaScript's functions.
pub(super) fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let (class, _) = CLASS.get_or_try_init(py, || derive(py))?;
    Ok(class.bind(py))
}

/// A new object for a function.
pub(super) fn born(py: Python<'_>, function: JsFunction) -> PyResult<Bound<'_, JsFunction>> {
    let (class, offset) = CLASS.get_or_try_init(py, || derive(py))?;
    UNBORN.set(Some(function));
    let made = class.bind(py).call0();
    // Still there if Python did not come to it.
    drop(UNBORN.take());
    let object = made?.cast_into::<JsFunction>()?;
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "`derive` aligned the offset, and objects are aligned for pointers"
    )]
    let slot = object.as_ptr().cast::<u8>().wrapping_add(*offset).cast::<Vectorcall>();
    // SAFETY: the place that `derive` added to each object of the class, aligned like its size; nobody else has the object yet.
    unsafe { slot.write(vectorcall) };
    Ok(object)
}

fn derive(py: Python<'_>) -> PyResult<(Py<PyType>, usize)> {
    let base = py.get_type::<JsFunction>();
    let size: usize = base.getattr("__basicsize__")?.extract()?;
    let offset = size.next_multiple_of(align_of::<Vectorcall>());
    let mut members = [
        ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset.cast_signed(),
            flags: ffi::Py_READONLY,
            doc: ptr::null(),
        },
        ffi::PyMemberDef::default(),
    ];
    let mut slots = [
        ffi::PyType_Slot {
            slot: ffi::Py_tp_members,
            pfunc: members.as_mut_ptr().cast(),
        },
        ffi::PyType_Slot {
            slot: ffi::Py_tp_doc,
            pfunc: c"A function of JavaScript's. It can be called from any thread."
                .as_ptr()
                .cast_mut()
                .cast(),
        },
        ffi::PyType_Slot {
            slot: 0,
            pfunc: ptr::null_mut(),
        },
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT | HAVE_VECTORCALL;
    let mut spec = ffi::PyType_Spec {
        name: c"symphony_bridge.JsFunction".as_ptr(),
        basicsize: i32::try_from(offset + size_of::<Vectorcall>()).map_err(|_| PyRuntimeError::new_err("too large"))?,
        itemsize: 0,
        flags: u32::try_from(flags).map_err(|_| PyRuntimeError::new_err("too many flags"))?,
        slots: slots.as_mut_ptr(),
    };
    let bases = PyTuple::new(py, [base])?;
    // SAFETY: the specification and its parts live during the call, which copies them; names and texts live for ever. The new objects
    // are those of the base with one pointer behind them.
    let class = unsafe { ffi::PyType_FromSpecWithBases(&raw mut spec, bases.as_ptr()) };
    // SAFETY: an owned reference, or null with an exception.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?;
    Ok((class.cast_into::<PyType>()?.unbind(), offset))
}

/// Called by Python, attached, with a function of the class.
unsafe extern "C" fn vectorcall(
    callable: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let called = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: Python calls this attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: a live object.
        let function = unsafe { Bound::from_borrowed_ptr(py, callable) };
        // SAFETY: only objects of the class, whose base is `JsFunction`, have this function.
        let function = unsafe { function.cast_into_unchecked::<JsFunction>() };
        // SAFETY: null or a tuple.
        let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) };
        let count = count & !ARGUMENTS_OFFSET;
        // SAFETY: Python passes so many arguments, and as many more as there are names.
        let arguments = unsafe { Arguments::new(arguments, count, names.as_ref()) };
        if names.is_none()
            && count <= MOST_ARGUMENTS
            && let Some(result) = directly(py, function.get().reference(), arguments.0)
        {
            return result;
        }
        Python::attach(|py| {
            let called = by_call(py, &function, arguments.0, count, names.as_ref());
            called.map_or_else(|error| raise(py, error), Bound::into_ptr)
        })
    }));
    called.unwrap_or_else(|panic| {
        let error = BridgeError::from_panic(panic.as_ref());
        Python::attach(|py| raise(py, PyRuntimeError::new_err(error.message().to_owned())))
    })
}

fn raise(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    ptr::null_mut()
}

/// What Python passes: positional arguments, and then those with names.
struct Arguments<'a>(&'a [*mut ffi::PyObject]);

impl Arguments<'_> {
    /// # Safety
    ///
    /// The pointer is one to so many arguments and as many more as there are names, which stay there as long as this does; or there are
    /// none.
    #[inline]
    unsafe fn new(first: *const *mut ffi::PyObject, count: usize, names: Option<&Bound<'_, PyAny>>) -> Self {
        let more = names.map_or(0, |names| names.len().unwrap_or_default());
        if count + more == 0 {
            return Self(&[]);
        }
        // SAFETY: as the caller promises.
        Self(unsafe { std::slice::from_raw_parts(first, count + more) })
    }
}

/// The call through registers; nothing if it is none for them.
#[inline]
fn directly(py: Python<'_>, reference: &Reference, arguments: &[*mut ffi::PyObject]) -> Option<*mut ffi::PyObject> {
    let channel = reference.channel();
    if !channel.is_own_thread() || !channel.answers() {
        return None;
    }
    let mut registers = [Register::None; MOST_ARGUMENTS];
    let registers = &mut registers[..arguments.len()];
    for (register, &argument) in registers.iter_mut().zip(arguments) {
        // SAFETY: a live object, and the thread is attached.
        *register = unsafe { register_of(argument) }?;
    }
    let id = reference.id();
    // Without the GIL, since JavaScript may take its time, or wait for another thread that needs it.
    let called = py.detach(|| channel.call_here(id, registers));
    Some(match called {
        Called::Register(Register::Number(number)) => match types::as_integer(number) {
            // SAFETY: attached.
            Some(integer) => unsafe { ffi::PyLong_FromLongLong(integer) },
            // SAFETY: attached.
            None => unsafe { ffi::PyFloat_FromDouble(number) },
        },
        // SAFETY: attached.
        Called::Register(Register::Boolean(boolean)) => unsafe { ffi::PyBool_FromLong(boolean.into()) },
        Called::Register(Register::None) => py.None().into_ptr(),
        Called::Indirect => return None,
        Called::Answered { answer, number } => Python::attach(|py| {
            let read = question::read(py, channel, number, &answer);
            let result = read.and_then(|outcome| match outcome {
                question::Outcome::Value(value) => Ok(value),
                question::Outcome::Missing => Err(PyRecursionError::new_err("JavaScript could not answer")),
            });
            result.map_or_else(|error| raise(py, error), Bound::into_ptr)
        }),
        Called::Dead => Python::attach(|py| raise(py, question::ended())),
    })
}

/// # Safety
///
/// A live object; the thread is attached.
#[inline]
unsafe fn register_of(object: *mut ffi::PyObject) -> Option<Register> {
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object) };
    if class == &raw mut ffi::PyLong_Type {
        let mut overflow = 0;
        // SAFETY: exactly an int, so no Python code runs and no exception is set.
        let integer = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
        return types::from_integer(integer)
            .filter(|_| overflow == 0)
            .map(Register::Number);
    }
    if class == &raw mut ffi::PyFloat_Type {
        // SAFETY: exactly a float.
        return Some(Register::Number(unsafe { ffi::PyFloat_AsDouble(object) }));
    }
    if class == &raw mut ffi::PyBool_Type {
        // SAFETY: `True` is an immortal static object.
        return Some(Register::Boolean(ptr::eq(object, unsafe { ffi::Py_True() })));
    }
    // SAFETY: `None` is an immortal static object.
    ptr::eq(object, unsafe { ffi::Py_None() }).then_some(Register::None)
}

/// The same call with a tuple and a dict.
fn by_call<'py>(
    py: Python<'py>,
    function: &Bound<'py, JsFunction>,
    arguments: &[*mut ffi::PyObject],
    count: usize,
    names: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let argument = |&object: &*mut ffi::PyObject| {
        // SAFETY: a live object.
        unsafe { Bound::from_borrowed_ptr(py, object) }
    };
    let (positional, values) = arguments.split_at(count);
    let positional = PyTuple::new(py, positional.iter().map(argument))?;
    let Some(names) = names else {
        return function.get().call(None, &positional, None);
    };
    let keywords = PyDict::new(py);
    for (name, value) in names.cast::<PyTuple>()?.iter().zip(values) {
        keywords.set_item(name, argument(value))?;
    }
    function.get().call(None, &positional, Some(&keywords))
}
