//! Appends values to a growing message, always in the shortest form.

use crate::array::{CopiedArray, InlineArray, SharedArray};
use crate::format::{container, extension, lead};
use crate::integer::AnyInteger;
use crate::{JsObject, WireError, WireErrorKind};

/// A message under construction.
///
/// Containers are headers: after `array(3)` the next three values belong to it. The writer does not count them; its
/// callers do.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the shapes of the message were described.
    shapes: Vec<usize>,
}

impl From<Vec<u8>> for Writer {
    /// Goes on after what is already there, so that the memory of an earlier message can be used again.
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            shapes: Vec::new(),
        }
    }
}

impl Writer {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty message with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            shapes: Vec::new(),
        }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has been written.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished message.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Goes back to an earlier [`len`](Self::len), for example after a value that turned out not to be convertible.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        while self.shapes.pop_if(|start| *start >= length).is_some() {}
    }

    /// Bytes that are not a value: the fixed fields of the frame around one.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Overwrites four bytes at `position` with a little-endian number, such as a length that is known only now.
    ///
    /// # Panics
    /// If those bytes have not been written yet.
    pub fn patch_u32(&mut self, position: usize, value: u32) {
        self.bytes[position..position + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// `None`, `null`.
    pub fn nil(&mut self) {
        self.bytes.push(lead::NIL);
    }

    /// A boolean.
    pub fn boolean(&mut self, value: bool) {
        self.bytes.push(if value { lead::TRUE } else { lead::FALSE });
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if let Ok(value) = i8::try_from(value) {
            if value < -32 {
                self.bytes.push(lead::INT8);
            }
            self.bytes.push(value.cast_unsigned());
        } else if let Ok(value) = i16::try_from(value) {
            self.lead_and(lead::INT16, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.lead_and(lead::INT32, value.to_be_bytes());
        } else {
            self.lead_and(lead::INT64, value.to_be_bytes());
        }
    }

    /// An integer that is not negative.
    #[inline]
    pub fn unsigned(&mut self, value: u64) {
        if let Ok(value) = u8::try_from(value) {
            if value > lead::POSITIVE_FIXINT_MAX {
                self.bytes.push(lead::UINT8);
            }
            self.bytes.push(value);
        } else if let Ok(value) = u16::try_from(value) {
            self.lead_and(lead::UINT16, value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.lead_and(lead::UINT32, value.to_be_bytes());
        } else {
            self.lead_and(lead::UINT64, value.to_be_bytes());
        }
    }

    /// An integer of any size in two's complement, little-endian; no bytes are zero.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn big_integer(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        match AnyInteger::from(bytes) {
            AnyInteger::Signed(value) => self.integer(value),
            AnyInteger::Unsigned(value) => self.unsigned(value),
            AnyInteger::Big(bytes) => self.extension(extension::BIG_INTEGER, bytes)?,
        }
        Ok(())
    }

    /// A float, bit for bit.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.lead_and(lead::FLOAT64, value.to_bits().to_be_bytes());
    }

    /// A string.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    #[inline]
    pub fn text(&mut self, text: &str) -> Result<(), WireError> {
        let length = self.length(text.len())?;
        match u8::try_from(length) {
            Ok(length @ 0..32) => self.bytes.push(lead::FIXSTR | length),
            _ => self.sized(length, [Some(lead::STR8), Some(lead::STR16), Some(lead::STR32)]),
        }
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A string with lone surrogates. One without them belongs into [`text`](Self::text), the only form in which
    /// readers compare and cache keys.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn utf16(&mut self, units: &[u16]) -> Result<(), WireError> {
        self.extension_header(extension::UTF16, units.len().saturating_mul(2))?;
        self.bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        Ok(())
    }

    /// `bytes`.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let length = self.length(bytes.len())?;
        self.sized(length, [Some(lead::BIN8), Some(lead::BIN16), Some(lead::BIN32)]);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// `bytearray`.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn byte_array(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.extension(extension::BYTE_ARRAY, bytes)
    }

    /// A list of the next `count` values.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    #[inline]
    pub fn array(&mut self, count: usize) -> Result<(), WireError> {
        let count = self.length(count)?;
        match u8::try_from(count) {
            Ok(count @ 0..16) => self.bytes.push(lead::FIXARRAY | count),
            _ => self.sized(count, [None, Some(lead::ARRAY16), Some(lead::ARRAY32)]),
        }
        Ok(())
    }

    /// A tuple of the next `count` values.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn tuple(&mut self, count: usize) -> Result<(), WireError> {
        self.container(container::TUPLE);
        self.array(count)
    }

    /// A set of the next `count` values.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn set(&mut self, count: usize) -> Result<(), WireError> {
        self.container(container::SET);
        self.array(count)
    }

    /// A frozenset of the next `count` values.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn frozen_set(&mut self, count: usize) -> Result<(), WireError> {
        self.container(container::FROZEN_SET);
        self.array(count)
    }

    /// A dict of the next `count` pairs of a string and a value.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    #[inline]
    pub fn map(&mut self, count: usize) -> Result<(), WireError> {
        let count = self.length(count)?;
        match u8::try_from(count) {
            Ok(count @ 0..16) => self.bytes.push(lead::FIXMAP | count),
            _ => self.sized(count, [None, Some(lead::MAP16), Some(lead::MAP32)]),
        }
        Ok(())
    }

    /// A dict of the next `count` pairs of any value and a value.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn any_map(&mut self, count: usize) -> Result<(), WireError> {
        self.container(container::MAP);
        self.map(count)
    }

    /// A dict whose `keys` keys and then values follow. Gives the number by which later ones refer to its shape, or
    /// writes nothing and gives none if the message has as many shapes as it can.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn shape(&mut self, keys: usize) -> Result<Option<u8>, WireError> {
        let Ok(shape) = u8::try_from(self.shapes.len()) else {
            return Ok(None);
        };
        self.shapes.push(self.bytes.len());
        self.bytes.extend_from_slice(&[lead::FIXEXT1, extension::SHAPE, shape]);
        self.array(keys)?;
        Ok(Some(shape))
    }

    /// A dict with the keys of a shape, whose values follow.
    #[inline]
    pub fn record(&mut self, shape: u8) {
        self.bytes.extend_from_slice(&[lead::FIXEXT1, extension::RECORD, shape]);
    }

    /// A list of floats.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn floats(&mut self, items: impl ExactSizeIterator<Item = f64>) -> Result<(), WireError> {
        self.floats_if_all(items.map(Some)).map(drop)
    }

    /// A list of floats, if every item turns out to be one; else `false`, and nothing is written.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn floats_if_all(&mut self, items: impl ExactSizeIterator<Item = Option<f64>>) -> Result<bool, WireError> {
        self.packed(extension::FLOATS, items.map(|item| item.map(f64::to_le_bytes)))
    }

    /// A list of JavaScript numbers: integral ones of magnitude below 2^53, except -0, are integers, the others floats.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn numbers(&mut self, items: impl ExactSizeIterator<Item = f64>) -> Result<(), WireError> {
        self.numbers_if_all(items.map(Some)).map(drop)
    }

    /// A list of JavaScript numbers, if every item turns out to be one; else `false`, and nothing is written.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn numbers_if_all(&mut self, items: impl ExactSizeIterator<Item = Option<f64>>) -> Result<bool, WireError> {
        self.packed(extension::NUMBERS, items.map(|item| item.map(f64::to_le_bytes)))
    }

    /// A list of integers of 32 bits.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn integers(&mut self, items: impl ExactSizeIterator<Item = i32>) -> Result<(), WireError> {
        self.integers_if_all(items.map(Some)).map(drop)
    }

    /// A list of integers of 32 bits, if every item turns out to be one; else `false`, and nothing is written.
    ///
    /// # Errors
    /// [`WireErrorKind::TooLong`].
    pub fn integers_if_all(&mut self, items: impl ExactSizeIterator<Item = Option<i32>>) -> Result<bool, WireError> {
        self.packed(extension::INTEGERS, items.map(|item| item.map(i32::to_le_bytes)))
    }

    /// One crossing of a handle, on its way to JavaScript.
    pub fn handle(&mut self, id: u32, type_key: u32) {
        self.bytes.extend_from_slice(&[lead::FIXEXT8, extension::HANDLE]);
        self.bytes.extend_from_slice(&id.to_le_bytes());
        self.bytes.extend_from_slice(&type_key.to_le_bytes());
    }

    /// A handle on its way back to Python.
    pub fn handle_reference(&mut self, id: u32) {
        self.bytes.extend_from_slice(&[lead::FIXEXT4, extension::HANDLE]);
        self.bytes.extend_from_slice(&id.to_le_bytes());
    }

    /// The outcome of a request.
    pub fn request(&mut self, id: u32) {
        self.bytes.extend_from_slice(&[lead::FIXEXT4, extension::REQUEST]);
        self.bytes.extend_from_slice(&id.to_le_bytes());
    }

    /// A JavaScript object on its way to Python.
    ///
    /// # Errors
    /// The name is longer than 2^32 - 1 bytes.
    pub fn js_object(&mut self, object: JsObject<'_>) -> Result<(), WireError> {
        let head = object.head();
        self.extension_header(extension::JS_OBJECT, head.len() + object.name.len())?;
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(object.name.as_bytes());
        Ok(())
    }

    /// A JavaScript object on its way back.
    pub fn js_object_reference(&mut self, id: u32) {
        self.bytes.extend_from_slice(&[lead::FIXEXT4, extension::JS_OBJECT]);
        self.bytes.extend_from_slice(&id.to_le_bytes());
    }

    /// An array on its way to JavaScript, with the length of each dimension and the bytes between its items. More than 255 dimensions
    /// there are not.
    ///
    /// # Errors
    /// There are more.
    pub fn shared_array(
        &mut self,
        array: &SharedArray<'_>,
        dimensions: impl ExactSizeIterator<Item = (u64, i64)>,
    ) -> Result<(), WireError> {
        let count = u8::try_from(dimensions.len()).map_err(|_| WireError {
            kind: WireErrorKind::TooLong,
            offset: self.bytes.len(),
        })?;
        let head = array.head(count);
        self.extension_header(extension::ARRAY, 1 + head.len() + 16 * dimensions.len())?;
        self.bytes.push(0);
        self.bytes.extend_from_slice(&head);
        for (length, stride) in dimensions {
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(&stride.to_le_bytes());
        }
        Ok(())
    }

    /// An array with its items, for JavaScript in another process.
    ///
    /// # Errors
    /// There are more than 255 dimensions, or the payload is longer than 2^32 - 2 bytes.
    pub fn inline_array(
        &mut self,
        array: &InlineArray<'_>,
        shape: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), WireError> {
        let count = u8::try_from(shape.len()).map_err(|_| WireError {
            kind: WireErrorKind::TooLong,
            offset: self.bytes.len(),
        })?;
        let head = array.head(count);
        let number = array.memory.to_le_bytes();
        let items = if array.memory == 0 { array.bytes } else { &number };
        self.extension_header(extension::ARRAY, 1 + head.len() + 8 * shape.len() + items.len())?;
        self.bytes.push(2);
        self.bytes.extend_from_slice(&head);
        for length in shape {
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.extend_from_slice(items);
        Ok(())
    }

    /// An array of JavaScript's with its items, as that half writes it.
    ///
    /// # Errors
    /// The payload is longer than 2^32 - 2 bytes.
    pub fn message_array(&mut self, payload: &[u8]) -> Result<(), WireError> {
        self.extension_header(extension::ARRAY, 1 + payload.len())?;
        self.bytes.push(3);
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// An array of JavaScript's, as that half writes it.
    ///
    /// # Errors
    /// The payload is longer than 2^32 - 2 bytes.
    pub fn array_reference(&mut self, payload: &[u8]) -> Result<(), WireError> {
        self.extension_header(extension::ARRAY, 1 + payload.len())?;
        self.bytes.push(1);
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// An array of JavaScript's, copied.
    ///
    /// # Errors
    /// It is longer than 2^32 - 2 bytes.
    pub fn copied_array(&mut self, array: CopiedArray<'_>) -> Result<(), WireError> {
        self.extension_header(extension::COPIED_ARRAY, 1 + array.bytes.len())?;
        self.bytes.push(array.element.code());
        self.bytes.extend_from_slice(array.bytes);
        Ok(())
    }

    /// Items of one size, padded so that they are aligned as far as the message is; `false`, and nothing, if one of them
    /// is none.
    fn packed<const N: usize>(
        &mut self,
        code: u8,
        items: impl ExactSizeIterator<Item = Option<[u8; N]>>,
    ) -> Result<bool, WireError> {
        let before = self.bytes.len();
        let size = items.len().saturating_mul(N);
        // The longest header, so that the padding does not depend on the length, which depends on it.
        let start = self.bytes.len() + 7;
        let padding = start.next_multiple_of(8) - start;
        let length = self.length(size.saturating_add(1 + padding))?;
        self.lead_and(lead::EXT32, length.to_be_bytes());
        self.bytes.push(code);
        self.bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0][..=padding]);
        let end = self.bytes.len();
        self.bytes[end - padding - 1] = u8::try_from(padding).unwrap_or_default();
        self.bytes.reserve(size);
        for item in items {
            let Some(item) = item else {
                self.bytes.truncate(before);
                return Ok(false);
            };
            self.bytes.extend_from_slice(&item);
        }
        Ok(true)
    }

    pub(crate) fn container(&mut self, kind: u8) {
        self.bytes
            .extend_from_slice(&[lead::FIXEXT1, extension::CONTAINER, kind]);
    }

    pub(crate) fn extension(&mut self, code: u8, payload: &[u8]) -> Result<(), WireError> {
        self.extension_header(code, payload.len())?;
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    pub(crate) fn extension_header(&mut self, code: u8, length: usize) -> Result<(), WireError> {
        let length = self.length(length)?;
        match length {
            1 => self.bytes.push(lead::FIXEXT1),
            2 => self.bytes.push(lead::FIXEXT2),
            4 => self.bytes.push(lead::FIXEXT4),
            8 => self.bytes.push(lead::FIXEXT8),
            16 => self.bytes.push(lead::FIXEXT16),
            _ => self.sized(length, [Some(lead::EXT8), Some(lead::EXT16), Some(lead::EXT32)]),
        }
        self.bytes.push(code);
        Ok(())
    }

    /// A lead byte and the length in one, two or four bytes, whichever is the first that there is and that fits.
    fn sized(&mut self, length: u32, [one, two, four]: [Option<u8>; 3]) {
        if let (Some(lead), Ok(length)) = (one, u8::try_from(length)) {
            self.bytes.extend_from_slice(&[lead, length]);
        } else if let (Some(lead), Ok(length)) = (two, u16::try_from(length)) {
            self.lead_and(lead, length.to_be_bytes());
        } else if let Some(lead) = four {
            self.lead_and(lead, length.to_be_bytes());
        }
    }

    #[inline]
    fn lead_and<const N: usize>(&mut self, lead: u8, rest: [u8; N]) {
        self.bytes.push(lead);
        self.bytes.extend_from_slice(&rest);
    }

    #[inline]
    fn length(&self, length: usize) -> Result<u32, WireError> {
        u32::try_from(length).map_err(|_| WireError {
            kind: WireErrorKind::TooLong,
            offset: self.bytes.len(),
        })
    }
}
