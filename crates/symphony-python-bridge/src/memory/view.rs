//! The buffer protocol, whose C structure is part of the stable ABI from 3.11 on and has been the same long before.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use pyo3::ffi;
use pyo3::prelude::*;
use symphony_wire::Element;

/// `Py_buffer` of CPython's `pybuffer.h`. Never moved: its pointers may point into itself.
#[repr(C)]
pub(super) struct RawView {
    pub(super) buf: *mut c_void,
    pub(super) obj: *mut ffi::PyObject,
    pub(super) len: ffi::Py_ssize_t,
    pub(super) itemsize: ffi::Py_ssize_t,
    pub(super) readonly: c_int,
    pub(super) ndim: c_int,
    pub(super) format: *mut c_char,
    pub(super) shape: *mut ffi::Py_ssize_t,
    pub(super) strides: *mut ffi::Py_ssize_t,
    pub(super) suboffsets: *mut ffi::Py_ssize_t,
    pub(super) internal: *mut c_void,
}

unsafe extern "C" {
    fn PyObject_GetBuffer(object: *mut ffi::PyObject, view: *mut RawView, flags: c_int) -> c_int;
    fn PyBuffer_Release(view: *mut RawView);
    fn PyBuffer_ToContiguous(
        buffer: *mut c_void,
        view: *const RawView,
        length: ffi::Py_ssize_t,
        order: c_char,
    ) -> c_int;
}

/// What is asked of an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Its layout, whatever that is.
    Any = 0x011c,
    /// The bytes of memory without gaps, also if they cannot be written.
    Bytes = 0x0038,
}

/// An export of an object's memory. Until it is given back, by [`release`](Self::release), the object keeps the memory where it is.
#[must_use = "an export that is not given back keeps its object for ever"]
pub(crate) struct View(NonNull<RawView>);

/// How memory is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) element: Element,
    pub(crate) big_endian: bool,
}

impl View {
    /// Asks an object for its memory.
    ///
    /// # Errors
    /// What the object raises; it has no buffer, or not one of this kind.
    pub(crate) fn take(object: &Bound<'_, PyAny>, flags: Flags) -> PyResult<Self> {
        let view = Box::into_raw(Box::new(RawView {
            buf: ptr::null_mut(),
            obj: ptr::null_mut(),
            len: 0,
            itemsize: 0,
            readonly: 0,
            ndim: 0,
            format: ptr::null_mut(),
            shape: ptr::null_mut(),
            strides: ptr::null_mut(),
            suboffsets: ptr::null_mut(),
            internal: ptr::null_mut(),
        }));
        // SAFETY: a live object and memory for the result, which is not moved; the GIL is held.
        if unsafe { PyObject_GetBuffer(object.as_ptr(), view, flags as c_int) } != 0 {
            let error = PyErr::fetch(object.py());
            // SAFETY: the box made above; the object has not kept it.
            drop(unsafe { Box::from_raw(view) });
            return Err(error);
        }
        Ok(Self(NonNull::new(view).expect("a box is never null")))
    }

    fn raw(&self) -> &RawView {
        // SAFETY: the box that `take` made; nobody writes to it before `release`.
        unsafe { self.0.as_ref() }
    }

    /// Where the first item is.
    pub(crate) fn pointer(&self) -> *mut u8 {
        self.raw().buf.cast()
    }

    /// How many bytes the items have together.
    pub(crate) fn bytes(&self) -> usize {
        self.raw().len.cast_unsigned()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.raw().readonly != 0
    }

    /// The length of each dimension, and the bytes from one item to the next.
    pub(crate) fn dimensions(&self) -> impl ExactSizeIterator<Item = (usize, isize)> + DoubleEndedIterator {
        let count = usize::try_from(self.raw().ndim).unwrap_or_default();
        let shape = Self::numbers(self.raw().shape, count);
        let strides = Self::numbers(self.raw().strides, count);
        let (bytes, item) = (self.raw().len, self.raw().itemsize);
        (0..count).map(move |index| match (shape, strides) {
            (Some(shape), Some(strides)) => (shape[index].cast_unsigned(), strides[index]),
            // An exporter without a shape has one dimension.
            _ => ((bytes / item.max(1)).cast_unsigned(), item),
        })
    }

    fn numbers<'a>(pointer: *const ffi::Py_ssize_t, count: usize) -> Option<&'a [ffi::Py_ssize_t]> {
        // SAFETY: null, or one number a dimension, which the exporter keeps as long as the export.
        (!pointer.is_null()).then(|| unsafe { std::slice::from_raw_parts(pointer, count) })
    }

    /// Whether the items lie without gaps, the last (or, in Fortran's order, the first) dimension next to each other.
    pub(crate) fn is_contiguous(&self) -> bool {
        if !self.raw().suboffsets.is_null() {
            return false;
        }
        self.bytes() == 0 || self.is_gapless(self.dimensions().rev()) || self.is_gapless(self.dimensions())
    }

    fn is_gapless(&self, mut inner_first: impl Iterator<Item = (usize, isize)>) -> bool {
        let mut expected = self.raw().itemsize;
        inner_first.all(|(length, stride)| {
            let fits = length <= 1 || stride == expected;
            expected = expected.saturating_mul(length.cast_signed());
            fits
        })
    }

    /// What the memory consists of; nothing if JavaScript has no such elements.
    pub(crate) fn layout(&self) -> Option<Layout> {
        let format = if self.raw().format.is_null() {
            "B"
        } else {
            // SAFETY: a string that the exporter keeps as long as the export.
            unsafe { CStr::from_ptr(self.raw().format) }.to_str().ok()?
        };
        let (order, code) = match format.as_bytes() {
            [order @ (b'@' | b'=' | b'<' | b'>' | b'!'), code @ ..] => (*order, code),
            code => (b'@', code),
        };
        let size = usize::try_from(self.raw().itemsize).ok()?;
        let signed = |size| {
            Some(match size {
                1 => Element::Int8,
                2 => Element::Int16,
                4 => Element::Int32,
                8 => Element::Int64,
                _ => return None,
            })
        };
        let unsigned = |size| {
            Some(match size {
                1 => Element::Uint8,
                2 => Element::Uint16,
                4 => Element::Uint32,
                8 => Element::Uint64,
                _ => return None,
            })
        };
        let element = match code {
            [b'b' | b'h' | b'i' | b'l' | b'q' | b'n'] => signed(size)?,
            [b'B' | b'H' | b'I' | b'L' | b'Q' | b'N'] => unsigned(size)?,
            [b'c'] => Element::Uint8,
            b"?" => Element::Boolean,
            b"e" => Element::Float16,
            b"f" => Element::Float32,
            b"d" => Element::Float64,
            b"Zf" => Element::Complex64,
            b"Zd" => Element::Complex128,
            _ => return None,
        };
        let swapped = if cfg!(target_endian = "big") { b"<" } else { b">" };
        (element.size() == size).then_some(Layout {
            element,
            big_endian: (swapped.contains(&order) || (order == b'!' && cfg!(target_endian = "little")))
                && element.number_size() > 1,
        })
    }

    /// Copies the items, in the order of their indices and without gaps.
    ///
    /// # Errors
    /// What Python raises.
    pub(crate) fn copy_to(&self, py: Python<'_>, target: NonNull<u8>) -> PyResult<()> {
        // SAFETY: the caller has room for `bytes()` bytes; the export is alive, and the GIL is held.
        let status = unsafe {
            PyBuffer_ToContiguous(
                target.as_ptr().cast(),
                self.0.as_ptr(),
                self.raw().len,
                b'C'.cast_signed(),
            )
        };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
    }

    /// Gives the export back, which may run Python code.
    pub(crate) fn release(self, _py: Python<'_>) {
        // SAFETY: an export that was taken and is given back once, and the GIL is held.
        unsafe { PyBuffer_Release(self.0.as_ptr()) };
        // SAFETY: the box that `take` made, which nothing points to any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
