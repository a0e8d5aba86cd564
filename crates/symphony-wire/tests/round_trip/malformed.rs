//! Messages that are wrong: cut anywhere, promising more than there is, or of bytes that mean nothing.

use std::collections::BTreeSet;

use serde_json::Value;
use symphony_wire::{Reader, WireErrorKind};

use super::fixture::{bytes_of_hex, fixture};
use super::owned_token::{Container, OwnedToken};
use super::properties;

fn messages(list: &str) -> Vec<(Value, Vec<u8>)> {
    fixture()[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| (vector["name"].clone(), bytes_of_hex(vector)))
        // Miri has no time for what is done with each byte of the long ones.
        .filter(|(_, bytes)| !cfg!(miri) || bytes.len() <= 40)
        .collect()
}

#[test]
fn every_token_has_a_vector() {
    let read: BTreeSet<_> = messages("vectors")
        .iter()
        .flat_map(|(_, bytes)| properties::read(bytes).unwrap())
        .map(|token| token.name())
        .collect();
    assert_eq!(read, OwnedToken::NAMES.iter().copied().collect());
}

#[test]
fn every_vector_is_refused_wherever_it_is_cut() {
    for (name, bytes) in messages("vectors") {
        for length in 0..bytes.len() {
            properties::any_bytes_are_read_or_refused(&bytes[..length]);
            // A value, and so every vector, takes at least a byte: no bytes are no values, which is nothing to refuse.
            if length > 0 {
                let error = properties::read(&bytes[..length]).map_err(|error| error.kind);
                assert_eq!(error, Err(WireErrorKind::Truncated), "{name}, its first {length} bytes");
            }
        }
    }
}

#[test]
fn every_vector_is_read_the_same_after_it_was_written() {
    for (_, bytes) in messages("vectors") {
        properties::what_is_read_is_written_and_read_again(&bytes);
    }
}

#[test]
fn every_malformed_vector_keeps_the_promises_of_a_reader_wherever_it_is_cut() {
    for (_, bytes) in messages("malformed") {
        for length in 0..=bytes.len() {
            properties::any_bytes_are_read_or_refused(&bytes[..length]);
        }
    }
}

#[test]
fn every_vector_with_one_byte_changed_is_read_or_refused() {
    for (_, mut bytes) in messages("vectors").into_iter().filter(|(_, bytes)| bytes.len() < 100) {
        for at in 0..bytes.len() {
            let original = bytes[at];
            // Miri has no time for all of them.
            for byte in (0..=u8::MAX).step_by(if cfg!(miri) { 51 } else { 1 }) {
                bytes[at] = byte;
                properties::any_bytes_are_read_or_refused(&bytes);
                properties::what_is_read_is_written_and_read_again(&bytes);
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn a_header_is_refused_when_it_promises_more_than_earlier_ones_leave() {
    let containers = [
        Container::Array,
        Container::Tuple,
        Container::Set,
        Container::FrozenSet,
        Container::Map,
        Container::AnyMap,
    ];
    for (outer, inner) in containers
        .iter()
        .flat_map(|outer| containers.map(|inner| (*outer, inner)))
    {
        // The inner one is the first value of the outer: what both promise, and nothing for the inner one itself.
        let headers = [(outer, 4), (inner, 4)].map(|(container, count)| OwnedToken::Container(container, count));
        let children = |container: Container| if container.is_map() { 8 } else { 4 };
        let mut message = properties::write(&headers);
        let start = message.len();
        message.resize(start + children(outer) - 1 + children(inner), 0xc0);
        assert_eq!(
            properties::read(&message).map(|tokens| tokens.len()),
            Ok(message.len() - start + 2)
        );
        message.pop();
        let mut reader = Reader::new(&message);
        reader.token().unwrap();
        let error = reader.token().map_err(|error| error.kind);
        assert_eq!(error, Err(WireErrorKind::Truncated), "{inner:?} in {outer:?}");
    }
}
