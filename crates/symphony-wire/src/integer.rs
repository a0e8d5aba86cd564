//! Integers of any size: two's complement, little-endian.

/// An integer in the first of the three ways that can hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyInteger<'a> {
    Signed(i64),
    /// Above `i64::MAX`.
    Unsigned(u64),
    /// Beyond 64 bits, without a byte that only repeats the sign.
    Big(&'a [u8]),
}

impl<'a> From<&'a [u8]> for AnyInteger<'a> {
    /// No bytes are zero.
    fn from(bytes: &'a [u8]) -> Self {
        let bytes = without_sign_extension(bytes);
        if let Some(value) = small_integer(bytes) {
            Self::Signed(value)
        } else if let ([low @ .., 0], 9) = (bytes, bytes.len()) {
            Self::Unsigned(low.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
        } else {
            Self::Big(bytes)
        }
    }
}

/// Drops high bytes that only repeat the sign.
fn without_sign_extension(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., next, last] = bytes
        && matches!((*last, next >> 7), (0x00, 0) | (0xff, 1))
    {
        bytes = &bytes[..=rest.len()];
    }
    bytes
}

/// The value, if it fits 64 bits.
fn small_integer(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes.last().is_some_and(|last| last >> 7 == 1) {
        0xff
    } else {
        0
    };
    let mut extended = [sign; 8];
    extended.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(extended))
}
