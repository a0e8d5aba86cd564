//! Whatever is written is read back, and whatever is read ends: for all values and for all bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../vectors/fixture.rs"]
mod fixture;
mod lengths;
mod malformed;
mod owned_token;
mod properties;

use std::collections::{BTreeMap, BTreeSet};

use owned_token::{Container, OwnedClock, OwnedToken, OwnedZone, Shared};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use symphony_wire::{JsKind, Reader, Token, Writer};

/// Miri interprets, so it has time for a few cases only, and by default it lets no program look for files, such as those
/// of earlier failures.
fn configuration() -> ProptestConfig {
    if cfg!(miri) {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(4)
        }
    } else {
        ProptestConfig::default()
    }
}

/// More than the counts that fit a lead byte.
const MOST_ITEMS: usize = 20;

fn tokens() -> impl Strategy<Value = OwnedToken> {
    let containers = prop::sample::select(vec![
        Container::Array,
        Container::Tuple,
        Container::Set,
        Container::FrozenSet,
        Container::Map,
        Container::AnyMap,
    ]);
    prop_oneof![
        1 => Just(OwnedToken::Nil),
        1 => any::<bool>().prop_map(OwnedToken::Boolean),
        1 => any::<i64>().prop_map(OwnedToken::Integer),
        1 => (-70_000_i64..70_000).prop_map(OwnedToken::Integer),
        1 => any::<u64>().prop_map(OwnedToken::Unsigned),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(OwnedToken::BigInteger),
        1 => any::<u64>().prop_map(OwnedToken::Float),
        1 => ".{0,40}".prop_map(OwnedToken::Text),
        1 => prop::collection::vec(any::<u16>(), 0..40).prop_map(OwnedToken::Utf16),
        1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(OwnedToken::Bytes),
        1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(OwnedToken::ByteArray),
        5 => (containers, 0..=MOST_ITEMS).prop_map(|(container, count)| OwnedToken::Container(container, count)),
        1 => (0..=MOST_ITEMS).prop_map(|keys| OwnedToken::Shape(0, keys)),
        2 => any::<u8>().prop_map(|shape| OwnedToken::Record(shape, 0)),
        1 => prop::collection::vec(any::<u64>(), 0..20).prop_map(OwnedToken::Floats),
        1 => prop::collection::vec(any::<u64>(), 0..20).prop_map(OwnedToken::Numbers),
        1 => prop::collection::vec(any::<i32>(), 0..20).prop_map(OwnedToken::Integers),
        1 => any::<(u64, u64)>().prop_map(|(real, imaginary)| OwnedToken::Complex(real, imaginary)),
        1 => "-?([0-9]{1,9}(\\.[0-9]{1,9})?(E[+-][0-9]{1,3})?|Infinity|s?NaN[0-9]{0,4})".prop_map(OwnedToken::Decimal),
        1 => ("-?[1-9a-f][0-9a-f]{0,20}", "[1-9a-f][0-9a-f]{0,20}")
            .prop_map(|(numerator, denominator)| OwnedToken::Fraction(numerator, denominator)),
        1 => any::<[u8; 16]>().prop_map(OwnedToken::Uuid),
        1 => Just(OwnedToken::Ellipsis),
        1 => (any::<i32>(), clocks()).prop_map(|(day, clock)| OwnedToken::DateTime(day, clock)),
        1 => any::<i32>().prop_map(OwnedToken::Date),
        1 => clocks().prop_map(OwnedToken::Time),
        1 => any::<(i32, u32, u32)>().prop_map(|(days, seconds, rest)| OwnedToken::TimeDelta(days, seconds, rest)),
        1 => Just(OwnedToken::Range),
        1 => Just(OwnedToken::Slice),
        1 => Just(OwnedToken::Path),
        1 => Just(OwnedToken::Exception),
        1 => any::<(u32, u32)>().prop_map(|(id, key)| OwnedToken::Handle(id, key)),
        1 => any::<u32>().prop_map(OwnedToken::HandleReference),
        1 => any::<u32>().prop_map(OwnedToken::Request),
        1 => (any::<u32>(), js_kind(), ".{0,20}").prop_map(|(id, kind, name)| OwnedToken::JsObject(id, kind, name)),
        1 => any::<u32>().prop_map(OwnedToken::JsObjectReference),
        1 => shared_array().prop_map(OwnedToken::SharedArray),
        1 => (any::<u32>(), prop::collection::vec(0..1000_u64, 0..4)).prop_map(|(id, shape)| OwnedToken::ArrayReference(id, shape)),
        1 => (any::<(u32, u32, bool)>(), prop::collection::vec(any::<[u8; 16]>(), 0..4))
            .prop_map(|((id, key, big_endian), items)| OwnedToken::InlineArray(id, key, big_endian, items)),
        1 => prop::collection::vec(any::<[u8; 16]>(), 0..4).prop_map(OwnedToken::MessageArray),
        1 => prop::collection::vec(any::<[u8; 16]>(), 0..4).prop_map(OwnedToken::CopiedArray),
    ]
}

fn shared_array() -> impl Strategy<Value = Shared> {
    let handles = any::<[u32; 3]>();
    let place = any::<[u64; 3]>();
    let dimensions = prop::collection::vec(any::<(u64, i64)>(), 0..4);
    (handles, any::<[bool; 3]>(), place, dimensions).prop_map(
        |(handles, [copied, big_endian, of_block], place, dimensions)| Shared {
            handles,
            copied,
            big_endian,
            of_block,
            place,
            dimensions,
        },
    )
}

fn clocks() -> impl Strategy<Value = OwnedClock> {
    let zones = prop_oneof![
        Just(OwnedZone::Naive),
        any::<i64>().prop_map(OwnedZone::Offset),
        (any::<i64>(), ".{0,9}").prop_map(|(offset, name)| OwnedZone::Named(offset, name)),
        (any::<Option<i64>>(), ".{0,9}").prop_map(|(offset, key)| OwnedZone::Key(offset, key)),
    ];
    (any::<u64>(), any::<bool>(), zones).prop_map(|(microseconds, fold, zone)| OwnedClock {
        microseconds,
        fold,
        zone,
    })
}

fn js_kind() -> impl Strategy<Value = JsKind> {
    (0..10u8, any::<u8>()).prop_map(|(kind, parameters)| {
        JsKind::of(kind, parameters)
            .or_else(|| JsKind::of(kind, 0))
            .expect("a kind")
    })
}

/// One value or more, with whatever is in them.
fn messages() -> impl Strategy<Value = Vec<OwnedToken>> {
    prop::collection::vec(tokens(), 1..60).prop_map(|tokens| OwnedToken::message(tokens, MOST_ITEMS))
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn what_is_written_is_read_back(message in messages()) {
        properties::what_is_written_is_read_back(message);
    }

    #[test]
    fn no_bytes_panic_or_promise_more_values_than_bytes(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        properties::any_bytes_are_read_or_refused(&bytes);
        properties::what_is_read_is_written_and_read_again(&bytes);
    }

    #[test]
    fn no_cut_message_is_read_as_a_whole_one(message in messages()) {
        let bytes = properties::write(&message);
        properties::no_cut_message_is_read_as_a_whole_one(&bytes);
    }

    #[test]
    fn changed_bytes_are_read_or_refused(message in messages(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = properties::write(&message);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        properties::any_bytes_are_read_or_refused(&bytes);
        properties::what_is_read_is_written_and_read_again(&bytes);
    }
}

/// Some token of each kind that is generated.
fn one_of_each_token() -> Vec<OwnedToken> {
    let mut runner = TestRunner::deterministic();
    let generated = (0..1000).map(|_| tokens().new_tree(&mut runner).unwrap().current());
    let by_name: BTreeMap<_, _> = generated.map(|token| (token.name(), token)).collect();
    by_name.into_values().collect()
}

#[test]
fn every_token_is_generated() {
    let generated: BTreeSet<_> = one_of_each_token().iter().map(OwnedToken::name).collect();
    assert_eq!(generated, OwnedToken::NAMES.iter().copied().collect());
}

#[test]
fn an_integer_is_read_as_the_same_token_in_whatever_form_it_comes() {
    // -1, 0, 128, 2^63 and -2^63 as big integers that are longer than they need be, and 2^64 with a byte too many.
    let forms: [(&[u8], Token<'_>); 6] = [
        (b"\xd5\x01\xff\xff", Token::Integer(-1)),
        (b"\xd4\x01\0", Token::Integer(0)),
        (b"\xd6\x01\x80\0\0\0", Token::Integer(128)),
        (b"\xc7\x09\x01\0\0\0\0\0\0\0\x80\0", Token::Unsigned(1 << 63)),
        (b"\xc7\x09\x01\0\0\0\0\0\0\0\x80\xff", Token::Integer(i64::MIN)),
        (
            b"\xc7\x0a\x01\0\0\0\0\0\0\0\0\x01\0",
            Token::BigInteger(b"\0\0\0\0\0\0\0\0\x01"),
        ),
    ];
    for (bytes, token) in forms {
        assert_eq!(Reader::new(bytes).token(), Ok(token), "{bytes:x?}");
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
    let depth = if cfg!(miri) { 1000 } else { 1_000_000 };
    let mut writer = Writer::new();
    for _ in 0..depth {
        writer.tuple(1).unwrap();
    }
    writer.nil();
    let mut reader = Reader::new(writer.as_slice());
    for _ in 0..depth {
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
