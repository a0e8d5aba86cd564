//! Reads a message token by token, trusting nothing in it.

use crate::array::{ArrayReference, CopiedArray, InlineArray, MessageArray, SharedArray};
use crate::format::{container, extension, lead};
use crate::integer::AnyInteger;
use crate::token::{JsObject, Packed};
use crate::{Token, WireError, WireErrorKind, value_class};

/// A message being read.
///
/// A header promises values. The reader adds up what is promised and not yet read, and refuses a header as soon as the
/// rest of the message is too short for the sum (every value takes at least one byte). So whoever allocates by the
/// count in a token allocates in proportion to the message, whatever the message claims.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    promised: usize,
    /// The keys of each shape of the message: where they begin, and how many there are.
    shapes: Vec<(usize, usize)>,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            promised: 0,
            shapes: Vec::new(),
        }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Whether every byte has been read.
    pub fn is_at_end(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// Whether the next value is an integer in one of `MessagePack`'s own forms.
    pub fn is_at_integer(&self) -> bool {
        matches!(
            self.rest(),
            [
                0..=lead::POSITIVE_FIXINT_MAX
                | lead::NEGATIVE_FIXINT..
                | lead::UINT8..=lead::UINT64
                | lead::INT8..=lead::INT64,
                ..,
            ]
        )
    }

    /// Whether a header has promised values that have not been read.
    pub fn is_promised(&self) -> bool {
        self.promised > 0
    }

    /// Reads the keys of a shape again, for whoever did not keep them; nothing if the message has not described it.
    pub fn keys_of(&self, shape: u8) -> Option<Self> {
        let &(position, keys) = self.shapes.get(usize::from(shape))?;
        Some(Self {
            bytes: self.bytes,
            position,
            promised: keys,
            shapes: Vec::new(),
        })
    }

    /// The next token.
    ///
    /// # Errors
    /// The message ends too early or breaks the format. The reader is of no further use then.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, WireError> {
        let offset = self.position;
        self.promised = self.promised.saturating_sub(1);
        self.value().map_err(|kind| WireError { kind, offset })
    }

    fn value(&mut self) -> Result<Token<'a>, WireErrorKind> {
        let [byte] = self.take_array()?;
        Ok(match byte {
            0..=lead::POSITIVE_FIXINT_MAX => Token::Integer(i64::from(byte)),
            lead::NEGATIVE_FIXINT.. => Token::Integer(i64::from(byte.cast_signed())),
            lead::FIXSTR..lead::NIL => self.text(usize::from(byte & 0x1f))?,
            lead::STR8 | lead::STR16 | lead::STR32 => {
                let length = self.length(byte - lead::STR8)?;
                self.text(length)?
            }
            lead::FIXMAP..lead::FIXSTR | lead::ARRAY16..=lead::MAP32 => self.container(byte)?,
            lead::NIL => Token::Nil,
            lead::FALSE => Token::Boolean(false),
            lead::TRUE => Token::Boolean(true),
            lead::FLOAT64 => Token::Float(f64::from_bits(u64::from_be_bytes(self.take_array()?))),
            lead::UINT8 => Token::Integer(i64::from(u8::from_be_bytes(self.take_array()?))),
            lead::UINT16 => Token::Integer(i64::from(u16::from_be_bytes(self.take_array()?))),
            lead::UINT32 => Token::Integer(i64::from(u32::from_be_bytes(self.take_array()?))),
            lead::UINT64 => {
                let value = u64::from_be_bytes(self.take_array()?);
                i64::try_from(value).map_or(Token::Unsigned(value), Token::Integer)
            }
            lead::INT8 => Token::Integer(i64::from(i8::from_be_bytes(self.take_array()?))),
            lead::INT16 => Token::Integer(i64::from(i16::from_be_bytes(self.take_array()?))),
            lead::INT32 => Token::Integer(i64::from(i32::from_be_bytes(self.take_array()?))),
            lead::INT64 => Token::Integer(i64::from_be_bytes(self.take_array()?)),
            lead::BIN8..=lead::BIN32 => {
                let length = self.length(byte - lead::BIN8)?;
                Token::Bytes(self.take(length)?)
            }
            lead::EXT8..=lead::EXT32 => {
                let length = self.length(byte - lead::EXT8)?;
                self.extension(length)?
            }
            lead::FIXEXT1..=lead::FIXEXT16 => self.extension(1 << (byte - lead::FIXEXT1))?,
            _ => return Err(WireErrorKind::UnknownLead(byte)),
        })
    }

    fn text(&mut self, length: usize) -> Result<Token<'a>, WireErrorKind> {
        let text = core::str::from_utf8(self.take(length)?).map_err(|_| WireErrorKind::InvalidUtf8)?;
        Ok(Token::Text(text))
    }

    /// A list or a string-keyed map, whose lead byte has been read.
    fn container(&mut self, byte: u8) -> Result<Token<'a>, WireErrorKind> {
        let token = match byte {
            lead::FIXMAP..lead::FIXARRAY => Token::Map(usize::from(byte & 0x0f)),
            lead::FIXARRAY..lead::FIXSTR => Token::Array(usize::from(byte & 0x0f)),
            lead::ARRAY16 | lead::ARRAY32 => Token::Array(self.length(byte - lead::ARRAY16 + 1)?),
            lead::MAP16 | lead::MAP32 => Token::Map(self.length(byte - lead::MAP16 + 1)?),
            _ => return Err(WireErrorKind::BadExtension(extension::CONTAINER)),
        };
        self.promise(token.children())?;
        Ok(token)
    }

    /// Counts values that a header promises.
    fn promise(&mut self, values: usize) -> Result<(), WireErrorKind> {
        let promised = self.promised.saturating_add(values);
        if promised > self.rest().len() {
            return Err(WireErrorKind::Truncated);
        }
        self.promised = promised;
        Ok(())
    }

    /// A shape, whose number has been read: the array header of its keys follows.
    fn shape(&mut self, shape: u8) -> Result<Token<'a>, WireErrorKind> {
        let bad = WireErrorKind::BadExtension(extension::SHAPE);
        // Numbers are given in order, so a message cannot name one that it has not described, or describe one twice.
        if usize::from(shape) != self.shapes.len() {
            return Err(bad);
        }
        let [header] = self.take_array()?;
        let Token::Array(keys) = self.container(header)? else {
            return Err(bad);
        };
        // The header promised the keys; the values of the first record come on top.
        self.promise(keys)?;
        self.shapes.push((self.position, keys));
        Ok(Token::Shape { shape, keys })
    }

    fn record(&mut self, shape: u8) -> Result<Token<'a>, WireErrorKind> {
        let bad = WireErrorKind::BadExtension(extension::RECORD);
        let &(_, keys) = self.shapes.get(usize::from(shape)).ok_or(bad)?;
        self.promise(keys)?;
        Ok(Token::Record { shape, keys })
    }

    fn extension(&mut self, length: usize) -> Result<Token<'a>, WireErrorKind> {
        let [code] = self.take_array()?;
        let payload = self.take(length)?;
        let bad = WireErrorKind::BadExtension(code);
        match code {
            extension::CONTAINER => {
                let [kind] = payload.try_into().map_err(|_| bad)?;
                let [header] = self.take_array()?;
                match (kind, self.container(header)?) {
                    (container::TUPLE, Token::Array(count)) => Ok(Token::Tuple(count)),
                    (container::SET, Token::Array(count)) => Ok(Token::Set(count)),
                    (container::FROZEN_SET, Token::Array(count)) => Ok(Token::FrozenSet(count)),
                    (container::MAP, Token::Map(count)) => Ok(Token::AnyMap(count)),
                    (kind, Token::Array(count)) => value_class::container(kind, count).ok_or(bad),
                    _ => Err(bad),
                }
            }
            extension::HANDLE => match payload.as_chunks::<4>() {
                ([id], []) => Ok(Token::HandleReference(u32::from_le_bytes(*id))),
                ([id, key], []) => Ok(Token::Handle {
                    id: u32::from_le_bytes(*id),
                    type_key: u32::from_le_bytes(*key),
                }),
                _ => Err(bad),
            },
            extension::REQUEST => Ok(Token::Request(u32::from_le_bytes(payload.try_into().map_err(|_| bad)?))),
            extension::JS_OBJECT => match payload.try_into() {
                Ok(id) => Ok(Token::JsObjectReference(u32::from_le_bytes(id))),
                Err(_) => JsObject::read(payload).map(Token::JsObject).ok_or(bad),
            },
            // What goes to JavaScript has a longer head than what goes to Python, which a byte in front tells apart.
            extension::ARRAY => match payload.split_first() {
                Some((0, rest)) => SharedArray::read(rest).map(Token::SharedArray).ok_or(bad),
                Some((1, rest)) => ArrayReference::read(rest).map(Token::ArrayReference).ok_or(bad),
                Some((2, rest)) => InlineArray::read(rest).map(Token::InlineArray).ok_or(bad),
                Some((3, rest)) => MessageArray::read(rest).map(Token::MessageArray).ok_or(bad),
                _ => Err(bad),
            },
            extension::COPIED_ARRAY => CopiedArray::read(payload).map(Token::CopiedArray).ok_or(bad),
            // Whoever reads tells integers apart by their token, so a form that is longer than it need be must not matter.
            extension::BIG_INTEGER if !payload.is_empty() => Ok(match AnyInteger::from(payload) {
                AnyInteger::Signed(value) => Token::Integer(value),
                AnyInteger::Unsigned(value) => Token::Unsigned(value),
                AnyInteger::Big(bytes) => Token::BigInteger(bytes),
            }),
            extension::UTF16 if payload.len() % 2 == 0 => Ok(Token::Utf16(payload)),
            extension::BYTE_ARRAY => Ok(Token::ByteArray(payload)),
            extension::SHAPE => {
                let [shape] = payload.try_into().map_err(|_| bad)?;
                self.shape(shape)
            }
            extension::RECORD => {
                let [shape] = payload.try_into().map_err(|_| bad)?;
                self.record(shape)
            }
            extension::FLOATS => packed(payload).map(Token::Floats).ok_or(bad),
            extension::NUMBERS => packed(payload).map(Token::Numbers).ok_or(bad),
            extension::INTEGERS => packed(payload).map(Token::Integers).ok_or(bad),
            extension::BIG_INTEGER | extension::UTF16 => Err(bad),
            _ => value_class::extension(code, payload),
        }
    }

    /// A big-endian length of one, two or four bytes.
    fn length(&mut self, size: u8) -> Result<usize, WireErrorKind> {
        let length = match size {
            0 => u32::from(u8::from_be_bytes(self.take_array()?)),
            1 => u32::from(u16::from_be_bytes(self.take_array()?)),
            _ => u32::from_be_bytes(self.take_array()?),
        };
        usize::try_from(length).map_err(|_| WireErrorKind::Truncated)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireErrorKind> {
        let (taken, _) = self.rest().split_at_checked(length).ok_or(WireErrorKind::Truncated)?;
        self.position += length;
        Ok(taken)
    }

    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], WireErrorKind> {
        let taken = *self.rest().first_chunk::<N>().ok_or(WireErrorKind::Truncated)?;
        self.position += N;
        Ok(taken)
    }
}

/// The items of a packed list: behind a byte that says how many bytes of padding it is followed by.
fn packed<const N: usize>(payload: &[u8]) -> Option<Packed<'_, N>> {
    let (&padding, rest) = payload.split_first()?;
    if padding >= 8 {
        return None;
    }
    Packed::new(rest.get(usize::from(padding)..)?)
}
