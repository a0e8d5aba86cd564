//! Values between Python objects and the wire format: what is copied, what crosses as a reference, what is refused.
//!
//! One law decides (`docs/` has the whole table): an object whose type *is* one of the plain built-in types, or one of
//! the few standard types that have a class of ours in JavaScript, is copied; every other object, subclasses included, crosses as a handle and comes back as the very same object. Nothing is
//! converted lossily in silence: what cannot cross is an error that names the path of the value.
//!
//! Both directions keep their own stack, so that depth is bounded by memory and not by the thread's stack. They run
//! with the GIL, and hold an own reference to everything they look at, because whatever they call may run Python code
//! (a finalizer, a `__hash__`) that changes the data under their feet.

mod arrays;
mod build;
mod conversion_error;
mod dates;
mod decode;
mod encode;
mod encode_failure;
mod integer;
mod number;
mod numpy_scalar;
mod open;
mod packed;
mod path;
mod shapes;
mod simple;
mod text;
mod time_zones;
mod value_classes;

use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::{JsObject, Writer};

use crate::memory::Blocks;

pub use arrays::is_array;
pub use conversion_error::ConversionError;
pub use decode::decode;
pub use encode::{encode, encode_buffer, encode_opened};
pub(crate) use number::from_integer;
pub use number::{SAFE, as_integer};
pub use numpy_scalar::plain as plain_numpy_scalar;
pub use open::Opening;
pub use value_classes::is_value_class;

/// Whether the object is an exception.
#[inline]
pub fn is_exception(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live type.
    unsafe { ffi::PyType_GetFlags(object.get_type_ptr()) & ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0 }
}

/// What becomes of an object that is not plain data.
pub trait References {
    /// Registers one crossing of an object to JavaScript: its handle id and the key of its type.
    ///
    /// When [`encode`] fails, whoever called it gives back what was registered until then.
    fn export(&mut self, object: &Bound<'_, PyAny>) -> (u32, u32);

    /// Says that the last crossing of this handle that was registered is one of its object's memory too.
    fn share_memory(&mut self, _id: u32) {}

    /// Whether JavaScript can use memory of this process; where it cannot, arrays go with their items.
    fn reaches_memory(&self) -> bool {
        true
    }

    /// To which environment the message goes, as lenders of memory know it.
    fn environment(&self) -> Option<usize> {
        None
    }

    /// Memory for the items of a large array, where that is what arrays travel in; and its number.
    fn new_items(&mut self, _bytes: usize) -> Option<(u32, NonNull<u8>)> {
        None
    }

    /// The object of a handle id, if there is one.
    fn import<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>>;

    /// The outcome of a request, if it has one.
    fn request<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyAny>>;

    /// The blocks of memory that JavaScript's message may name.
    fn blocks(&self) -> Option<&Blocks> {
        None
    }

    /// Writes an exception as a value that describes it; `false`, and nothing, if it is to be a reference like other objects.
    fn write_exception(&mut self, _exception: &Bound<'_, PyAny>, _writer: &mut Writer) -> bool {
        false
    }

    /// Registers one crossing of a JavaScript object that goes back to its own environment: its number there. Nothing for any
    /// other object, and from a side that no environment of JavaScript's is behind.
    fn export_js_object(&mut self, _object: &Bound<'_, PyAny>) -> Option<u32> {
        None
    }

    /// The Python object that stands for a JavaScript object, where there can be one.
    fn import_js_object<'py>(&self, _py: Python<'py>, _object: JsObject<'_>) -> Option<PyResult<Bound<'py, PyAny>>> {
        None
    }
}

/// What the receiver of a value wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Plain data by value, anything else by reference.
    Auto,
    /// Plain data by value; anything else is an error.
    Value,
    /// A reference, also to plain data.
    Reference,
}
