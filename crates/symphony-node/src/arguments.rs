//! Direct arguments: JavaScript primitives, and handle ids under the mask, as Python objects.

use std::ptr;

use napi::sys;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};
use pyo3::{ffi, intern};
use symphony_python_bridge::errors::{BridgeError, Failure};
use symphony_python_bridge::float_parameters::FloatParameters;
use symphony_python_bridge::handles;
use symphony_python_bridge::types;
use symphony_wire::ErrorCode;

use crate::js::Value;

/// As many direct arguments as the TypeScript side sends.
pub(crate) const MOST_ARGUMENTS: usize = 8;

/// Strings up to this many UTF-16 units are read into the stack.
const SHORT: usize = 256;

/// Why the arguments of a direct call did not become Python objects.
pub(crate) enum NotConverted {
    /// One of them is no primitive. Nothing happened yet: JavaScript encodes the call as a request instead. To find
    /// that out here is cheaper than a look at every argument there.
    Indirect,
    /// Python or the bridge refused one; boxed, since it is rare and large.
    Failed(Box<Failure>),
}

impl NotConverted {
    fn failed(failure: impl Into<Failure>) -> Self {
        Self::Failed(Box::new(failure.into()))
    }
}

/// Owned references in call order, behind one slot that belongs to the callee and one for `self`.
pub(crate) struct CallArguments {
    slots: [*mut ffi::PyObject; MOST_ARGUMENTS + 2],
    count: usize,
    /// Which arguments were numbers and became an `int`, as bits.
    integers: u32,
}

impl CallArguments {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            slots: [ptr::null_mut(); MOST_ARGUMENTS + 2],
            count: 0,
            integers: 0,
        }
    }

    /// Converts and appends the arguments; bit *i* of `mask` says that argument *i* is a handle id.
    #[inline]
    pub(crate) fn extend(
        &mut self,
        py: Python<'_>,
        env: sys::napi_env,
        values: &[Value],
        mask: u32,
    ) -> Result<(), NotConverted> {
        for (index, &value) in values.iter().enumerate() {
            let mut number = 0.0;
            // Numbers first, since most arguments are: one call into Node instead of two.
            // SAFETY: a value of the running callback.
            let status = unsafe { sys::napi_get_value_double(env, value, &raw mut number) };
            let object = if status != sys::Status::napi_ok {
                primitive(py, env, value)?
            } else if mask >> index & 1 == 0 {
                self.made_of(py, number)?
            } else {
                handle(py, number)?
            };
            self.slots[2 + self.count] = object;
            self.count += 1;
        }
        Ok(())
    }

    /// Converts and appends numbers.
    #[inline]
    pub(crate) fn extend_with_numbers(&mut self, py: Python<'_>, numbers: &[f64]) -> Result<(), NotConverted> {
        for &number in numbers {
            self.slots[2 + self.count] = self.made_of(py, number)?;
            self.count += 1;
        }
        Ok(())
    }

    /// `int` or `float`, as the codec has it.
    #[inline]
    fn made_of(&mut self, py: Python<'_>, number: f64) -> Result<*mut ffi::PyObject, NotConverted> {
        made(
            py,
            match types::as_integer(number) {
                Some(integer) => {
                    self.integers |= 1 << self.count;
                    // SAFETY: attached.
                    unsafe { ffi::PyLong_FromLongLong(integer) }
                }
                // SAFETY: attached.
                None => unsafe { ffi::PyFloat_FromDouble(number) },
            },
        )
    }

    /// Whether some argument would be another object for a parameter that wants a `float`.
    #[inline]
    pub(crate) fn has_integers(&self) -> bool {
        self.integers != 0
    }

    /// Makes a `float` of each number whose parameter wants one.
    #[cold]
    pub(crate) fn suit(&mut self, py: Python<'_>, parameters: &FloatParameters) -> Result<(), NotConverted> {
        for (index, slot) in self.slots[2..2 + self.count].iter_mut().enumerate() {
            if self.integers >> index & 1 == 0 || !parameters.at(index) {
                continue;
            }
            // SAFETY: exactly an int that came from a number, so it has a double.
            let number = unsafe { ffi::PyLong_AsDouble(*slot) };
            // SAFETY: attached.
            let float = made(py, unsafe { ffi::PyFloat_FromDouble(number) })?;
            // SAFETY: the owned reference that the slot had.
            unsafe { ffi::Py_DecRef(std::mem::replace(slot, float)) };
        }
        Ok(())
    }

    /// The arguments alone, for a call; the slot before them is the callee's.
    #[inline]
    pub(crate) fn for_call(&mut self) -> (*const *mut ffi::PyObject, usize) {
        (self.slots.as_mut_ptr().wrapping_add(2), self.count)
    }

    /// `self` and the arguments, for a method call; `target` is borrowed for the call.
    #[inline]
    pub(crate) fn for_method(&mut self, target: *mut ffi::PyObject) -> (*const *mut ffi::PyObject, usize) {
        self.slots[1] = target;
        (self.slots.as_mut_ptr().wrapping_add(1), self.count + 1)
    }

    /// Gives the references back. The thread must be attached; not `Drop`, because that could not ask for the proof.
    #[inline]
    pub(crate) fn release(&mut self, _py: Python<'_>) {
        for &object in &self.slots[2..2 + self.count] {
            // SAFETY: owned references made by `extend` and `extend_with_numbers`.
            unsafe { ffi::Py_DecRef(object) };
        }
        self.count = 0;
    }
}

#[cold]
fn handle(py: Python<'_>, id: f64) -> Result<*mut ffi::PyObject, NotConverted> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ids are 32-bit integers"
    )]
    let id = id as u32;
    handles::get(py, id)
        .map(Bound::into_ptr)
        .ok_or_else(|| NotConverted::failed(no_handle(id)))
}

pub(crate) fn no_handle(id: u32) -> Failure {
    BridgeError::new(ErrorCode::Protocol, format!("there is no handle {id}")).into()
}

/// Anything but a number.
#[inline(never)]
fn primitive(py: Python<'_>, env: sys::napi_env, value: Value) -> Result<*mut ffi::PyObject, NotConverted> {
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: as above.
    unsafe { sys::napi_typeof(env, value, &raw mut kind) };
    match kind {
        sys::ValueType::napi_string => made(py, from_string(env, value)),
        sys::ValueType::napi_boolean => {
            let mut boolean = false;
            // SAFETY: as above, and checked to be a boolean.
            unsafe { sys::napi_get_value_bool(env, value, &raw mut boolean) };
            // SAFETY: attached.
            made(py, unsafe { ffi::PyBool_FromLong(boolean.into()) })
        }
        sys::ValueType::napi_null => Ok(py.None().into_ptr()),
        sys::ValueType::napi_bigint => from_bigint(py, env, value),
        _ => Err(NotConverted::Indirect),
    }
}

#[inline]
fn made(py: Python<'_>, object: *mut ffi::PyObject) -> Result<*mut ffi::PyObject, NotConverted> {
    if object.is_null() {
        Err(NotConverted::failed(Failure::take(py)))
    } else {
        Ok(object)
    }
}

fn from_string(env: sys::napi_env, value: Value) -> *mut ffi::PyObject {
    let mut short = [0u16; SHORT];
    let mut length = 0;
    // SAFETY: room for `SHORT` units with the terminator.
    unsafe { sys::napi_get_value_string_utf16(env, value, short.as_mut_ptr(), SHORT, &raw mut length) };
    if length < SHORT - 1 {
        return from_units(&short[..length]);
    }
    // SAFETY: a null buffer asks for the length in units.
    unsafe { sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut length) };
    let mut units = vec![0u16; length + 1];
    // SAFETY: room for the text and its terminator.
    unsafe { sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), units.len(), &raw mut length) };
    from_units(&units[..length])
}

/// UTF-16, lone surrogates included; the only reading of a JavaScript string that loses nothing.
fn from_units(units: &[u16]) -> *mut ffi::PyObject {
    if units.len() < SHORT && units.iter().all(|&unit| unit < 0x80) {
        let mut bytes = [0u8; SHORT];
        for (byte, &unit) in bytes.iter_mut().zip(units) {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be ASCII")]
            let ascii = unit as u8;
            *byte = ascii;
        }
        // SAFETY: `units.len()` bytes of ASCII; callers are attached.
        return unsafe { ffi::PyUnicode_FromStringAndSize(bytes.as_ptr().cast(), units.len().cast_signed()) };
    }
    let mut little_endian = -1;
    // SAFETY: the units as bytes, which is what the function reads; callers are attached.
    unsafe {
        ffi::PyUnicode_DecodeUTF16(
            units.as_ptr().cast(),
            (units.len() * 2).cast_signed(),
            c"surrogatepass".as_ptr(),
            &raw mut little_endian,
        )
    }
}

fn from_bigint(py: Python<'_>, env: sys::napi_env, value: Value) -> Result<*mut ffi::PyObject, NotConverted> {
    let mut integer = 0;
    let mut lossless = false;
    // SAFETY: a bigint of the running callback.
    unsafe { sys::napi_get_value_bigint_int64(env, value, &raw mut integer, &raw mut lossless) };
    if lossless {
        // SAFETY: attached.
        return made(py, unsafe { ffi::PyLong_FromLongLong(integer) });
    }
    let mut count = 0;
    // SAFETY: null buffers ask for the number of words.
    unsafe { sys::napi_get_value_bigint_words(env, value, ptr::null_mut(), &raw mut count, ptr::null_mut()) };
    let mut words = vec![0u64; count];
    let mut negative = 0;
    // SAFETY: room for `count` words.
    unsafe {
        sys::napi_get_value_bigint_words(env, value, &raw mut negative, &raw mut count, words.as_mut_ptr());
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let magnitude = py
        .get_type::<PyInt>()
        .call_method1(
            intern!(py, "from_bytes"),
            (PyBytes::new(py, &bytes), intern!(py, "little")),
        )
        .and_then(|magnitude| if negative == 0 { Ok(magnitude) } else { magnitude.neg() });
    magnitude.map(Bound::into_ptr).map_err(NotConverted::failed)
}
