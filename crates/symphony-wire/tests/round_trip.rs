//! Whatever is written is read back, and whatever is read ends: for all values and for all bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use symphony_wire::{Reader, Token, Writer, fraction_parts, utf16_units};

/// A token with its content owned, so that it can be generated.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Nil,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Huge(i128),
    Float(u64),
    Text(String),
    Utf16(Vec<u16>),
    Bytes(Vec<u8>),
    ByteArray(Vec<u8>),
    Complex(u64, u64),
    Decimal(String),
    Fraction(i64, u64),
    Uuid([u8; 16]),
    Ellipsis,
    Container(Kind, Vec<Self>),
    Handle(u32, u32),
    HandleReference(u32),
    Request(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    List,
    Tuple,
    Set,
    FrozenSet,
    Map,
    AnyMap,
    Range,
    Slice,
    Path,
}

fn values() -> impl Strategy<Value = Value> {
    let kinds = [
        Kind::List,
        Kind::Tuple,
        Kind::Set,
        Kind::FrozenSet,
        Kind::Map,
        Kind::AnyMap,
        Kind::Range,
        Kind::Slice,
        Kind::Path,
    ];
    let simple = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (-70_000_i64..70_000).prop_map(Value::Integer),
        (1 << 63..=u64::MAX).prop_map(Value::Unsigned),
        any::<i128>()
            .prop_filter("beyond 64 bits", |value| *value > 1 << 64 || *value < -(1 << 63))
            .prop_map(Value::Huge),
        any::<u64>().prop_map(Value::Float),
        ".{0,40}".prop_map(Value::Text),
        prop::collection::vec(any::<u16>(), 0..40).prop_map(Value::Utf16),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::ByteArray),
        any::<(u64, u64)>().prop_map(|(real, imaginary)| Value::Complex(real, imaginary)),
        "-?([0-9]{1,9}(\\.[0-9]{1,9})?(E[+-][0-9]{1,3})?|Infinity|s?NaN[0-9]{0,4})".prop_map(Value::Decimal),
        (any::<i64>(), 1..=u64::MAX).prop_map(|(numerator, denominator)| Value::Fraction(numerator, denominator)),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        Just(Value::Ellipsis),
        any::<(u32, u32)>().prop_map(|(id, key)| Value::Handle(id, key)),
        any::<u32>().prop_map(Value::HandleReference),
        any::<u32>().prop_map(Value::Request),
    ];
    simple.prop_recursive(6, 100, 20, move |inner| {
        (
            prop::sample::select(kinds.to_vec()),
            prop::collection::vec(inner, 0..20),
        )
            .prop_map(|(kind, mut items)| {
                match kind {
                    Kind::Map | Kind::AnyMap if items.len() % 2 == 1 => items.truncate(items.len() - 1),
                    Kind::Range | Kind::Slice => items.resize(3, Value::Nil),
                    Kind::Path => items.resize(1, Value::Nil),
                    _ => {}
                }
                Value::Container(kind, items)
            })
    })
}

fn write(value: &Value, writer: &mut Writer) {
    match value {
        Value::Nil => writer.nil(),
        Value::Boolean(value) => writer.boolean(*value),
        Value::Integer(value) => writer.integer(*value),
        Value::Unsigned(value) => writer.unsigned(*value),
        Value::Huge(value) => writer.big_integer(&value.to_le_bytes()).unwrap(),
        Value::Float(bits) => writer.float(f64::from_bits(*bits)),
        Value::Text(text) => writer.text(text).unwrap(),
        Value::Utf16(units) => writer.utf16(units).unwrap(),
        Value::Bytes(bytes) => writer.bytes(bytes).unwrap(),
        Value::ByteArray(bytes) => writer.byte_array(bytes).unwrap(),
        Value::Complex(real, imaginary) => writer.complex(f64::from_bits(*real), f64::from_bits(*imaginary)),
        Value::Decimal(text) => writer.decimal(text).unwrap(),
        Value::Fraction(numerator, denominator) => {
            let sign = if *numerator < 0 { "-" } else { "" };
            let digits = format!("{sign}{:x}", numerator.unsigned_abs());
            writer.fraction(&digits, &format!("{denominator:x}")).unwrap();
        }
        Value::Uuid(bytes) => writer.uuid(bytes),
        Value::Ellipsis => writer.ellipsis(),
        Value::Handle(id, key) => writer.handle(*id, *key),
        Value::HandleReference(id) => writer.handle_reference(*id),
        Value::Request(id) => writer.request(*id),
        Value::Container(kind, items) => {
            match kind {
                Kind::Range => writer.range(),
                Kind::Slice => writer.slice(),
                Kind::Path => writer.path(),
                Kind::List => writer.array(items.len()).unwrap(),
                Kind::Tuple => writer.tuple(items.len()).unwrap(),
                Kind::Set => writer.set(items.len()).unwrap(),
                Kind::FrozenSet => writer.frozen_set(items.len()).unwrap(),
                Kind::Map => writer.map(items.len() / 2).unwrap(),
                Kind::AnyMap => writer.any_map(items.len() / 2).unwrap(),
            }
            for item in items {
                write(item, writer);
            }
        }
    }
}

fn read(reader: &mut Reader<'_>) -> Value {
    let token = reader.token().unwrap();
    let mut items = |kind| Value::Container(kind, (0..token.children()).map(|_| read(reader)).collect());
    match token {
        Token::Nil => Value::Nil,
        Token::Boolean(value) => Value::Boolean(value),
        Token::Integer(value) => Value::Integer(value),
        Token::Unsigned(value) => Value::Unsigned(value),
        Token::BigInteger(bytes) => {
            let mut extended = [if bytes[bytes.len() - 1] >= 0x80 { 0xff } else { 0 }; 16];
            extended[..bytes.len()].copy_from_slice(bytes);
            Value::Huge(i128::from_le_bytes(extended))
        }
        Token::Float(value) => Value::Float(value.to_bits()),
        Token::Text(text) => Value::Text(text.to_owned()),
        Token::Utf16(bytes) => Value::Utf16(utf16_units(bytes).collect()),
        Token::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        Token::ByteArray(bytes) => Value::ByteArray(bytes.to_vec()),
        Token::Array(_) => items(Kind::List),
        Token::Tuple(_) => items(Kind::Tuple),
        Token::Set(_) => items(Kind::Set),
        Token::FrozenSet(_) => items(Kind::FrozenSet),
        Token::Map(_) => items(Kind::Map),
        Token::AnyMap(_) => items(Kind::AnyMap),
        Token::Complex { real, imaginary } => Value::Complex(real.to_bits(), imaginary.to_bits()),
        Token::Decimal(text) => Value::Decimal(text.to_owned()),
        Token::Fraction(text) => {
            let (numerator, denominator) = fraction_parts(text).unwrap();
            let numerator = i64::from_str_radix(numerator, 16).unwrap();
            Value::Fraction(numerator, u64::from_str_radix(denominator, 16).unwrap())
        }
        Token::Uuid(bytes) => Value::Uuid(*bytes),
        Token::Ellipsis => Value::Ellipsis,
        Token::Range => items(Kind::Range),
        Token::Slice => items(Kind::Slice),
        Token::Path => items(Kind::Path),
        Token::Handle { id, type_key } => Value::Handle(id, type_key),
        Token::HandleReference(id) => Value::HandleReference(id),
        Token::Request(id) => Value::Request(id),
    }
}

/// Reads to the end or to an error; gives the sum of all counts.
fn exhaust(bytes: &[u8]) -> usize {
    let mut reader = Reader::new(bytes);
    let mut children = 0_usize;
    while let Ok(token) = reader.token() {
        children += token.children();
    }
    children
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(values in prop::collection::vec(values(), 1..4)) {
        let mut writer = Writer::new();
        for value in &values {
            write(value, &mut writer);
        }
        let mut reader = Reader::new(writer.as_slice());
        for value in &values {
            prop_assert_eq!(&read(&mut reader), value);
        }
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn no_bytes_panic_or_promise_more_values_than_bytes(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(exhaust(&bytes) <= bytes.len());
    }

    #[test]
    fn no_cut_message_is_read_as_a_whole_one(value in values(), cut in any::<prop::sample::Index>()) {
        let mut writer = Writer::new();
        write(&value, &mut writer);
        let bytes = &writer.as_slice()[..cut.index(writer.len())];
        let mut reader = Reader::new(bytes);
        let mut missing = 1_usize;
        while missing > 0 {
            match reader.token() {
                Ok(token) => missing = missing - 1 + token.children(),
                Err(_) => return Ok(()),
            }
        }
        prop_assert!(false, "a cut message was read");
    }

    #[test]
    fn changed_bytes_are_read_or_refused(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut writer = Writer::new();
        write(&value, &mut writer);
        let mut bytes = writer.into_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        prop_assert!(exhaust(&bytes) <= bytes.len());
    }
}

#[test]
fn integers_are_written_in_their_shortest_form_however_they_come() {
    for shift in 0..127 {
        for value in [1_i128 << shift, -(1_i128 << shift), (1_i128 << shift) - 1] {
            let (mut any_size, mut exact) = (Writer::new(), Writer::new());
            any_size.big_integer(&value.to_le_bytes()).unwrap();
            if let Ok(value) = i64::try_from(value) {
                exact.integer(value);
            } else if let Ok(value) = u64::try_from(value) {
                exact.unsigned(value);
            } else {
                continue;
            }
            assert_eq!(any_size.as_slice(), exact.as_slice(), "{value}");
        }
    }
}

#[test]
fn depth_costs_no_stack() {
    let mut writer = Writer::new();
    for _ in 0..1_000_000 {
        writer.tuple(1).unwrap();
    }
    writer.nil();
    let mut reader = Reader::new(writer.as_slice());
    for _ in 0..1_000_000 {
        assert_eq!(reader.token(), Ok(Token::Tuple(1)));
    }
    assert_eq!(reader.token(), Ok(Token::Nil));
}

#[test]
fn what_follows_an_unreadable_value_can_be_overwritten() {
    let mut writer = Writer::from(vec![0; 4]);
    writer.text("kept").unwrap();
    let length = writer.len();
    writer.text("dropped").unwrap();
    writer.truncate(length);
    writer.patch_u32(0, u32::try_from(length - 4).unwrap());
    assert_eq!(writer.as_slice(), b"\x05\0\0\0\xa4kept");
}
