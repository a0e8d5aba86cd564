//! What the fuzz targets do with their bytes. The properties and the tokens are those of the property tests, so that a
//! token that is new in the format is missed by the compiler there before it could be missed here.
#![forbid(unsafe_code)]

#[expect(dead_code, reason = "the tests alone need the names of the tokens")]
#[path = "../../tests/round_trip/owned_token.rs"]
mod owned_token;
#[path = "../../tests/round_trip/properties.rs"]
mod properties;

use arbitrary::{Arbitrary, Unstructured};
use owned_token::OwnedToken;

/// More items than the shortest header counts, and few enough that a message is made in microseconds. The tests have the
/// longer headers.
const MOST_ITEMS: usize = 40;

/// The target `reader`.
///
/// # Panics
/// If the bytes show that the reader is wrong.
pub fn read_anything(bytes: &[u8]) {
    properties::any_bytes_are_read_or_refused(bytes);
    properties::no_cut_message_is_read_as_a_whole_one(bytes);
}

/// The target `round_trip`.
///
/// # Panics
/// If the bytes show that reader and writer disagree.
pub fn round_trip(bytes: &[u8]) {
    properties::what_is_read_is_written_and_read_again(bytes);
    if let Ok(tokens) = Vec::arbitrary_take_rest(Unstructured::new(bytes)) {
        properties::what_is_written_is_read_back(OwnedToken::message(tokens, MOST_ITEMS));
    }
}
