//! What holds for all bytes and for all messages. The property tests try it on some hundred of them and the fuzz targets
//! on as many as they are given time for.

use symphony_wire::{Reader, Token, WireError, WireErrorKind, Writer};

use super::owned_token::OwnedToken;

/// Whatever the bytes are, each token moves the reader on, stays within the message and promises no more values than
/// there are bytes left; the first error says where its value begins, and no call after it panics.
pub(crate) fn any_bytes_are_read_or_refused(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (mut promised, mut promised_ever) = (0_usize, 0_usize);
    loop {
        let start = reader.position();
        let token = reader.token();
        assert_eq!(reader.rest(), &bytes[reader.position()..]);
        assert_eq!(reader.is_at_end(), reader.rest().is_empty());
        match token {
            Ok(token) => {
                assert!(reader.position() > start, "{token:?} takes no byte");
                // What a consumer does that trusts the count; the fuzzer is run with a limit for one allocation.
                core::hint::black_box(Vec::<u64>::with_capacity(token.children()));
                promised = promised.saturating_sub(1) + token.children();
                promised_ever += token.children();
                if let Token::Record { shape, keys } = token {
                    let mut known = reader.keys_of(shape).expect("a record of a shape that was described");
                    // The keys may be wrong, but not at once missing.
                    assert!(keys == 0 || !known.is_at_end());
                    while known.is_promised() && known.token().is_ok() {}
                }
                // Only headers are checked against what is left; a long string may take the bytes of promised values.
                if token.children() > 0 {
                    let left = reader.rest().len();
                    assert!(promised <= left, "{token:?} makes it {promised} values in {left} bytes");
                }
            }
            Err(error) => {
                assert_eq!(error.offset, start);
                break;
            }
        }
    }
    assert!(promised_ever <= bytes.len());
    for _ in 0..3 {
        let _: Result<Token<'_>, WireError> = reader.token();
    }
}

/// If the bytes are a message, then without their last byte they are the start of the same message: read as far as they go
/// and then refused as too short, unless what was cut off was a value of its own.
pub(crate) fn no_cut_message_is_read_as_a_whole_one(bytes: &[u8]) {
    let (Ok(whole), Some((_, cut))) = (read(bytes), bytes.split_last()) else {
        return;
    };
    match read(cut) {
        Ok(tokens) => {
            assert_eq!(tokens, whole[..whole.len() - 1]);
        }
        Err(error) => assert_eq!(error.kind, WireErrorKind::Truncated),
    }
}

/// If the bytes are a message, its tokens can be written and are read as the same. It need not be shorter then: `5 << 32`
/// takes nine bytes as the number that it is, and eight as a big integer, which is not its form.
pub(crate) fn what_is_read_is_written_and_read_again(bytes: &[u8]) {
    if let Ok(tokens) = read(bytes) {
        let written = write(&tokens);
        assert_eq!(read(&written), Ok(tokens));
    }
}

/// Every message is read as what was written.
pub(crate) fn what_is_written_is_read_back(tokens: Vec<OwnedToken>) {
    let written = write(&tokens);
    let expected: Vec<_> = tokens.into_iter().map(OwnedToken::canonical).collect();
    assert_eq!(read(&written), Ok(expected));
}

/// All values up to the end, none of them incomplete. Recurses as little as the reader does: no depth is too much here.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<OwnedToken>, WireError> {
    let mut reader = Reader::new(bytes);
    let mut tokens = Vec::new();
    let mut promised = 0_usize;
    while promised > 0 || !reader.is_at_end() {
        let token = reader.token()?;
        promised = promised.saturating_sub(1) + token.children();
        tokens.push(token.into());
    }
    Ok(tokens)
}

pub(crate) fn write(tokens: &[OwnedToken]) -> Vec<u8> {
    let mut writer = Writer::new();
    for token in tokens {
        token.write(&mut writer).expect("nothing here has 2^32 elements");
    }
    writer.into_vec()
}
