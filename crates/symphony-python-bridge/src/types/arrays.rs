//! Arrays of numbers: NumPy's, those of `array`, and views of memory.
//!
//! To JavaScript they go without a copy, over the memory that they have, if that can be written and has no gaps; `conversions` in `docs/`
//! says when it is copied. An array of a type that JavaScript has no elements for is no array here, but an object like any other.

use std::sync::Arc;

use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyTuple};
use smallvec::{SmallVec, smallvec};
use symphony_wire::{
    ArrayReference, ArrayTarget, ArrayView, CopiedArray, Element, FIRST_SHARED_BLOCK, InlineArray, MemorySource,
    MessageArray, SharedArray, Writer,
};

use super::decode::Failure as DecodeFailure;
use super::encode_failure::Failure;
use super::value_classes::{self, Imported};
use super::{References, build};
use crate::async_support;
use crate::handles;
use crate::memory::{Block, Blocks, Flags, Layout, Part, View, exporter_of, part_of};
use crate::runtime::{self, Function};

/// Which kind of array an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NdArray,
    /// `array.array`
    Array,
    MemoryView,
    /// A `SharedBuffer`: what it wraps is shared as bytes, also if it is read-only.
    Bytes,
}

/// Whether the object is of one of the types that may cross as arrays.
#[inline]
pub fn is_array(object: &Bound<'_, PyAny>) -> bool {
    kind_of(object).is_some()
}

#[inline]
fn kind_of(object: &Bound<'_, PyAny>) -> Option<Kind> {
    if object.is_exact_instance_of::<PyMemoryView>() {
        return Some(Kind::MemoryView);
    }
    match value_classes::imported(object)? {
        Imported::NdArray => Some(Kind::NdArray),
        Imported::Array => Some(Kind::Array),
        Imported::SharedBuffer => Some(Kind::Bytes),
        _ => None,
    }
}

/// Writes the object if it is an array that JavaScript can have.
pub(super) fn write(
    object: &Bound<'_, PyAny>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<bool, Failure> {
    match kind_of(object) {
        None => Ok(false),
        Some(Kind::Bytes) => {
            let wrapped = object.getattr(intern!(object.py(), "object"))?;
            write_as(&wrapped, Kind::Bytes, writer, references)
        }
        Some(kind) => write_as(object, kind, writer, references),
    }
}

/// Writes the memory of any object with a buffer as an array; `false` if JavaScript has no such elements.
pub(super) fn write_buffer(
    object: &Bound<'_, PyAny>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<bool, Failure> {
    if is_array(object) {
        return write(object, writer, references);
    }
    write_as(object, Kind::MemoryView, writer, references)
}

fn write_as(
    object: &Bound<'_, PyAny>,
    kind: Kind,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<bool, Failure> {
    let py = object.py();
    let flags = if kind == Kind::Bytes { Flags::Bytes } else { Flags::Any };
    let view = match View::take(object, flags) {
        Ok(view) => view,
        // Nobody wants a handle of it.
        Err(error) if kind == Kind::Bytes => return Err(error.into()),
        // Some arrays have none: those of dates, and views that were released.
        Err(_) => return Ok(false),
    };
    let layout = if kind == Kind::Bytes {
        Some(BYTES)
    } else {
        view.layout()
    };
    let Some(layout) = layout else {
        view.release(py);
        return Ok(false);
    };
    if kind == Kind::MemoryView && view.is_read_only() {
        let copied = copy_bytes(py, &view, writer);
        view.release(py);
        return copied.map(|()| true);
    }
    let written = write_view(object, kind, view, layout, writer, references);
    written.map(|()| true)
}

const BYTES: Layout = Layout {
    element: Element::Uint8,
    big_endian: false,
};

/// From here on it costs less to copy bytes out of Python's memory than to copy them from message to message.
pub(super) const LARGE: usize = 32 * 1024;
/// From here on items travel to another process in memory of their own: below, the socket costs less.
const HUGE: usize = 128 * 1024;

/// Writes where the bytes are, of which JavaScript makes its copy. They do not change meanwhile.
pub(super) fn write_large_bytes(
    bytes: &Bound<'_, PyBytes>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), Failure> {
    let data = bytes.as_bytes();
    if !references.reaches_memory() {
        return write_bytes_elsewhere(bytes, writer, references);
    }
    let (id, type_key) = references.export(bytes.as_any());
    let mut array = SharedArray::new(id, type_key, ArrayView::Copy, Element::Uint8);
    array.address = data.as_ptr() as u64;
    array.bytes = data.len() as u64;
    Ok(writer.shared_array(&array, std::iter::once((array.bytes, 1)))?)
}

/// For a process that does not reach them here.
fn write_bytes_elsewhere(
    bytes: &Bound<'_, PyBytes>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), Failure> {
    let data = bytes.as_bytes();
    if data.len() >= HUGE
        && let Some((number, memory)) = references.new_items(data.len())
    {
        // SAFETY: two memories of that length, the second of which nobody else uses now.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), memory.as_ptr(), data.len()) };
        let (id, type_key) = references.export(bytes.as_any());
        let mut array = InlineArray::new(id, type_key, ArrayView::Copy, Element::Uint8, &[]);
        array.memory = number;
        return Ok(writer.inline_array(&array, std::iter::once(data.len() as u64))?);
    }
    Ok(writer.bytes(data)?)
}

/// The bytes of a view that may not be written, as `bytes`.
fn copy_bytes(py: Python<'_>, view: &View, writer: &mut Writer) -> Result<(), Failure> {
    let mut bytes = vec![0_u8; view.bytes()];
    if let Some(first) = std::ptr::NonNull::new(bytes.as_mut_ptr()) {
        view.copy_to(py, first)?;
    }
    Ok(writer.bytes(&bytes)?)
}

fn write_view(
    object: &Bound<'_, PyAny>,
    kind: Kind,
    view: View,
    layout: Layout,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), Failure> {
    let py = object.py();
    let one_dimension = view.dimensions().len() == 1;
    // Where there are no items, the address may be any.
    let can_begin = view.bytes() == 0 || is_aligned(view.pointer() as usize, layout);
    let is_plain = view.is_contiguous() && !layout.big_endian && can_begin;
    let shape = match kind {
        Kind::Bytes => ArrayView::Bytes,
        Kind::Array | Kind::MemoryView if one_dimension && is_plain => ArrayView::Typed,
        Kind::NdArray | Kind::Array | Kind::MemoryView => ArrayView::Shaped,
    };
    let (id, type_key) = references.export(object);
    let mut array = SharedArray::new(id, type_key, shape, layout.element);
    array.big_endian = layout.big_endian;
    let dimensions: SmallVec<[(u64, i64); 4]> = if kind == Kind::Bytes {
        smallvec![(view.bytes() as u64, 1)]
    } else {
        let dimensions = view.dimensions();
        dimensions
            .map(|(length, stride)| (length as u64, stride_in_items(length, stride, layout)))
            .collect()
    };
    let is_shared = is_plain && (!view.is_read_only() || kind == Kind::Bytes);
    if !references.reaches_memory() {
        let environment = references.environment().filter(|_| is_shared && view.bytes() > 0);
        if let Some((number, block, offset)) = environment.and_then(|environment| lent_by(environment, object, &view)) {
            view.release(py);
            (array.memory, array.of_block) = (number, true);
            (array.bytes, array.offset) = (block.bytes() as u64, offset as u64);
            return Ok(writer.shared_array(&array, dimensions.into_iter())?);
        }
        let mut inline = InlineArray::new(id, type_key, shape, layout.element, &[]);
        inline.big_endian = layout.big_endian;
        let lengths = dimensions.iter().map(|(length, _)| *length);
        let written = write_items(py, &view, layout, inline, lengths, writer, references);
        view.release(py);
        return written;
    }
    if view.bytes() == 0 {
        view.release(py);
        // Where there are no items, nobody can tell how far they are from each other.
        return Ok(writer.shared_array(&array, dimensions.into_iter())?);
    }
    if is_shared {
        share(object, view, layout, &mut array, references);
        Ok(writer.shared_array(&array, dimensions.into_iter())?)
    } else {
        let copied = copy(object, &view, layout, &mut array, references);
        view.release(py);
        copied?;
        let gapless = gapless_strides(&dimensions, layout);
        Ok(writer.shared_array(&array, dimensions.iter().map(|(length, _)| *length).zip(gapless))?)
    }
}

/// Writes an array with its items, which are in the order of a copy and least significant byte first: in the message, or in memory of their own.
fn write_items(
    py: Python<'_>,
    view: &View,
    layout: Layout,
    mut array: InlineArray<'_>,
    lengths: impl ExactSizeIterator<Item = u64>,
    writer: &mut Writer,
    references: &mut dyn References,
) -> Result<(), Failure> {
    if view.bytes() >= HUGE
        && let Some((number, memory)) = references.new_items(view.bytes())
    {
        view.copy_to(py, memory)?;
        // SAFETY: as many bytes as were asked for, which the other process does not use now.
        order_bytes(
            unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), view.bytes()) },
            layout,
        );
        array.memory = number;
        return Ok(writer.inline_array(&array, lengths)?);
    }
    let mut items = vec![0_u8; view.bytes()];
    if let Some(first) = std::ptr::NonNull::new(items.as_mut_ptr()) {
        view.copy_to(py, first)?;
    }
    order_bytes(&mut items, layout);
    let mut inline = InlineArray::new(array.id, array.type_key, array.view, array.element, &items);
    inline.big_endian = array.big_endian;
    Ok(writer.inline_array(&inline, lengths)?)
}

/// The stride, unless nothing lies at it and it is no whole number of items, as in a field of one record.
fn stride_in_items(length: usize, stride: isize, layout: Layout) -> i64 {
    let item = layout.element.number_size().cast_signed();
    if length <= 1 && stride % item != 0 {
        item as i64
    } else {
        stride as i64
    }
}

/// Whether typed arrays can begin so far from the beginning of memory.
fn is_aligned(distance: usize, layout: Layout) -> bool {
    distance.is_multiple_of(layout.element.number_size())
}

/// Puts the bytes of each number of a copy in the order that JavaScript has, least significant first.
fn order_bytes(items: &mut [u8], layout: Layout) {
    if layout.big_endian {
        items
            .chunks_exact_mut(layout.element.number_size())
            .for_each(<[u8]>::reverse);
    }
}

/// The strides of a copy, in which the last dimension is the inner one.
fn gapless_strides(dimensions: &[(u64, i64)], layout: Layout) -> Vec<i64> {
    let mut stride = layout.element.size() as u64;
    let mut strides: Vec<i64> = dimensions
        .iter()
        .rev()
        .map(|(length, _)| {
            let this = stride;
            stride = stride.saturating_mul(*length);
            this.cast_signed()
        })
        .collect();
    strides.reverse();
    strides
}

/// The memory that an array is a part of: one `ArrayBuffer` in JavaScript serves everything that looks at it.
fn share(
    object: &Bound<'_, PyAny>,
    view: View,
    layout: Layout,
    array: &mut SharedArray<'_>,
    references: &mut dyn References,
) {
    let py = object.py();
    let start = view.pointer() as usize;
    let end = start + view.bytes();
    if let Some((owner, whole)) = owner(object, start, end, layout) {
        let first = whole.pointer() as usize;
        let (memory, _) = references.export(&owner);
        array.memory = memory;
        array.address = first as u64;
        array.bytes = whole.bytes() as u64;
        array.offset = (start - first) as u64;
        handles::keep_view(py, memory, whole);
        references.share_memory(memory);
        view.release(py);
    } else {
        array.memory = array.id;
        array.address = start as u64;
        array.bytes = view.bytes() as u64;
        handles::keep_view(py, array.id, view);
        references.share_memory(array.id);
    }
}

/// The innermost object that an array or view says it looks at, if that has all of its memory, from a place on that suits the array.
fn owner<'py>(
    object: &Bound<'py, PyAny>,
    start: usize,
    end: usize,
    layout: Layout,
) -> Option<(Bound<'py, PyAny>, View)> {
    let py = object.py();
    let mut found: Option<(Bound<'py, PyAny>, View)> = None;
    let mut current = object.clone();
    loop {
        let Some(next) = looked_at(&current) else { break };
        // All of a block, whichever part of it this object is.
        let Ok(next) = whole_of(next) else { break };
        let Ok(view) = View::take(&next, Flags::Bytes) else {
            break;
        };
        let first = view.pointer() as usize;
        let has_all = first <= start && first + view.bytes() >= end;
        if view.is_read_only() || !has_all || !is_aligned(start - first, layout) {
            view.release(py);
            break;
        }
        if let Some((_, outer)) = found.replace((next.clone(), view)) {
            outer.release(py);
        }
        current = next;
    }
    found
}

/// The block that the environment lent and that has all of the memory of an array or view; its number there, and where in it the memory begins.
fn lent_by(environment: usize, object: &Bound<'_, PyAny>, view: &View) -> Option<(u32, Arc<Block>, usize)> {
    let mut current = object.clone();
    loop {
        if let Some((block, _)) = part_of(&current) {
            let number = block.number_in(environment)?;
            let offset = (view.pointer() as usize).checked_sub(block.pointer().as_ptr() as usize)?;
            let has_all = offset.checked_add(view.bytes())? <= block.bytes();
            return has_all.then_some((number, block, offset));
        }
        current = looked_at(&current)?;
    }
}

/// The object that an array or view says it looks at.
fn looked_at<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let py = object.py();
    let next = if object.is_exact_instance_of::<PyMemoryView>() {
        object.getattr(intern!(py, "obj"))
    } else if matches!(value_classes::imported(object), Some(Imported::NdArray)) {
        object.getattr(intern!(py, "base"))
    } else {
        return None;
    };
    next.ok().filter(|next| !next.is_none())
}

/// The object itself, unless it is one over a part of a block: then one over all of it.
fn whole_of(object: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    match part_of(&object) {
        Some((block, part)) if part.bytes < block.bytes() => whole(object.py(), block, Element::Uint8),
        _ => Ok(object),
    }
}

fn copy(
    object: &Bound<'_, PyAny>,
    view: &View,
    layout: Layout,
    array: &mut SharedArray<'_>,
    references: &mut dyn References,
) -> Result<(), Failure> {
    let py = object.py();
    let block = Block::uninitialized(view.bytes()).ok_or_else(|| no_memory(view.bytes()))?;
    view.copy_to(py, block.pointer())?;
    // SAFETY: the whole block, which was filled just now and which nobody else knows.
    let items = unsafe { std::slice::from_raw_parts_mut(block.pointer().as_ptr(), block.bytes()) };
    order_bytes(items, layout);
    array.copied = true;
    array.address = block.pointer().as_ptr() as u64;
    array.bytes = block.bytes() as u64;
    let exporter = whole(py, block, layout.element)?;
    let view = View::take(&exporter, Flags::Bytes)?;
    (array.memory, _) = references.export(&exporter);
    handles::keep_view(py, array.memory, view);
    references.share_memory(array.memory);
    Ok(())
}

fn no_memory(bytes: usize) -> PyErr {
    PyMemoryError::new_err(format!("there is no memory for {bytes} bytes"))
}

/// The object of an array that JavaScript sends, over memory that is there already.
pub(super) fn read<'py>(
    py: Python<'py>,
    array: &ArrayReference<'_>,
    references: &dyn References,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let id = array.id;
    match array.source {
        MemorySource::Object => {
            let object = references
                .import(py, id)
                .ok_or_else(|| DecodeFailure::Protocol(format!("expected a live handle, got the unknown id {id}")))?;
            over_object(&object, array)
        }
        MemorySource::Block => {
            let blocks = references.blocks();
            let block = blocks.and_then(|blocks| Some((blocks, blocks.get(id)?)));
            if block.is_none() && id >= FIRST_SHARED_BLOCK {
                let message =
                    "the memory of the array could not be mapped into this process, whose address space may be limited";
                return Err(PyMemoryError::new_err(message).into());
            }
            let (blocks, block) = block.ok_or_else(|| {
                DecodeFailure::Protocol(format!("expected a block of memory, got the unknown number {id}"))
            })?;
            over_block(py, blocks, block, array)
        }
    }
}

/// A view of the memory of an object that JavaScript got before.
fn over_object<'py>(
    object: &Bound<'py, PyAny>,
    array: &ArrayReference<'_>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let py = object.py();
    let arguments = (object, array.offset, array.bytes, array.element.format());
    Ok(runtime::function(py, Function::ViewOver)?.call1(arguments)?)
}

fn over_block<'py>(
    py: Python<'py>,
    blocks: &Blocks,
    block: Arc<Block>,
    array: &ArrayReference<'_>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    if array.target == ArrayTarget::Bytes {
        return bytes_of(py, array, &block);
    }
    let part = Part {
        offset: usize::try_from(array.offset).unwrap_or(usize::MAX),
        bytes: usize::try_from(array.bytes).unwrap_or(usize::MAX),
        element: array.element,
    };
    let is_array = array.target == ArrayTarget::NdArray;
    if is_array && let Some(known) = blocks.array(py, array.id, part, array.shape()) {
        return Ok(known);
    }
    let whole = block.bytes();
    let exporter = exporter_of(py, block, part)?.ok_or_else(|| {
        DecodeFailure::Protocol(format!(
            "expected a part of a block of {whole} bytes, got {} bytes from {} on",
            array.bytes, array.offset
        ))
    })?;
    if !is_array {
        return view_of(&exporter);
    }
    let shape: Box<[u64]> = array.shape().collect();
    let arguments = (&exporter, array.element.format(), PyTuple::new(py, &shape)?);
    // It may import NumPy, on a thread of its own. An import that is interrupted in the middle may leave a lock behind.
    let made = async_support::uninterrupted(py, || runtime::function(py, Function::ArrayOver)?.call1(arguments))?;
    Ok(blocks.keep_array(array.id, part, shape, made))
}

fn view_of<'py>(exporter: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    Ok(PyMemoryView::from(exporter)?.into_any())
}

fn bytes_of<'py>(
    py: Python<'py>,
    array: &ArrayReference<'_>,
    block: &Arc<Block>,
) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let (offset, bytes) = (array.offset, array.bytes);
    let end = offset.checked_add(bytes).and_then(|end| usize::try_from(end).ok());
    match (usize::try_from(offset), end) {
        (Ok(start), Some(end)) if end <= block.bytes() => {
            // SAFETY: within the block, which lives on. JavaScript is told to leave it alone, or waits.
            let whole = unsafe { std::slice::from_raw_parts(block.pointer().as_ptr(), block.bytes()) };
            Ok(build::bytes(py, &whole[start..end])?)
        }
        _ => Err(DecodeFailure::Protocol(format!(
            "expected a part of a block of {} bytes, got {bytes} bytes from {offset} on",
            block.bytes()
        ))),
    }
}

/// The array of a message from another process, over memory of its own.
pub(super) fn read_message<'py>(py: Python<'py>, array: &MessageArray<'_>) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let exporter = block_of(py, array.bytes, array.element)?;
    match array.target {
        ArrayTarget::NdArray => {
            let shape = PyTuple::new(py, array.shape())?;
            let arguments = (&exporter, array.element.format(), shape);
            Ok(runtime::function(py, Function::ArrayOver)?.call1(arguments)?)
        }
        ArrayTarget::MemoryView | ArrayTarget::Bytes => view_of(&exporter),
    }
}

/// A `memoryview` of a copy.
pub(super) fn read_copied<'py>(py: Python<'py>, array: CopiedArray<'_>) -> Result<Bound<'py, PyAny>, DecodeFailure> {
    let exporter = block_of(py, array.bytes, array.element)?;
    view_of(&exporter)
}

/// The object over a block with a copy of the bytes.
fn block_of<'py>(py: Python<'py>, bytes: &[u8], element: Element) -> PyResult<Bound<'py, PyAny>> {
    let block = Block::uninitialized(bytes.len()).ok_or_else(|| no_memory(bytes.len()))?;
    // SAFETY: as many bytes as the block has, which nobody else knows yet.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), block.pointer().as_ptr(), bytes.len()) };
    whole(py, block, element)
}

/// The object over all of a block.
fn whole(py: Python<'_>, block: Arc<Block>, element: Element) -> PyResult<Bound<'_, PyAny>> {
    let part = Part {
        offset: 0,
        bytes: block.bytes(),
        element,
    };
    exporter_of(py, block, part)?.ok_or_else(|| PyValueError::new_err("the block is no whole number of elements"))
}
