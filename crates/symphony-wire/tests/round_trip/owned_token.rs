//! A token that owns its content: what property tests and fuzz targets generate, write and compare.

use symphony_wire::{
    ArrayReference, ArrayTarget, ArrayView, ClockTime, CopiedArray, Day, Element, InlineArray, JsKind, JsObject,
    MemorySource, MessageArray, Reader, SharedArray, TimeDelta, TimeOfDay, Token, UtcOffset, WireError, Writer, Zone,
    fraction_parts, utf16_units,
};

/// Every token has its counterpart here, and no match has a wildcard: a token that is new in the format does not compile
/// until it is written, read and named here, and the tests ask for it to be generated.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum OwnedToken {
    Nil,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    BigInteger(Vec<u8>),
    /// The bits, because NaN has to be equal to itself.
    Float(u64),
    Text(String),
    Utf16(Vec<u16>),
    Bytes(Vec<u8>),
    ByteArray(Vec<u8>),
    /// The number is the one of the header: a map counts pairs.
    Container(Container, usize),
    /// The number of the shape, and how many keys follow, and then values. The writer gives the number.
    Shape(u8, usize),
    /// The number of the shape, and how many values follow.
    Record(u8, usize),
    /// Bits again.
    Floats(Vec<u64>),
    Numbers(Vec<u64>),
    Integers(Vec<i32>),
    /// Bits again.
    Complex(u64, u64),
    Decimal(String),
    /// Numerator and denominator.
    Fraction(String, String),
    Uuid([u8; 16]),
    Ellipsis,
    /// Days since 1970, brought into the range of what there is; so are all numbers of the next three.
    DateTime(i32, OwnedClock),
    Date(i32),
    Time(OwnedClock),
    TimeDelta(i32, u32, u32),
    Range,
    Slice,
    Path,
    Exception,
    Handle(u32, u32),
    HandleReference(u32),
    Request(u32),
    /// Id, parameters of a function, name.
    JsObject(u32, JsKind, String),
    JsObjectReference(u32),
    SharedArray(Shared),
    /// The payload, of one block.
    ArrayReference(u32, Vec<u64>),
    /// Of complex numbers in one dimension.
    InlineArray(u32, u32, bool, Vec<[u8; 16]>),
    /// Likewise.
    MessageArray(Vec<[u8; 16]>),
    CopiedArray(Vec<[u8; 16]>),
}

/// Of doubles.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) struct Shared {
    pub(crate) handles: [u32; 3],
    pub(crate) copied: bool,
    pub(crate) big_endian: bool,
    pub(crate) of_block: bool,
    pub(crate) place: [u64; 3],
    pub(crate) dimensions: Vec<(u64, i64)>,
}

/// A [`ClockTime`] of any numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) struct OwnedClock {
    pub(crate) microseconds: u64,
    pub(crate) fold: bool,
    pub(crate) zone: OwnedZone,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum OwnedZone {
    Naive,
    Offset(i64),
    Named(i64, String),
    Key(Option<i64>, String),
}

fn day(days: i32) -> Day {
    let first = i64::from(Day::FIRST);
    let days = first + (i64::from(days) - first).rem_euclid(i64::from(Day::LAST) - first + 1);
    Day::new(i32::try_from(days).expect("a day")).expect("a day")
}

fn offset(microseconds: i64) -> UtcOffset {
    UtcOffset::new(microseconds % TimeOfDay::END.cast_signed()).expect("less than a day")
}

fn delta(days: i32, seconds: u32, microseconds: u32) -> TimeDelta {
    let days = days % (TimeDelta::MOST_DAYS + 1);
    TimeDelta::new(days, seconds % 86_400, microseconds % 1_000_000).expect("within the bounds")
}

impl OwnedClock {
    /// With `day` for a `datetime`, of which every zone knows the offset.
    fn clock(&self, day: bool) -> ClockTime<'_> {
        ClockTime {
            time: TimeOfDay::new(self.microseconds % TimeOfDay::END).expect("less than a day"),
            fold: self.fold,
            zone: match &self.zone {
                OwnedZone::Naive => Zone::Naive,
                OwnedZone::Offset(east) => Zone::Offset(offset(*east)),
                OwnedZone::Named(east, name) => Zone::Named(offset(*east), name),
                OwnedZone::Key(None, key) if !day => Zone::Key(None, key),
                OwnedZone::Key(east, key) => Zone::Key(Some(offset(east.unwrap_or_default())), key),
            },
        }
    }
}

impl From<ClockTime<'_>> for OwnedClock {
    fn from(clock: ClockTime<'_>) -> Self {
        Self {
            microseconds: clock.time.microseconds(),
            fold: clock.fold,
            zone: match clock.zone {
                Zone::Naive => OwnedZone::Naive,
                Zone::Offset(east) => OwnedZone::Offset(east.microseconds()),
                Zone::Named(east, name) => OwnedZone::Named(east.microseconds(), name.to_owned()),
                Zone::Key(east, key) => OwnedZone::Key(east.map(UtcOffset::microseconds), key.to_owned()),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(fuzzing, derive(arbitrary::Arbitrary))]
pub(crate) enum Container {
    Array,
    Tuple,
    Set,
    FrozenSet,
    Map,
    AnyMap,
}

impl Container {
    pub(crate) fn is_map(self) -> bool {
        match self {
            Self::Array | Self::Tuple | Self::Set | Self::FrozenSet => false,
            Self::Map | Self::AnyMap => true,
        }
    }
}

/// One name for each token, as a list and as a match, so that neither can lack what the other has.
macro_rules! names {
    ($($pattern:pat => $name:literal,)*) => {
        impl OwnedToken {
            pub(crate) const NAMES: &[&str] = &[$($name),*];

            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $($pattern => $name,)*
                }
            }
        }
    };
}

names! {
    Self::Nil => "nil",
    Self::Boolean(_) => "boolean",
    Self::Integer(_) => "integer",
    Self::Unsigned(_) => "unsigned",
    Self::BigInteger(_) => "big integer",
    Self::Float(_) => "float",
    Self::Text(_) => "text",
    Self::Utf16(_) => "utf16",
    Self::Bytes(_) => "bytes",
    Self::ByteArray(_) => "byte array",
    Self::Container(Container::Array, _) => "array",
    Self::Container(Container::Tuple, _) => "tuple",
    Self::Container(Container::Set, _) => "set",
    Self::Container(Container::FrozenSet, _) => "frozen set",
    Self::Container(Container::Map, _) => "map",
    Self::Container(Container::AnyMap, _) => "any map",
    Self::Shape(..) => "shape",
    Self::Record(..) => "record",
    Self::Floats(_) => "floats",
    Self::Numbers(_) => "numbers",
    Self::Integers(_) => "integers",
    Self::Complex(..) => "complex",
    Self::Decimal(_) => "decimal",
    Self::Fraction(..) => "fraction",
    Self::Uuid(_) => "uuid",
    Self::Ellipsis => "ellipsis",
    Self::DateTime(..) => "datetime",
    Self::Date(_) => "date",
    Self::Time(_) => "time",
    Self::TimeDelta(..) => "timedelta",
    Self::Range => "range",
    Self::Slice => "slice",
    Self::Path => "path",
    Self::Exception => "exception",
    Self::Handle(..) => "handle",
    Self::HandleReference(_) => "handle reference",
    Self::Request(_) => "request",
    Self::JsObject(..) => "js object",
    Self::JsObjectReference(_) => "js object reference",
    Self::SharedArray(_) => "shared array",
    Self::ArrayReference(..) => "array reference",
    Self::InlineArray(..) => "inline array",
    Self::MessageArray(_) => "message array",
    Self::CopiedArray(_) => "copied array",
}

impl From<Token<'_>> for OwnedToken {
    fn from(token: Token<'_>) -> Self {
        match token {
            Token::Nil => Self::Nil,
            Token::Boolean(value) => Self::Boolean(value),
            Token::Integer(value) => Self::Integer(value),
            Token::Unsigned(value) => Self::Unsigned(value),
            Token::BigInteger(bytes) => Self::BigInteger(bytes.to_vec()),
            Token::Float(value) => Self::Float(value.to_bits()),
            Token::Text(text) => Self::Text(text.to_owned()),
            Token::Utf16(bytes) => Self::Utf16(utf16_units(bytes).collect()),
            Token::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Token::ByteArray(bytes) => Self::ByteArray(bytes.to_vec()),
            Token::Array(count) => Self::Container(Container::Array, count),
            Token::Tuple(count) => Self::Container(Container::Tuple, count),
            Token::Set(count) => Self::Container(Container::Set, count),
            Token::FrozenSet(count) => Self::Container(Container::FrozenSet, count),
            Token::Map(count) => Self::Container(Container::Map, count),
            Token::AnyMap(count) => Self::Container(Container::AnyMap, count),
            Token::Shape { shape, keys } => Self::Shape(shape, keys),
            Token::Record { shape, keys } => Self::Record(shape, keys),
            Token::Floats(items) => Self::Floats(items.floats().map(f64::to_bits).collect()),
            Token::Numbers(items) => Self::Numbers(items.floats().map(f64::to_bits).collect()),
            Token::Integers(items) => Self::Integers(items.integers().collect()),
            Token::Complex { real, imaginary } => Self::Complex(real.to_bits(), imaginary.to_bits()),
            Token::Decimal(text) => Self::Decimal(text.to_owned()),
            Token::Fraction(text) => {
                let (numerator, denominator) = fraction_parts(text).expect("the reader checks a fraction");
                Self::Fraction(numerator.to_owned(), denominator.to_owned())
            }
            Token::Uuid(bytes) => Self::Uuid(*bytes),
            Token::Ellipsis => Self::Ellipsis,
            Token::DateTime(day, clock) => Self::DateTime(day.days(), clock.into()),
            Token::Date(day) => Self::Date(day.days()),
            Token::Time(clock) => Self::Time(clock.into()),
            Token::TimeDelta(delta) => {
                let (days, seconds, microseconds) = delta.parts();
                Self::TimeDelta(days, seconds, microseconds)
            }
            Token::Range => Self::Range,
            Token::Slice => Self::Slice,
            Token::Path => Self::Path,
            Token::Exception => Self::Exception,
            Token::Handle { id, type_key } => Self::Handle(id, type_key),
            Token::HandleReference(id) => Self::HandleReference(id),
            Token::Request(id) => Self::Request(id),
            Token::JsObject(JsObject { id, kind, name }) => Self::JsObject(id, kind, name.to_owned()),
            Token::JsObjectReference(id) => Self::JsObjectReference(id),
            Token::SharedArray(array) => Self::SharedArray(Shared {
                handles: [array.id, array.type_key, array.memory],
                copied: array.copied,
                big_endian: array.big_endian,
                of_block: array.of_block,
                place: [array.address, array.bytes, array.offset],
                dimensions: array.dimensions().collect(),
            }),
            Token::ArrayReference(array) => Self::ArrayReference(array.id, array.shape().collect()),
            Token::InlineArray(array) => Self::InlineArray(
                array.id,
                array.type_key,
                array.big_endian,
                array.bytes.as_chunks().0.to_vec(),
            ),
            Token::MessageArray(array) => Self::MessageArray(array.bytes.as_chunks().0.to_vec()),
            Token::CopiedArray(array) => Self::CopiedArray(array.bytes.as_chunks().0.to_vec()),
        }
    }
}

impl OwnedToken {
    /// Any tokens made into a message: no count above the given one, shapes in order, records of shapes that there
    /// are, and `Nil` for each value that is promised and missing.
    pub(crate) fn message(mut tokens: Vec<Self>, most: usize) -> Vec<Self> {
        let mut promised = 0_usize;
        let mut shapes = Vec::new();
        for token in &mut tokens {
            promised = promised.saturating_sub(1) + token.limit_children(most, &mut shapes);
        }
        tokens.extend(core::iter::repeat_n(Self::Nil, promised));
        tokens
    }

    pub(crate) fn write(&self, writer: &mut Writer) -> Result<(), WireError> {
        match *self {
            Self::Nil => writer.nil(),
            Self::Boolean(value) => writer.boolean(value),
            Self::Integer(value) => writer.integer(value),
            Self::Unsigned(value) => writer.unsigned(value),
            Self::BigInteger(ref bytes) => writer.big_integer(bytes)?,
            Self::Float(bits) => writer.float(f64::from_bits(bits)),
            Self::Text(ref text) => writer.text(text)?,
            Self::Utf16(ref units) => writer.utf16(units)?,
            Self::Bytes(ref bytes) => writer.bytes(bytes)?,
            Self::ByteArray(ref bytes) => writer.byte_array(bytes)?,
            Self::Container(Container::Array, count) => writer.array(count)?,
            Self::Container(Container::Tuple, count) => writer.tuple(count)?,
            Self::Container(Container::Set, count) => writer.set(count)?,
            Self::Container(Container::FrozenSet, count) => writer.frozen_set(count)?,
            Self::Container(Container::Map, count) => writer.map(count)?,
            Self::Container(Container::AnyMap, count) => writer.any_map(count)?,
            Self::Shape(shape, keys) => assert_eq!(writer.shape(keys)?, Some(shape)),
            Self::Record(shape, _) => writer.record(shape),
            Self::Floats(ref items) => writer.floats(items.iter().copied().map(f64::from_bits))?,
            Self::Numbers(ref items) => writer.numbers(items.iter().copied().map(f64::from_bits))?,
            Self::Integers(ref items) => writer.integers(items.iter().copied())?,
            Self::Complex(real, imaginary) => writer.complex(f64::from_bits(real), f64::from_bits(imaginary)),
            Self::Decimal(ref text) => writer.decimal(text)?,
            Self::Fraction(ref numerator, ref denominator) => writer.fraction(numerator, denominator)?,
            Self::Uuid(ref bytes) => writer.uuid(bytes),
            Self::Ellipsis => writer.ellipsis(),
            Self::DateTime(days, ref clock) => writer.date_time(day(days), &clock.clock(true))?,
            Self::Date(days) => writer.date(day(days)),
            Self::Time(ref clock) => writer.time(&clock.clock(false))?,
            Self::TimeDelta(days, seconds, microseconds) => writer.time_delta(delta(days, seconds, microseconds)),
            Self::Range => writer.range(),
            Self::Slice => writer.slice(),
            Self::Path => writer.path(),
            Self::Exception => writer.exception(),
            Self::Handle(id, type_key) => writer.handle(id, type_key),
            Self::HandleReference(id) => writer.handle_reference(id),
            Self::Request(id) => writer.request(id),
            Self::JsObject(id, kind, ref name) => writer.js_object(JsObject { id, kind, name })?,
            Self::JsObjectReference(id) => writer.js_object_reference(id),
            Self::SharedArray(ref shared) => {
                let [id, type_key, memory] = shared.handles;
                let mut array = SharedArray::new(id, type_key, ArrayView::Shaped, Element::Float64);
                array.memory = memory;
                (array.copied, array.big_endian) = (shared.copied, shared.big_endian);
                array.of_block = shared.of_block;
                [array.address, array.bytes, array.offset] = shared.place;
                writer.shared_array(&array, shared.dimensions.iter().copied())?;
            }
            Self::ArrayReference(id, ref shape) => writer.array_reference(&ArrayReference::payload(
                MemorySource::Block,
                id,
                ArrayTarget::NdArray,
                Element::Complex128,
                7,
                shape,
            ))?,
            Self::InlineArray(id, type_key, big_endian, ref items) => {
                let bytes = items.as_flattened();
                let mut array = InlineArray::new(id, type_key, ArrayView::Shaped, Element::Complex128, bytes);
                array.big_endian = big_endian;
                writer.inline_array(&array, std::iter::once(items.len() as u64))?;
            }
            Self::MessageArray(ref items) => writer.message_array(&MessageArray::payload(
                ArrayTarget::NdArray,
                Element::Complex128,
                &[items.len() as u64],
                items.as_flattened(),
            ))?,
            Self::CopiedArray(ref items) => writer.copied_array(CopiedArray {
                element: Element::Complex128,
                bytes: items.as_flattened(),
            })?,
        }
        Ok(())
    }

    /// Cuts a count that was generated down to the given one, and says how many values follow. The shapes are those of the
    /// message so far, by the number of their keys.
    fn limit_children(&mut self, most: usize, shapes: &mut Vec<usize>) -> usize {
        match self {
            Self::Shape(shape, keys) => {
                let Ok(next) = u8::try_from(shapes.len()) else {
                    *self = Self::Nil;
                    return 0;
                };
                (*shape, *keys) = (next, (*keys).min(most));
                shapes.push(*keys);
                2 * *keys
            }
            Self::Record(shape, values) => {
                let Some(number) = usize::from(*shape).checked_rem(shapes.len()) else {
                    *self = Self::Nil;
                    return 0;
                };
                (*shape, *values) = (u8::try_from(number).expect("a shape's number"), shapes[number]);
                shapes[number]
            }
            Self::Container(container, count) => {
                *count = (*count).min(most);
                if container.is_map() { 2 * *count } else { *count }
            }
            Self::Range | Self::Slice => 3,
            Self::Path | Self::Exception => 1,
            Self::Decimal(_) | Self::Fraction(..) => {
                if !self.is_readable() {
                    *self = Self::Nil;
                }
                0
            }
            Self::Nil
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Unsigned(_)
            | Self::BigInteger(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Utf16(_)
            | Self::Bytes(_)
            | Self::ByteArray(_)
            | Self::Floats(_)
            | Self::Numbers(_)
            | Self::Integers(_)
            | Self::Complex(..)
            | Self::Uuid(_)
            | Self::Ellipsis
            | Self::DateTime(..)
            | Self::Date(_)
            | Self::Time(_)
            | Self::TimeDelta(..)
            | Self::Handle(..)
            | Self::HandleReference(_)
            | Self::Request(_)
            | Self::JsObject(..)
            | Self::JsObjectReference(_)
            | Self::InlineArray(..)
            | Self::MessageArray(_)
            | Self::CopiedArray(_) => 0,
            Self::SharedArray(shared) => {
                shared.dimensions.truncate(255);
                0
            }
            Self::ArrayReference(_, shape) => {
                // Their product is a number of bytes.
                shape.truncate(3);
                for length in shape.iter_mut() {
                    *length %= 1 << 16;
                }
                0
            }
        }
    }

    /// Whether the text of a number is one.
    fn is_readable(&self) -> bool {
        let mut writer = Writer::new();
        self.write(&mut writer).is_ok() && Reader::new(writer.as_slice()).token().is_ok()
    }

    /// The token that a reader gives for what [`write`](Self::write) wrote: of the three tokens that hold an integer, the
    /// first that can. Written without the crate's own arithmetic, which this is to check.
    pub(crate) fn canonical(self) -> Self {
        let wide = match self {
            Self::DateTime(days, ref clock) => return Token::DateTime(day(days), clock.clock(true)).into(),
            Self::Date(days) => return Token::Date(day(days)).into(),
            Self::Time(ref clock) => return Token::Time(clock.clock(false)).into(),
            Self::TimeDelta(days, seconds, microseconds) => {
                return Token::TimeDelta(delta(days, seconds, microseconds)).into();
            }
            Self::Unsigned(value) => i128::from(value),
            Self::BigInteger(mut bytes) => {
                let negative = bytes.last().is_some_and(|last| *last >= 0x80);
                let sign = if negative { 0xff } else { 0x00 };
                while bytes.last() == Some(&sign) {
                    bytes.pop();
                }
                // One bit of the sign has to stay.
                if bytes.last().is_some_and(|last| *last >= 0x80) != negative {
                    bytes.push(sign);
                }
                let mut extended = [sign; 16];
                match extended.get_mut(..bytes.len()) {
                    Some(low) => low.copy_from_slice(&bytes),
                    None => return Self::BigInteger(bytes),
                }
                let value = i128::from_le_bytes(extended);
                if i64::try_from(value).is_err() && u64::try_from(value).is_err() {
                    return Self::BigInteger(bytes);
                }
                value
            }
            other => return other,
        };
        match (i64::try_from(wide), u64::try_from(wide)) {
            (Ok(value), _) => Self::Integer(value),
            (_, Ok(value)) => Self::Unsigned(value),
            _ => unreachable!("{wide} fits 64 bits"),
        }
    }
}
