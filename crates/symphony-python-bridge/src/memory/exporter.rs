//! The Python object through which Python sees a [`Block`].
//!
//! Written by hand, because the stable ABI has the slots of the buffer protocol from 3.11 on only, although every version takes them.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use symphony_wire::Element;

use super::block::Block;
use super::view::RawView;
use crate::gil::{GilCell, Held};

/// An instance: a part of a block as an array of one dimension. Python code meets it as the `obj` of a `memoryview` and as the `base` of
/// an array.
#[repr(C)]
struct Exporter {
    head: ffi::PyObject,
    part: Exported,
}

#[repr(C)]
struct Exported {
    /// From `Arc::into_raw`; null in an instance that is being made.
    block: *const Block,
    first: *mut u8,
    bytes: ffi::Py_ssize_t,
    format: *const c_char,
    length: ffi::Py_ssize_t,
    item_bytes: ffi::Py_ssize_t,
    element: Element,
}

/// Which part of a block, and of what it consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Part {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
    pub(crate) element: Element,
}

/// Flags of a question for a buffer.
const FORMAT: c_int = 0x0004;
const DIMENSIONS: c_int = 0x0008;
const STRIDES: c_int = 0x0010 | DIMENSIONS;

const GET_BUFFER: c_int = 1;
const RELEASE_BUFFER: c_int = 2;
const DISALLOW_INSTANTIATION: c_uint = 1 << 7;

static CLASS: GilCell<Option<Held>> = GilCell::new(None);

fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let known = CLASS.with(py, |class| class.as_ref().map(|class| class.bind(py)));
    if let Some(known) = known {
        return Ok(known.cast_into()?);
    }
    let slot = |slot, function: *mut c_void| ffi::PyType_Slot { slot, pfunc: function };
    let documentation =
        c"Memory of the bridge's own, or that JavaScript lent. `memoryview` and `numpy.asarray` read and write it.";
    let mut slots = [
        slot(ffi::Py_tp_dealloc, deallocate as *mut c_void),
        slot(GET_BUFFER, get_buffer as *mut c_void),
        slot(RELEASE_BUFFER, release_buffer as *mut c_void),
        slot(ffi::Py_tp_doc, documentation.as_ptr().cast_mut().cast()),
        slot(0, ptr::null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"symphony_bridge.Memory".as_ptr(),
        basicsize: c_int::try_from(size_of::<Exporter>()).expect("a few words"),
        itemsize: 0,
        flags: c_uint::try_from(ffi::Py_TPFLAGS_DEFAULT).unwrap_or_default() | DISALLOW_INSTANTIATION,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the functions have the signatures of their slots, the name is static, and the GIL is held.
    let made = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    // SAFETY: a new reference, or null with an exception set.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
    CLASS.with(py, |class| drop(class.replace(Held::new(made.clone()))));
    Ok(made.cast_into()?)
}

/// A new Python object over a part of the block; nothing if the block has no such part.
pub(crate) fn exporter_of(py: Python<'_>, block: Arc<Block>, part: Part) -> PyResult<Option<Bound<'_, PyAny>>> {
    let size = part.element.size();
    let end = part.offset.checked_add(part.bytes);
    if end.is_none_or(|end| end > block.bytes()) || !part.bytes.is_multiple_of(size) {
        return Ok(None);
    }
    let class = class(py)?;
    // SAFETY: a type of ours, whose instances have no variable part.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_type_ptr(), 0) };
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    let exported = Exported {
        first: block.pointer().as_ptr().wrapping_add(part.offset),
        bytes: part.bytes.cast_signed(),
        format: format_of(part.element).as_ptr(),
        length: (part.bytes / size).cast_signed(),
        item_bytes: size.cast_signed(),
        element: part.element,
        block: Arc::into_raw(block),
    };
    let place = object
        .as_ptr()
        .wrapping_byte_add(offset_of!(Exporter, part))
        .cast::<Exported>();
    // SAFETY: within an instance of the type, which nobody else knows yet.
    unsafe { place.write(exported) };
    Ok(Some(object))
}

fn format_of(element: Element) -> &'static CStr {
    match element {
        Element::Int8 => c"b",
        Element::Uint8 => c"B",
        Element::Int16 => c"h",
        Element::Uint16 => c"H",
        Element::Int32 => c"i",
        Element::Uint32 => c"I",
        Element::Int64 => c"q",
        Element::Uint64 => c"Q",
        Element::Float16 => c"e",
        Element::Float32 => c"f",
        Element::Float64 => c"d",
        Element::Boolean => c"?",
        Element::Complex64 => c"Zf",
        Element::Complex128 => c"Zd",
    }
}

/// The block that such an object is over, and which part of it; nothing for any other object.
pub(crate) fn part_of(object: &Bound<'_, PyAny>) -> Option<(Arc<Block>, Part)> {
    let py = object.py();
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    if !CLASS.with(py, |ours| ours.as_ref().is_some_and(|ours| ours.is(class.cast()))) {
        return None;
    }
    // SAFETY: an instance.
    let exported = unsafe { exported(object.as_ptr()) };
    let block = exported.block();
    let part = Part {
        offset: exported.first as usize - block.pointer().as_ptr() as usize,
        bytes: exported.bytes.cast_unsigned(),
        element: exported.element,
    };
    // SAFETY: the instance has a reference from `Arc::into_raw`; this takes another one.
    unsafe { Arc::increment_strong_count(exported.block) };
    // SAFETY: the reference taken just now.
    Some((unsafe { Arc::from_raw(exported.block) }, part))
}

/// What an instance exports. It does not change once anybody knows the instance.
///
/// # Safety
/// `object` is an instance, and lives as long as the result.
unsafe fn exported<'a>(object: *mut ffi::PyObject) -> &'a Exported {
    // SAFETY: the caller promises it.
    &unsafe { &*object.cast::<Exporter>() }.part
}

impl Exported {
    fn block(&self) -> &Block {
        // SAFETY: the instance has a reference to it.
        unsafe { &*self.block }
    }
}

unsafe extern "C" fn deallocate(object: *mut ffi::PyObject) {
    // SAFETY: an instance that nobody refers to any more.
    let block = unsafe { exported(object) }.block;
    if !block.is_null() {
        // SAFETY: from `Arc::into_raw` in `exporter_of`; taken back once.
        drop(unsafe { Arc::from_raw(block) });
    }
    // SAFETY: a live object.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: allocated by `PyType_GenericAlloc` without the collector, whose memory this frees.
    unsafe { ffi::PyObject_Free(object.cast()) };
    // SAFETY: instances of types on the heap own a reference to their type.
    unsafe { ffi::Py_DecRef(class.cast()) };
}

unsafe extern "C" fn get_buffer(object: *mut ffi::PyObject, view: *mut RawView, flags: c_int) -> c_int {
    // SAFETY: an instance, which lives at least as long as its exports; nobody changes its fields after it was made.
    let exporter = unsafe { exported(object) };
    if !exporter.block().exported() {
        let message = c"the memory was lent by JavaScript for one call, which is over; copy it during the call";
        // SAFETY: the slot got memory for a result.
        unsafe { (*view).obj = ptr::null_mut() };
        // SAFETY: a static object.
        let class = unsafe { ffi::PyExc_BufferError };
        // SAFETY: the GIL is held by whoever asks for a buffer.
        unsafe { ffi::PyErr_SetString(class, message.as_ptr()) };
        return -1;
    }
    let wants = |what: c_int| flags & what == what;
    let word = |field: &ffi::Py_ssize_t| ptr::from_ref(field).cast_mut();
    // SAFETY: a live object.
    unsafe { ffi::Py_IncRef(object) };
    let filled = RawView {
        buf: exporter.first.cast(),
        obj: object,
        len: exporter.bytes,
        itemsize: exporter.item_bytes,
        readonly: 0,
        ndim: 1,
        format: if wants(FORMAT) {
            exporter.format.cast_mut()
        } else {
            ptr::null_mut()
        },
        shape: if wants(DIMENSIONS) {
            word(&exporter.length)
        } else {
            ptr::null_mut()
        },
        strides: if wants(STRIDES) {
            word(&exporter.item_bytes)
        } else {
            ptr::null_mut()
        },
        suboffsets: ptr::null_mut(),
        internal: ptr::null_mut(),
    };
    // SAFETY: the slot got memory for a result. What that points to lives as long as the object, of which it got a reference.
    unsafe { view.write(filled) };
    0
}

unsafe extern "C" fn release_buffer(object: *mut ffi::PyObject, _view: *mut RawView) {
    // SAFETY: an instance, whose block lives as long as it does.
    unsafe { exported(object) }.block().released();
}
