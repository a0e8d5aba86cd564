//! What a reader gives: one token a value, where a container is the number of values that follow it.

use crate::array::{ArrayReference, CopiedArray, InlineArray, MessageArray, SharedArray};
use crate::{ClockTime, Day, TimeDelta};

/// One step of a message. Borrowed parts point into the message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// `None`, `null`.
    Nil,
    /// A boolean.
    Boolean(bool),
    /// An integer that fits.
    Integer(i64),
    /// An integer above `i64::MAX`.
    Unsigned(u64),
    /// Any other integer: two's complement, little-endian, without a byte that only repeats the sign.
    BigInteger(&'a [u8]),
    /// A float, bit for bit.
    Float(f64),
    /// A string of Unicode scalar values.
    Text(&'a str),
    /// A string with lone surrogates: UTF-16 code units, little-endian, an even number of bytes; see [`utf16_units`].
    Utf16(&'a [u8]),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// `bytearray`.
    ByteArray(&'a [u8]),
    /// A list; this many values follow.
    Array(usize),
    /// A tuple; this many values follow.
    Tuple(usize),
    /// A set; this many values follow.
    Set(usize),
    /// A frozenset; this many values follow.
    FrozenSet(usize),
    /// A dict whose keys are all strings; this many pairs of key and value follow.
    Map(usize),
    /// A dict with any keys; this many pairs of key and value follow.
    AnyMap(usize),
    /// A dict, and the shape of later ones: this many string keys follow, then the value of each.
    Shape {
        /// The number of the shape: those of one message count from 0.
        shape: u8,
        /// How many keys it has.
        keys: usize,
    },
    /// A dict with the keys of a shape; the value of each follows.
    Record {
        /// The number of the shape.
        shape: u8,
        /// How many keys the shape has.
        keys: usize,
    },
    /// A list of floats.
    Floats(Packed<'a, 8>),
    /// A list of JavaScript numbers: integral ones of safe magnitude are integers, except -0.
    Numbers(Packed<'a, 8>),
    /// A list of integers of 32 bits.
    Integers(Packed<'a, 4>),
    /// A complex number, bit for bit.
    Complex {
        /// The real part.
        real: f64,
        /// The imaginary part.
        imaginary: f64,
    },
    /// A decimal as Python spells it: checked to be one, so it is ASCII.
    Decimal(&'a str),
    /// A fraction, checked to be one; see [`fraction_parts`](crate::fraction_parts).
    Fraction(&'a str),
    /// A UUID, the most significant byte first.
    Uuid(&'a [u8; 16]),
    /// `...`.
    Ellipsis,
    /// A `datetime`: its day and time.
    DateTime(Day, ClockTime<'a>),
    /// A `date`.
    Date(Day),
    /// A `time`.
    Time(ClockTime<'a>),
    /// A `timedelta`.
    TimeDelta(TimeDelta),
    /// A range; its start, stop and step follow.
    Range,
    /// A slice; its start, stop and step follow.
    Slice,
    /// A path of the file system; its text follows.
    Path,
    /// An exception on its way to JavaScript; the error value that describes it follows.
    Exception,
    /// A Python object on its way to JavaScript: one crossing of a handle.
    Handle {
        /// The handle id.
        id: u32,
        /// The number of the object's type.
        type_key: u32,
    },
    /// A handle on its way back to Python: its id.
    HandleReference(u32),
    /// The outcome of a request: its id.
    Request(u32),
    /// A JavaScript object on its way to Python.
    JsObject(JsObject<'a>),
    /// A JavaScript object on its way back: its id.
    JsObjectReference(u32),
    /// An array of Python's, over its memory.
    SharedArray(SharedArray<'a>),
    /// An array of JavaScript's, over memory that is there already.
    ArrayReference(ArrayReference<'a>),
    /// An array of Python's, with its items, for JavaScript in another process.
    InlineArray(InlineArray<'a>),
    /// An array of JavaScript's, with its items, for Python in another process.
    MessageArray(MessageArray<'a>),
    /// An array of JavaScript's, copied.
    CopiedArray(CopiedArray<'a>),
}

/// What Python is told of a JavaScript object that it is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsObject<'a> {
    /// Its number among those of its environment.
    pub id: u32,
    /// What it is good for.
    pub kind: JsKind,
    /// The name of its class, or of the function.
    pub name: &'a str,
}

/// What a JavaScript object is for Python. A function says how many parameters it has, at most 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsKind {
    /// A mapping with attributes.
    Object,
    /// It is called.
    Function(u8),
    /// It is called and gives a promise.
    AsyncFunction(u8),
    /// It settles, and says so by itself.
    Promise,
    /// It is something with a `then`, which nobody calls before the outcome is wanted.
    Thenable,
    /// Each `iter()` of it is a new iterator.
    Iterable,
    /// It has a `next`.
    Iterator,
    /// The same with `aiter()`.
    AsyncIterable,
    /// It has a `next` that gives promises.
    AsyncIterator,
    /// A stream of bytes: iterated asynchronously, or read as a file.
    Readable,
}

impl JsKind {
    /// The kind of a byte and a number of parameters, which only functions have.
    pub fn of(kind: u8, parameters: u8) -> Option<Self> {
        Some(match (kind, parameters) {
            (0, 0) => Self::Object,
            (1, parameters) => Self::Function(parameters),
            (2, parameters) => Self::AsyncFunction(parameters),
            (3, 0) => Self::Promise,
            (4, 0) => Self::Thenable,
            (5, 0) => Self::Iterable,
            (6, 0) => Self::Iterator,
            (7, 0) => Self::AsyncIterable,
            (8, 0) => Self::AsyncIterator,
            (9, 0) => Self::Readable,
            _ => return None,
        })
    }

    /// The byte and the number of parameters.
    pub fn code(self) -> [u8; 2] {
        match self {
            Self::Object => [0, 0],
            Self::Function(parameters) => [1, parameters],
            Self::AsyncFunction(parameters) => [2, parameters],
            Self::Promise => [3, 0],
            Self::Thenable => [4, 0],
            Self::Iterable => [5, 0],
            Self::Iterator => [6, 0],
            Self::AsyncIterable => [7, 0],
            Self::AsyncIterator => [8, 0],
            Self::Readable => [9, 0],
        }
    }
}

impl<'a> JsObject<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (id, rest) = payload.split_first_chunk()?;
        let (&[kind, parameters], name) = rest.split_first_chunk()?;
        Some(Self {
            id: u32::from_le_bytes(*id),
            kind: JsKind::of(kind, parameters)?,
            name: core::str::from_utf8(name).ok()?,
        })
    }

    /// What comes before the name.
    pub(crate) fn head(&self) -> [u8; 6] {
        let [a, b, c, d] = self.id.to_le_bytes();
        let [kind, parameters] = self.kind.code();
        [a, b, c, d, kind, parameters]
    }
}

impl Token<'_> {
    /// How many values follow that belong to this one.
    pub fn children(&self) -> usize {
        match *self {
            Self::Array(count) | Self::Tuple(count) | Self::Set(count) | Self::FrozenSet(count) => count,
            Self::Map(count) | Self::AnyMap(count) | Self::Shape { keys: count, .. } => count.saturating_mul(2),
            Self::Record { keys, .. } => keys,
            Self::Range | Self::Slice => 3,
            Self::Path | Self::Exception => 1,
            _ => 0,
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) | Self::Unsigned(_) | Self::BigInteger(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) | Self::Utf16(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::Array(_) | Self::Floats(_) | Self::Numbers(_) | Self::Integers(_) => "array",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Map(_) | Self::AnyMap(_) | Self::Shape { .. } | Self::Record { .. } => "map",
            Self::Complex { .. } => "complex",
            Self::Decimal(_) => "decimal",
            Self::Fraction(_) => "fraction",
            Self::Uuid(_) => "UUID",
            Self::Ellipsis => "ellipsis",
            Self::DateTime(..) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::TimeDelta(_) => "timedelta",
            Self::Range => "range",
            Self::Slice => "slice",
            Self::Path => "path",
            Self::Exception => "exception",
            Self::Handle { .. } | Self::HandleReference(_) => "handle",
            Self::Request(_) => "request reference",
            Self::JsObject(_) | Self::JsObjectReference(_) => "JavaScript object",
            Self::SharedArray(_)
            | Self::ArrayReference(_)
            | Self::InlineArray(_)
            | Self::MessageArray(_)
            | Self::CopiedArray(_) => "array of numbers",
        }
    }
}

/// The items of a packed list: numbers of `N` bytes, little-endian, not aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'a, const N: usize>(&'a [[u8; N]]);

impl<'a, const N: usize> Packed<'a, N> {
    /// The bytes of whole items.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (items, rest) = bytes.as_chunks();
        rest.is_empty().then_some(Self(items))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Packed<'a, 8> {
    /// The items.
    pub fn floats(self) -> impl ExactSizeIterator<Item = f64> + 'a {
        self.0.iter().map(|bytes| f64::from_le_bytes(*bytes))
    }
}

impl<'a> Packed<'a, 4> {
    /// The items.
    pub fn integers(self) -> impl ExactSizeIterator<Item = i32> + 'a {
        self.0.iter().map(|bytes| i32::from_le_bytes(*bytes))
    }
}

/// The code units of a [`Token::Utf16`].
pub fn utf16_units(bytes: &[u8]) -> impl ExactSizeIterator<Item = u16> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit))
}
