//! Every length at which the form of a header changes: written in the shortest form, read in any of them, refused if
//! the message is shorter than it says.

use symphony_wire::{Reader, WireErrorKind};

use super::owned_token::{Container, OwnedToken};
use super::{one_of_each_token, properties};

/// Both sides of each bound: of the lead bytes, of the extensions of a fixed size, of one byte and of two.
fn lengths() -> impl Iterator<Item = usize> {
    // Miri has no time for the long ones.
    let longest = if cfg!(miri) { 300 } else { usize::MAX };
    [
        0, 1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 31, 32, 33, 254, 255, 256, 257, 65_534, 65_535, 65_536, 65_537,
    ]
    .into_iter()
    .filter(move |length| *length <= longest)
}

/// A token of some length with all its spellings.
struct Spelled {
    token: OwnedToken,
    /// The shortest first, the one with four bytes of length last.
    headers: Vec<Vec<u8>>,
    content: Vec<u8>,
}

/// The token of this kind and length, in bytes or items; nothing for a token without a length, or if it cannot have
/// this one.
fn spelled(kind: &OwnedToken, length: usize) -> Option<Spelled> {
    let bytes = vec![0x61; length];
    let (token, headers, content) = match kind {
        OwnedToken::Text(_) => (
            OwnedToken::Text("a".repeat(length)),
            headers(
                length,
                (length < 32).then_some(0xa0),
                [Some(0xd9), Some(0xda), Some(0xdb)],
            ),
            bytes,
        ),
        OwnedToken::Bytes(_) => (
            OwnedToken::Bytes(bytes.clone()),
            headers(length, None, [Some(0xc4), Some(0xc5), Some(0xc6)]),
            bytes,
        ),
        // Shorter ones are other tokens.
        OwnedToken::BigInteger(_) if length > 9 => (OwnedToken::BigInteger(bytes.clone()), extension(1, length), bytes),
        OwnedToken::Utf16(_) if length.is_multiple_of(2) => {
            (OwnedToken::Utf16(vec![0x6161; length / 2]), extension(2, length), bytes)
        }
        OwnedToken::ByteArray(_) => (OwnedToken::ByteArray(bytes.clone()), extension(3, length), bytes),
        OwnedToken::Container(container, _) => {
            let mark: &[u8] = match container {
                Container::Array | Container::Map => &[],
                Container::Tuple => &[0xd4, 0x06, 0x01],
                Container::Set => &[0xd4, 0x06, 0x02],
                Container::FrozenSet => &[0xd4, 0x06, 0x03],
                Container::AnyMap => &[0xd4, 0x06, 0x04],
            };
            let (values, headers) = if container.is_map() {
                let lead = (length < 16).then_some(0x80);
                (2 * length, headers(length, lead, [None, Some(0xde), Some(0xdf)]))
            } else {
                let lead = (length < 16).then_some(0x90);
                (length, headers(length, lead, [None, Some(0xdc), Some(0xdd)]))
            };
            let headers = headers.into_iter().map(|header| [mark, &header].concat()).collect();
            (OwnedToken::Container(*container, length), headers, vec![0xc0; values])
        }
        OwnedToken::BigInteger(_)
        | OwnedToken::Utf16(_)
        | OwnedToken::Nil
        | OwnedToken::Boolean(_)
        | OwnedToken::Integer(_)
        | OwnedToken::Unsigned(_)
        | OwnedToken::Float(_)
        // The digits of a number have forms of their own.
        | OwnedToken::Complex(..)
        | OwnedToken::Decimal(_)
        | OwnedToken::Fraction(..)
        | OwnedToken::Uuid(_)
        | OwnedToken::Ellipsis
        | OwnedToken::DateTime(..)
        | OwnedToken::Date(_)
        | OwnedToken::Time(_)
        | OwnedToken::TimeDelta(..)
        | OwnedToken::Range
        | OwnedToken::Slice
        | OwnedToken::Path
        | OwnedToken::Exception
        // The keys of a shape are a list, and packed items come with padding of which the length depends on the place.
        | OwnedToken::Shape(..)
        | OwnedToken::Record(..)
        | OwnedToken::Floats(_)
        | OwnedToken::Numbers(_)
        | OwnedToken::Integers(_)
        | OwnedToken::Handle(..)
        | OwnedToken::HandleReference(_)
        | OwnedToken::Request(_)
        | OwnedToken::JsObject(..)
        | OwnedToken::JsObjectReference(_)
        // These have as many numbers as their heads say.
        | OwnedToken::SharedArray(_)
        | OwnedToken::ArrayReference(..)
        | OwnedToken::InlineArray(..)
        | OwnedToken::MessageArray(_)
        | OwnedToken::CopiedArray(_) => return None,
    };
    Some(Spelled {
        token,
        headers,
        content,
    })
}

/// A length in the lead byte, if it fits there, and in one, two and four bytes, where there are such forms and it fits.
fn headers(length: usize, base: Option<u8>, [one, two, four]: [Option<u8>; 3]) -> Vec<Vec<u8>> {
    let within = base.map(|base| vec![base + u8::try_from(length).expect("the caller checked")]);
    let one = one
        .zip(u8::try_from(length).ok())
        .map(|(lead, length)| vec![lead, length]);
    let two = two
        .zip(u16::try_from(length).ok())
        .map(|(lead, length)| after(lead, length.to_be_bytes()));
    let four = four
        .zip(u32::try_from(length).ok())
        .map(|(lead, length)| after(lead, length.to_be_bytes()));
    [within, one, two, four].into_iter().flatten().collect()
}

/// The headers of an extension, which have its code after the length.
fn extension(code: u8, length: usize) -> Vec<Vec<u8>> {
    let fixed = [(1, 0xd4), (2, 0xd5), (4, 0xd6), (8, 0xd7), (16, 0xd8)]
        .into_iter()
        .find(|(size, _)| *size == length)
        .map(|(_, lead)| vec![lead]);
    let sized = headers(length, None, [Some(0xc7), Some(0xc8), Some(0xc9)]);
    fixed
        .into_iter()
        .chain(sized)
        .map(|header| after_header(&header, code))
        .collect()
}

fn after<const N: usize>(lead: u8, length: [u8; N]) -> Vec<u8> {
    [&[lead][..], &length].concat()
}

fn after_header(header: &[u8], code: u8) -> Vec<u8> {
    [header, &[code]].concat()
}

fn all_spelled() -> impl Iterator<Item = Spelled> {
    one_of_each_token()
        .into_iter()
        .flat_map(|kind| lengths().filter_map(move |length| spelled(&kind, length)))
}

#[test]
fn each_length_is_written_in_its_shortest_form() {
    for spelled in all_spelled() {
        let mut expected = spelled.headers[0].clone();
        if !matches!(spelled.token, OwnedToken::Container(..)) {
            expected.extend(&spelled.content);
        }
        let written = properties::write(core::slice::from_ref(&spelled.token));
        assert!(
            written == expected,
            "{} {:x?}",
            spelled.token.name(),
            spelled.headers[0]
        );
    }
}

#[test]
fn each_length_is_read_in_every_form() {
    for spelled in all_spelled() {
        for header in &spelled.headers {
            let message = [&header[..], &spelled.content].concat();
            let token = Reader::new(&message).token().map(OwnedToken::from);
            assert!(
                token.as_ref() == Ok(&spelled.token),
                "{} {header:x?}",
                spelled.token.name()
            );
        }
    }
}

#[test]
fn a_message_one_byte_too_short_for_its_length_is_refused() {
    for spelled in all_spelled() {
        let Some((_, content)) = spelled.content.split_last() else {
            continue;
        };
        for header in &spelled.headers {
            let message = [header, content].concat();
            let error = Reader::new(&message)
                .token()
                .map(OwnedToken::from)
                .map_err(|error| error.kind);
            assert_eq!(
                error,
                Err(WireErrorKind::Truncated),
                "{} {header:x?}",
                spelled.token.name()
            );
        }
    }
}

#[test]
fn a_length_of_four_gigabytes_is_refused_without_them() {
    for mut spelled in all_spelled() {
        let header = spelled.headers.last_mut().expect("every length has a form");
        let mark = if header.starts_with(&[0xd4, 0x06]) { 3 } else { 0 };
        for claimed in [u32::MAX, 1 << 31, u32::MAX >> 1] {
            header[mark + 1..mark + 5].copy_from_slice(&claimed.to_be_bytes());
            let message = [&header[..], &spelled.content].concat();
            let error = Reader::new(&message)
                .token()
                .map(OwnedToken::from)
                .map_err(|error| error.kind);
            assert_eq!(
                error,
                Err(WireErrorKind::Truncated),
                "{} {header:x?}",
                spelled.token.name()
            );
        }
    }
}
